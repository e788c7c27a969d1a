//! Making a volume for a claim.
//!
//! Mirrors `provisionClaimOperation` of sig-storage-lib-external-provisioner and `Provision` of external-provisioner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::quantity::Quantity;
use seatrial_api::{
    ApiError, Finalizers, ObjectMeta, Parts, PersistentVolume, PersistentVolumeClaim, Plain, Resource, StorageClass,
    Str, StrMap,
};
use seatrial_machinery::volumes::{
    ANN_DYNAMICALLY_PROVISIONED, ANN_SELECTED_NODE, WAIT_FOR_FIRST_CONSUMER, reference_to, storage_provisioner,
    volume_name,
};
use seatrial_machinery::{EventText, ObjectRef, Piece, SyncContext, class_of_claim, requested_storage};

use super::behavior::{Place, ProvisionerBehavior, RECORDED_PROVISIONER};
use super::controller::{Progress, VolumeProvisioner};

/// Keeps a volume until its storage is deleted.
pub(super) const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
const PROVISIONING_FAILED: &str = "ProvisioningFailed";

/// How long the name of a driver may be.
const DRIVER_NAME_LENGTH_MAX: usize = 63;

impl VolumeProvisioner {
    /// Whether a claim asks somebody for a volume.
    pub(super) fn wants_volume(claim: &PersistentVolumeClaim) -> bool {
        volume_name(claim).is_empty() && storage_provisioner(claim).is_some()
    }

    /// Makes the volume of a claim, or goes on with that. Mirrors `shouldProvision` and `provisionClaimOperation`.
    pub(super) fn sync_claim(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        let Some(provisioner) = storage_provisioner(claim) else { return Ok(()) };
        let class_name = class_of_claim(claim);
        let Some(class) = cx.informers.storage_classes.get("", class_name).cloned() else { return Ok(()) };
        let selected = claim.meta.annotations.get(ANN_SELECTED_NODE).unwrap_or_default();
        if class.body.volume_binding_mode.as_deref() == Some(WAIT_FOR_FIRST_CONSUMER) && selected.is_empty() {
            self.forget(&claim.namespaced_name());
            return Ok(());
        }
        let name: Str = format!("pvc-{}", claim.meta.uid).into();
        let behavior = self.behavior_of(&Place { class: class_name, provisioner, claim: &claim.meta.name });
        let (key, now) = (claim.namespaced_name(), cx.clock().now());
        if behavior.is_absent {
            self.ignored.insert(key);
            return Ok(());
        }
        if cx.informers.persistent_volumes.get("", &name).is_some() {
            return Ok(());
        }
        match self.advance(now, &key, &behavior.provision) {
            Progress::Waits => Ok(()),
            Progress::Began => {
                say_it_begins(cx, claim);
                Ok(())
            }
            Progress::Failed { at_once, text } => {
                if at_once {
                    say_it_begins(cx, claim);
                }
                say_it_failed(cx, claim, class_name, &text);
                Ok(())
            }
            Progress::Done { at_once } => {
                if at_once {
                    say_it_begins(cx, claim);
                }
                if let Some(text) = self.why_there_is_no_room(claim, class_name, &behavior) {
                    say_it_failed(cx, claim, class_name, &text);
                    if !selected.is_empty() {
                        // The scheduler may find another node, or the same one again.
                        return give_back(cx, claim);
                    }
                    self.retry_later(now, &key);
                    return Ok(());
                }
                let volume = self.volume_for(cx, (claim, &class, provisioner), name, &behavior);
                let made = cx.client.create(volume)?;
                let pieces = [Piece::Text("Successfully provisioned volume "), Piece::Arg(&made.meta.name)];
                cx.client.event(&ObjectRef::of(&**claim), &EventText::normal_pieces("ProvisioningSucceeded", &pieces));
                Ok(())
            }
        }
    }

    fn why_there_is_no_room(
        &self,
        claim: &PersistentVolumeClaim,
        class: &str,
        behavior: &ProvisionerBehavior,
    ) -> Option<String> {
        let (all, wanted) = (behavior.capacity.as_ref()?, request_of(claim)?);
        let left = all.sub(&self.used(class));
        wanted
            .cmp_value(&left)
            .is_gt()
            .then(|| format!("rpc error: code = ResourceExhausted desc = {wanted} requested, {left} of {all} left"))
    }

