//! Validation of what the scheduler reads: taints, tolerations, affinity, spreading.
//!
//! Mirrors `ValidateTolerations`, `validateAffinity` and `validateTopologySpreadConstraints` in
//! pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, Toleration,
    TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::field::{Error, ErrorList, Path, quote};
use seatrial_api::names::{NameUse, is_valid_label_value, name_is_dns_label, name_is_dns_subdomain};

use super::meta::validate_label_name;
use super::selector::validate_label_selector;
use super::{IS_NOT_POSITIVE_ERROR_MSG, invalid_each, items, joined, text, validate_supported};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
/// Effects a taint may have.
pub(super) const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Mirrors `ValidateTolerations`.
pub(super) fn validate_tolerations(errs: &mut ErrorList, tolerations: &[Toleration], path: &Path<'_>) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let path = path.index(index);
        let key = text(&toleration.key);
        let operator = text(&toleration.operator);
        let effect = text(&toleration.effect);
        let value = text(&toleration.value);
        let operator_path = path.child("operator");
        if !key.is_empty() {
            validate_label_name(errs, key, &path.child("key"));
        } else if operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all \
                          values and all keys\"";
            errs.push(Error::invalid(&operator_path, operator, detail));
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errs.push(Error::invalid(&path.child("effect"), effect, detail));
        }
        match operator {
            "" | "Equal" => {
                let messages = is_valid_label_value(value);
                if !messages.is_empty() {
                    errs.push(Error::invalid(&operator_path, value, joined(&messages)));
                }
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                errs.push(Error::invalid(&operator_path, value, detail));
            }
            "Exists" => {}
            other => {
                errs.push(Error::not_supported(&operator_path, other, &["Equal", "Exists"]));
            }
        }
        if !effect.is_empty() {
            validate_supported(errs, effect, &TAINT_EFFECTS, &path.child("effect"));
        }
    }
}

/// Mirrors `validateAffinity`.
pub(super) fn validate_affinity(errs: &mut ErrorList, affinity: Option<&Affinity>, path: &Path<'_>) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = &affinity.node_affinity {
        validate_node_affinity(errs, node, &path.child("nodeAffinity"));
    }
    if let Some(pod) = &affinity.pod_affinity {
        let path = path.child("podAffinity");
        validate_pod_affinity_terms(
            errs,
            items(&pod.required_during_scheduling_ignored_during_execution),
            items(&pod.preferred_during_scheduling_ignored_during_execution),
            &path,
        );
    }
    if let Some(pod) = &affinity.pod_anti_affinity {
        let path = path.child("podAntiAffinity");
        validate_pod_affinity_terms(
            errs,
            items(&pod.required_during_scheduling_ignored_during_execution),
            items(&pod.preferred_during_scheduling_ignored_during_execution),
            &path,
        );
    }
}

/// Mirrors `validateNodeAffinity`.
fn validate_node_affinity(errs: &mut ErrorList, affinity: &NodeAffinity, path: &Path<'_>) {
    if let Some(required) = &affinity.required_during_scheduling_ignored_during_execution {
        let path = path.child(REQUIRED);
        let terms_path = path.child("nodeSelectorTerms");
        if required.node_selector_terms.is_empty() {
            let detail = "must have at least one node selector term";
            errs.push(Error::required(&terms_path, detail));
        }
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            validate_node_selector_term(errs, term, true, &terms_path.index(index));
        }
    }
    let preferred_path = path.child(PREFERRED);
    let preferred = items(&affinity.preferred_during_scheduling_ignored_during_execution);
    for (index, term) in preferred.iter().enumerate() {
        let path = preferred_path.index(index);
        validate_weight(errs, term.weight, &path.child("weight"));
        validate_node_selector_term(errs, &term.preference, false, &path.child("preference"));
    }
}

fn validate_weight(errs: &mut ErrorList, weight: i32, path: &Path<'_>) {
    if !(1..=100).contains(&weight) {
        errs.push(Error::invalid(path, weight, "must be in the range 1-100"));
    }
}

