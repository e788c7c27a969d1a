//! What a client wants to be answered: the object, its metadata alone, or a table.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/negotiation (v1.36). Bodies are answered as JSON values; writing them as
//! YAML is the shell's, protobuf is not spoken.

use seatrial_api::ApiError;

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// The object or list itself.
    Object,
    /// `as=PartialObjectMetadata` or `as=PartialObjectMetadataList`
    PartialObjectMetadata,
    /// `as=Table`
    Table,
}

/// The media types that the server names where it can answer in none of those accepted.
const AVAILABLE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// Chooses the first clause of an Accept header that can be answered.
///
/// # Errors
/// 406 where there is none.
pub(crate) fn representation(accept: Option<&str>) -> Result<Representation, ApiError> {
    let accept = accept.unwrap_or_default().trim();
    if accept.is_empty() {
        return Ok(Representation::Object);
    }
    accept.split(',').find_map(|clause| of_clause(clause.trim())).ok_or_else(|| {
        ApiError::not_acceptable(format!("406: Not Acceptable\n\nAvailable representations: {AVAILABLE}"))
    })
}

fn of_clause(clause: &str) -> Option<Representation> {
    let mut parts = clause.split(';').map(str::trim);
    let media = parts.next()?;
    if !matches!(media, "application/json" | "application/yaml" | "application/*" | "*/*") {
        return None;
    }
    let (mut as_, mut version, mut group) = ("", "", "");
    for (key, value) in parts.filter_map(|p| p.split_once('=')) {
        match key.trim() {
            "as" => as_ = value.trim(),
            "v" => version = value.trim(),
            "g" => group = value.trim(),
            _ => {}
        }
    }
    let known = group == "meta.k8s.io" && matches!(version, "v1" | "v1beta1");
    match as_ {
        "" => Some(Representation::Object),
        "Table" if known => Some(Representation::Table),
        "PartialObjectMetadata" | "PartialObjectMetadataList" if known => Some(Representation::PartialObjectMetadata),
        _ => None,
    }
}
