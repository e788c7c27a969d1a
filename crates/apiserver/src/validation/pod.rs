//! Validation of Pods: create, update, status.
//!
//! Mirrors `ValidatePodCreate`, `ValidatePodUpdate` and `ValidatePodStatusUpdate` in
//! pkg/apis/core/validation (v1.36). Differs: the refusal of an update ends before upstream's dump
//! of Go values.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSchedulingGate, PodSpec, Toleration};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{NameUse, inclusive_range_error, name_is_dns_subdomain};

use super::annotations::{validate_mirror_annotation_unchanged, validate_pod_specific_annotations};
use super::container::validate_container_only_for_pod;
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_spec::{PodValidationOptions, validate_pod_spec};
use super::scheduling::validate_tolerations;
use super::{invalid_each, items, semantically_equal, text, validate_immutable_field};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const STATUS: Path<'static> = Path::new("status");

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
    let mut errs = validate_pod_metadata_and_spec(pod, spec);
    if !items(&spec.ephemeral_containers).is_empty() {
        let path = SPEC.child("ephemeralContainers");
        errs.push(Error::forbidden(&path, "cannot be set on create"));
    }
    if !text(&spec.node_name).is_empty() && !items(&spec.scheduling_gates).is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errs.push(Error::forbidden(&SPEC.child("nodeName"), detail));
    }
    errs
}

/// Mirrors `validatePodMetadataAndSpec`.
fn validate_pod_metadata_and_spec(pod: &Pod, spec: &PodSpec) -> ErrorList {
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
    validate_mirror_annotation_unchanged(
        &mut errs,
        new.metadata.annotations.as_ref(),
        old.metadata.annotations.as_ref(),
        &METADATA.child("annotations"),
    );
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

/// A Pod whose status is to be replaced. Mirrors `ValidatePodStatusUpdate`.
#[must_use]
pub fn validate_pod_status_update(new: &Pod, old: &Pod) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let (new_status, old_status) = (new.status.clone().unwrap_or_default(), old.status.clone().unwrap_or_default());
    let old_spec = old.spec.clone().unwrap_or_default();
    let node_name = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    if node_name(new) != node_name(old) {
        errs.push(Error::forbidden(&STATUS.child("nodeName"), "may not be changed directly"));
    }
    let nominated = text(&new_status.nominated_node_name);
    if !nominated.is_empty() && nominated != text(&old_status.nominated_node_name) {
        let messages = name_is_dns_subdomain(nominated, NameUse::Name);
        invalid_each(&mut errs, &STATUS.child("nominatedNodeName"), nominated, messages);
    }
    validate_immutable_field(
        &mut errs,
        &text(&new_status.qos_class),
        &text(&old_status.qos_class),
        &STATUS.child("qosClass"),
        |&class| class.into(),
    );
    let is_sidecar = |name: &str| {
        let mut init = items(&old_spec.init_containers).iter();
        init.any(|c| c.name == name && text(&c.restart_policy) == "Always")
    };
    let policy = text(&old_spec.restart_policy);
    let transitions = [
        ("containerStatuses", &new_status.container_statuses, &old_status.container_statuses),
        ("initContainerStatuses", &new_status.init_container_statuses, &old_status.init_container_statuses),
    ];
    for (field, new, old) in transitions {
        let path = STATUS.child(field);
        let old = items(old).iter().enumerate().filter(|(_, status)| !is_sidecar(&status.name));
        for (index, old) in old {
            validate_state_transition(&mut errs, items(new), old, policy, &path.index(index));
        }
    }
    errs
}

/// What has ended stays so, unless the policy restarts it. Mirrors
/// `ValidateContainerStateTransition`.
fn validate_state_transition(
    errs: &mut ErrorList,
    new: &[ContainerStatus],
    old: &ContainerStatus,
    policy: &str,
    path: &Path<'_>,
) {
    let terminated = |status: &ContainerStatus| {
        status.state.as_ref().and_then(|state| state.terminated.as_ref()).map(|t| t.exit_code)
    };
    let Some(exit_code) = terminated(old) else { return };
    if policy == "Always" || (policy == "OnFailure" && exit_code != 0) {
        return;
    }
    if new.iter().any(|status| status.name == old.name && terminated(status).is_none()) {
        let detail = "may not be transitioned to non-terminated state";
        errs.push(Error::forbidden(&path.child("state"), detail));
    }
}
