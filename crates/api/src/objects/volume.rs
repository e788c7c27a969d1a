//! PersistentVolumes: those that a provisioner makes share all of their spec but the claim and the handle.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use crate::objects::plain::Plain;
use crate::objects::shared::Shared;
use crate::quantity::Quantity;
use crate::{ApiError, ObjectMeta, RareStr, SlotHint, Str, Time, Uid};

/// Access modes as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessModes(u8);

impl AccessModes {
    const WORDS: [&'static str; 4] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];

    /// The modes of a list; words that are none are left out.
    pub fn of(words: Option<&[String]>) -> Self {
        let bit = |word: &String| Self::WORDS.iter().position(|other| other == word).map_or(0, |place| 1 << place);
        Self(words.into_iter().flatten().fold(0, |bits, word| bits | bit(word)))
    }

    /// Whether each of the other's modes is one of these.
    #[inline]
    pub fn has_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether a mode is one of these.
    pub fn has(self, word: &str) -> bool {
        Self::WORDS.iter().position(|other| *other == word).is_some_and(|place| self.0 >> place & 1 == 1)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The storage in a list of resources.
pub(crate) fn storage_in(resources: Option<&BTreeMap<String, ApiQuantity>>) -> Option<Quantity> {
    Quantity::try_from(resources?.get("storage")?).ok()
}

/// What a volume holds beside its metadata. Mirrors `v1.PersistentVolume`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeBody {
    /// What it is, but for the claim, and for the handle where that is the volume's name.
    pub spec: Shared<VolumeSpec>,
    /// The claim that it is for. Mirrors `spec.claimRef`.
    pub claim_ref: Option<Shared<ClaimRef>>,
    /// What became of it.
    pub status: VolumeStatus,
}

/// What a volume is, with the facts that every reader asks for.
///
/// The k8s-openapi value is what users see, but for the claim, which each volume keeps for itself, and the handle of its
/// driver where that is the volume's name, as with volumes that a provisioner made.
#[derive(Clone, Debug, Default)]
pub struct VolumeSpec {
    api: corev1::PersistentVolumeSpec,
    is_handle_the_name: bool,
    capacity: Option<Quantity>,
    modes: AccessModes,
}

impl VolumeSpec {
    /// Wraps a spec; its `claimRef` is dropped.
    pub fn new(mut api: corev1::PersistentVolumeSpec) -> Self {
        api.claim_ref = None;
        let (capacity, modes) = (storage_in(api.capacity.as_ref()), AccessModes::of(api.access_modes.as_deref()));
        Self { api, is_handle_the_name: false, capacity, modes }
    }

    /// The same spec, for volumes by whose names the driver knows them.
    #[must_use]
    pub fn with_handles_as_named(mut self) -> Self {
        if let Some(csi) = &mut self.api.csi {
            csi.volume_handle = String::new();
            self.is_handle_the_name = true;
        }
        self
    }

    /// The spec as k8s-openapi holds it, without `claimRef`; [`Plain::csi_handle`] tells the handle.
    #[inline]
    pub fn api(&self) -> &corev1::PersistentVolumeSpec {
        &self.api
    }

    /// The size.
    #[inline]
    pub fn capacity(&self) -> Option<Quantity> {
        self.capacity
    }

    /// The access modes.
    #[inline]
    pub fn access_modes(&self) -> AccessModes {
        self.modes
    }
}

impl PartialEq for VolumeSpec {
    /// The rest follows from what users see.
    fn eq(&self, other: &Self) -> bool {
        self.is_handle_the_name == other.is_handle_the_name && self.api == other.api
    }
}

/// The claim that a volume is for. Mirrors `v1.ObjectReference`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimRef {
    /// The claim's namespace.
    pub namespace: Str,
    /// The claim's name.
    pub name: Str,
    /// The claim's uid; nil where the user did not say.
    pub uid: Uid,
    /// The claim's version, or empty.
    pub resource_version: Str,
    /// `PersistentVolumeClaim`, or empty.
    pub kind: Str,
    /// `v1`, or empty.
    pub api_version: Str,
    /// Always empty, but for users who write one.
    pub field_path: RareStr,
    /// Where the claim lay that was named.
    pub slot: SlotHint,
}

impl ClaimRef {
    /// Reads a reference as k8s-openapi holds it.
    pub fn from_api(r: corev1::ObjectReference) -> Self {
        let text = |s: Option<String>| Str::from(s.unwrap_or_default());
        Self {
            namespace: text(r.namespace),
            name: text(r.name),
            uid: Uid::parse(r.uid.as_deref().unwrap_or_default()),
            resource_version: text(r.resource_version),
            kind: text(r.kind),
            api_version: text(r.api_version),
            field_path: r.field_path.unwrap_or_default().into(),
            slot: SlotHint::default(),
        }
    }

