//! What names, label values, keys, ports and addresses may look like, and what is said if they do not.
//!
//! Mirrors apimachinery/pkg/util/validation and pkg/api/validate/content (v1.36). Each validator
//! returns one message a broken rule; an empty list means that the value is valid.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The messages of one value; empty means valid.
pub type Messages = Vec<Cow<'static, str>>;

/// Longest DNS subdomain, in characters.
pub const DNS1123_SUBDOMAIN_MAX_LENGTH: usize = 253;
/// Longest DNS label, in characters.
pub const DNS1123_LABEL_MAX_LENGTH: usize = 63;
/// Longest label value, in bytes.
pub const LABEL_VALUE_MAX_LENGTH: usize = 63;

const DNS1123_LABEL_MSG: &str = "a lowercase RFC 1123 label must consist of lower case \
    alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. \
    'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS1123_SUBDOMAIN_WITH_UNDERSCORE_MSG: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const DNS1123_SUBDOMAIN_MSG: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
    (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035_LABEL_MSG: &str = "a DNS-1035 label must consist of lower case alphanumeric \
    characters or '-', start with an alphabetic character, and end with an alphanumeric character \
    (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE_MSG: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_NAME_MSG: &str = "must consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const C_IDENTIFIER_MSG: &str = "a valid C identifier must start with alphabetic character or '_', \
    followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or \
    'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";
const PERCENT_MSG: &str = "a valid percent string must be a numeric string followed by an ending \
    '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const HTTP_HEADER_MSG: &str = "a valid HTTP header must consist of alphanumeric characters or '-' \
    (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
const CONFIG_MAP_KEY_MSG: &str = "a valid config key must consist of alphanumeric characters, \
    '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation \
    is '[-._a-zA-Z0-9]+')";
const ENV_VAR_NAME_MSG: &str = "a valid environment variable name must consist of alphabetic \
    characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  \
    or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is \
    '[-._a-zA-Z][-._a-zA-Z0-9]*')";
const RELAXED_ENV_VAR_NAME_MSG: &str = "a valid environment variable name must consist only of \
    printable ASCII characters other than '='";
const IP_MSG: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// `must be no more than N characters`.
#[must_use]
pub fn max_len_error(length: usize) -> String {
    format!("must be no more than {length} characters")
}

/// `must be between LOW and HIGH, inclusive`.
#[must_use]
pub fn inclusive_range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// Whether `bytes` is alphanumeric at both ends (by `edge`) and `inner` between; not empty.
fn is_edged(bytes: &[u8], edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    match bytes {
        [] => false,
        [only] => edge(*only),
        [first, middle @ .., last] => edge(*first) && edge(*last) && middle.iter().all(|&byte| inner(byte)),
    }
}

fn is_lower_alnum(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_dns_label(bytes: &[u8]) -> bool {
    is_edged(bytes, is_lower_alnum, |byte| is_lower_alnum(byte) || byte == b'-')
}

fn is_dns_subdomain(value: &str) -> bool {
    value.as_bytes().split(|&byte| byte == b'.').all(is_dns_label)
}

fn is_name_part(value: &str) -> bool {
    is_edged(
        value.as_bytes(),
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
    )
}

/// A DNS label: most short names. Mirrors `IsDNS1123Label`.
#[must_use]
pub fn is_dns1123_label(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > DNS1123_LABEL_MAX_LENGTH {
        messages.push(max_len_error(DNS1123_LABEL_MAX_LENGTH).into());
    }
    if !is_dns_label(value.as_bytes()) {
        let dotted = is_dns_subdomain(value);
        messages.push(if dotted { "must not contain dots" } else { DNS1123_LABEL_MSG }.into());
    }
    messages
}

/// A DNS subdomain: the names of most kinds. Mirrors `IsDNS1123Subdomain`.
#[must_use]
pub fn is_dns1123_subdomain(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > DNS1123_SUBDOMAIN_MAX_LENGTH {
        messages.push(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH).into());
    }
    if !is_dns_subdomain(value) {
        messages.push(DNS1123_SUBDOMAIN_MSG.into());
    }
    messages
}

/// A DNS subdomain that may hold underscores. Mirrors `IsDNS1123SubdomainWithUnderscore`.
#[must_use]
pub fn is_dns1123_subdomain_with_underscore(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > DNS1123_SUBDOMAIN_MAX_LENGTH {
        messages.push(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH).into());
    }
    let is_alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.strip_prefix('_').unwrap_or(label).as_bytes();
        bytes.first().is_some_and(|&byte| is_alnum(byte))
            && bytes.last().is_some_and(|&byte| is_alnum(byte))
            && bytes.iter().all(|&byte| is_alnum(byte) || matches!(byte, b'-' | b'_'))
    };
    if !value.split('.').all(is_label) {
        messages.push(DNS1123_SUBDOMAIN_WITH_UNDERSCORE_MSG.into());
    }
    messages
}

