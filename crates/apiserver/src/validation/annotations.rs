//! Validation of the annotations that mean something on pods.
//!
//! Mirrors `ValidatePodSpecificAnnotations` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use seatrial_api::field::{Error, ErrorList, Path};

use super::text;

const MIRROR_POD_ANNOTATION: &str = "kubernetes.io/config.mirror";
const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Mirrors `ValidatePodSpecificAnnotations`.
pub(super) fn validate_pod_specific_annotations(
    errs: &mut ErrorList,
    annotations: Option<&BTreeMap<String, String>>,
    spec: &PodSpec,
    path: &Path<'_>,
) {
    let Some(annotations) = annotations else { return };
    if let Some(value) = annotations.get(MIRROR_POD_ANNOTATION)
        && text(&spec.node_name).is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errs.push(Error::invalid(&path.key(MIRROR_POD_ANNOTATION), value, detail));
    }
    if let Some(value) = annotations.get(POD_DELETION_COST)
        && !is_deletion_cost(value)
    {
        let detail = "must be a 32bit integer";
        errs.push(Error::invalid(&path.key(POD_DELETION_COST), value, detail));
    }
}

/// A cost has no plus sign and no leading zero.
fn is_deletion_cost(value: &str) -> bool {
    let first_is_valid = value == "0" || !value.starts_with(['+', '0']);
    first_is_valid && value.parse::<i32>().is_ok()
}

/// Mirrors `ValidatePodSpecificAnnotationUpdates`, as far as mirror pods go.
pub(super) fn validate_mirror_annotation_unchanged(
    errs: &mut ErrorList,
    new: Option<&BTreeMap<String, String>>,
    old: Option<&BTreeMap<String, String>>,
    path: &Path<'_>,
) {
    let value = |annotations: Option<&BTreeMap<String, String>>| {
        annotations.and_then(|annotations| annotations.get(MIRROR_POD_ANNOTATION).cloned())
    };
    let detail = match (value(new), value(old)) {
        (new, old) if new == old => return,
        (_, Some(_)) => "may not remove or update mirror pod annotation",
        (_, None) => "may not add mirror pod annotation",
    };
    errs.push(Error::forbidden(&path.key(MIRROR_POD_ANNOTATION), detail));
}
