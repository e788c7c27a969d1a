//! Errors that only the API server's own machinery raises.

use seatrial_api::field::{Error, Path};
use seatrial_api::{ApiError, GroupKind, GroupResource, Kind, Uid};

/// The 404 of a kind.
pub(crate) fn not_found(kind: Kind, name: &str) -> ApiError {
    ApiError::not_found(&kind.resource(), name)
}

/// 409 as the store says it: the request is for another object of the same name, or for none there is. Mirrors
/// `NewInvalidObjError` and `InterpretUpdateError`.
pub(crate) fn precondition(kind: Kind, namespace: &str, name: &str, why: &str) -> ApiError {
    let key = storage_key(kind, namespace, name);
    let text = format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {why}"
    );
    ApiError::conflict(&kind.resource(), name, text)
}

/// 409: a patch of `/scale` that names another object. Mirrors the `UpdatedObject` of the scales.
pub(crate) fn scale_precondition(kind: Kind, name: &str, why: &str) -> ApiError {
    let resource = kind.resource();
    let scale = GroupResource::new(&resource.group, &format!("{}/scale", resource.resource));
    ApiError::conflict(&scale, name, format!("Precondition failed: {why}"))
}

/// Of which uids a precondition speaks.
pub(crate) fn uids(wanted: &Uid, actual: &Uid) -> String {
    format!("UID in precondition: {wanted}, UID in object meta: {actual}")
}

/// Where etcd holds an object; four resources have places of their own. Mirrors `SpecialDefaultResourcePrefixes`.
fn storage_key(kind: Kind, namespace: &str, name: &str) -> String {
    let resource = kind.resource();
    let prefix = match resource.resource.as_ref() {
        "replicationcontrollers" => "controllers",
        "nodes" => "minions",
        "services" => "services/specs",
        "endpoints" => "services/endpoints",
        other => other,
    };
    let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    format!("/registry/{prefix}/{place}{name}")
}

/// 409: a pod cannot be bound.
pub(crate) fn conflict_binding(name: &str, text: &str) -> ApiError {
    ApiError::conflict(&GroupResource::new_static("", "pods/binding"), name, text)
}

/// 409: the uid a DELETE names is not the object's; the message names the kind and not the resource.
pub(crate) fn delete_precondition_uid(kind: Kind, name: &str, wanted: &Uid, actual: &Uid) -> ApiError {
    let text = format!(
        "the UID in the precondition ({wanted}) does not match the UID in record ({actual}). The object might have been deleted and then recreated"
    );
    ApiError::conflict(&GroupResource::new_static("", kind.info().kind), name, text)
}

/// 409: the resourceVersion a DELETE names is not the object's.
pub(crate) fn delete_precondition_version(kind: Kind, name: &str, wanted: u64, actual: u64) -> ApiError {
    let text = format!(
        "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({actual}). The object might have been modified"
    );
    ApiError::conflict(&GroupResource::new_static("", kind.info().kind), name, text)
}

/// 422 for a PUT without the resourceVersion that its kind demands; it names the resource where others name the kind.
pub(crate) fn must_be_specified_for_update(kind: Kind, name: &str) -> ApiError {
    let meta = Path::new("metadata");
    let error = Error::invalid(&meta.child("resourceVersion"), 0, "must be specified for an update");
    let info = kind.info();
    ApiError::invalid(&GroupKind::new_static(info.group, info.plural), name, vec![error])
}

/// 422 for a patch of an object's uid.
pub(crate) fn uid_is_immutable(kind: Kind, name: &str, uid: &Uid) -> ApiError {
    let meta = Path::new("metadata");
    let error = Error::invalid(&meta.child("uid"), uid.to_string(), "field is immutable");
    ApiError::invalid(&kind.group_kind(), name, vec![error])
}

/// 422 for a negative number in the scale subresource.
pub(crate) fn invalid_scale(name: &str, replicas: i32) -> ApiError {
    let spec = Path::new("spec");
    let error = Error::invalid(&spec.child("replicas"), replicas, "must be greater than or equal to 0");
    ApiError::invalid(&GroupKind::new_static("autoscaling", "Scale"), name, vec![error])
}
