//! POST, PUT and PATCH.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/{create,update,patch}.go (v1.36).

use seatrial_api::field::{Error, ErrorList, Path, aggregate};
use seatrial_api::{ApiError, Kind, ObjectKey, StrMap, Uid};
use serde_json::{Value, json};

use super::get::{find, key_of};
use super::negotiate::Representation;
use super::options::WriteOptions;
use super::path::Part;
use super::table::{TableOptions, shown};
use super::view::View;
use super::{Call, Response, eviction, scale};
use crate::decode::{Body, parse_body, parse_object, type_of};
use crate::endpoints::{Binding, Written};
use crate::patch::{PatchType, apply_patch, parse_patch};
use crate::server::{ApiServer, RequestInfo, Subresource};

/// Whether a call is a server-side apply.
pub(crate) fn is_apply(call: &Call<'_>) -> bool {
    call.request.method == "PATCH" && PatchType::of(call.request.content_type) == Ok(PatchType::Apply)
}

/// Answers a POST, PUT or PATCH.
pub(crate) fn serve(
    server: &mut ApiServer,
    call: &Call<'_>,
    representation: Representation,
) -> Result<Response, ApiError> {
    if call.target.bindings {
        return bind(server, call);
    }
    match call.target.subresource {
        Some(Part::Binding) => bind(server, call),
        Some(Part::Eviction) => eviction::serve(server, call),
        Some(Part::Scale) => scale::write(server, call),
        Some(Part::Finalize) => finalize(server, call, representation),
        Some(Part::Status) => write(server, call, Subresource::Status, representation),
        Some(Part::EphemeralContainers) => write(server, call, Subresource::EphemeralContainers, representation),
        Some(Part::Resize) => write(server, call, Subresource::Resize, representation),
        None => write(server, call, Subresource::Main, representation),
    }
}

fn write(
    server: &mut ApiServer,
    call: &Call<'_>,
    subresource: Subresource,
    representation: Representation,
) -> Result<Response, ApiError> {
    let table = TableOptions::of(call, representation)?;
    let patch_type = match call.request.method {
        "PATCH" => Some(PatchType::of(call.request.content_type)?),
        _ => None,
    };
    let options = WriteOptions::of(call)?;
    let request = options.request(call);
    let (kind, key) = (call.target.kind, key_of(call));
    let existed = call.target.name.is_some() && server.store().get(&key).is_some();
    let written = match patch_type {
        Some(patch_type) if call.target.view == View::Stored => {
            let body = parse_patch(patch_type, call.request.body)?;
            server.patch_body(&request, &key, subresource, (patch_type, &body))?
        }
        Some(PatchType::Apply) => {
            let body = call.target.view.take(kind, parse_patch(PatchType::Apply, call.request.body)?)?;
            server.patch_body(&request, &key, subresource, (PatchType::Apply, &body))?
        }
        Some(patch_type) => {
            let body = patched_view(server, call, patch_type)?;
            server.update_json(&request, &key, subresource, &body)?
        }
        None => {
            let body = taken(call)?;
            match call.request.method {
                "POST" => server.create_json(&request, kind, &key.namespace, &body)?,
                _ => server.update_json(&request, &key, subresource, &body)?,
            }
        }
    };
    let code = if existed { 200 } else { 201 };
    let Written { object, warnings } = written;
    Ok(Response::json(code, shown(call, &object, representation, table)).with_warnings(warnings))
}

/// The body of a POST or PUT, in the stored version.
fn taken(call: &Call<'_>) -> Result<Body, ApiError> {
    let kind = call.target.kind;
    let body = parse_object(call.request.body, call.request.content_type, kind.info().kind)?;
    call.target.view.take(kind, body)
}

/// The stored form of an object that is patched in another version.
fn patched_view(server: &ApiServer, call: &Call<'_>, patch_type: PatchType) -> Result<Body, ApiError> {
    let shown = call.target.view.show(find(server, call)?.to_json());
    let ty = type_of(call.target.kind).ok_or_else(|| ApiError::internal("no schema"))?;
    let patched = apply_patch(patch_type, &shown, &parse_patch(patch_type, call.request.body)?.value, ty)?;
    call.target.view.take(call.target.kind, Body::from(patched))
}

/// The Status that answers a POST which makes no object.
pub(crate) fn created() -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Response::json(201, status)
}

/// `/binding`, and the old collection `bindings`. Mirrors `BindingREST.Create`.
fn bind(server: &mut ApiServer, call: &Call<'_>) -> Result<Response, ApiError> {
    let options = WriteOptions::of(call)?;
    let body = parse_body(call.request.body, call.request.content_type)?.value;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let sent = text("/metadata/name");
    let name = call.target.name.as_deref().unwrap_or(sent);
    if sent != name {
        return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
    }
    let mut errs = ErrorList::new();
    let target = Path::new("target");
    let kind = text("/target/kind");
    if !matches!(kind, "" | "Node") {
        errs.push(Error::not_supported(&target.child("kind"), kind, &["Node", "<empty>"]));
    }
    if text("/target/name").is_empty() {
        errs.push(Error::required(&target.child("name"), ""));
    }
    if !errs.is_empty() {
        return Err(ApiError::unknown(aggregate(&errs)));
    }
    let map = |pointer: &str| {
        let entries = body.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        StrMap::from_api(Some(entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()))
    };
    let binding = Binding {
        uid: Some(text("/metadata/uid")).filter(|u| !u.is_empty()).map(Uid::parse),
        resource_version: text("/metadata/resourceVersion").into(),
        node: text("/target/name").into(),
        annotations: map("/metadata/annotations"),
        labels: map("/metadata/labels"),
    };
    server.bind(&options.request(call), &call.target.namespace, name, &binding)?;
    Ok(created())
}

/// `/finalize` of a namespace.
fn finalize(server: &mut ApiServer, call: &Call<'_>, representation: Representation) -> Result<Response, ApiError> {
    let options = WriteOptions::of(call)?;
    let request: RequestInfo<'_> = options.request(call);
    let key: ObjectKey = key_of(call);
    let body = parse_body(call.request.body, call.request.content_type)?.value;
    let stored = find(server, call)?;
    let version = body.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if !version.is_empty() && version != stored.meta().resource_version.to_string() {
        return Err(ApiError::optimistic_lock(&Kind::Namespace.resource(), &key.name));
    }
    let finalizers = body.pointer("/spec/finalizers").and_then(Value::as_array);
    let finalizers = finalizers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if request.dry_run {
        return Ok(Response::json(200, shown(call, &stored, representation, TableOptions::of(call, representation)?)));
    }
    let namespace = server.finalize_namespace(&key.name, finalizers)?;
    let object = seatrial_api::Object::Namespace(namespace);
    Ok(Response::json(200, shown(call, &object, representation, TableOptions::of(call, representation)?)))
}
