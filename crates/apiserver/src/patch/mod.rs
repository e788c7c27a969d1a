//! Patches: JSON patch, JSON merge patch, strategic merge patch and kubectl's three-way apply.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/patch.go and apimachinery util/strategicpatch (v1.36).

mod convert;
mod json_patch;
mod merge;
mod strategic;
mod three_way;

use seatrial_api::ApiError;
use seatrial_api::error::{StatusDetails, StatusReason};
use seatrial_api::json::Node;
use seatrial_api::schema::TypeRef;
use serde_json::Value;

use crate::decode::{Body, invalid_patch};

pub use merge::apply_merge_patch;
pub use strategic::apply_strategic_merge_patch;
pub use three_way::{create_three_way_merge_patch, create_two_way_merge_patch};

/// The kind of a patch, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

impl PatchType {
    /// The kind of patch behind a media type.
    ///
    /// # Errors
    /// 415 for a media type that is no patch.
    pub fn of(content_type: Option<&str>) -> Result<Self, ApiError> {
        let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match media {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => Err(ApiError::new(415, StatusReason::UnsupportedMediaType, "415: Unsupported Media Type")
                .with_details(StatusDetails::default())),
        }
    }
}

/// Applies a patch to an object's JSON.
///
/// # Errors
/// 400 for a document that is no patch, 422 for one that does not apply.
pub fn apply_patch(type_: PatchType, current: &Value, patch: &Value, ty: TypeRef) -> Result<Value, ApiError> {
    match type_ {
        PatchType::Json => apply_json_patch(current, patch),
        PatchType::Merge => Ok(apply_merge_patch(current, patch)),
        PatchType::Strategic => apply_strategic_merge_patch(current, patch, ty),
        PatchType::Apply => Err(ApiError::internal("an apply patch is not applied to JSON alone")),
    }
}

/// Applies a JSON patch, RFC 6902.
///
/// # Errors
/// 400 for a document that is no patch, 413 for one that is too long, 422 for one that does not apply.
pub fn apply_json_patch(current: &Value, patch: &Value) -> Result<Value, ApiError> {
    json_patch::check(&Node::from_value(patch)).map_err(|why| not_decoded(&why))?;
    let operations = patch.as_array().map_or(&[][..], Vec::as_slice);
    json_patch::apply(current, operations)?.ok_or_else(rejected)
}

/// Applies the body of a request to an object's JSON; returns it with what the strict decoder says.
///
/// # Errors
/// As [`apply_patch`], and 422 for a result that does not fit the type, or in strict mode for what the decoder found.
pub(crate) fn apply_body(
    type_: PatchType,
    current: &Value,
    body: &Body,
    ty: TypeRef,
) -> Result<(Value, Vec<String>), ApiError> {
    let node = body.node();
    if node.is_cut() {
        return Err(not_decoded("invalid character '{' exceeded max depth"));
    }
    let patch = &body.value;
    match type_ {
        PatchType::Json => {
            let found = json_patch::check(&node).map_err(|why| not_decoded(&why))?;
            Ok((apply_json_patch(current, patch)?, found))
        }
        PatchType::Merge => {
            if patch.is_null() {
                return Err(ApiError::bad_request("Invalid JSON Patch"));
            }
            if !patch.is_object() {
                let text = "into Go value of type map[string]interface {}";
                return Err(not_decoded(&format!("json: cannot unmarshal {} {text}", node.word())));
            }
            Ok((apply_merge_patch(current, patch), node.duplicates()))
        }
        PatchType::Strategic => {
            let mut patched = apply_strategic_merge_patch(current, patch, ty)?;
            let shown = crate::managedfields::go_text(patch);
            convert::from_unstructured(&patched, ty).map_err(|why| invalid_patch(&shown, &why))?;
            convert::whole_numbers(&mut patched);
            Ok((patched, node.duplicates()))
        }
        PatchType::Apply => Err(ApiError::internal("an apply patch is not applied to JSON alone")),
    }
}

/// Reads the body of a patch.
///
/// # Errors
/// 400 in the words of the patch's kind.
pub fn parse_patch(type_: PatchType, bytes: &[u8]) -> Result<Body, ApiError> {
    match type_ {
        PatchType::Apply => Body::from_yaml(bytes)
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: error converting YAML to JSON: {why}"))),
        PatchType::Strategic => Body::from_json(bytes).map_err(ApiError::bad_request),
        _ => Body::from_json(bytes).map_err(|why| not_decoded(&why)),
    }
}

fn not_decoded(why: &str) -> ApiError {
    ApiError::bad_request(format!("error decoding patch: {why}"))
}

/// 422 without a word of why, as the server answers a JSON patch that does not apply.
fn rejected() -> ApiError {
    ApiError::new(422, StatusReason::Invalid, "the server rejected our request due to an error in our request")
        .with_details(StatusDetails::default())
}
