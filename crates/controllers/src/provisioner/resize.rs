//! Growing a volume whose claim asks for more: the storage first, then the file system on the node of a pod.
//!
//! Mirrors kubernetes-csi/external-resizer pkg/controller and pkg/volume/util/operationexecutor (`nodeExpandVolume`) (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Kind, PersistentVolume, PersistentVolumeClaim, Pod, PodPhase, Resource};
use seatrial_machinery::volumes::{
    ANN_DYNAMICALLY_PROVISIONED, class_of_volume, is_volume_bound_to_claim, volume_name,
};
use seatrial_machinery::{EventText, ObjectRef, Phrase, SyncContext, class_of_claim};

use super::behavior::Place;
use super::controller::{Progress, VolumeProvisioner};

const STORAGE: &str = "storage";
const IN_PROGRESS: &str = "ControllerResizeInProgress";
const NODE_PENDING: &str = "NodeResizePending";
const CONDITION_RESIZING: &str = "Resizing";
const CONDITION_FILE_SYSTEM: &str = "FileSystemResizePending";
const WAITING_FOR_POD: &str = "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";

impl VolumeProvisioner {
    /// Whether a bound claim asks for more than it has.
    pub(super) fn wants_more(claim: &PersistentVolumeClaim) -> bool {
        let (has, wants) = (claim.body.status.capacity(), claim.body.spec.requested_storage());
        has.zip(wants).is_some_and(|(has, wants)| wants.cmp_value(&has).is_gt())
    }

    /// Grows the volume of a claim, or goes on with that.
    pub(super) fn sync_size(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        let key = claim.namespaced_name();
        let volume = cx.informers.persistent_volumes.hinted(claim.body.volume_slot, "", volume_name(claim)).cloned();
        let volume = volume.filter(|volume| is_volume_bound_to_claim(volume, claim) && Self::wants_more(claim));
        let Some((volume, wanted)) = volume.zip(claim.body.spec.requested_storage()) else {
            self.forget(claim);
            self.waits_for_node.remove(&key);
            return Ok(());
        };
        let provisioner = volume.meta.annotations.get(ANN_DYNAMICALLY_PROVISIONED).unwrap_or_default();
        let place = Place { class: class_of_volume(&volume), provisioner, claim: &claim.meta.name };
        let behavior = self.behavior_of(&place);
        let Some(operation) = behavior.expansion(provisioner).filter(|_| !behavior.is_absent) else { return Ok(()) };
        if provisioner.is_empty() || !may_grow(cx, claim) {
            return Ok(());
        }
        if volume.body.spec.capacity().is_some_and(|size| size.cmp_value(&wanted).is_ge()) {
            return self.grow_file_system(cx, claim, &volume);
        }
        let about = ObjectRef::of(&**claim);
        let began = |cx: &mut SyncContext<'_>| {
            let text = format!("External resizer is resizing volume {}", volume.meta.name);
            cx.client.event(&about, &EventText::normal("Resizing", &text));
            mark(cx, claim, Some((IN_PROGRESS, &wanted)), Some((CONDITION_RESIZING, "")))
        };
        match self.advance(cx.clock().now(), &key, &operation) {
            Progress::Waits => Ok(()),
            Progress::Began => began(cx).map(drop),
            Progress::Failed { at_once, text } => {
                if at_once {
                    began(cx)?;
                }
                let text = format!("resize volume {:?} by resizer failed: {text}", volume.meta.name.as_str());
                cx.client.event(&about, &EventText::warning("VolumeResizeFailed", &text));
                Ok(())
            }
            Progress::Done { at_once } => {
                let claim = if at_once { began(cx)? } else { Arc::clone(claim) };
                let volume = set_capacity(cx, &volume, &wanted)?;
                self.storage_has_grown(cx, &claim, &volume, &wanted)
            }
        }
    }

    /// The storage is larger; a block device is through, a file system has to grow on a node.
    fn storage_has_grown(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
        volume: &PersistentVolume,
        wanted: &Quantity,
    ) -> Result<(), ApiError> {
        if volume.body.spec.api().volume_mode.as_deref() == Some("Block") {
            finish(cx, claim, volume)?;
            let text = EventText::normal("VolumeResizeSuccessful", "Resize volume succeeded");
            cx.client.event(&ObjectRef::of(&**claim), &text);
            return Ok(());
        }
        let claim = mark(cx, claim, Some((NODE_PENDING, wanted)), Some((CONDITION_FILE_SYSTEM, WAITING_FOR_POD)))?;
        let text = EventText::normal("FileSystemResizeRequired", "Require file system resize of volume on node");
        cx.client.event(&ObjectRef::of(&*claim), &text);
        self.grow_file_system(cx, &claim, volume)
    }

    /// The kubelet's part: it is done where a pod with the claim runs, or once one does.
    fn grow_file_system(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
        volume: &PersistentVolume,
    ) -> Result<(), ApiError> {
        let mut pods = cx.informers.pods_with_claim(&claim.meta.namespace, &claim.meta.name);
        let Some(pod) = pods.find(|pod| pod.status.phase == PodPhase::Running).cloned() else {
            self.waits_for_node.insert(claim.namespaced_name());
            return Ok(());
        };
        finish(cx, claim, volume)?;
        self.waits_for_node.remove(&claim.namespaced_name());
        say_file_system_grew(cx, &pod, claim, volume);
        Ok(())
    }
}

