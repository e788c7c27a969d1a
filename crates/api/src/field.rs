//! Field paths and field errors: what validation finds, in the API server's words.
//!
//! Mirrors apimachinery/pkg/util/validation/field (v1.36).

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

/// A path to a field, as a list linked through the callers' stack frames: building one allocates
/// nothing, and it is written out only when there is an error to report.
///
/// Mirrors `field.Path`.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    element: Element<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Element<'a> {
    Name(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The path of a top-level field. A dotted name (`spec.template`) stands for several steps.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self { parent: None, element: Element::Name(name) }
    }

    /// A field of the object at this path. A dotted name stands for several steps.
    #[must_use]
    pub const fn child<'b>(&'b self, name: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), element: Element::Name(name) }
    }

    /// An item of the list at this path.
    #[must_use]
    pub const fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), element: Element::Index(index) }
    }

    /// An entry of the map at this path.
    #[must_use]
    pub const fn key<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), element: Element::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if matches!(self.element, Element::Name(_)) {
                f.write_str(".")?;
            }
        }
        match self.element {
            Element::Name(name) => f.write_str(name),
            Element::Index(index) => write!(f, "[{index}]"),
            Element::Key(key) => write!(f, "[{key}]"),
        }
    }
}

/// What is wrong with a field; the word before its value and the machine-readable cause.
///
/// Mirrors `field.ErrorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorType {
    /// A reference to something that is not there.
    NotFound,
    /// A value that must be given is not.
    Required,
    /// A value that must be unique is not.
    Duplicate,
    /// A malformed value.
    Invalid,
    /// A value outside an enumeration.
    NotSupported,
    /// A value that is well formed but not allowed here.
    Forbidden,
    /// A text with too many bytes or characters.
    TooLong,
    /// A list with too many items.
    TooMany,
    /// A list with too few items.
    TooFew,
    /// A failure that is not the user's.
    Internal,
    /// A value of the wrong type.
    TypeInvalid,
}

impl ErrorType {
    /// The words printed before the value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::Internal => "Internal error",
        }
    }

    /// The `reason` of the cause in a Status.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    const fn prints_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::Internal)
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The offending value, kept in the form in which the message shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadValue {
    /// Nothing is printed, not even the colon.
    Omitted,
    /// Go's nil, which upstream prints as `"null"`.
    Null,
    /// Printed quoted.
    String(String),
    /// Printed bare: numbers, bools and JSON text.
    Bare(String),
}

impl BadValue {
    /// A struct, list or map, printed as JSON in the field order of `value`.
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => Self::Bare(escape_html(&text)),
            Err(_) => Self::Null,
        }
    }
}

/// Go's encoder writes these three characters escaped; they occur only inside JSON strings.
fn escape_html(json: &str) -> String {
    if !json.contains(['<', '>', '&']) {
        return json.to_owned();
    }
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

impl From<&str> for BadValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<&String> for BadValue {
    fn from(value: &String) -> Self {
        Self::String(value.clone())
    }
}

impl From<String> for BadValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

macro_rules! bare_bad_value {
    ($($t:ty),*) => {$(
        impl From<$t> for BadValue {
            fn from(value: $t) -> Self {
                Self::Bare(value.to_string())
            }
        }
    )*};
}
bare_bad_value!(i32, i64, u32, u64, usize, bool);

/// One finding of validation.
///
/// Mirrors `field.Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub error_type: ErrorType,
    /// The path, written out.
    pub field: String,
    /// The offending value.
    pub bad_value: BadValue,
    /// The explanation, may be empty.
    pub detail: String,
}

/// The findings of validation, in the order in which they are reported.
pub type ErrorList = Vec<Error>;

impl Error {
    #[cold]
    fn new(error_type: ErrorType, field: &Path<'_>, bad_value: BadValue, detail: impl Into<String>) -> Self {
        Self { error_type, field: field.to_string(), bad_value, detail: detail.into() }
    }

    /// The value has the wrong type.
    #[must_use]
    pub fn type_invalid(field: &Path<'_>, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::TypeInvalid, field, value.into(), detail)
    }

    /// The thing the value names is not there.
    #[must_use]
    pub fn not_found(field: &Path<'_>, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorType::NotFound, field, value.into(), "")
    }

