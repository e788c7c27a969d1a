//! What a volume's reclaim policy does once its claim is gone.
//!
//! Mirrors `reclaimVolume` of pkg/controller/volume/persistentvolume/pv_controller.go and pkg/volume/hostpath (v1.36).
//! Differs: a recycler has no pod of its own; the volume is scrubbed at once.

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, Pod, Resource};
use seatrial_machinery::volumes::{ANN_BOUND_BY_CONTROLLER, ANN_DYNAMICALLY_PROVISIONED, ANN_MIGRATED_TO, claim_key};
use seatrial_machinery::{DeleteOptions, EventText, ObjectRef, SyncContext};

use super::bind::unbind_volume;
use super::status::fail_volume;

const NO_RECYCLER: &str = "No recycler plugin found for the volume!";
const UNKNOWN_POLICY: &str = "Volume has unrecognized PersistentVolumeReclaimPolicy";

/// Whether a volume has this reclaim policy.
pub(super) fn is_policy(volume: &PersistentVolume, policy: &str) -> bool {
    policy_of(volume) == policy
}

fn policy_of(volume: &PersistentVolume) -> &str {
    volume.body.spec.api().persistent_volume_reclaim_policy.as_deref().unwrap_or("Retain")
}

/// Does what the policy says.
///
/// # Errors
/// What the API server answered.
pub(super) fn reclaim_volume(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    if volume.meta.annotations.get(ANN_MIGRATED_TO).is_some_and(|driver| !driver.is_empty()) {
        return Ok(());
    }
    match policy_of(volume) {
        "Retain" => Ok(()),
        "Delete" => delete_volume(cx, volume),
        "Recycle" => recycle_volume(cx, volume),
        _ => fail_volume(cx, volume, "VolumeUnknownReclaimPolicy", UNKNOWN_POLICY),
    }
}

/// Mirrors `deleteVolumeOperation`.
fn delete_volume(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    match deleter_of(volume) {
        Deleter::External => Ok(()),
        Deleter::Refuses(why) => fail_volume(cx, volume, "VolumeFailedDelete", &why),
        Deleter::HostPath if volume.meta.is_deleting() => Ok(()),
        Deleter::HostPath => match cx.client.delete(&volume.key(), &DeleteOptions::default()) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        },
    }
}

/// Who deletes what is behind a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deleter {
    /// A provisioner outside.
    External,
    /// The plugin of directories of a node.
    HostPath,
    /// Nobody, and why.
    Refuses(String),
}

/// Mirrors `findDeletablePlugin`.
pub(super) fn deleter_of(volume: &PersistentVolume) -> Deleter {
    let provisioner = volume.meta.annotations.get(ANN_DYNAMICALLY_PROVISIONED).unwrap_or_default();
    if !provisioner.is_empty() && provisioner != "kubernetes.io/host-path" {
        return match provisioner.strip_prefix("kubernetes.io/") {
            None => Deleter::External,
            Some(_) => Deleter::Refuses(format!("no volume plugin matched name: {provisioner}")),
        };
    }
    let spec = volume.body.spec.api();
    if spec.csi.is_some() {
        return Deleter::External;
    }
    let Some(path) = spec.host_path.as_ref().map(|source| source.path.as_str()) else {
        let name = volume.meta.name.as_str();
        return Deleter::Refuses(format!(
            "error getting deleter volume plugin for volume {name:?}: no deletable volume plugin matched"
        ));
    };
    match path.split_once("/tmp/").is_some_and(|(_, rest)| !rest.is_empty()) {
        true => Deleter::HostPath,
        false => Deleter::Refuses(format!("host_path deleter only supports /tmp/.+ but received provided {path}")),
    }
}

/// Mirrors `recycleVolumeOperation`.
fn recycle_volume(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    let pods = pods_that_use(cx, volume);
    let about = ObjectRef::of(&**volume);
    if !pods.is_empty() {
        let text = format!("Volume is used by pods: {}", pods.join(","));
        cx.client.event(&about, &EventText::normal("VolumeFailedRecycle", &text));
        return Ok(());
    }
    let spec = volume.body.spec.api();
    if spec.host_path.is_none() && spec.nfs.is_none() {
        return fail_volume(cx, volume, "VolumeFailedRecycle", NO_RECYCLER);
    }
    cx.client.event(&about, &EventText::normal("VolumeRecycled", "Volume recycled"));
    if volume.meta.annotations.contains_key(ANN_BOUND_BY_CONTROLLER) {
        return unbind_volume(cx, volume);
    }
    let mut marked = PersistentVolume::clone(volume);
    marked.meta.annotations.insert(ANN_BOUND_BY_CONTROLLER, "yes");
    unbind_volume(cx, &Arc::new(marked))
}

/// Mirrors `isVolumeUsed`.
fn pods_that_use(cx: &SyncContext<'_>, volume: &PersistentVolume) -> Vec<String> {
    let Some(claim) = claim_key(volume) else { return Vec::new() };
    let is_alive = |pod: &&Arc<Pod>| !pod.status.phase.is_terminal();
    let pods = cx.informers.pods_with_claim(&claim.namespace, &claim.name);
    pods.filter(is_alive).map(|pod| format!("{}/{}", pod.meta.namespace, pod.meta.name)).collect()
}
