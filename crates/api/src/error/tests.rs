use super::*;
use crate::field::{Error, Path};
use crate::group::GroupKind;

const PODS: GroupResource = GroupResource::new_static("", "pods");
const DEPLOYMENTS: GroupResource = GroupResource::new_static("apps", "deployments");
const DEPLOYMENT: GroupKind = GroupKind::new_static("apps", "Deployment");

#[test]
fn is_one_word() {
    assert_eq!(size_of::<ApiError>(), 8);
    assert_eq!(size_of::<ApiResult<()>>(), 8);
}

fn check(error: &ApiError, code: u16, reason: &str, message: &str) {
    assert_eq!(error.code(), code, "{message}");
    assert_eq!(error.reason().as_str(), reason, "{message}");
    assert_eq!(error.message(), message);
    assert_eq!(error.to_string(), message);
}

#[test]
fn texts() {
    let e = ApiError::not_found(&PODS, "a");
    check(&e, 404, "NotFound", "pods \"a\" not found");
    assert!(e.is_not_found() && !e.is_conflict() && !e.is_invalid());
    let e = ApiError::already_exists(&DEPLOYMENTS, "a");
    check(&e, 409, "AlreadyExists", "deployments.apps \"a\" already exists");
    assert!(e.is_already_exists());
    let e = ApiError::already_exists_being_deleted(&DEPLOYMENTS, "a");
    let message = "object is being deleted: deployments.apps \"a\" already exists";
    check(&e, 409, "AlreadyExists", message);
    let e = ApiError::generate_name_exhausted(&PODS, "a-x");
    let message = "pods \"a-x\" already exists, the server was not able to generate a unique name \
                   for the object";
    check(&e, 409, "AlreadyExists", message);
    let e = ApiError::optimistic_lock(&DEPLOYMENTS, "w");
    let message = "Operation cannot be fulfilled on deployments.apps \"w\": the object has been \
                   modified; please apply your changes to the latest version and try again";
    check(&e, 409, "Conflict", message);
    assert!(e.is_conflict());
    let e = ApiError::forbidden(&PODS, "a", "no");
    check(&e, 403, "Forbidden", "pods \"a\" is forbidden: no");
    assert!(e.is_forbidden());
    check(&ApiError::forbidden(&PODS, "", "no"), 403, "Forbidden", "pods is forbidden: no");
    check(&ApiError::bad_request("b"), 400, "BadRequest", "b");
    let e = ApiError::method_not_supported(&DEPLOYMENTS, "patch");
    let message = "patch is not supported on resources of kind \"deployments.apps\"";
    check(&e, 405, "MethodNotAllowed", message);
    let e = ApiError::request_entity_too_large(3);
    check(&e, 413, "RequestEntityTooLarge", "Request entity too large: limit is 3");
    check(&ApiError::expired("old"), 410, "Expired", "old");
    check(&ApiError::gone("gone"), 410, "Gone", "gone");
    check(&ApiError::too_many_requests("slow", 1), 429, "TooManyRequests", "slow");
    let e = ApiError::internal("boom");
    check(&e, 500, "InternalError", "Internal error occurred: boom");
    check(&ApiError::unknown("odd"), 500, "", "odd");
    check(&ApiError::timeout("t", 0), 504, "Timeout", "Timeout: t");
    let e = ApiError::namespace_terminating(&PODS, "a", "n");
    let message = "pods \"a\" is forbidden: unable to create new content in namespace n because \
                   it is being terminated";
    check(&e, 403, "Forbidden", message);
    assert!(e.has_cause("NamespaceTerminating") && !e.has_cause("Other"));
}

fn check_json(error: &ApiError, want: &str) {
    assert_eq!(serde_json::to_string(error).unwrap(), want);
    let value: serde_json::Value = serde_json::from_str(want).unwrap();
    assert_eq!(error.to_status(), value);
}

#[test]
fn invalid_status_lists_each_cause_and_each_text_once() {
    let spec = Path::new("spec");
    let error = Error::invalid(&spec.child("replicas"), -1, "must be nonnegative");
    check_json(
        &ApiError::invalid(&DEPLOYMENT, "w", vec![error.clone(), error]),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Deployment.apps \"w\" is invalid: spec.replicas: Invalid value: -1: must be nonnegative","reason":"Invalid","details":{"name":"w","group":"apps","kind":"Deployment","causes":[{"reason":"FieldValueInvalid","message":"Invalid value: -1: must be nonnegative","field":"spec.replicas"},{"reason":"FieldValueInvalid","message":"Invalid value: -1: must be nonnegative","field":"spec.replicas"}]},"code":422}"#,
    );
}

#[test]
fn status_json() {
    check_json(
        &ApiError::path_not_found(),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}"#,
    );
    check_json(
        &ApiError::unknown("odd"),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"odd","code":500}"#,
    );
    check_json(
        &ApiError::too_large_resource_version(9, 5),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Timeout: Too large resource version: 9, current: 5","reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1},"code":504}"#,
    );
}