    /// The value must be given.
    #[must_use]
    pub fn required(field: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, field, BadValue::Omitted, detail)
    }

    /// The value must be unique.
    #[must_use]
    pub fn duplicate(field: &Path<'_>, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorType::Duplicate, field, value.into(), "")
    }

    /// The value is malformed.
    #[must_use]
    pub fn invalid(field: &Path<'_>, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, field, value.into(), detail)
    }

    /// The value is not one of `valid_values`, which are listed in the order given.
    #[must_use]
    pub fn not_supported(field: &Path<'_>, value: impl Into<BadValue>, valid_values: &[&str]) -> Self {
        let detail = if valid_values.is_empty() {
            String::new()
        } else {
            let quoted: Vec<String> = valid_values.iter().map(|value| quote(value)).collect();
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(ErrorType::NotSupported, field, value.into(), detail)
    }

    /// The value may not be given here.
    #[must_use]
    pub fn forbidden(field: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, field, BadValue::Omitted, detail)
    }

    /// The text has more than `max_length` bytes.
    #[must_use]
    pub fn too_long(field: &Path<'_>, max_length: usize) -> Self {
        let unit = if max_length == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max_length} {unit}");
        Self::new(ErrorType::TooLong, field, BadValue::Omitted, detail)
    }

    /// The list has `actual` items, more than `max`.
    #[must_use]
    pub fn too_many(field: &Path<'_>, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::new(ErrorType::TooMany, field, actual.into(), detail)
    }

    /// The list has `actual` items, fewer than `min`.
    #[must_use]
    pub fn too_few(field: &Path<'_>, actual: usize, min: usize) -> Self {
        let unit = if min == 1 { "item" } else { "items" };
        let detail = format!("must have at least {min} {unit}");
        Self::new(ErrorType::TooFew, field, actual.into(), detail)
    }

    /// A failure that is not the user's.
    #[must_use]
    pub fn internal(field: &Path<'_>, error: impl Into<String>) -> Self {
        Self::new(ErrorType::Internal, field, BadValue::Omitted, error)
    }

    /// The message without the field, as it stands in a Status cause.
    ///
    /// Mirrors `Error.ErrorBody`.
    #[must_use]
    pub fn error_body(&self) -> String {
        let mut body = String::from(self.error_type.as_str());
        if self.error_type.prints_value() {
            match &self.bad_value {
                BadValue::Omitted => {}
                BadValue::Null => body.push_str(": \"null\""),
                BadValue::String(value) => {
                    body.push_str(": ");
                    body.push_str(&quote(value));
                }
                BadValue::Bare(value) => {
                    body.push_str(": ");
                    body.push_str(value);
                }
            }
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.error_body())
    }
}

impl std::error::Error for Error {}

/// The text of several errors: alone as it is, otherwise `[a, b]`, each text once.
///
/// Mirrors `ErrorList.ToAggregate().Error()`; empty for an empty list.
#[must_use]
pub fn aggregate(errors: &[Error]) -> String {
    let mut seen = BTreeSet::new();
    let texts: Vec<String> = errors.iter().map(Error::to_string).filter(|text| seen.insert(text.clone())).collect();
    match texts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// A text between double quotes, escaped as Go's `%q` does.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_print(c) => quoted.push(c),
            c if (c as u32) < 0x10000 => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    quoted.push('"');
    quoted
}

/// Rust's debug printer knows the same printable characters as Go but for combining marks after
/// the first character of a string, so the mark is asked about behind a letter.
fn is_print(c: char) -> bool {
    let marked: String = ['a', c].iter().collect();
    c.is_ascii() || marked.escape_debug().nth(1) != Some('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_render() {
        let spec = Path::new("spec");
        let containers = spec.child("containers");
        let first = containers.index(0);
        assert_eq!(first.child("name").to_string(), "spec.containers[0].name");
        let metadata = Path::new("metadata");
        assert_eq!(metadata.child("labels").key("a/b").to_string(), "metadata.labels[a/b]");
        assert_eq!(Path::new("spec.template").child("spec").to_string(), "spec.template.spec");
    }

    #[test]
    fn error_texts() {
        let f = Path::new("f");
        let rows: Vec<(Error, &str)> = vec![
            (Error::required(&f, ""), "f: Required value"),
            (Error::required(&f, "why"), "f: Required value: why"),
            (Error::invalid(&f, 5, "must be x"), "f: Invalid value: 5: must be x"),
            (Error::invalid(&f, "a\"b\n", ""), "f: Invalid value: \"a\\\"b\\n\""),
            (Error::invalid(&f, "\u{e9}\u{301}\u{a0}\u{1}", ""), "f: Invalid value: \"\u{e9}\u{301}\\u00a0\\x01\""),
            (Error::invalid(&f, BadValue::Null, "no"), "f: Invalid value: \"null\": no"),
            (
                Error::invalid(&f, BadValue::json(&serde_json::json!({"a": "<b>"})), "no"),
                "f: Invalid value: {\"a\":\"\\u003cb\\u003e\"}: no",
            ),
            (Error::not_supported(&f, "x", &["A", "B"]), "f: Unsupported value: \"x\": supported values: \"A\", \"B\""),
            (Error::duplicate(&f, "c"), "f: Duplicate value: \"c\""),
            (Error::not_found(&f, "v"), "f: Not found: \"v\""),
            (Error::forbidden(&f, "no"), "f: Forbidden: no"),
            (Error::too_long(&f, 63), "f: Too long: may not be more than 63 bytes"),
            (Error::too_many(&f, 3, 2), "f: Too many: 3: must have at most 2 items"),
            (Error::type_invalid(&f, true, "t"), "f: Invalid value: true: t"),
            (Error::internal(&f, "boom"), "f: Internal error: boom"),
        ];
        for (error, want) in rows {
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn aggregate_lists_each_text_once() {
        let a = Error::required(&Path::new("a"), "");
        let b = Error::invalid(&Path::new("b"), 1, "x");
        assert_eq!(aggregate(&[]), "");
        assert_eq!(aggregate(&[a.clone(), a.clone()]), "a: Required value");
        assert_eq!(aggregate(&[a.clone(), b, a]), "[a: Required value, b: Invalid value: 1: x]");
    }
}
