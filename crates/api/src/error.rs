//! API errors: what the API server answers instead of an object.
//!
//! Mirrors apimachinery/pkg/api/errors (v1.36).

mod answers;

use std::fmt;

use serde::{Serialize, Serializer};

pub use self::answers::{NAMESPACE_TERMINATING_CAUSE, OPTIMISTIC_LOCK_ERROR_MSG, TOO_LARGE_RESOURCE_VERSION_CAUSE};
use crate::group::GroupResource;

/// The machine-readable class of an error.
///
/// Mirrors `metav1.StatusReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusReason {
    /// No reason is given; the JSON has no `reason`.
    Unknown,
    /// No credentials (401).
    Unauthorized,
    /// Not allowed, mostly by admission (403).
    Forbidden,
    /// No such object or path (404).
    NotFound,
    /// An object of that name exists (409).
    AlreadyExists,
    /// The object was changed by someone else (409).
    Conflict,
    /// The resource is no longer there (410).
    Gone,
    /// Validation failed (422).
    Invalid,
    /// The server asks to try again (500).
    ServerTimeout,
    /// The operation took too long (504).
    Timeout,
    /// The client is too fast, or an eviction is not allowed now (429).
    TooManyRequests,
    /// The request cannot be understood (400).
    BadRequest,
    /// The verb does not exist for the resource (405).
    MethodNotAllowed,
    /// None of the accepted media types can be answered (406).
    NotAcceptable,
    /// The body is too big (413).
    RequestEntityTooLarge,
    /// The body has an unknown media type (415).
    UnsupportedMediaType,
    /// A failure of the server (500).
    InternalError,
    /// A resourceVersion or continue token is too old (410).
    Expired,
    /// The service is not available (503).
    ServiceUnavailable,
}

impl StatusReason {
    /// The reason as it stands in a Status; empty for `Unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::Gone => "Gone",
            Self::Invalid => "Invalid",
            Self::ServerTimeout => "ServerTimeout",
            Self::Timeout => "Timeout",
            Self::TooManyRequests => "TooManyRequests",
            Self::BadRequest => "BadRequest",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotAcceptable => "NotAcceptable",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::InternalError => "InternalError",
            Self::Expired => "Expired",
            Self::ServiceUnavailable => "ServiceUnavailable",
        }
    }
}

impl fmt::Display for StatusReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One cause inside the details of a Status.
///
/// Mirrors `metav1.StatusCause`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatusCause {
    /// Machine-readable word, e.g. `FieldValueInvalid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The message without the field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field at fault, may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// What a Status tells about the object and the causes.
///
/// Mirrors `metav1.StatusDetails`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatusDetails {
    /// The object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The API group of `kind`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The plural resource, except for `Invalid` and preconditions, where it is the kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The object's uid, where known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The causes, in order, duplicates kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<StatusCause>,
    /// Seconds after which to try again; 0 means none.
    #[serde(rename = "retryAfterSeconds", skip_serializing_if = "is_zero")]
    pub retry_after_seconds: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(value: &i32) -> bool {
    *value == 0
}

/// An error of the API server: one boxed word, so that results stay small.
///
/// Mirrors `errors.StatusError`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    code: u16,
    reason: StatusReason,
    message: String,
    details: Option<StatusDetails>,
}

/// What most operations on the API return.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error without details, for the cases that have no constructor of their own.
    #[cold]
    #[must_use]
    pub fn new(code: u16, reason: StatusReason, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, reason, message: message.into(), details: None }))
    }

    fn with_resource(mut self, resource: &GroupResource, name: &str) -> Self {
        self.0.details = Some(StatusDetails {
            name: name.to_owned(),
            group: resource.group.to_string(),
            kind: resource.resource.to_string(),
            ..StatusDetails::default()
        });
        self
    }

    /// Replaces the details.
    #[must_use]
    pub fn with_details(mut self, details: StatusDetails) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Replaces the message, e.g. to put a prefix before it.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Adds a cause; `field` may be empty.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, message: impl Into<String>, field: &str) -> Self {
        let details = self.0.details.get_or_insert_default();
        details.causes.push(StatusCause {
            reason: reason.to_owned(),
            message: message.into(),
            field: field.to_owned(),
        });
        self
    }

    /// Sets the seconds after which to try again.
    #[must_use]
    pub fn with_retry_after_seconds(mut self, seconds: i32) -> Self {
        self.0.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// Sets the uid in the details.
    #[must_use]
    pub fn with_uid(mut self, uid: impl Into<String>) -> Self {
        self.0.details.get_or_insert_default().uid = uid.into();
        self
    }

    /// The class of the error.
    #[must_use]
    pub fn reason(&self) -> StatusReason {
        self.0.reason
    }

    /// The HTTP status code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// The text for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the error is about, if it says so.
    #[must_use]
    pub fn details(&self) -> Option<&StatusDetails> {
        self.0.details.as_ref()
    }

    /// Whether no such object or path exists.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.reason() == StatusReason::NotFound
    }

    /// Whether the object was changed by someone else.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.reason() == StatusReason::Conflict
    }

    /// Whether an object of that name exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.reason() == StatusReason::AlreadyExists
    }

    /// Whether validation failed.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.reason() == StatusReason::Invalid
    }

    /// Whether the request was refused.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.reason() == StatusReason::Forbidden
    }

    /// Whether the client should try again later.
    #[must_use]
    pub fn is_too_many_requests(&self) -> bool {
        self.reason() == StatusReason::TooManyRequests
    }

    /// Whether a resourceVersion or continue token is too old.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.reason() == StatusReason::Expired
    }

    /// Whether the details hold a cause of that reason. Mirrors `HasStatusCause`.
    #[must_use]
    pub fn has_cause(&self, reason: &str) -> bool {
        self.details().is_some_and(|details| details.causes.iter().any(|c| c.reason == reason))
    }

    /// The Status object as a JSON value; serialize the error itself to keep the field order.
    #[must_use]
    pub fn to_status(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("code", &self.0.code)
            .field("reason", &self.0.reason)
            .field("message", &self.0.message)
            .field("details", &self.0.details)
            .finish()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

/// The JSON of the Status, in the API server's field order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a StatusDetails>,
    code: u16,
}

#[derive(Serialize)]
struct Metadata {}

impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Status {
            kind: "Status",
            api_version: "v1",
            metadata: Metadata {},
            status: "Failure",
            message: &self.0.message,
            reason: self.0.reason.as_str(),
            details: self.0.details.as_ref(),
            code: self.0.code,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
