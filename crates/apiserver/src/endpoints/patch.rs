//! PATCH: of an object's JSON, and server-side apply.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/patch.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, ObjectKey, ObjectMeta};
use serde_json::Value;

use super::{Written, check_name, warnings_on_update};
use crate::decode::{Body, DecodeError, FieldValidation, decode, invalid_patch, patch_result_error, type_of};
use crate::errors;
use crate::managedfields::{self, Applied, go_text};
use crate::patch::{PatchType, apply_body};
use crate::server::{ApiServer, RequestInfo, Subresource, Validation};
use crate::strategy::Strategy;

pub(super) fn patch_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    key: &ObjectKey,
    subresource: Subresource,
    (patch_type, body): (PatchType, &Body),
) -> Result<Written, ApiError> {
    if patch_type == PatchType::Apply {
        return apply_typed::<R>(server, request, key, subresource, body);
    }
    let old = Arc::clone(server.get::<R>(&key.namespace, &key.name)?);
    let current = R::wrap(Arc::clone(&old)).to_json();
    let ty = type_of(R::KIND).ok_or_else(|| ApiError::internal("no schema"))?;
    let (patched, mut found) = apply_body(patch_type, &current, body, ty)?;
    let shown = match patch_type {
        PatchType::Strategic => go_text(&body.value),
        _ => patched.to_string(),
    };
    let reset = managedfields::is_reset(&patched);
    let (mut api, mut unknown) =
        decode::<R>(&Body::from(patched), FieldValidation::Warn).map_err(|error| patch_result_error(error, &shown))?;
    if patch_type == PatchType::Strategic {
        // They are collected from Go's maps, and therefore sorted.
        unknown.sort();
    }
    found.append(&mut unknown);
    let mut warnings = match request.field_validation {
        FieldValidation::Strict if !found.is_empty() => {
            return Err(invalid_patch(&shown, &format!("strict decoding error: {}", found.join(", "))));
        }
        FieldValidation::Ignore => Vec::new(),
        _ => found,
    };
    R::set_defaults(&mut api);
    let mut object = R::from_api_object(api.clone())?;
    check_place::<R>(object.meta_mut(), key)?;
    if object.meta().uid != old.meta().uid {
        return Err(errors::uid_is_immutable(key.kind, &key.name, &object.meta().uid));
    }
    object.meta_mut().managed_fields = managedfields::after_update::<R>(request, subresource, Some(&old), &api, reset)?;
    let object = server.update_with(request, object, subresource, Validation::Full(api))?;
    warnings.extend(warnings_on_update(&*object, &*old, subresource));
    Ok(Written { object: R::wrap(object), warnings })
}

/// An object without a namespace is in that of the path; one in another is refused.
fn check_place<R: Strategy>(meta: &mut ObjectMeta, key: &ObjectKey) -> Result<(), ApiError> {
    if !R::KIND.info().namespaced || meta.namespace.is_empty() {
        meta.namespace = key.namespace.clone();
    }
    if meta.namespace != key.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    check_name(meta, key)
}

fn apply_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    key: &ObjectKey,
    subresource: Subresource,
    body: &Body,
) -> Result<Written, ApiError> {
    let live = server.get::<R>(&key.namespace, &key.name).ok().cloned();
    if live.is_none() && subresource != Subresource::Main {
        return Err(errors::not_found(R::KIND, &key.name));
    }
    let config = configuration(body)?;
    let Applied { value, entries } = managedfields::apply::<R>(request, subresource, live.as_deref(), &config)?;
    let mut warnings = strict_yaml(body, request.field_validation)?;
    let (mut api, _) = decode::<R>(&Body::from(value), FieldValidation::Ignore).map_err(|error| match error {
        DecodeError::Why { why, .. } => ApiError::unknown(format!("failed to convert new typed object: {why}")),
        DecodeError::Answer(error) => error,
    })?;
    R::set_defaults(&mut api);
    let mut object = R::from_api_object(api.clone())?;
    let Some(live) = live else {
        if !object.meta().uid.is_nil() {
            let text = format!(
                "uid mismatch: the provided object specified uid {}, and no existing object was found",
                object.meta().uid
            );
            return Err(ApiError::conflict(&R::KIND.resource(), &key.name, text));
        }
        warnings.extend(R::warnings_on_create(&api));
        check_place::<R>(object.meta_mut(), key)?;
        object.meta_mut().managed_fields = entries;
        object.meta_mut().resource_version = 0; // the store forgets it
        let object = server.create_with(request, object, Validation::Full(api))?;
        return Ok(Written { object: R::wrap(object), warnings });
    };
    check_place::<R>(object.meta_mut(), key)?;
    if object.meta().uid != live.meta().uid {
        return Err(errors::uid_is_immutable(key.kind, &key.name, &object.meta().uid));
    }
    object.meta_mut().managed_fields = entries;
    let written = if subresource == Subresource::Scale { Subresource::Main } else { subresource };
    let object = server.update_with(request, object, written, Validation::Full(api))?;
    warnings.extend(warnings_on_update(&*object, &*live, subresource));
    Ok(Written { object: R::wrap(object), warnings })
}

/// The applied configuration, which has to be an object.
fn configuration(body: &Body) -> Result<Value, ApiError> {
    let node = body.node();
    if node.is_cut() {
        return Err(ApiError::bad_request("error decoding YAML: exceeded max depth"));
    }
    match &body.value {
        Value::Object(_) => Ok(body.value.clone()),
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        _ => {
            let text =
                format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", node.word());
            Err(ApiError::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: {text}"
            )))
        }
    }
}

/// What the strict YAML reader says of an applied configuration.
fn strict_yaml(body: &Body, validation: FieldValidation) -> Result<Vec<String>, ApiError> {
    let found: Vec<String> =
        body.duplicates.iter().map(|text| format!("error converting YAML to JSON: {text}")).collect();
    match (validation, found.first()) {
        (FieldValidation::Strict, Some(text)) => {
            Err(ApiError::bad_request(format!("error strict decoding YAML: {text}")))
        }
        (FieldValidation::Ignore, _) => Ok(Vec::new()),
        _ => Ok(found),
    }
}
