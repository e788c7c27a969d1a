//! Validation of label selectors.
//!
//! Mirrors apimachinery/pkg/apis/meta/v1/validation (v1.36).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::is_valid_label_value;
use serde::Serialize;

use super::meta::{validate_label_name, validate_labels};
use super::{invalid_each, items};

/// The k8s types cannot tell an absent selector from `{}`, but the API server answers differently.
/// Call this after decoding, with the JSON value of the selector: a selector that is there but
/// empty gets an empty list of labels, and `LabelSelector::default()` means an absent one.
pub fn keep_empty_selector(raw: Option<&serde_json::Value>, selector: &mut LabelSelector) {
    let is_given = raw.is_some_and(serde_json::Value::is_object);
    if is_given && *selector == LabelSelector::default() {
        selector.match_labels = Some(Default::default());
    }
}

/// Whether the selector was not given at all.
pub(super) fn is_absent(selector: &LabelSelector) -> bool {
    *selector == LabelSelector::default()
}

/// Whether the selector has no requirement.
pub(super) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(|labels| labels.is_empty())
        && items(&selector.match_expressions).is_empty()
}

/// A selector in the field order of Go's struct, as messages print it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoSelector<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    match_labels: Option<&'a std::collections::BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<GoRequirement<'a>>,
}

#[derive(Serialize)]
struct GoRequirement<'a> {
    key: &'a str,
    operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'a Vec<String>>,
}

/// The selector as a bad value.
pub(super) fn bad_selector(selector: &LabelSelector) -> BadValue {
    let match_expressions = items(&selector.match_expressions)
        .iter()
        .map(|requirement| GoRequirement {
            key: &requirement.key,
            operator: &requirement.operator,
            values: requirement.values.as_ref().filter(|values| !values.is_empty()),
        })
        .collect();
    BadValue::json(&GoSelector {
        match_labels: selector.match_labels.as_ref().filter(|labels| !labels.is_empty()),
        match_expressions,
    })
}

/// Mirrors `ValidateLabelSelector`.
pub fn validate_label_selector(errs: &mut ErrorList, selector: &LabelSelector, path: &Path<'_>) {
    validate_labels(errs, selector.match_labels.as_ref(), &path.child("matchLabels"));
    let expressions = path.child("matchExpressions");
    for (index, requirement) in items(&selector.match_expressions).iter().enumerate() {
        validate_requirement(errs, requirement, &expressions.index(index));
    }
}

/// Mirrors `ValidateLabelSelectorRequirement`.
fn validate_requirement(errs: &mut ErrorList, requirement: &LabelSelectorRequirement, path: &Path<'_>) {
    let values_path = path.child("values");
    let values = items(&requirement.values);
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errs.push(Error::required(&values_path, detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errs.push(Error::forbidden(&values_path, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            let detail = "not a valid selector operator";
            errs.push(Error::invalid(&path.child("operator"), other, detail));
        }
    }
    validate_label_name(errs, &requirement.key, &path.child("key"));
    for (index, value) in values.iter().enumerate() {
        invalid_each(errs, &values_path.index(index), value, is_valid_label_value(value));
    }
}