/// A DNS label that starts with a letter. Mirrors `IsDNS1035Label`.
#[must_use]
pub fn is_dns1035_label(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > DNS1123_LABEL_MAX_LENGTH {
        messages.push(max_len_error(DNS1123_LABEL_MAX_LENGTH).into());
    }
    let bytes = value.as_bytes();
    if !is_dns_label(bytes) || !bytes[0].is_ascii_lowercase() {
        messages.push(DNS1035_LABEL_MSG.into());
    }
    messages
}

/// The key of a label, annotation, resource or condition: `name` or `prefix/name`.
/// Mirrors `IsQualifiedName`.
#[must_use]
pub fn is_qualified_name(value: &str) -> Messages {
    let mut messages = Messages::new();
    let mut parts = value.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                messages.push("prefix part must be non-empty".into());
            } else {
                let broken = is_dns1123_subdomain(prefix);
                messages.extend(broken.into_iter().map(|text| format!("prefix part {text}").into()));
            }
            name
        }
        (_, None, _) => value,
        _ => {
            messages.push(
                format!(
                    "a valid label key {QUALIFIED_NAME_MSG} with an optional DNS subdomain prefix \
                     and '/' (e.g. 'example.com/MyName')"
                )
                .into(),
            );
            return messages;
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".into());
    } else if name.len() > LABEL_VALUE_MAX_LENGTH {
        messages.push(format!("name part must be no more than {LABEL_VALUE_MAX_LENGTH} bytes").into());
    }
    if !is_name_part(name) {
        messages.push(format!("name part {QUALIFIED_NAME_MSG}").into());
    }
    messages
}

/// The value of a label. Mirrors `IsValidLabelValue`.
#[must_use]
pub fn is_valid_label_value(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > LABEL_VALUE_MAX_LENGTH {
        messages.push(format!("must be no more than {LABEL_VALUE_MAX_LENGTH} bytes").into());
    }
    if !value.is_empty() && !is_name_part(value) {
        messages.push(LABEL_VALUE_MSG.into());
    }
    messages
}

/// A C identifier. Mirrors `IsCIdentifier`.
#[must_use]
pub fn is_c_identifier(value: &str) -> Messages {
    let valid = value
        .bytes()
        .enumerate()
        .all(|(index, byte)| byte == b'_' || byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit()));
    one_unless(valid && !value.is_empty(), C_IDENTIFIER_MSG)
}

/// A number and a percent sign. Mirrors `IsValidPercent`.
#[must_use]
pub fn is_valid_percent(value: &str) -> Messages {
    let digits = value.strip_suffix('%').unwrap_or_default();
    one_unless(!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()), PERCENT_MSG)
}

/// The name of an HTTP header. Mirrors `IsHTTPHeaderName`.
#[must_use]
pub fn is_http_header_name(value: &str) -> Messages {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    one_unless(valid && !value.is_empty(), HTTP_HEADER_MSG)
}

/// The key of a ConfigMap or Secret. Mirrors `IsConfigMapKey`.
#[must_use]
pub fn is_config_map_key(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > DNS1123_SUBDOMAIN_MAX_LENGTH {
        messages.push(max_len_error(DNS1123_SUBDOMAIN_MAX_LENGTH).into());
    }
    if value.is_empty() || !value.bytes().all(is_key_byte) {
        messages.push(CONFIG_MAP_KEY_MSG.into());
    }
    messages.extend(has_ch_dir_prefix(value));
    messages
}

/// The name of an environment variable by the old, strict rule. Mirrors `IsEnvVarName`.
#[must_use]
pub fn is_env_var_name(value: &str) -> Messages {
    let starts_well = value.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let mut messages = one_unless(starts_well && value.bytes().all(is_key_byte), ENV_VAR_NAME_MSG);
    messages.extend(has_ch_dir_prefix(value));
    messages
}

/// The name of an environment variable by the rule in force. Mirrors `IsRelaxedEnvVarName`.
#[must_use]
pub fn is_relaxed_env_var_name(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.is_empty() {
        messages.push("environment variable name must be non-empty".into());
    }
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=') {
        messages.push(RELAXED_ENV_VAR_NAME_MSG.into());
    }
    messages
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn has_ch_dir_prefix(value: &str) -> Option<Cow<'static, str>> {
    match value {
        "." => Some("must not be '.'".into()),
        ".." => Some("must not be '..'".into()),
        _ if value.starts_with("..") => Some("must not start with '..'".into()),
        _ => None,
    }
}

/// The number of a port. Mirrors `IsValidPortNum`.
#[must_use]
pub fn is_valid_port_num(port: i32) -> Messages {
    is_in_range(i64::from(port), 1, 65535)
}

/// A number between two others, both allowed. Mirrors `IsInRange`.
#[must_use]
pub fn is_in_range(value: i64, low: i64, high: i64) -> Messages {
    if (low..=high).contains(&value) {
        return Messages::new();
    }
    vec![inclusive_range_error(low, high).into()]
}

