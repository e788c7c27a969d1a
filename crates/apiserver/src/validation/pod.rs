//! Validation of Pods: create and update.
//!
//! Mirrors `ValidatePodCreate` and `ValidatePodUpdate` in
//! pkg/apis/core/validation (v1.36). Differs: the refusal of an update ends before upstream's dump
//! of Go values.

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSchedulingGate, PodSpec,
    Toleration,
};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{inclusive_range_error, name_is_dns_subdomain};

use super::annotations::{
    validate_annotations_match_fields, validate_pod_specific_annotation_updates, validate_pod_specific_annotations,
};
use super::container::validate_container_only_for_pod;
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_spec::{PodValidationOptions, validate_pod_spec};
use super::scheduling::{validate_affinity, validate_tolerations, validate_topology_spread_constraints};
use super::{items, semantically_equal, text};
use crate::pod_label_keys::{apply_label_keys, names_label_keys};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");

/// What an update may change, as the refusal lists it.
const UPDATABLE_POD_SPEC_FIELDS: &str = "`spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A Pod to be created. Mirrors `ValidatePodCreate`.
#[must_use]
pub fn validate_pod_create(pod: &Pod) -> ErrorList {
    let none = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&none);
    let with_labels = with_label_keys(pod, spec);
    let mut errs = validate_pod_metadata_and_spec(pod, with_labels.as_ref().unwrap_or(spec));
    if !items(&spec.ephemeral_containers).is_empty() {
        let path = SPEC.child("ephemeralContainers");
        errs.push(Error::forbidden(&path, "cannot be set on create"));
    }
    if !text(&spec.node_name).is_empty() && !items(&spec.scheduling_gates).is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errs.push(Error::forbidden(&SPEC.child("nodeName"), detail));
    }
    validate_annotations_match_fields(&mut errs, pod, spec, &SPEC);
    errs
}

/// The spec with what the pod's labels add to it, if they add something.
fn with_label_keys(pod: &Pod, spec: &PodSpec) -> Option<PodSpec> {
    if !names_label_keys(spec) {
        return None;
    }
    let labels = pod.metadata.labels.as_ref();
    let mut spec = spec.clone();
    apply_label_keys(&mut spec, |key| labels?.get(key).map(String::as_str));
    Some(spec)
}

/// What is wrong with the keys of labels that a pod's spec names, once its labels have been added.
pub(crate) fn validate_pod_label_keys(spec: &PodSpec) -> ErrorList {
    let mut errs = ErrorList::new();
    validate_affinity(&mut errs, spec.affinity.as_ref(), &SPEC.child("affinity"));
    let constraints = items(&spec.topology_spread_constraints);
    validate_topology_spread_constraints(&mut errs, constraints, &SPEC.child("topologySpreadConstraints"));
    errs
}

/// Mirrors `validatePodMetadataAndSpec`.
pub(super) fn validate_pod_metadata_and_spec(pod: &Pod, spec: &PodSpec) -> ErrorList {
    let meta = &pod.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let annotations_path = METADATA.child("annotations");
    let annotations = meta.annotations.as_ref();
    validate_pod_specific_annotations(&mut errs, annotations, spec, &annotations_path);
    let pod_name = meta.name.as_deref().filter(|name| !name.is_empty());
    let options = PodValidationOptions { resource_is_pod: true, pod_name };
    validate_pod_spec(&mut errs, spec, &options, &SPEC);
    validate_tokens_have_account(&mut errs, spec);
    let lists = [("containers", spec.containers.as_slice()), ("initContainers", items(&spec.init_containers))];
    for (field, containers) in lists {
        let path = SPEC.child(field);
        for (index, container) in containers.iter().enumerate() {
            validate_container_only_for_pod(&mut errs, container, &path.index(index));
        }
    }
    errs
}

fn validate_tokens_have_account(errs: &mut ErrorList, spec: &PodSpec) {
    if !text(&spec.service_account_name).is_empty() {
        return;
    }
    let volumes_path = SPEC.child("volumes");
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        let volume_path = volumes_path.index(index);
        let sources_path = volume_path.child("projected.sources");
        let sources = volume.projected.as_ref().map(|p| items(&p.sources)).unwrap_or_default();
        for (index, source) in sources.iter().enumerate() {
            if source.service_account_token.is_some() {
                let path = sources_path.index(index);
                let detail = "must not be specified when serviceAccountName is not set";
                errs.push(Error::forbidden(&path.child("serviceAccountToken"), detail));
            }
        }
    }
}

