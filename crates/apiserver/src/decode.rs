//! Decoding: the bytes of a request into a kind's type, with Go's errors and the strict decoder's findings.
//!
//! Mirrors k8s.io/apimachinery/pkg/runtime/serializer/json and the handlers' `transformDecodeError` (v1.36).

mod registered;
mod scalar;
mod yaml;

use std::borrow::Cow;

use seatrial_api::field::{Error, Path};
use seatrial_api::json::{self, Node};
use seatrial_api::schema::{Issue, TypeRef, canonicalize, check, fill_zero_times, to_typed_value, type_named};
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
    /// What stands twice in a YAML text, as the strict decoder words it; the document tells what stands twice in JSON.
    pub duplicates: Vec<String>,
    /// The value with the order of its keys and the digits of its numbers, unless it was made from a value.
    pub document: Option<Node>,
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self { value, duplicates: Vec::new(), document: None }
    }
}

impl Body {
    /// Reads JSON.
    ///
    /// # Errors
    /// Go's text.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let node = json::parse(bytes)?;
        Ok(Self { value: node.to_value(), duplicates: Vec::new(), document: Some(node) })
    }

    /// Reads the first document of a YAML text.
    ///
    /// # Errors
    /// goyaml's text.
    pub(crate) fn from_yaml(bytes: &[u8]) -> Result<Self, String> {
        let read = yaml::parse(bytes)?;
        let mut duplicates = Vec::new();
        if !read.duplicates.is_empty() {
            duplicates.push(format!("yaml: unmarshal errors:\n  {}", read.duplicates.join("\n  ")));
        }
        Ok(Self { value: read.node.to_value(), duplicates, document: Some(read.node) })
    }

    /// The document, made from the value where there is none.
    pub(crate) fn node(&self) -> Cow<'_, Node> {
        self.document.as_ref().map_or_else(|| Cow::Owned(Node::from_value(&self.value)), Cow::Borrowed)
    }
}

/// Reads a body of a media type; JSON where none is given.
///
/// # Errors
/// 400 for broken text, 415 for a media type that is not read.
pub fn parse_body(bytes: &[u8], content_type: Option<&str>) -> Result<Body, ApiError> {
    read(bytes, content_type)?.map_err(|(_, why)| ApiError::bad_request(why))
}

/// Reads a body that is to be an object of a kind.
///
/// # Errors
/// 400 for broken text and for what is no object, with the text's beginning; 415 for a media type that is not read.
pub fn parse_object(bytes: &[u8], content_type: Option<&str>, kind: &str) -> Result<Body, ApiError> {
    let unrecognized = |why: &str| {
        let summary = summarize(bytes);
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({summary})"
        ))
    };
    let body = read(bytes, content_type)?.map_err(|(is_yaml, why)| {
        if is_yaml {
            unrecognized(&why)
        } else {
            unrecognized(&format!("couldn't get version/kind; json parse error: {why}"))
        }
    })?;
    interpret(&body.node()).map_err(|why| unrecognized(&why))?;
    Ok(body)
}

/// The body, or why its text is broken and whether it was YAML.
fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Result<Body, (bool, String)>, ApiError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media {
        "" | "application/json" => Ok(Body::from_json(bytes).map_err(|why| (false, why))),
        "application/yaml" => Ok(Body::from_yaml(bytes).map_err(|why| (true, why))),
        _ => Err(ApiError::unsupported_media_type(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ])),
    }
}

/// Whether a document can say of what kind it is. Mirrors `SimpleMetaFactory.Interpret`.
fn interpret(node: &Node) -> Result<(), String> {
    const TARGET: &str =
        r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
    let failed = |why: String| Err(format!("couldn't get version/kind; json parse error: {why}"));
    if !matches!(node, Node::Object(_) | Node::Null) {
        return failed(format!("json: cannot unmarshal {} into Go value of type {TARGET}", node.word()));
    }
    for key in ["apiVersion", "kind"] {
        if let Some(value) = node.get(key).filter(|v| !matches!(v, Node::String(_) | Node::Null)) {
            return failed(format!(
                "json: cannot unmarshal {} into Go struct field .{key} of type string",
                value.word()
            ));
        }
    }
    let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
    if api_version.matches('/').count() > 1 {
        return Err(format!("unexpected GroupVersion string: {api_version}"));
    }
    Ok(())
}

/// The beginning of a body for an error: text where it looks like JSON, and otherwise hexadecimal. Mirrors `summarizeData`.
fn summarize(bytes: &[u8]) -> String {
    const BYTES_MAX: usize = 30;
    let shown = &bytes[..bytes.len().min(BYTES_MAX)];
    let text = match bytes.first() {
        None => return "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().map(|b| format!("{b:02x}")).collect(),
    };
    if bytes.len() > BYTES_MAX { format!("{text} ...") } else { text }
}