/// The name of a port (IANA_SVC_NAME). Mirrors `IsValidPortName`.
#[must_use]
pub fn is_valid_port_name(value: &str) -> Messages {
    let mut messages = Messages::new();
    if value.len() > 15 {
        messages.push(max_len_error(15).into());
    }
    if value.is_empty() || !value.bytes().all(|byte| is_lower_alnum(byte) || byte == b'-') {
        let text = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        messages.push(text.into());
    }
    if !value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        messages.push("must contain at least one letter (a-z)".into());
    }
    if value.contains("--") {
        messages.push("must not contain consecutive hyphens".into());
    }
    if value.starts_with('-') || value.ends_with('-') {
        messages.push("must not begin or end with a hyphen".into());
    }
    messages
}

/// An IPv4 or IPv6 address. Mirrors `IsValidIPForLegacyField`, which is strict since v1.36.
#[must_use]
pub fn is_valid_ip(value: &str) -> Messages {
    if is_ipv4(value) {
        return one_unless(!has_leading_zeros(value), "must not have leading 0s");
    }
    match value.parse::<Ipv6Addr>() {
        Ok(address) => one_unless(address.to_ipv4_mapped().is_none(), "must not be an IPv4-mapped IPv6 address"),
        Err(_) => one_unless(false, IP_MSG),
    }
}

/// Whether zeros lead a number of an IPv4 address.
#[must_use]
pub fn has_leading_zeros(value: &str) -> bool {
    value.split('.').any(|part| part.len() > 1 && part.starts_with('0'))
}

fn is_ipv4(value: &str) -> bool {
    let mut parts = 0;
    for part in value.split('.') {
        parts += 1;
        let digits = part.trim_start_matches('0');
        let fits = digits.is_empty() || digits.parse::<u8>().is_ok();
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) || !fits {
            return value.parse::<Ipv4Addr>().is_ok();
        }
    }
    parts == 4
}

/// A name that becomes one segment of a path. Mirrors `IsValidPathSegmentName`.
#[must_use]
pub fn is_valid_path_segment_name(value: &str) -> Messages {
    if value == "." || value == ".." {
        return vec![format!("may not be '{value}'").into()];
    }
    is_valid_path_segment_prefix(value)
}

/// The start of such a name. Mirrors `IsValidPathSegmentPrefix`.
#[must_use]
pub fn is_valid_path_segment_prefix(value: &str) -> Messages {
    let mut messages = Messages::new();
    for part in ["/", "%"] {
        if value.contains(part) {
            messages.push(format!("may not contain '{part}'").into());
        }
    }
    messages
}

fn one_unless(valid: bool, message: &'static str) -> Messages {
    if valid { Messages::new() } else { vec![message.into()] }
}

/// What a name is checked for: a whole name, or a generateName to which a suffix will be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameUse {
    /// `metadata.name`.
    Name,
    /// `metadata.generateName`: a trailing dash is allowed.
    Prefix,
}

/// A rule for the names of a kind. Mirrors `ValidateNameFunc`.
pub type ValidateNameFn = fn(&str, NameUse) -> Messages;

/// Stands in for the suffix: the last two bytes `x-` become `a`. Mirrors `maskTrailingDash`.
fn mask_trailing_dash(name: &str, name_use: NameUse) -> Cow<'_, str> {
    match name.strip_suffix('-') {
        Some(rest) if name_use == NameUse::Prefix && !rest.is_empty() => {
            let mut chars = rest.chars();
            chars.next_back();
            Cow::Owned(format!("{}a", chars.as_str()))
        }
        _ => Cow::Borrowed(name),
    }
}

/// The name is a DNS subdomain. Mirrors `NameIsDNSSubdomain`.
#[must_use]
pub fn name_is_dns_subdomain(name: &str, name_use: NameUse) -> Messages {
    is_dns1123_subdomain(&mask_trailing_dash(name, name_use))
}

/// The name is a DNS label. Mirrors `NameIsDNSLabel`.
#[must_use]
pub fn name_is_dns_label(name: &str, name_use: NameUse) -> Messages {
    is_dns1123_label(&mask_trailing_dash(name, name_use))
}

/// The name is a DNS label that starts with a letter. Mirrors `NameIsDNS1035Label`.
#[must_use]
pub fn name_is_dns1035_label(name: &str, name_use: NameUse) -> Messages {
    is_dns1035_label(&mask_trailing_dash(name, name_use))
}

/// The name is one segment of a path. Mirrors `ValidatePathSegmentName`.
#[must_use]
pub fn validate_path_segment_name(name: &str, name_use: NameUse) -> Messages {
    match name_use {
        NameUse::Name => is_valid_path_segment_name(name),
        NameUse::Prefix => is_valid_path_segment_prefix(name),
    }
}

#[cfg(test)]
mod tests;