    fn volume_for(
        &self,
        cx: &SyncContext<'_>,
        (claim, class, provisioner): (&PersistentVolumeClaim, &StorageClass, &str),
        name: Str,
        behavior: &ProvisionerBehavior,
    ) -> PersistentVolume {
        let none = corev1::PersistentVolumeClaimSpec::default();
        let wanted = claim.body.spec.as_deref().unwrap_or(&none);
        let requests = wanted.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        let storage =
            |all: &BTreeMap<String, _>| all.get_key_value("storage").map(|(k, v)| (k.clone(), Clone::clone(v)));
        let spec = corev1::PersistentVolumeSpec {
            access_modes: wanted.access_modes.clone(),
            capacity: requests.map(|all| storage(all).into_iter().collect()),
            claim_ref: Some(reference_to(claim)),
            csi: Some(corev1::CSIPersistentVolumeSource {
                driver: driver_of(provisioner),
                volume_handle: name.to_string(),
                ..Default::default()
            }),
            mount_options: class.body.mount_options.clone(),
            node_affinity: behavior.topology.as_ref().and_then(|key| self.reach_of(cx, claim, class, key)),
            persistent_volume_reclaim_policy: class.body.reclaim_policy.clone().or(Some("Delete".to_owned())),
            storage_class_name: Some(class.meta.name.to_string()),
            volume_attributes_class_name: wanted.volume_attributes_class_name.clone(),
            volume_mode: wanted.volume_mode.clone().or(Some("Filesystem".to_owned())),
            ..Default::default()
        };
        let finalizers = (provisioner != RECORDED_PROVISIONER).then(|| Str::new_static(FINALIZER));
        let meta = ObjectMeta {
            name,
            annotations: StrMap::EMPTY.with(Str::new_static(ANN_DYNAMICALLY_PROVISIONED), provisioner.into()),
            finalizers: Finalizers::from_iter(finalizers),
            ..ObjectMeta::default()
        };
        Plain { meta, body: Parts { spec: Some(spec.into()), status: None } }
    }

    /// From where a volume can be reached: the place of the pod's node, or else one that the class allows.
    fn reach_of(
        &self,
        cx: &SyncContext<'_>,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        key: &str,
    ) -> Option<corev1::VolumeNodeAffinity> {
        let selected = claim.meta.annotations.get(ANN_SELECTED_NODE).unwrap_or_default();
        let value = match cx.informers.nodes.get("", selected) {
            Some(node) => node.meta.labels.get(key)?.to_owned(),
            None => {
                let allowed = class.body.allowed_topologies.iter().flatten();
                let allowed = allowed.flat_map(|term| term.match_label_expressions.iter().flatten());
                let allowed: BTreeSet<&str> =
                    allowed.filter(|e| e.key == key).flat_map(|e| e.values.iter().map(String::as_str)).collect();
                let places = cx.informers.nodes.list(None).into_iter().filter_map(|node| node.meta.labels.get(key));
                let places: BTreeSet<&str> = places.filter(|p| allowed.is_empty() || allowed.contains(p)).collect();
                // Volumes are spread over the places as they come.
                let count = u64::try_from(places.len()).ok().filter(|count| *count > 0)?;
                let pick = usize::try_from(claim.meta.uid.as_u64() % count).unwrap_or(0);
                places.into_iter().nth(pick)?.to_owned()
            }
        };
        let requirement = corev1::NodeSelectorRequirement {
            key: key.to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![value]),
        };
        let term = corev1::NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
        Some(corev1::VolumeNodeAffinity { required: Some(corev1::NodeSelector { node_selector_terms: vec![term] }) })
    }
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

fn request_of(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    claim.body.spec.as_ref().and_then(|spec| requested_storage(spec))
}

fn say_it_begins(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim) {
    let pieces = [
        Piece::Text("External provisioner is provisioning volume for claim \""),
        Piece::Text(&claim.meta.namespace),
        Piece::Text("/"),
        Piece::Name,
        Piece::Text("\""),
    ];
    cx.client.event(&ObjectRef::of(claim), &EventText::normal_pieces("Provisioning", &pieces));
}

fn say_it_failed(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim, class: &str, text: &str) {
    let text = format!("failed to provision volume with StorageClass {class:?}: {text}");
    cx.client.event(&ObjectRef::of(claim), &EventText::warning(PROVISIONING_FAILED, &text));
}

/// Takes the selected node from a claim, so that the scheduler begins anew. Mirrors `rescheduleProvisioning`.
fn give_back(cx: &mut SyncContext<'_>, claim: &Arc<PersistentVolumeClaim>) -> Result<(), ApiError> {
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.meta.annotations.remove(ANN_SELECTED_NODE);
    cx.client.update(changed).map(drop)
}
