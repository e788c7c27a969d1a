//! Patches: JSON patch, JSON merge patch, strategic merge patch and kubectl's three-way apply.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/patch.go and apimachinery util/strategicpatch (v1.36).

mod merge;
mod strategic;
mod three_way;

use seatrial_api::error::{StatusDetails, StatusReason};
use seatrial_api::schema::TypeRef;
use seatrial_api::{ApiError, GroupKind};
use serde_json::Value;

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

/// How many operations a JSON patch may have. Mirrors `maxJSONPatchOperations`.
const JSON_PATCH_OPERATIONS_MAX: usize = 10_000;

/// Applies a JSON patch, RFC 6902.
///
/// # Errors
/// 400 for a document that is no patch, 413 for one that is too long, 422 for one that does not apply.
pub fn apply_json_patch(current: &Value, patch: &Value) -> Result<Value, ApiError> {
    if !patch.is_array() {
        let word = strategic::word(patch);
        let text =
            format!("error decoding patch: json: cannot unmarshal {word} into Go value of type []handlers.jsonPatchOp");
        return Err(ApiError::bad_request(text));
    }
    // An operation that is not known, or lacks a part, is found out only when it is applied.
    let operations: json_patch::Patch = serde_json::from_value(patch.clone()).map_err(|_| rejected())?;
    if operations.0.len() > JSON_PATCH_OPERATIONS_MAX {
        let text = format!(
            "The allowed maximum operations in a JSON patch is {JSON_PATCH_OPERATIONS_MAX}, got {}",
            operations.0.len()
        );
        return Err(ApiError::request_entity_too_large(JSON_PATCH_OPERATIONS_MAX as u64).with_message(text));
    }
    let mut patched = current.clone();
    json_patch::patch(&mut patched, &operations.0).map_err(|_| rejected())?;
    Ok(patched)
}

/// 422 without a word of why, as the server answers a JSON patch that does not apply.
fn rejected() -> ApiError {
    ApiError::invalid(&GroupKind::new_static("", ""), "", Vec::new())
        .with_message("the server rejected our request due to an error in our request")
}
