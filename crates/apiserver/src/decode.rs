//! Decoding: JSON into a kind's type, with Go's errors and the strict decoder's findings.
//!
//! Mirrors k8s.io/apimachinery/pkg/runtime/serializer/json (v1.36).

use seatrial_api::field::{Error, Path};
use seatrial_api::schema::{Issue, TypeRef, canonicalize, check, type_named};
use seatrial_api::{ApiError, Kind};
use serde_json::Value;

use crate::strategy::Strategy;

/// What becomes of fields that a kind does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped with a warning.
    Warn,
    /// They are refused.
    Strict,
}

/// A request's body, as JSON.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The value.
    pub value: Value,
    /// Fields that stand twice in the text, as the strict decoder words them.
    pub duplicates: Vec<String>,
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self { value, duplicates: Vec::new() }
    }
}

/// Reads a body of a media type; JSON where none is given.
///
/// # Errors
/// 400 for broken text, 415 for a media type that is not read.
pub fn parse_body(bytes: &[u8], content_type: Option<&str>) -> Result<Body, ApiError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !matches!(media, "" | "application/json" | "application/yaml") {
        return Err(ApiError::unsupported_media_type(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ]));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(Body::from(value))
}

/// The 400 of a body that does not decode into a kind.
pub(crate) fn cannot_be_handled(kind: &str, version: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
}

/// What a strict decoder finds in a value of a type: in strict mode the first finding is the error, in warn mode the texts.
///
/// # Errors
/// The text of a value of the wrong type, or in strict mode of all findings.
pub(crate) fn strict_issues(value: &Value, ty: TypeRef, validation: FieldValidation) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    for issue in check(value, ty) {
        match issue {
            Issue::Type(text) => return Err(text),
            Issue::UnknownField(_) => unknown.push(issue.to_string()),
        }
    }
    match validation {
        FieldValidation::Strict if !unknown.is_empty() => Err(format!("strict decoding error: {}", unknown.join(", "))),
        FieldValidation::Ignore => Ok(Vec::new()),
        _ => Ok(unknown),
    }
}

/// The schema of a kind.
pub fn type_of(kind: Kind) -> Option<TypeRef> {
    type_named(kind.info().kind)
}

/// Reads an object of a kind; returns it with what there is to warn of.
///
/// # Errors
/// 400 for another kind or version, a value of the wrong type, or in strict mode a field that does not exist.
pub(crate) fn decode<R: Strategy>(
    body: &Value,
    validation: FieldValidation,
) -> Result<(R::Api, Vec<String>), ApiError> {
    let info = R::KIND.info();
    let api_version = R::KIND.api_version();
    let kind = info.kind;
    let cannot = |why: &str| cannot_be_handled(kind, info.version, why);
    let (given_version, given_kind) =
        (body.get("apiVersion").and_then(Value::as_str), body.get("kind").and_then(Value::as_str));
    if let Some(given) = given_version.filter(|v| !v.is_empty() && *v != api_version) {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({given}) does not match the expected API version ({api_version})"
        )));
    }
    if let Some(given) = given_kind.filter(|k| !k.is_empty() && *k != kind) {
        return Err(ApiError::bad_request(format!(
            "{given} in version \"{}\" cannot be handled as a {kind}: converting ({given}) to ({kind}): unknown conversion",
            info.version
        )));
    }
    let ty = type_of(R::KIND).ok_or_else(|| ApiError::internal("no schema"))?;
    let unknown = strict_issues(body, ty, validation).map_err(|why| cannot(&why))?;
    let mut value = body.clone();
    canonicalize(&mut value, ty);
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".to_owned(), api_version.into());
        map.insert("kind".to_owned(), kind.into());
    }
    let mut api = serde_json::from_value(value).map_err(|error| cannot(&error.to_string()))?;
    R::after_decode(body, &mut api);
    if let Some(why) = R::conversion_error(&api) {
        return Err(cannot(&why));
    }
    Ok((api, unknown))
}

/// 422 for the result of a patch that does not decode: neither kind nor name are known then.
pub(crate) fn patch_result_error(error: &ApiError, patched: &Value) -> ApiError {
    let text = error.message();
    let why = text.split_once(": ").map_or(text, |(_, why)| why);
    let error = Error::invalid(&Path::new("patch"), patched.to_string(), why);
    ApiError::invalid(&seatrial_api::GroupKind::new_static("", ""), "", vec![error])
}