fn say_file_system_grew(cx: &mut SyncContext<'_>, pod: &Pod, claim: &PersistentVolumeClaim, volume: &PersistentVolume) {
    let name = volume.meta.name.as_str();
    let text = format!("MountVolume.NodeExpandVolume succeeded for volume {name:?} {}", pod.node_name);
    let text = EventText::normal("FileSystemResizeSuccessful", &text);
    let host = Phrase::from(&pod.node_name);
    for (kind, meta) in [(Kind::Pod, &pod.meta), (Kind::PersistentVolumeClaim, &claim.meta)] {
        let about = ObjectRef { host: &host, ..ObjectRef::new(kind, meta) };
        cx.client.event_as("kubelet", &about, &text);
    }
}

/// Whether the class lets volumes grow.
fn may_grow(cx: &SyncContext<'_>, claim: &PersistentVolumeClaim) -> bool {
    let class = cx.informers.storage_classes.usual("", class_of_claim(claim));
    class.is_some_and(|class| class.body.allow_volume_expansion == Some(true))
}

fn sized(size: &Quantity) -> BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity> {
    let size = k8s_openapi::apimachinery::pkg::api::resource::Quantity(size.to_string());
    BTreeMap::from([(STORAGE.to_owned(), size)])
}

fn set_capacity(
    cx: &mut SyncContext<'_>,
    volume: &PersistentVolume,
    size: &Quantity,
) -> Result<Arc<PersistentVolume>, ApiError> {
    let mut changed = volume.clone();
    changed.body.change_spec(|spec| spec.capacity = Some(sized(size)));
    cx.client.update(changed)
}

/// Writes how far a claim is.
fn mark(
    cx: &mut SyncContext<'_>,
    claim: &Arc<PersistentVolumeClaim>,
    state: Option<(&str, &Quantity)>,
    condition: Option<(&str, &str)>,
) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.body.change_status(|status| {
        if let Some((word, size)) = state {
            status.allocated_resources = Some(sized(size));
            status.allocated_resource_statuses = Some(BTreeMap::from([(STORAGE.to_owned(), word.to_owned())]));
        }
        status.conditions = condition.map(|(type_, message)| {
            vec![corev1::PersistentVolumeClaimCondition {
                type_: type_.to_owned(),
                status: "True".to_owned(),
                last_transition_time: Some(cx.clock().time().into()),
                message: (!message.is_empty()).then(|| message.to_owned()),
                ..Default::default()
            }]
        });
    });
    cx.client.update_status(changed)
}

/// The claim has what its volume has.
fn finish(
    cx: &mut SyncContext<'_>,
    claim: &Arc<PersistentVolumeClaim>,
    volume: &PersistentVolume,
) -> Result<(), ApiError> {
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.body.change_status(|status| {
        status.capacity.clone_from(&volume.body.spec.api().capacity);
        (status.allocated_resource_statuses, status.conditions) = (None, None);
    });
    cx.client.update_status(changed).map(drop)
}