/// A Pod to be replaced. Mirrors `ValidatePodUpdate`.
#[must_use]
pub fn validate_pod_update(new: &Pod, old: &Pod) -> ErrorList {
    let new_spec = new.spec.clone().unwrap_or_default();
    let old_spec = old.spec.clone().unwrap_or_default();
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_pod_metadata_and_spec(new, &new_spec));
    validate_pod_specific_annotation_updates(&mut errs, new, old, &METADATA.child("annotations"));
    let lists = [
        ("containers", new_spec.containers.as_slice(), old_spec.containers.as_slice()),
        ("initContainers", items(&new_spec.init_containers), items(&old_spec.init_containers)),
    ];
    for (field, new, old) in lists {
        if !validate_container_updates(&mut errs, new, old, &SPEC.child(field)) {
            return errs;
        }
    }
    if !validate_active_deadline_update(&mut errs, &new_spec, &old_spec) {
        return errs;
    }
    validate_only_added_tolerations(
        &mut errs,
        items(&new_spec.tolerations),
        items(&old_spec.tolerations),
        &SPEC.child("tolerations"),
    );
    validate_only_deleted_scheduling_gates(
        &mut errs,
        items(&new_spec.scheduling_gates),
        items(&old_spec.scheduling_gates),
        &SPEC.child("schedulingGates"),
    );
    if !semantically_equal(&new_spec, &old_spec) {
        validate_rest_unchanged(&mut errs, new_spec, &old_spec);
    }
    errs
}

/// Puts the old values of the updatable fields into the new spec; nothing else may differ.
fn validate_rest_unchanged(errs: &mut ErrorList, new: PodSpec, old: &PodSpec) {
    let mut munged = new;
    for (container, old) in munged.containers.iter_mut().zip(&old.containers) {
        container.image.clone_from(&old.image);
    }
    let old_init = items(&old.init_containers);
    for (container, old) in munged.init_containers.iter_mut().flatten().zip(old_init) {
        container.image.clone_from(&old.image);
    }
    munged.active_deadline_seconds = old.active_deadline_seconds;
    munged.scheduling_gates.clone_from(&old.scheduling_gates);
    munged.tolerations.clone_from(&old.tolerations);
    let was_negative = old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0);
    if was_negative && munged.termination_grace_period_seconds == Some(1) {
        munged.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    if !items(&old.scheduling_gates).is_empty() {
        validate_node_selector_mutation(errs, &munged, old);
        munged.node_selector.clone_from(&old.node_selector);
        validate_gated_node_affinity(errs, &mut munged, old);
    }
    if !semantically_equal(&munged, old) {
        let detail = format!("pod updates may not change fields other than {UPDATABLE_POD_SPEC_FIELDS}");
        errs.push(Error::forbidden(&SPEC, detail));
    }
}

/// A gated pod may get more requirements. Mirrors `validateNodeSelectorMutation`.
fn validate_node_selector_mutation(errs: &mut ErrorList, new: &PodSpec, old: &PodSpec) {
    let value_of = |key: &String| new.node_selector.as_ref().and_then(|labels| labels.get(key));
    let path = SPEC.child("nodeSelector");
    for (key, value) in old.node_selector.iter().flatten() {
        if value_of(key) != Some(value) {
            let detail = "only additions are allowed (no mutations or deletions)";
            errs.push(Error::invalid(&path, BadValue::json(&new.node_selector), detail));
            return;
        }
    }
}

/// A gated pod may get a stricter node affinity; the new one is put back to the old. Mirrors a part of `ValidatePodUpdate`.
fn validate_gated_node_affinity(errs: &mut ErrorList, munged: &mut PodSpec, old: &PodSpec) {
    let node_affinity = |spec: &PodSpec| spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    let (new_affinity, old_affinity) = (node_affinity(munged), node_affinity(old));
    if semantically_equal(&new_affinity, &old_affinity) {
        return;
    }
    let path = SPEC.child("affinity");
    validate_node_affinity_mutation(errs, new_affinity.as_ref(), old_affinity.as_ref(), &path.child("nodeAffinity"));
    match (&mut munged.affinity, &old.affinity) {
        (None, _) => {
            munged.affinity = old_affinity.map(|node| Affinity { node_affinity: Some(node), ..Affinity::default() });
        }
        (Some(new), None) if new.pod_affinity.is_none() && new.pod_anti_affinity.is_none() => munged.affinity = None,
        (Some(new), _) => new.node_affinity = old_affinity,
    }
}

