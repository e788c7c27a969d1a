//! What claims become that share what they ask for: made once, and shared.

use k8s_openapi::api::core::v1::PersistentVolumeClaimStatus;
use seatrial_api::{ClaimStatus, PersistentVolume, PersistentVolumeClaim, Shared, Str, StrMap, VolumeSpec};
use seatrial_machinery::Recent;
use seatrial_machinery::volumes::{
    ANN_BETA_STORAGE_PROVISIONER, ANN_BIND_COMPLETED, ANN_BOUND_BY_CONTROLLER, ANN_STORAGE_PROVISIONER,
};

use super::status::CLAIM_PENDING;

/// The status a claim had, what its volume is, and the phase that it is to have.
type StatusParts = (Shared<ClaimStatus>, Option<Shared<VolumeSpec>>, &'static str);

/// What was made lately.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// By the status before, the volume, and the phase: the status, if it is another.
    statuses: Recent<StatusParts, Option<Shared<ClaimStatus>>>,
    /// By the annotations before, and whether the claim named its volume: those of a claim that is bound.
    bound: Recent<(StrMap, bool), StrMap>,
    /// By the annotations before, and the provisioner: those of a claim that asks for a volume.
    asking: Recent<(StrMap, Str), StrMap>,
}

impl Made {
    /// The status of a claim in a phase, with what it has of a volume; nothing where it has that status.
    pub(super) fn status(
        &mut self,
        claim: &PersistentVolumeClaim,
        phase: &'static str,
        volume: Option<&PersistentVolume>,
    ) -> Option<Shared<ClaimStatus>> {
        let (old, spec) = (&claim.body.status, volume.map(|volume| &volume.body.spec));
        let is_from = |(status, of, is_to): &StatusParts| {
            let is_same_volume = match (of, spec) {
                (Some(of), Some(spec)) => of.ptr_eq(spec),
                (of, spec) => of.is_none() && spec.is_none(),
            };
            status.ptr_eq(old) && is_same_volume && *is_to == phase
        };
        let make = || ((old.clone(), spec.cloned(), phase), status_of(old, phase, spec.map(|spec| &**spec)));
        self.statuses.get_or_make(is_from, make).clone()
    }

    /// The annotations of a claim that is bound, by the binder unless the claim named its volume.
    pub(super) fn bound_annotations(&mut self, old: &StrMap, named_volume: bool) -> StrMap {
        let is_from = |(annotations, named): &(StrMap, bool)| annotations.ptr_eq(old) && *named == named_volume;
        let annotation = |key| (Str::new_static(key), Str::new_static("yes"));
        let make = || match named_volume {
            true => old.with_all([annotation(ANN_BIND_COMPLETED)]),
            false => old.with_all([annotation(ANN_BOUND_BY_CONTROLLER), annotation(ANN_BIND_COMPLETED)]),
        };
        self.bound.get_or_make(is_from, || ((old.clone(), named_volume), make())).clone()
    }

    /// The annotations of a claim that asks a provisioner for a volume.
    pub(super) fn asking_annotations(&mut self, old: &StrMap, provisioner: &Str) -> StrMap {
        let is_from = |(annotations, asked): &(StrMap, Str)| annotations.ptr_eq(old) && asked == provisioner;
        let make = || {
            let keys = [ANN_BETA_STORAGE_PROVISIONER, ANN_STORAGE_PROVISIONER];
            old.with_all(keys.map(|key| (Str::new_static(key), provisioner.clone())))
        };
        self.asking.get_or_make(is_from, || ((old.clone(), provisioner.clone()), make())).clone()
    }
}

fn status_of(old: &ClaimStatus, phase: &str, spec: Option<&VolumeSpec>) -> Option<Shared<ClaimStatus>> {
    let (old, spec) = (old.api(), spec.map(VolumeSpec::api));
    let modes = spec.and_then(|spec| spec.access_modes.as_ref());
    let (mut capacity, mut class) = (None, old.current_volume_attributes_class_name.as_ref());
    if let Some(spec) = spec {
        (capacity, class) = match old.capacity.as_ref() {
            // Once bound, the size is the resizer's to tell.
            Some(told) if old.phase.as_deref() != Some(CLAIM_PENDING) => (Some(told), class),
            _ => (spec.capacity.as_ref(), spec.volume_attributes_class_name.as_ref()),
        };
    }
    let is_same = old.phase.as_deref() == Some(phase)
        && old.access_modes.as_ref() == modes
        && old.capacity.as_ref() == capacity
        && old.current_volume_attributes_class_name.as_ref() == class;
    if is_same {
        return None;
    }
    let new = PersistentVolumeClaimStatus {
        phase: Some(phase.to_owned()),
        access_modes: modes.cloned(),
        capacity: capacity.cloned(),
        current_volume_attributes_class_name: class.cloned(),
        allocated_resource_statuses: old.allocated_resource_statuses.clone(),
        allocated_resources: old.allocated_resources.clone(),
        conditions: old.conditions.clone(),
        modify_volume_status: old.modify_volume_status.clone(),
    };
    Some(ClaimStatus::new(new).into())
}
