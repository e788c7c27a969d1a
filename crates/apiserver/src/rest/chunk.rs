//! Pages of lists: the continue token, and what a list was at an earlier version.
//!
//! Mirrors k8s.io/apiserver/pkg/storage/continue.go (v1.36).

use std::collections::BTreeMap;

use seatrial_api::{ApiError, Kind, Object};
use serde_json::{Value, json};

use crate::store::Store;

const TOKEN_VERSION: &str = "meta.k8s.io/v1";
/// Mirrors `continueExpired`.
const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Where a list goes on: the version of its first page, and the key of the last object shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continue {
    /// The version; -1 for a list that goes on with whatever there is now.
    pub(crate) resource_version: i64,
    /// `namespace/name`, or the name alone in a list of one namespace.
    pub(crate) start: String,
}

impl Continue {
    /// The token that stands for this.
    pub(crate) fn encode(&self) -> String {
        let text = json!({"v": TOKEN_VERSION, "rv": self.resource_version, "start": self.start}).to_string();
        base64_encode(text.as_bytes())
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 400 with upstream's text.
    pub(crate) fn decode(token: &str) -> Result<Self, ApiError> {
        let invalid =
            |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = base64_decode(token).map_err(|at| invalid(format!("illegal base64 data at input byte {at}")))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| invalid(not_json(&bytes)))?;
        if value.get("v").and_then(Value::as_str) != Some(TOKEN_VERSION) {
            let version = value.get("v").and_then(Value::as_str).unwrap_or_default();
            return Err(invalid(format!("server does not recognize this encoded version {version:?}")));
        }
        let resource_version = value.get("rv").and_then(Value::as_i64).unwrap_or(0);
        let start = value.get("start").and_then(Value::as_str).unwrap_or_default().to_owned();
        if resource_version == 0 {
            return Err(invalid(format!("incorrect encoded start resourceVersion (version {TOKEN_VERSION})")));
        }
        if start.is_empty() {
            return Err(invalid(format!("encoded start key empty (version {TOKEN_VERSION})")));
        }
        Ok(Self { resource_version, start })
    }

    /// The 410 for a token whose version is gone; it carries a token that goes on without it.
    pub(crate) fn expired(&self) -> (ApiError, String) {
        let again = Self { resource_version: -1, start: self.start.clone() };
        (ApiError::expired(CONTINUE_EXPIRED), again.encode())
    }
}

/// Go's complaint about bytes that are no JSON: the first that cannot begin a value, or the early end.
fn not_json(bytes: &[u8]) -> String {
    match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        None => "unexpected end of JSON input".to_owned(),
        Some(byte) => format!("invalid character '{}' looking for beginning of value", char::from(*byte)),
    }
}

/// The objects of a kind as they were at a version; `None` where the log does not reach back so far.
pub(crate) fn list_at(store: &Store, kind: Kind, namespace: Option<&str>, version: u64) -> Option<Vec<Object>> {
    let now = store.list(kind, namespace);
    if store.kind_version(kind) <= version {
        return Some(now.into_iter().cloned().collect());
    }
    let since = store.log().cursor_after(version)?;
    let key = |o: &Object| (o.meta().namespace.clone(), o.meta().name.clone());
    let mut objects: BTreeMap<_, Object> = now.into_iter().map(|o| (key(o), o.clone())).collect();
    let concerns = |o: &Object| o.kind() == kind && namespace.is_none_or(|n| o.meta().namespace == n);
    let changes: Vec<_> = store.log().since(since).filter(|c| concerns(&c.object)).collect();
    for change in changes.into_iter().rev() {
        match &change.old {
            Some(old) => drop(objects.insert(key(old), old.clone())),
            None => drop(objects.remove(&key(&change.object))),
        }
    }
    Some(objects.into_values().collect())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs, without padding. Mirrors `base64.RawURLEncoding`.
fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// Reads base64 for URLs; the error is the offset of the first byte that is wrong.
fn base64_decode(text: &str) -> Result<Vec<u8>, usize> {
    let text = text.trim_end_matches('=');
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::with_capacity(text.len() * 3 / 4));
    for (at, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|a| *a == byte).ok_or(at)?;
        bits = (bits << 6) | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if count == 6 { Err(text.len()) } else { Ok(bytes) }
}