/// Mirrors `validateNodeAffinityMutation`.
fn validate_node_affinity_mutation(
    errs: &mut ErrorList,
    new: Option<&NodeAffinity>,
    old: Option<&NodeAffinity>,
    path: &Path<'_>,
) {
    // A pod without affinity may get any, and the preferred terms may always change.
    let Some(old_terms) = old.and_then(|old| old.required_during_scheduling_ignored_during_execution.as_ref()) else {
        return;
    };
    let required = path.child("requiredDuringSchedulingIgnoredDuringExecution");
    let terms_path = required.child("nodeSelectorTerms");
    let old_terms = &old_terms.node_selector_terms;
    let new_terms = new
        .and_then(|new| new.required_during_scheduling_ignored_during_execution.as_ref())
        .map(|required| required.node_selector_terms.as_slice())
        .unwrap_or_default();
    if !old_terms.is_empty() && old_terms.len() != new_terms.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errs.push(Error::invalid(&terms_path, BadValue::json(&new_terms), detail));
        return;
    }
    for (index, (old, new)) in old_terms.iter().zip(new_terms).enumerate() {
        if !is_addition(old, new) {
            let detail = "only additions are allowed (no mutations or deletions)";
            errs.push(Error::invalid(&terms_path.index(index), BadValue::json(new), detail));
        }
    }
}

/// Whether a term only gained requirements. Mirrors `validateNodeSelectorTermHasOnlyAdditions`.
fn is_addition(old: &NodeSelectorTerm, new: &NodeSelectorTerm) -> bool {
    let (old_expressions, old_fields) = (items(&old.match_expressions), items(&old.match_fields));
    if old_expressions.is_empty()
        && old_fields.is_empty()
        && (new.match_expressions.is_some() || new.match_fields.is_some())
    {
        return false;
    }
    let starts_with = |new: &[NodeSelectorRequirement], old: &[NodeSelectorRequirement]| {
        old.iter().all(|requirement| new.iter().any(|other| other == requirement))
    };
    starts_with(items(&new.match_expressions), old_expressions) && starts_with(items(&new.match_fields), old_fields)
}

/// False stops validation. Mirrors `ValidateContainerUpdates`.
fn validate_container_updates(errs: &mut ErrorList, new: &[Container], old: &[Container], path: &Path<'_>) -> bool {
    if new.len() != old.len() {
        let detail = "pod updates may not add or remove containers";
        errs.push(Error::forbidden(path, detail));
        return false;
    }
    for (index, container) in new.iter().enumerate() {
        let path = path.index(index);
        if text(&container.image).is_empty() {
            errs.push(Error::required(&path.child("image"), ""));
        }
        validate_container_only_for_pod(errs, container, &path);
    }
    true
}

/// The deadline may be set or lowered; false stops validation.
fn validate_active_deadline_update(errs: &mut ErrorList, new: &PodSpec, old: &PodSpec) -> bool {
    let path = SPEC.child("activeDeadlineSeconds");
    let max = i64::from(i32::MAX);
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(seconds), _) if !(0..=max).contains(&seconds) => {
            errs.push(Error::invalid(&path, seconds, inclusive_range_error(0, max)));
            false
        }
        (Some(new), Some(old)) if old < new => {
            let detail = "must be less than or equal to previous value";
            errs.push(Error::invalid(&path, new, detail));
            false
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            errs.push(Error::invalid(&path, BadValue::Null, detail));
            true
        }
        _ => true,
    }
}

/// Mirrors `validateOnlyAddedTolerations`.
fn validate_only_added_tolerations(errs: &mut ErrorList, new: &[Toleration], old: &[Toleration], path: &Path<'_>) {
    let is_kept = |old: &Toleration| {
        new.iter().any(|new| {
            let toleration_seconds = new.toleration_seconds;
            *new == Toleration { toleration_seconds, ..old.clone() }
        })
    };
    if !old.iter().all(is_kept) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errs.push(Error::forbidden(path, detail));
        return;
    }
    validate_tolerations(errs, new, path);
}

/// Mirrors `validateOnlyDeletedSchedulingGates`.
fn validate_only_deleted_scheduling_gates(
    errs: &mut ErrorList,
    new: &[PodSchedulingGate],
    old: &[PodSchedulingGate],
    path: &Path<'_>,
) {
    for (index, gate) in new.iter().enumerate().filter(|(_, gate)| !old.contains(gate)) {
        let detail = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
        let path = path.index(index);
        errs.push(Error::forbidden(&path.child("name"), detail));
    }
}
