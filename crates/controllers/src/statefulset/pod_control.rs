//! Making, mending and deleting a set's pods, with their events.
//!
//! Mirrors pkg/controller/statefulset/stateful_pod_control.go and stateful_set_utils.go (`newVersionedStatefulSetPod`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ApiError, Kind, ObjectKey, Pod, PodHostname, PodSpec, PodTemplateSpec, StatefulSet, Str, StrMap};
use seatrial_machinery::{DeleteOptions, EventText, ObjectRef, Piece, SyncContext, with_decimal};

use super::claims::{
    Claims, claims_match_retention_policy, create_persistent_volume_claims, update_pod_claim_for_retention_policy,
};
use super::revisions::PodParts;
use super::utils::{
    POD_INDEX_LABEL, POD_NAME_LABEL, REVISION_LABEL, identity_matches, identity_name, member_ordinal, pod_name, spec_of,
};

/// How events say what was done with a pod.
struct Done {
    begins: &'static str,
    successful: &'static str,
    failed: &'static str,
}

const CREATE: &Done = &Done { begins: "Create Pod ", successful: "SuccessfulCreate", failed: "FailedCreate" };
const UPDATE: &Done = &Done { begins: "Update Pod ", successful: "SuccessfulUpdate", failed: "FailedUpdate" };
const DELETE: &Done = &Done { begins: "Delete Pod ", successful: "SuccessfulDelete", failed: "FailedDelete" };

/// The spec that the pods of a revision share, but for what follows from their names: the hostname, and the names of the
/// claims. Mirrors the part of `newVersionedStatefulSetPod` that is the same for all of them.
pub(super) fn stateful_pod_spec(set: &StatefulSet, template: &PodTemplateSpec) -> PodSpec {
    let mut spec = template.spec.api().clone();
    spec.subdomain = spec_of(set).service_name.clone().filter(|s| !s.is_empty());
    spec.volumes = volumes(set, spec.volumes);
    PodSpec::new(spec).with_hostname(PodHostname::Name)
}

/// The labels that the pods of a revision share; those that tell pods apart have no value yet.
pub(super) fn stateful_pod_labels(template: &PodTemplateSpec, revision: &Str) -> StrMap {
    template.labels.with_all([
        (Str::new_static(POD_NAME_LABEL), Str::default()),
        (Str::new_static(POD_INDEX_LABEL), Str::default()),
        (Str::new_static(REVISION_LABEL), revision.clone()),
    ])
}

/// A pod of a set that is not there yet, from what all pods of its revision share. Mirrors `newVersionedStatefulSetPod`.
pub(super) fn new_versioned_stateful_set_pod(
    set: &StatefulSet,
    prototype: &Pod,
    shared: &PodParts,
    ordinal: i32,
) -> Pod {
    let (name, index) = with_decimal(ordinal, |index| (pod_name(set, index), Str::from(index)));
    let mut pod = prototype.clone();
    pod.meta.labels = shared.labels.with_values([(POD_NAME_LABEL, name.clone()), (POD_INDEX_LABEL, index)]);
    pod.meta.name = name;
    pod.spec = Arc::clone(&shared.spec);
    pod
}

/// The claims first, each named after its pod, then the template's volumes of other names. Mirrors `updateStorage`.
fn volumes(set: &StatefulSet, of_template: Option<Vec<corev1::Volume>>) -> Option<Vec<corev1::Volume>> {
    let spec = spec_of(set);
    let mut volumes: Vec<corev1::Volume> = spec
        .volume_claim_templates
        .iter()
        .flatten()
        .map(|template| corev1::Volume {
            name: template.metadata.name.clone().unwrap_or_default(),
            persistent_volume_claim: Some(corev1::PersistentVolumeClaimVolumeSource::default()),
            ..Default::default()
        })
        .collect();
    let claimed = volumes.len();
    for volume in of_template.into_iter().flatten() {
        if volumes[..claimed].iter().all(|v| v.name != volume.name) {
            volumes.push(volume);
        }
    }
    (!volumes.is_empty()).then_some(volumes)
}

/// Whether a pod mounts the claims of its ordinal. Mirrors `storageMatches`.
pub(super) fn storage_matches(set: &StatefulSet, claims: &Claims, pod: &Pod) -> bool {
    let Some(name) = identity_name(&set.meta.name, &pod.meta.name) else { return false };
    let volumes = pod.spec.api().volumes.as_deref().unwrap_or_default();
    claims.templates.iter().all(|template| {
        let volume = volumes.iter().rfind(|v| template.name == v.name);
        let source = volume.and_then(|v| v.persistent_volume_claim.as_ref());
        source.is_some_and(|source| match source.claim_name.as_str() {
            "" => *name == *pod.meta.name,
            claim => template.claim_name(&name) == *claim,
        })
    })
}