/// Mirrors `ValidateNodeSelectorTerm`; a preference may name impossible label values.
pub(super) fn validate_node_selector_term(
    errs: &mut ErrorList,
    term: &NodeSelectorTerm,
    checks_values: bool,
    path: &Path<'_>,
) {
    let expressions_path = path.child("matchExpressions");
    for (index, requirement) in items(&term.match_expressions).iter().enumerate() {
        let path = expressions_path.index(index);
        validate_node_selector_requirement(errs, requirement, checks_values, &path);
    }
    let fields_path = path.child("matchFields");
    for (index, requirement) in items(&term.match_fields).iter().enumerate() {
        validate_node_field_selector_requirement(errs, requirement, &fields_path.index(index));
    }
}

/// Mirrors `ValidateNodeSelectorRequirement`.
fn validate_node_selector_requirement(
    errs: &mut ErrorList,
    requirement: &NodeSelectorRequirement,
    checks_values: bool,
    path: &Path<'_>,
) {
    let values = items(&requirement.values);
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errs.push(Error::required(&values_path, detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errs.push(Error::forbidden(&values_path, detail));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errs.push(Error::required(&values_path, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            let detail = "not a valid selector operator";
            errs.push(Error::invalid(&path.child("operator"), other, detail));
        }
    }
    validate_label_name(errs, &requirement.key, &path.child("key"));
    for (index, value) in values.iter().enumerate().filter(|_| checks_values) {
        invalid_each(errs, &values_path.index(index), value, is_valid_label_value(value));
    }
}

/// Mirrors `ValidateNodeFieldSelectorRequirement`.
fn validate_node_field_selector_requirement(
    errs: &mut ErrorList,
    requirement: &NodeSelectorRequirement,
    path: &Path<'_>,
) {
    let values = items(&requirement.values);
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.len() != 1 => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errs.push(Error::required(&values_path, detail));
        }
        "In" | "NotIn" => {}
        other => {
            let detail = "not a valid selector operator";
            errs.push(Error::invalid(&path.child("operator"), other, detail));
        }
    }
    if requirement.key != "metadata.name" {
        let detail = "not a valid field selector key";
        errs.push(Error::invalid(&path.child("key"), &requirement.key, detail));
        return;
    }
    for (index, value) in values.iter().enumerate() {
        let messages = name_is_dns_subdomain(value, NameUse::Name);
        invalid_each(errs, &values_path.index(index), value, messages);
    }
}

/// Mirrors `validatePodAffinity` and `validatePodAntiAffinity`.
fn validate_pod_affinity_terms(
    errs: &mut ErrorList,
    required: &[PodAffinityTerm],
    preferred: &[WeightedPodAffinityTerm],
    path: &Path<'_>,
) {
    let required_path = path.child(REQUIRED);
    for (index, term) in required.iter().enumerate() {
        validate_pod_affinity_term(errs, term, &required_path.index(index));
    }
    let preferred_path = path.child(PREFERRED);
    for (index, weighted) in preferred.iter().enumerate() {
        let path = preferred_path.index(index);
        validate_weight(errs, weighted.weight, &path.child("weight"));
        validate_pod_affinity_term(errs, &weighted.pod_affinity_term, &path.child("podAffinityTerm"));
    }
}

/// Mirrors `validatePodAffinityTerm`.
fn validate_pod_affinity_term(errs: &mut ErrorList, term: &PodAffinityTerm, path: &Path<'_>) {
    if let Some(selector) = &term.label_selector {
        validate_label_selector(errs, selector, &path.child("labelSelector"));
    }
    if let Some(selector) = &term.namespace_selector {
        validate_label_selector(errs, selector, &path.child("namespaceSelector"));
    }
    for namespace in items(&term.namespaces) {
        let messages = name_is_dns_label(namespace, NameUse::Name);
        invalid_each(errs, &path.child("namespace"), namespace, messages);
    }
    let selector = term.label_selector.as_ref();
    let (matching, other) = (items(&term.match_label_keys), items(&term.mismatch_label_keys));
    validate_match_label_keys(errs, (matching, other), selector, path);
    let topology_path = path.child("topologyKey");
    if term.topology_key.is_empty() {
        errs.push(Error::required(&topology_path, "can not be empty"));
    }
    validate_label_name(errs, &term.topology_key, &topology_path);
}

