//! Calls in versions that objects are not stored in.

use seatrial_api::Time;
use serde_json::{Value, json};

use crate::rest::{Request, ResponseBody};
use crate::server::{ApiServer, ApiServerOptions, RequestInfo};

const NOW: Time = Time::from_unix(1_700_000_000);
const AUTOSCALER: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/web";
const STORED_AUTOSCALER: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/web";
const EVENT: &str = "/apis/events.k8s.io/v1/namespaces/default/events/e";
const APPLY: &str = "application/apply-patch+yaml";

fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 7, ..ApiServerOptions::default() });
    server.bootstrap(&RequestInfo::new(NOW, "test")).expect("an empty server");
    server
}

fn call(server: &mut ApiServer, method: &str, path: &str, content_type: Option<&str>, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let manager = content_type.filter(|c| *c == APPLY).map(|_| ("fieldManager".to_owned(), "me".to_owned()));
    let query = manager.into_iter().collect();
    let request = Request {
        method,
        path,
        query,
        content_type,
        user_agent: "test/1",
        body: text.as_bytes(),
        ..Request::default()
    };
    let response = server.serve(NOW, &request);
    match response.body {
        ResponseBody::Json(body) => (response.code, body),
        other => panic!("{other:?}"),
    }
}

fn get(server: &mut ApiServer, path: &str) -> Value {
    call(server, "GET", path, None, &Value::Null).1
}

#[test]
fn an_autoscaler_is_applied_in_version_1() {
    let mut server = server();
    let config = |spec: Value| {
        let mut config = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            config["spec"][key] = value.clone();
        }
        config
    };
    let body = config(json!({"targetCPUUtilizationPercentage": 50}));
    let (code, made) = call(&mut server, "PATCH", AUTOSCALER, Some(APPLY), &body);
    assert_eq!(
        (code, &made["apiVersion"], &made["spec"]["targetCPUUtilizationPercentage"]),
        (201, &json!("autoscaling/v1"), &json!(50))
    );
    assert_eq!(made["status"], json!({"currentReplicas": 0, "desiredReplicas": 0}));
    let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]);
    assert_eq!(get(&mut server, STORED_AUTOSCALER)["spec"]["metrics"], metrics);
    // What is applied no more goes, and its default comes back.
    let (code, changed) = call(&mut server, "PATCH", AUTOSCALER, Some(APPLY), &config(json!({"maxReplicas": 5})));
    assert_eq!(
        (code, &changed["spec"]["maxReplicas"], &changed["spec"]["targetCPUUtilizationPercentage"]),
        (200, &json!(5), &json!(80))
    );
    // What another has set is a conflict.
    let patch = json!({"spec": {"maxReplicas": 7}});
    call(&mut server, "PATCH", STORED_AUTOSCALER, Some("application/merge-patch+json"), &patch);
    let (code, refused) = call(&mut server, "PATCH", AUTOSCALER, Some(APPLY), &config(json!({"maxReplicas": 6})));
    let want = "Apply failed with 1 conflict: conflict with \"test\" using autoscaling/v2: .spec.maxReplicas";
    assert_eq!((code, refused["message"].as_str()), (409, Some(want)));
}

#[test]
fn an_event_is_applied_in_its_own_group() {
    let mut server = server();
    let config = |note: &str| {
        json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"},
            "eventTime": "2024-01-01T00:00:00.000000Z", "reportingController": "a.b/c", "reportingInstance": "i", "action": "A",
            "reason": "R", "type": "Normal", "note": note, "regarding": {"kind": "Pod", "name": "p", "namespace": "default"}})
    };
    let (code, made) = call(&mut server, "PATCH", EVENT, Some(APPLY), &config("one"));
    assert_eq!((code, &made["apiVersion"], &made["note"]), (201, &json!("events.k8s.io/v1"), &json!("one")), "{made}");
    let stored = get(&mut server, "/api/v1/namespaces/default/events/e");
    assert_eq!((&stored["message"], &stored["reportingComponent"]), (&json!("one"), &json!("a.b/c")));
    assert_eq!(stored["involvedObject"]["name"], "p");
}
