//! The errors that the API server answers with, each with its code, reason and words.
//!
//! Mirrors apimachinery/pkg/api/errors (`New...`) (v1.36).

use std::fmt;

use super::{ApiError, StatusCause, StatusDetails, StatusReason};
use crate::field::{self, ErrorList};
use crate::group::{GroupKind, GroupResource};

/// The text of a conflict over a stale resourceVersion.
pub const OPTIMISTIC_LOCK_ERROR_MSG: &str = "the object has been modified; please apply your \
     changes to the latest version and try again";

/// The cause of a refusal in a namespace that is going away.
pub const NAMESPACE_TERMINATING_CAUSE: &str = "NamespaceTerminating";

/// The cause of an error over a resourceVersion in the future.
pub const TOO_LARGE_RESOURCE_VERSION_CAUSE: &str = "ResourceVersionTooLarge";

impl ApiError {
    /// 404: no such object. Mirrors `NewNotFound`.
    #[cold]
    #[must_use]
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {} not found", field::quote(name));
        Self::new(404, StatusReason::NotFound, message).with_resource(resource, name)
    }

    /// 404: no such path. Mirrors `NewGenericServerResponse`.
    #[cold]
    #[must_use]
    pub fn path_not_found() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, StatusReason::NotFound, message).with_details(StatusDetails::default())
    }

    /// 409: an object of that name exists. Mirrors `NewAlreadyExists`.
    #[cold]
    #[must_use]
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {} already exists", field::quote(name));
        Self::new(409, StatusReason::AlreadyExists, message).with_resource(resource, name)
    }

    /// 409: an object of that name exists and is being deleted.
    #[cold]
    #[must_use]
    pub fn already_exists_being_deleted(resource: &GroupResource, name: &str) -> Self {
        let error = Self::already_exists(resource, name);
        let message = format!("object is being deleted: {}", error.message());
        error.with_message(message)
    }

    /// 409: no free name was found for a generateName. Mirrors `NewGenerateNameConflict`.
    #[cold]
    #[must_use]
    pub fn generate_name_exhausted(resource: &GroupResource, name: &str) -> Self {
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for \
             the object",
            field::quote(name)
        );
        Self::new(409, StatusReason::AlreadyExists, message).with_resource(resource, name).with_retry_after_seconds(1)
    }

    /// 409: the request builds on a state that is no more. Mirrors `NewConflict`.
    #[cold]
    #[must_use]
    pub fn conflict(resource: &GroupResource, name: &str, text: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {}: {text}", field::quote(name));
        Self::new(409, StatusReason::Conflict, message).with_resource(resource, name)
    }

    /// 409 with the text for a stale resourceVersion.
    #[cold]
    #[must_use]
    pub fn optimistic_lock(resource: &GroupResource, name: &str) -> Self {
        Self::conflict(resource, name, OPTIMISTIC_LOCK_ERROR_MSG)
    }

    /// 422: validation failed. Mirrors `NewInvalid`.
    #[cold]
    #[must_use]
    pub fn invalid(kind: &GroupKind, name: &str, errors: ErrorList) -> Self {
        let mut message = format!("{kind} {} is invalid", field::quote(name));
        if !errors.is_empty() {
            message.push_str(": ");
            message.push_str(&field::aggregate(&errors));
        }
        let causes = errors
            .into_iter()
            .map(|error| StatusCause {
                reason: error.error_type.cause().to_owned(),
                message: error.error_body(),
                field: error.field,
            })
            .collect();
        Self::new(422, StatusReason::Invalid, message).with_details(StatusDetails {
            name: name.to_owned(),
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            causes,
            ..StatusDetails::default()
        })
    }

    /// 403: refused; the name may be empty. Mirrors `NewForbidden`.
    #[cold]
    #[must_use]
    pub fn forbidden(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource} is forbidden: {why}"),
            (false, false) => format!("{resource} {} is forbidden: {why}", field::quote(name)),
        };
        Self::new(403, StatusReason::Forbidden, message).with_resource(resource, name)
    }

    /// 403: nothing can be created in a namespace that is going away.
    #[cold]
    #[must_use]
    pub fn namespace_terminating(resource: &GroupResource, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        Self::forbidden(resource, name, why).with_cause(
            NAMESPACE_TERMINATING_CAUSE,
            format!("namespace {namespace} is being terminated"),
            "metadata.namespace",
        )
    }

    /// 400: the request cannot be understood. Mirrors `NewBadRequest`.
    #[cold]
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, StatusReason::BadRequest, message)
    }

    /// 405: the resource has no such verb. Mirrors `NewMethodNotSupported`.
    #[cold]
    #[must_use]
    pub fn method_not_supported(resource: &GroupResource, verb: &str) -> Self {
        let quoted = field::quote(&resource.to_string());
        let message = format!("{verb} is not supported on resources of kind {quoted}");
        Self::new(405, StatusReason::MethodNotAllowed, message).with_resource(resource, "")
    }

    /// 405: the path has no such HTTP method. Mirrors `NewGenericServerResponse`.
    #[cold]
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, StatusReason::MethodNotAllowed, message).with_details(StatusDetails::default())
    }

    /// 406: none of the accepted media types can be answered.
    #[cold]
    #[must_use]
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(406, StatusReason::NotAcceptable, message).with_details(StatusDetails::default())
    }

    /// 413: the body is too big; `limit` in bytes.
    #[cold]
    #[must_use]
    pub fn request_entity_too_large(limit: u64) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, StatusReason::RequestEntityTooLarge, message)
    }

    /// 415: the body has a media type other than `accepted`.
    #[cold]
    #[must_use]
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, StatusReason::UnsupportedMediaType, message)
    }

    /// 410: a resourceVersion or continue token is too old. Mirrors `NewResourceExpired`.
    #[cold]
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, StatusReason::Expired, message)
    }

    /// 410: the resource is no longer there. Mirrors `NewGone`.
    #[cold]
    #[must_use]
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(410, StatusReason::Gone, message)
    }

    /// 429: try again later; 0 seconds gives no hint when. Mirrors `NewTooManyRequests`.
    #[cold]
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        Self::new(429, StatusReason::TooManyRequests, message).with_retry_after_seconds(retry_after_seconds)
    }

    /// 500: a failure of the server. Mirrors `NewInternalError`.
    #[cold]
    #[must_use]
    pub fn internal(error: impl fmt::Display) -> Self {
        let error = error.to_string();
        let message = format!("Internal error occurred: {error}");
        Self::new(500, StatusReason::InternalError, message).with_cause("", error, "")
    }

    /// 500 without a reason: how the server reports an error that is not a Status.
    #[cold]
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(500, StatusReason::Unknown, message)
    }

    /// 504: the operation took too long. Mirrors `NewTimeoutError`.
    #[cold]
    #[must_use]
    pub fn timeout(text: impl fmt::Display, retry_after_seconds: i32) -> Self {
        Self::new(504, StatusReason::Timeout, format!("Timeout: {text}")).with_retry_after_seconds(retry_after_seconds)
    }

    /// 504: the asked resourceVersion lies in the future. Mirrors `NewTooLargeResourceVersionError`.
    #[cold]
    #[must_use]
    pub fn too_large_resource_version(asked: impl fmt::Display, current: impl fmt::Display) -> Self {
        Self::timeout(format!("Too large resource version: {asked}, current: {current}"), 1).with_cause(
            TOO_LARGE_RESOURCE_VERSION_CAUSE,
            "Too large resource version",
            "",
        )
    }
}
