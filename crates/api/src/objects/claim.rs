//! PersistentVolumeClaims: the claims of a template share what they ask for, and mostly what became of them.

use k8s_openapi::api::core::v1 as corev1;

use crate::objects::plain::Plain;
use crate::objects::shared::Shared;
use crate::objects::volume::{AccessModes, storage_in};
use crate::quantity::Quantity;
use crate::{ApiError, ObjectMeta, SlotHint, Str};

/// What a claim holds beside its metadata. Mirrors `v1.PersistentVolumeClaim`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimBody {
    /// What is wanted, but for the volume's name.
    pub spec: Shared<ClaimSpec>,
    /// The volume, or empty. Mirrors `spec.volumeName`.
    pub volume_name: Str,
    /// Where the volume lay that was named.
    pub volume_slot: SlotHint,
    /// What became of it.
    pub status: Shared<ClaimStatus>,
}

/// What a claim asks for, with the facts that every reader asks for.
///
/// The k8s-openapi value is what users see, but for the volume's name, which each claim keeps for itself.
#[derive(Clone, Debug, Default)]
pub struct ClaimSpec {
    api: corev1::PersistentVolumeClaimSpec,
    requested: Option<Quantity>,
    modes: AccessModes,
}

impl ClaimSpec {
    /// Wraps a spec; its `volumeName` is dropped.
    pub fn new(mut api: corev1::PersistentVolumeClaimSpec) -> Self {
        api.volume_name = None;
        let requested = api.resources.as_ref().and_then(|resources| storage_in(resources.requests.as_ref()));
        let modes = AccessModes::of(api.access_modes.as_deref());
        Self { api, requested, modes }
    }

    /// The spec as k8s-openapi holds it, without `volumeName`.
    #[inline]
    pub fn api(&self) -> &corev1::PersistentVolumeClaimSpec {
        &self.api
    }

    /// How much is asked for.
    #[inline]
    pub fn requested_storage(&self) -> Option<Quantity> {
        self.requested
    }

    /// The access modes.
    #[inline]
    pub fn access_modes(&self) -> AccessModes {
        self.modes
    }
}

impl PartialEq for ClaimSpec {
    /// The rest follows from what users see.
    fn eq(&self, other: &Self) -> bool {
        self.api == other.api
    }
}

/// What became of a claim, with how much it has.
#[derive(Clone, Debug, Default)]
pub struct ClaimStatus {
    api: corev1::PersistentVolumeClaimStatus,
    capacity: Option<Quantity>,
}

impl ClaimStatus {
    /// Wraps a status.
    pub fn new(api: corev1::PersistentVolumeClaimStatus) -> Self {
        let capacity = storage_in(api.capacity.as_ref());
        Self { api, capacity }
    }

    /// The status as k8s-openapi holds it.
    #[inline]
    pub fn api(&self) -> &corev1::PersistentVolumeClaimStatus {
        &self.api
    }

    /// How much the claim has.
    #[inline]
    pub fn capacity(&self) -> Option<Quantity> {
        self.capacity
    }

    /// The phase, or empty.
    #[inline]
    pub fn phase(&self) -> &str {
        self.api.phase.as_deref().unwrap_or_default()
    }
}

impl PartialEq for ClaimStatus {
    /// The rest follows from what users see.
    fn eq(&self, other: &Self) -> bool {
        self.api == other.api
    }
}

impl ClaimBody {
    /// Changes what is asked for; other claims keep what they share with this one.
    pub fn change_spec(&mut self, change: impl FnOnce(&mut corev1::PersistentVolumeClaimSpec)) {
        let mut api = self.spec.api.clone();
        change(&mut api);
        self.spec = ClaimSpec::new(api).into();
    }

    /// Changes what became of it; other claims keep what they share with this one.
    pub fn change_status(&mut self, change: impl FnOnce(&mut corev1::PersistentVolumeClaimStatus)) {
        let mut api = self.status.api.clone();
        change(&mut api);
        self.status = ClaimStatus::new(api).into();
    }
}

impl Plain<ClaimBody> {
    /// Reads a claim as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(claim: corev1::PersistentVolumeClaim) -> Result<Self, ApiError> {
        let mut spec = claim.spec.unwrap_or_default();
        let volume_name = spec.volume_name.take().unwrap_or_default().into();
        let (spec, status) = (ClaimSpec::new(spec).into(), ClaimStatus::new(claim.status.unwrap_or_default()).into());
        let body = ClaimBody { spec, volume_name, volume_slot: SlotHint::default(), status };
        Ok(Self { meta: ObjectMeta::from_api(claim.metadata)?, body })
    }

    /// The claim as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::PersistentVolumeClaim {
        let ClaimBody { spec, volume_name, volume_slot: _, status } = &self.body;
        let volume_name = (!volume_name.is_empty()).then(|| volume_name.to_string());
        let spec = corev1::PersistentVolumeClaimSpec { volume_name, ..spec.api.clone() };
        corev1::PersistentVolumeClaim {
            metadata: self.meta.to_api(),
            spec: Some(spec),
            status: Some(status.api.clone()),
        }
    }
}