    /// The reference as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::ObjectReference {
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        corev1::ObjectReference {
            api_version: text(&self.api_version),
            field_path: text(&self.field_path),
            kind: text(&self.kind),
            name: text(&self.name),
            namespace: text(&self.namespace),
            resource_version: text(&self.resource_version),
            uid: (!self.uid.is_nil()).then(|| self.uid.to_string()),
        }
    }
}

/// What became of a volume. Mirrors `v1.PersistentVolumeStatus`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeStatus {
    /// The phase, or empty.
    pub phase: Str,
    /// More for people, or empty.
    pub message: RareStr,
    /// Why the volume is as it is, or empty.
    pub reason: RareStr,
    /// When the phase became what it is.
    pub last_phase_transition_time: Option<Time>,
}

impl VolumeStatus {
    fn from_api(s: corev1::PersistentVolumeStatus) -> Self {
        Self {
            phase: s.phase.unwrap_or_default().into(),
            message: s.message.unwrap_or_default().into(),
            reason: s.reason.unwrap_or_default().into(),
            last_phase_transition_time: s.last_phase_transition_time.as_ref().map(Into::into),
        }
    }

    fn to_api(&self) -> corev1::PersistentVolumeStatus {
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        corev1::PersistentVolumeStatus {
            last_phase_transition_time: self.last_phase_transition_time.map(Into::into),
            message: text(&self.message),
            phase: text(&self.phase),
            reason: text(&self.reason),
        }
    }
}

impl VolumeBody {
    /// Changes what the volume is; others keep what they share with it.
    pub fn change_spec(&mut self, change: impl FnOnce(&mut corev1::PersistentVolumeSpec)) {
        let mut api = self.spec.api.clone();
        change(&mut api);
        let changed = VolumeSpec { is_handle_the_name: self.spec.is_handle_the_name, ..VolumeSpec::new(api) };
        self.spec = changed.into();
    }
}

impl Plain<VolumeBody> {
    /// How the driver knows the volume; empty for volumes without a driver.
    pub fn csi_handle(&self) -> &str {
        match &self.body.spec.api.csi {
            Some(_) if self.body.spec.is_handle_the_name => &self.meta.name,
            Some(csi) => &csi.volume_handle,
            None => "",
        }
    }

    /// Reads a volume as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(volume: corev1::PersistentVolume) -> Result<Self, ApiError> {
        let meta = ObjectMeta::from_api(volume.metadata)?;
        let mut spec = volume.spec.unwrap_or_default();
        let claim_ref = spec.claim_ref.take().map(|claim| ClaimRef::from_api(claim).into());
        let is_handle_the_name =
            spec.csi.as_ref().is_some_and(|csi| !meta.name.is_empty() && meta.name == csi.volume_handle);
        let mut spec = VolumeSpec::new(spec);
        if is_handle_the_name {
            spec = spec.with_handles_as_named();
        }
        let status = VolumeStatus::from_api(volume.status.unwrap_or_default());
        Ok(Self { meta, body: VolumeBody { spec: spec.into(), claim_ref, status } })
    }

    /// The volume as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::PersistentVolume {
        let VolumeBody { spec, claim_ref, status } = &self.body;
        let claim_ref = claim_ref.as_ref().map(|claim| claim.to_api());
        let mut spec = corev1::PersistentVolumeSpec { claim_ref, ..spec.api.clone() };
        if let Some(csi) = &mut spec.csi {
            csi.volume_handle = self.csi_handle().to_owned();
        }
        corev1::PersistentVolume { metadata: self.meta.to_api(), spec: Some(spec), status: Some(status.to_api()) }
    }
}
