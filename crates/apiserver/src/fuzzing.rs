//! Entry points for fuzzers: any bytes, to which the server has to answer without panicking and without traces of what it refused.
//!
//! `fuzz/` feeds them with libFuzzer, `tests/properties.rs` with what proptest makes up.

use seatrial_api::quantity::Quantity;
use seatrial_api::selector::{FieldSelector, Selector};
use seatrial_api::{Kind, ObjectKey, Time};

use crate::patch::{PatchType, parse_patch};
use crate::{ApiServer, ApiServerOptions, Body, RequestInfo, Subresource, parse_object};

const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","labels":{"a":"b"},"finalizers":["x/y"]},
"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{
"containers":[{"name":"c","image":"i:1","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}],
"resources":{"limits":{"cpu":"500m"}}}],"volumes":[{"name":"v","emptyDir":{}}]}}}}"#;

fn request() -> RequestInfo<'static> {
    RequestInfo::new(Time::from_unix(1), "fuzz")
}

/// A server with a namespace and a Deployment.
fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
    let bodies =
        [(Kind::Namespace, "", r#"{"metadata":{"name":"default"}}"#), (Kind::Deployment, "default", DEPLOYMENT)];
    for (kind, namespace, text) in bodies {
        let body = parse_object(text.as_bytes(), None, kind.info().kind);
        let created = body.and_then(|body| server.create_json(&request(), kind, namespace, &body));
        assert!(created.is_ok(), "{created:?}");
    }
    server
}

/// Makes a call and holds the server to it: a refusal changes nothing, and what is stored can be read again as it is.
fn call<T, E>(server: &mut ApiServer, call: impl FnOnce(&mut ApiServer) -> Result<T, E>) {
    let before = (server.store().resource_version(), server.store().log().end());
    let refused = call(server).is_err();
    let after = (server.store().resource_version(), server.store().log().end());
    assert!(!refused || before == after, "a refused call left traces");
    let key = ObjectKey::new(Kind::Deployment, "default", "d");
    if let Some(json) = server.store().get(&key).map(seatrial_api::Object::to_json) {
        let put = server.update_json(&request(), &key, Subresource::Main, &Body::from(json));
        assert!(put.is_ok(), "what is stored is refused: {put:?}");
        assert_eq!(server.store().resource_version(), after.0, "a PUT of what is stored changed it");
    }
}

fn create(data: &[u8], media: &str) {
    let mut server = server();
    for kind in [Kind::Deployment, Kind::Pod, Kind::ConfigMap, Kind::Service] {
        call(&mut server, |server| {
            let body = parse_object(data, Some(media), kind.info().kind)?;
            server.create_json(&request(), kind, "default", &body)
        });
    }
}

fn patch(data: &[u8], type_: PatchType) {
    let mut server = server();
    let key = ObjectKey::new(Kind::Deployment, "default", "d");
    for subresource in [Subresource::Main, Subresource::Status] {
        call(&mut server, |server| {
            let body = parse_patch(type_, data)?;
            server.patch_body(&RequestInfo { force: true, ..request() }, &key, subresource, (type_, &body))
        });
    }
}

/// A JSON body.
pub fn fuzz_json_body(data: &[u8]) {
    create(data, "application/json");
}

/// A YAML body.
pub fn fuzz_yaml_body(data: &[u8]) {
    create(data, "application/yaml");
}

/// A JSON patch.
pub fn fuzz_json_patch(data: &[u8]) {
    patch(data, PatchType::Json);
}

/// A JSON merge patch.
pub fn fuzz_merge_patch(data: &[u8]) {
    patch(data, PatchType::Merge);
}

/// A strategic merge patch.
pub fn fuzz_strategic_patch(data: &[u8]) {
    patch(data, PatchType::Strategic);
}

/// An applied configuration.
pub fn fuzz_apply_patch(data: &[u8]) {
    patch(data, PatchType::Apply);
}

/// A label selector and a field selector; what is printed reads back as the same.
pub fn fuzz_selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = FieldSelector::parse(text);
    if let Ok(selector) = Selector::parse(text) {
        let printed = selector.to_string();
        let again = Selector::parse(&printed).map(|s| s.to_string());
        assert_eq!(again.as_deref(), Ok(printed.as_str()));
    }
}

/// A quantity; its canonical text reads back as the same amount.
pub fn fuzz_quantity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(quantity) = Quantity::parse(text) {
        let printed = quantity.to_string();
        assert_eq!(Quantity::parse(&printed).map(|q| q.to_string()).as_deref(), Ok(printed.as_str()), "{text}");
    }
}