/// Mirrors `ValidateMatchLabelKeysAndMismatchLabelKeys`: by now the selector of a pod has what its labels add, so that a key
/// which it had already is there twice.
fn validate_match_label_keys(
    errs: &mut ErrorList,
    (matching, other): (&[String], &[String]),
    selector: Option<&LabelSelector>,
    path: &Path<'_>,
) {
    let (matching_path, other_path) = (path.child("matchLabelKeys"), path.child("mismatchLabelKeys"));
    validate_label_keys(errs, matching, selector, &matching_path);
    validate_label_keys(errs, other, selector, &other_path);
    if let Some(selector) = selector {
        let mut seen: Vec<&String> = selector.match_labels.iter().flat_map(|labels| labels.keys()).collect();
        for key in items(&selector.match_expressions).iter().map(|requirement| &requirement.key) {
            if let Some(index) = matching.iter().rposition(|name| name == key).filter(|_| seen.contains(&key)) {
                errs.push(Error::invalid(&path.index(index), key, "exists in both matchLabelKeys and labelSelector"));
            }
            seen.push(key);
        }
    }
    for (index, key) in matching.iter().enumerate().filter(|(_, key)| other.contains(key)) {
        let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
        errs.push(Error::invalid(&matching_path.index(index), key, detail));
    }
}

fn validate_label_keys(errs: &mut ErrorList, keys: &[String], selector: Option<&LabelSelector>, path: &Path<'_>) {
    if !keys.is_empty() && selector.is_none() {
        let detail = "must not be specified when labelSelector is not set";
        errs.push(Error::forbidden(path, detail));
    }
    for (index, key) in keys.iter().enumerate() {
        validate_label_name(errs, key, &path.index(index));
    }
}

/// Mirrors `validateTopologySpreadConstraints`.
pub(super) fn validate_topology_spread_constraints(
    errs: &mut ErrorList,
    constraints: &[TopologySpreadConstraint],
    path: &Path<'_>,
) {
    for (index, constraint) in constraints.iter().enumerate() {
        let path = path.index(index);
        let (key, when) = (&constraint.topology_key, constraint.when_unsatisfiable.as_str());
        if constraint.max_skew <= 0 {
            let max_skew = constraint.max_skew;
            errs.push(Error::invalid(&path.child("maxSkew"), max_skew, IS_NOT_POSITIVE_ERROR_MSG));
        }
        if key.is_empty() {
            errs.push(Error::required(&path.child("topologyKey"), "can not be empty"));
        } else {
            validate_label_name(errs, key, &path.child("topologyKey"));
        }
        let actions = ["DoNotSchedule", "ScheduleAnyway"];
        validate_supported(errs, when, &actions, &path.child("whenUnsatisfiable"));
        let is_repeated =
            constraints[index + 1..].iter().any(|later| later.topology_key == *key && later.when_unsatisfiable == when);
        if is_repeated {
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            errs.push(Error::duplicate(&path, format!("{{{key}, {when}}}")));
        }
        validate_min_domains(errs, constraint, &path.child("minDomains"));
        for (field, policy) in [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ] {
            if let Some(policy) = policy {
                validate_supported(errs, policy, &["Honor", "Ignore"], &path.child(field));
            }
        }
        let selector = constraint.label_selector.as_ref();
        validate_match_label_keys(errs, (items(&constraint.match_label_keys), &[]), selector, &path);
        if let Some(selector) = selector {
            validate_label_selector(errs, selector, &path.child("labelSelector"));
        }
    }
}

/// Mirrors `validateMinDomains`.
fn validate_min_domains(errs: &mut ErrorList, constraint: &TopologySpreadConstraint, path: &Path<'_>) {
    let Some(min_domains) = constraint.min_domains else { return };
    if min_domains <= 0 {
        errs.push(Error::invalid(path, min_domains, IS_NOT_POSITIVE_ERROR_MSG));
    }
    if constraint.when_unsatisfiable != "DoNotSchedule" {
        let detail = format!(
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
            quote(&constraint.when_unsatisfiable)
        );
        errs.push(Error::invalid(path, min_domains, detail));
    }
}