/// Creates a pod and its claims. Returns whether nobody owns those and nobody is to. Mirrors `CreateStatefulPod`.
///
/// # Errors
/// What the API server answered, or that a claim is on its way out.
pub(super) fn create_stateful_pod(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: Pod,
) -> Result<bool, ApiError> {
    let name = pod.meta.name.clone();
    let is_plain = create_persistent_volume_claims(cx, set, claims, &name)
        .inspect_err(|error| record_pod_event(cx, set, CREATE, &name, Some(error)))?;
    match cx.client.create(pod) {
        Err(error) if error.is_already_exists() => Err(error),
        Err(error) => {
            record_pod_event(cx, set, CREATE, &name, Some(&error));
            Err(error)
        }
        Ok(made) => {
            let updated = match is_plain {
                true => Ok(()),
                false => update_pod_claim_for_retention_policy(cx, set, claims, &made),
            };
            record_pod_event(cx, set, CREATE, &name, updated.as_ref().err());
            updated.map(|()| is_plain)
        }
    }
}

/// Creates the claims that a pod which waits lacks, and gives them their owners. Returns whether nobody owns them
/// and nobody is to. Mirrors `createMissingPersistentVolumeClaims`.
///
/// # Errors
/// What the API server answered, or that a claim is on its way out.
pub(super) fn create_missing_persistent_volume_claims(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> Result<bool, ApiError> {
    if create_persistent_volume_claims(cx, set, claims, &pod.meta.name)? {
        return Ok(true);
    }
    update_pod_claim_for_retention_policy(cx, set, claims, pod)
        .inspect_err(|error| record_pod_event(cx, set, UPDATE, &pod.meta.name, Some(error)))?;
    Ok(false)
}

/// Mends a pod's identity and the owners of its claims. Mirrors `UpdateStatefulPod`.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_stateful_pod(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> Result<(), ApiError> {
    let name = pod.meta.name.clone();
    let Some(ordinal) = member_ordinal(&set.meta.name, &name) else { return Ok(()) };
    let own_name = with_decimal(ordinal, |index| pod_name(set, index));
    let mut new = pod.clone();
    if !identity_matches(set, pod) {
        new.meta.labels.insert(POD_NAME_LABEL, name.as_str());
        new.meta.labels.insert(POD_INDEX_LABEL, ordinal.to_string());
    }
    if !storage_matches(set, claims, pod) {
        let mut spec = pod.spec.api().clone();
        spec.volumes = volumes(set, spec.volumes);
        new.spec = Arc::new(PodSpec::new(spec).with_hostname(pod.spec.hostname()));
        if let Err(error) = create_persistent_volume_claims(cx, set, claims, &own_name) {
            record_pod_event(cx, set, UPDATE, &name, Some(&error));
            return Err(error);
        }
    }
    if !claims_match_retention_policy(cx, set, claims, pod)
        && let Err(error) = update_pod_claim_for_retention_policy(cx, set, claims, pod)
    {
        record_pod_event(cx, set, UPDATE, &name, Some(&error));
        return Err(error);
    }
    let result = cx.client.update(new).map(drop);
    record_pod_event(cx, set, UPDATE, &name, result.as_ref().err());
    result
}

/// Deletes a pod. Mirrors `DeleteStatefulPod`.
///
/// # Errors
/// What the API server answered.
pub(super) fn delete_stateful_pod(cx: &mut SyncContext<'_>, set: &StatefulSet, pod: &Pod) -> Result<(), ApiError> {
    let key = ObjectKey::new(Kind::Pod, &pod.meta.namespace, &pod.meta.name);
    let result = cx.client.delete(&key, &DeleteOptions::default());
    record_pod_event(cx, set, DELETE, &pod.meta.name, result.as_ref().err());
    result
}

/// Mirrors `recordPodEvent`.
fn record_pod_event(cx: &mut SyncContext<'_>, set: &StatefulSet, done: &Done, pod: &Str, error: Option<&ApiError>) {
    let (about, set_name) = (ObjectRef::of(set), &set.meta.name);
    match error {
        None => {
            let pieces = [
                Piece::Text(done.begins),
                Piece::Arg(pod),
                Piece::Text(" in StatefulSet "),
                Piece::Name,
                Piece::Text(" successful"),
            ];
            cx.client.event(&about, &EventText::normal_pieces(done.successful, &pieces));
        }
        Some(error) => {
            let message = format!("{}{pod} in StatefulSet {set_name} failed error: {error}", done.begins);
            cx.client.event(&about, &EventText::warning(done.failed, &message));
        }
    }
}