/// The 400 of a body that does not decode into a kind.
pub(crate) fn cannot_be_handled(kind: &str, version: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
}

/// What a strict decoder finds in a value of a type: in strict mode the findings are the error, in warn mode the texts.
///
/// # Errors
/// The text of a value of the wrong type, or in strict mode of all findings.
pub(crate) fn strict_issues(value: &Value, ty: TypeRef, validation: FieldValidation) -> Result<Vec<String>, String> {
    strict(&Node::from_value(value), ty, validation, Vec::new())
}

/// The same for a document, with findings that were made before.
fn strict(
    node: &Node,
    ty: TypeRef,
    validation: FieldValidation,
    mut found: Vec<String>,
) -> Result<Vec<String>, String> {
    for issue in check(node, ty) {
        match issue {
            Issue::Type(text) => return Err(text),
            issue => found.push(issue.to_string()),
        }
    }
    match validation {
        FieldValidation::Strict if !found.is_empty() => Err(format!("strict decoding error: {}", found.join(", "))),
        FieldValidation::Ignore => Ok(Vec::new()),
        _ => Ok(found),
    }
}

/// The schema of a kind.
pub fn type_of(kind: Kind) -> Option<TypeRef> {
    type_named(kind.info().kind)
}

/// Why an object could not be read.
#[derive(Debug)]
pub(crate) enum DecodeError {
    /// It is not of the kind, or not well formed; with the kind and version that it says it has.
    Why { kind: String, version: String, own: &'static str, why: String },
    /// What the server says at once.
    Answer(ApiError),
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Why { kind, version, own, why } => {
                ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {own}: {why}"))
            }
            DecodeError::Answer(error) => error,
        }
    }
}

/// Reads an object of a kind; returns it with what there is to warn of.
///
/// # Errors
/// 400 for another kind or version, a value of the wrong type, or in strict mode a field that does not exist.
pub(crate) fn decode<R: Strategy>(
    body: &Body,
    validation: FieldValidation,
) -> Result<(R::Api, Vec<String>), DecodeError> {
    let info = R::KIND.info();
    let text = |key: &str| body.value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let api_version = R::KIND.api_version();
    let given_version = text("apiVersion").unwrap_or(&api_version);
    let given_kind = text("kind").unwrap_or(info.kind);
    let version = given_version.rsplit('/').next().unwrap_or_default();
    let failed = |why: String| DecodeError::Why {
        kind: given_kind.to_owned(),
        version: version.to_owned(),
        own: info.kind,
        why,
    };
    if (given_version, given_kind) != (api_version.as_str(), info.kind) {
        return Err(other_kind(R::KIND, (given_version, given_kind), version, failed));
    }
    let ty = type_of(R::KIND).ok_or_else(|| DecodeError::Answer(ApiError::internal("no schema")))?;
    let node = body.node();
    let found = strict(&node, ty, validation, body.duplicates.clone()).map_err(failed)?;
    let mut value = to_typed_value(&node, ty);
    canonicalize(&mut value, ty);
    fill_zero_times(&mut value, ty);
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".to_owned(), api_version.as_str().into());
        map.insert("kind".to_owned(), info.kind.into());
    }
    let mut api = serde_json::from_value(value).map_err(|error| failed(error.to_string()))?;
    R::after_decode(&body.value, &mut api);
    if let Some(why) = R::conversion_error(&api) {
        return Err(failed(why));
    }
    Ok((api, found))
}

/// What a body is told that says it is of another kind or version.
fn other_kind(
    own: Kind,
    (api_version, kind): (&str, &str),
    version: &str,
    failed: impl Fn(String) -> DecodeError,
) -> DecodeError {
    if !registered::is_registered(api_version, kind) {
        return failed(format!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\""
        ));
    }
    if kind == own.info().kind {
        return DecodeError::Answer(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            own.api_version()
        )));
    }
    let package = registered::internal_package(own);
    failed(format!("converting ({version}.{kind}) to ({package}.{}): unknown conversion", own.info().kind))
}

/// 422 for the result of a patch that does not decode: neither kind nor name are known then. `shown` is the patched object, or
/// the patch itself, as the server prints it.
pub(crate) fn patch_result_error(error: DecodeError, shown: &str) -> ApiError {
    match error {
        DecodeError::Answer(error) => error,
        DecodeError::Why { why, .. } => invalid_patch(shown, &why),
    }
}

/// 422 about a patch.
pub(crate) fn invalid_patch(shown: &str, why: &str) -> ApiError {
    let error = Error::invalid(&Path::new("patch"), shown.to_owned(), why);
    ApiError::invalid(&seatrial_api::GroupKind::new_static("", ""), "", vec![error])
}
