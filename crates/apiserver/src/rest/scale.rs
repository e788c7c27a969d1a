//! The scale subresource: the number of replicas of whatever has replicas.
//!
//! Mirrors pkg/registry/apps/*/storage (`ScaleREST`) and autoscaling/v1 `Scale` (v1.36).

use seatrial_api::schema::type_named;
use seatrial_api::{ApiError, ObjectMeta, Uid};
use serde_json::{Value, json};

use super::get::{find, key_of};
use super::options::WriteOptions;
use super::{Call, Response};
use crate::decode::{Body, FieldValidation, invalid_patch, parse_body, strict_issues};
use crate::endpoints::Scale;
use crate::errors;
use crate::managedfields::printed_kind;
use crate::patch::{PatchType, apply_patch, parse_patch};
use crate::server::{ApiServer, Subresource};

const API_VERSION: &str = "autoscaling/v1";

/// GET of `/scale`.
///
/// # Errors
/// 404
pub(crate) fn get(server: &ApiServer, call: &Call<'_>) -> Result<Value, ApiError> {
    let object = find(server, call)?;
    let scale = server.get_scale(&key_of(call))?;
    Ok(to_json(object.meta(), &scale))
}

fn to_json(meta: &ObjectMeta, scale: &Scale) -> Value {
    let mut value = json!({
        "kind": "Scale", "apiVersion": API_VERSION,
        "metadata": {
            "name": meta.name.as_str(), "namespace": meta.namespace.as_str(), "uid": meta.uid.to_string(),
            "resourceVersion": meta.resource_version.to_string(),
            "creationTimestamp": meta.creation_timestamp.map(|t| t.to_string()),
        },
        "spec": {}, "status": {"replicas": scale.status_replicas},
    });
    if scale.replicas != 0 {
        value["spec"]["replicas"] = json!(scale.replicas);
    }
    if !scale.selector.is_empty() {
        value["status"]["selector"] = json!(scale.selector);
    }
    value
}

/// PUT or PATCH of `/scale`.
///
/// # Errors
/// 400 for what is no Scale, 404, 409 for a stale resourceVersion, 422 for a negative number.
pub(crate) fn write(server: &mut ApiServer, call: &Call<'_>) -> Result<Response, ApiError> {
    let options = WriteOptions::of(call)?;
    let current = get(server, call)?;
    if super::write::is_apply(call) {
        return apply(server, call, &options);
    }
    let (sent, keeps_version) = match call.request.method {
        "PATCH" => (patched(call, &current)?, true),
        _ => (parse_body(call.request.body, call.request.content_type)?.value, false),
    };
    match check_kind(&sent) {
        // The result of a patch is told whole.
        Err((_, why)) if keeps_version => return Err(invalid_patch(&sent.to_string(), &why)),
        Err((what, why)) => {
            return Err(ApiError::bad_request(format!("{what} cannot be handled as a Scale: {why}")));
        }
        Ok(()) => {}
    }
    let key = key_of(call);
    let text = |pointer: &str| sent.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name");
    if !keeps_version && name != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.name
        )));
    }
    let stored = find(server, call)?;
    let wanted = Uid::parse(text("/metadata/uid"));
    let is_other = !wanted.is_nil() && wanted != stored.meta().uid;
    let why = || errors::uids(&wanted, &stored.meta().uid);
    if is_other && !keeps_version {
        return Err(errors::precondition(key.kind, &key.namespace, &key.name, &why()));
    }
    let replicas = sent.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    let replicas = i32::try_from(replicas).unwrap_or(i32::MAX);
    if replicas < 0 {
        return Err(errors::invalid_scale(&key.name, replicas));
    }
    if is_other {
        return Err(errors::scale_precondition(key.kind, &key.name, &why()));
    }
    let version = text("/metadata/resourceVersion");
    if !version.is_empty() && version != stored.meta().resource_version.to_string() {
        return Err(ApiError::optimistic_lock(&key.kind.resource(), &key.name));
    }
    let written = server.update_scale(&options.request(call), &key, replicas)?;
    let mut scale = server.get_scale(&key)?;
    scale.replicas = replicas;
    Ok(Response::json(200, to_json(written.object.meta(), &scale)).with_warnings(written.warnings))
}

fn patched(call: &Call<'_>, current: &Value) -> Result<Value, ApiError> {
    let patch_type = PatchType::of(call.request.content_type)?;
    let patch = parse_patch(patch_type, call.request.body)?.value;
    let ty = type_named("Scale").ok_or_else(|| ApiError::internal("no schema"))?;
    apply_patch(patch_type, current, &patch, ty)
}

/// Server-side apply: what is applied is `spec.replicas` of the object itself, by an owner of the part `scale`.
fn apply(server: &mut ApiServer, call: &Call<'_>, options: &WriteOptions) -> Result<Response, ApiError> {
    let sent = parse_patch(PatchType::Apply, call.request.body)?.value;
    let text = |key: &str| sent.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if (version, kind) != (API_VERSION, "Scale") {
        return Err(ApiError::bad_request(format!("invalid object type: {}", printed_kind(version, kind))));
    }
    let key = key_of(call);
    if let Some(replicas) = sent.pointer("/spec/replicas").and_then(Value::as_i64).filter(|r| *r < 0) {
        return Err(errors::invalid_scale(&key.name, i32::try_from(replicas).unwrap_or(i32::MIN)));
    }
    let mut config = json!({
        "apiVersion": key.kind.api_version(), "kind": key.kind.info().kind, "metadata": {"name": key.name.as_str()},
    });
    if let Some(replicas) = sent.pointer("/spec/replicas") {
        config["spec"] = json!({"replicas": replicas});
    }
    let body = (PatchType::Apply, &Body::from(config));
    let written = server.patch_body(&options.request(call), &key, Subresource::Scale, body)?;
    let mut scale = server.get_scale(&key)?;
    if let Some(replicas) = written.object.to_json().pointer("/spec/replicas").and_then(Value::as_i64) {
        scale.replicas = i32::try_from(replicas).unwrap_or(i32::MAX);
    }
    Ok(Response::json(200, to_json(written.object.meta(), &scale)).with_warnings(written.warnings))
}

/// Why a value is no Scale, with the kind and version that it says it has.
fn check_kind(sent: &Value) -> Result<(), (String, String)> {
    let text = |key: &str| sent.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if kind != "Scale" && !kind.is_empty() {
        let version = version.rsplit('/').next().unwrap_or_default();
        let why = format!("converting ({version}.{kind}) to (autoscaling.Scale): unknown conversion");
        return Err((format!("{kind} in version \"{version}\""), why));
    }
    let not_typed = |why| ("Scale in version \"v1\"".to_owned(), why);
    let ty = type_named("Scale").ok_or_else(|| not_typed("no schema".to_owned()))?;
    strict_issues(sent, ty, FieldValidation::Ignore).map(drop).map_err(not_typed)
}
