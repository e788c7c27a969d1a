//! What volumes have in common that are made for the claims of one template: all but their names and the claims.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ClaimSpec, Finalizers, Shared, StorageClass, Str, StrMap, VolumeSpec};
use seatrial_machinery::Recent;
use seatrial_machinery::volumes::ANN_DYNAMICALLY_PROVISIONED;

use super::behavior::RECORDED_PROVISIONER;
use super::provision::FINALIZER;

/// How long the name of a driver may be.
const DRIVER_NAME_LENGTH_MAX: usize = 63;

/// The shared parts of a volume.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) spec: Shared<VolumeSpec>,
    pub(super) annotations: StrMap,
    pub(super) finalizers: Finalizers,
}

/// What a pattern is made from.
#[derive(Debug)]
struct Source {
    claim: Shared<ClaimSpec>,
    class: Arc<StorageClass>,
    provisioner: Str,
    /// The label by which the volume can be reached, and its value.
    place: Option<(String, String)>,
}

impl Source {
    fn is(&self, claim: &Shared<ClaimSpec>, class: &Arc<StorageClass>, provisioner: &str, place: Place<'_>) -> bool {
        self.claim.ptr_eq(claim)
            && Arc::ptr_eq(&self.class, class)
            && self.provisioner == *provisioner
            && self.place.as_ref().map(|(key, value)| (key.as_str(), value.as_str())) == place
    }
}

/// A node label and its value.
type Place<'a> = Option<(&'a str, &'a str)>;

/// The patterns that were made lately.
#[derive(Debug, Default)]
pub(super) struct Patterns(Recent<Source, Pattern>);

impl Patterns {
    /// What the volumes for claims with a spec have in common.
    pub(super) fn of(
        &mut self,
        claim: &Shared<ClaimSpec>,
        class: &Arc<StorageClass>,
        provisioner: &str,
        place: Place<'_>,
    ) -> &Pattern {
        let make = || {
            let source = Source {
                claim: claim.clone(),
                class: Arc::clone(class),
                provisioner: provisioner.into(),
                place: place.map(|(key, value)| (key.to_owned(), value.to_owned())),
            };
            (source, pattern_of(claim, class, provisioner, place))
        };
        self.0.get_or_make(|source| source.is(claim, class, provisioner, place), make)
    }
}

fn pattern_of(claim: &ClaimSpec, class: &StorageClass, provisioner: &str, place: Place<'_>) -> Pattern {
    let wanted = claim.api();
    let requests = wanted.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let storage = |all: &BTreeMap<String, _>| all.get_key_value("storage").map(|(k, v)| (k.clone(), Clone::clone(v)));
    let spec = corev1::PersistentVolumeSpec {
        access_modes: wanted.access_modes.clone(),
        capacity: requests.map(|all| storage(all).into_iter().collect()),
        csi: Some(corev1::CSIPersistentVolumeSource { driver: driver_of(provisioner), ..Default::default() }),
        mount_options: class.body.mount_options.clone(),
        node_affinity: place.map(|(key, value)| reached_from(key, value)),
        persistent_volume_reclaim_policy: class.body.reclaim_policy.clone().or(Some("Delete".to_owned())),
        storage_class_name: Some(class.meta.name.to_string()),
        volume_attributes_class_name: wanted.volume_attributes_class_name.clone(),
        volume_mode: wanted.volume_mode.clone().or(Some("Filesystem".to_owned())),
        ..Default::default()
    };
    Pattern {
        spec: VolumeSpec::new(spec).with_handles_as_named().into(),
        annotations: StrMap::EMPTY.with(Str::new_static(ANN_DYNAMICALLY_PROVISIONED), provisioner.into()),
        finalizers: (provisioner != RECORDED_PROVISIONER).then(|| Str::new_static(FINALIZER)).into_iter().collect(),
    }
}

fn reached_from(key: &str, value: &str) -> corev1::VolumeNodeAffinity {
    let requirement = corev1::NodeSelectorRequirement {
        key: key.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![value.to_owned()]),
    };
    let term = corev1::NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
    corev1::VolumeNodeAffinity { required: Some(corev1::NodeSelector { node_selector_terms: vec![term] }) }
}

/// The name of the driver: the provisioner's, made into a name that a volume may have.
pub(super) fn driver_of(provisioner: &str) -> String {
    if is_driver_name(provisioner) {
        return provisioner.to_owned();
    }
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '.' };
    let name: String = provisioner.chars().map(allowed).take(DRIVER_NAME_LENGTH_MAX).collect();
    let parts = name.split('.').map(|part| part.trim_matches('-')).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(".")
}

/// Whether a provisioner's name is one that a volume may have, as nearly all are.
fn is_driver_name(provisioner: &str) -> bool {
    let is_label = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    provisioner.len() <= DRIVER_NAME_LENGTH_MAX && provisioner.split('.').all(is_label)
}
