//! Whether a pod's volumes can be had on a node, and what has to be written so that they are.
//!
//! Mirrors pkg/scheduler/framework/plugins/{volumebinding,volumerestrictions,volumezone} (v1.36).
//! Differs: a pod whose claim another pod has for itself waits for that one; no pod is preempted for it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_api::scheduling::matches_node_selector;
use seatrial_api::{PersistentVolume, PersistentVolumeClaim, Pod, Slot, StorageClass, Str};
use seatrial_machinery::volumes::{
    ANN_SELECTED_NODE, NO_PROVISIONER, READ_WRITE_ONCE_POD, VolumeIndex, WAIT_FOR_FIRST_CONSUMER, bind_volume_to_claim,
    claim_phase, is_claim_fully_bound, volume_name,
};
use seatrial_machinery::{Client, Informers, class_of_claim};

use crate::node_info::NodeInfo;
use crate::plugin::{Misfit, Plugin};

const UNBOUND_IMMEDIATE: &str = "pod has unbound immediate PersistentVolumeClaims";
const NODE_CONFLICT: &str = "node(s) didn't match PersistentVolume's node affinity";
const BIND_CONFLICT: &str = "node(s) didn't find available persistent volumes to bind";
const VOLUME_MISSING: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
const ZONE_CONFLICT: &str = "node(s) had no available volume zone";
const ONCE_POD_CONFLICT: &str =
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
/// Labels of volumes and nodes that say where they are, the older name beside each.
const ZONE_LABELS: [(&str, &str); 2] = [
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
];

/// The class that was asked for last: claims have few classes.
#[derive(Debug, Default)]
pub(crate) struct LastClass(Cell<Slot>);

impl LastClass {
    /// The class of a claim that gets its volume with the pod's node. Mirrors `IsDelayBindingMode`.
    fn delaying_class<'a>(
        &self,
        client: &'a Client<'_>,
        claim: &PersistentVolumeClaim,
    ) -> Option<&'a Arc<StorageClass>> {
        let name = class_of_claim(claim);
        let known = client.live_at::<StorageClass>(self.0.get()).filter(|class| class.meta.name == *name);
        let class = known.or_else(|| client.server().store().get_as::<StorageClass>("", name))?;
        self.0.set(class.meta.slot);
        (class.body.volume_binding_mode.as_deref() == Some(WAIT_FOR_FIRST_CONSUMER)).then_some(class)
    }
}

/// The plugin that refuses a pod before any node is looked at, and why.
pub(crate) type Refusal = (Plugin, Cow<'static, str>);
/// A claim that waits for its pod, and its class.
type Delayed = (Arc<PersistentVolumeClaim>, Arc<StorageClass>);
/// A claim as it is, and whether it is one that is made for its pod.
type ClaimOf<'c> = (&'c Arc<PersistentVolumeClaim>, bool);

/// A pod's claims as PreFilter found them.
#[derive(Debug, Default)]
pub(crate) struct PodVolumes {
    /// The volumes of its bound claims that can be reached from some nodes only.
    placed: Vec<Arc<PersistentVolume>>,
    /// Whether a bound claim's volume is gone.
    lacks_volume: bool,
    /// The claims that get their volumes with the node, the smallest first.
    delayed: Vec<Delayed>,
    /// Whether another pod has a claim that is for one pod.
    is_taken: bool,
}

/// What binds a pod's claims on one node.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// Volumes that are there, each for a claim.
    pub(crate) matched: Vec<(Arc<PersistentVolume>, Arc<PersistentVolumeClaim>)>,
    /// Claims for which volumes have to be made.
    pub(crate) to_provision: Vec<Arc<PersistentVolumeClaim>>,
}

impl PodVolumes {
    /// Whether there is nothing to say of the claims.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { placed, lacks_volume, delayed, is_taken } = self;
        placed.is_empty() && !lacks_volume && delayed.is_empty() && !is_taken
    }

    /// Looks at a pod's claims, or says why no node will do. Mirrors `PreFilter` of the plugins. `known` is where its only
    /// claim lay the last time.
    pub(crate) fn of(
        client: &Client<'_>,
        informers: &Informers,
        classes: &LastClass,
        pod: &Pod,
        known: &mut Slot,
    ) -> Result<Self, Refusal> {
        let mut volumes = Self::default();
        let (first, others) = claims_of(client, pod, *known)?;
        let claims = || first.iter().chain(&others);
        for (claim, is_own) in claims() {
            check_claim(pod, claim, *is_own).map_err(|why| (Plugin::VolumeBinding, why.into()))?;
        }
        *known = first.map_or(Slot::NONE, |(claim, _)| claim.meta.slot);
        let (store, mut has_unbound) = (client.server().store(), false);
        for (claim, _) in claims() {
            if claim.body.spec.access_modes().has(READ_WRITE_ONCE_POD) {
                let users = informers.pods_with_claim(&claim.meta.namespace, &claim.meta.name);
                let mut users = users.filter(|user| !user.node_name.is_empty() && !user.status.phase.is_terminal());
                volumes.is_taken |= users.any(|user| user.meta.name != pod.meta.name);
            }
            if is_claim_fully_bound(claim) {
                match store.hinted_as::<PersistentVolume>(claim.body.volume_slot, "", volume_name(claim)) {
                    Some(volume) if is_placed(volume) => volumes.placed.push(Arc::clone(volume)),
                    Some(_) => {}
                    None => volumes.lacks_volume = true,
                }
                continue;
            }
            match classes.delaying_class(client, claim) {
                Some(class) if volume_name(claim).is_empty() => {
                    volumes.delayed.push((Arc::clone(claim), Arc::clone(class)));
                }
                _ => has_unbound = true,
            }
        }
        if has_unbound {
            return Err((Plugin::VolumeBinding, UNBOUND_IMMEDIATE.into()));
        }
        volumes
            .delayed
            .sort_by_cached_key(|(claim, _)| claim.body.spec.requested_storage().map_or(0, |size| size.value()));
        Ok(volumes)
    }

    /// Whether nodes differ in whether the volumes can be had there.
    pub(crate) fn needs_filter(&self) -> bool {
        self.is_taken || self.lacks_volume || !self.placed.is_empty() || !self.delayed.is_empty()
    }

    /// Whether all claims have their volumes.
    pub(crate) fn is_bound(&self) -> bool {
        self.delayed.is_empty()
    }

    /// On a node from which the volumes cannot be reached no pod has to go.
    pub(crate) fn judge(&self, misfit: Misfit, volumes: &VolumeIndex, node: &NodeInfo) -> Misfit {
        let is_resolvable = misfit.is_resolvable && self.filter(volumes, node).is_ok();
        Misfit { is_resolvable, ..misfit }
    }

    /// Whether the node can have the pod's volumes. Mirrors `Filter` of the plugins, in their order.
    pub(crate) fn filter(&self, volumes: &VolumeIndex, node: &NodeInfo) -> Result<(), Misfit> {
        if !self.needs_filter() {
            return Ok(());
        }
        if self.is_taken {
            return Err(Misfit::unresolvable(Plugin::VolumeRestrictions, ONCE_POD_CONFLICT));
        }
        let mut reasons = Vec::new();
        if self.placed.iter().any(|volume| !matches_node_affinity(volume, node)) {
            reasons.push(NODE_CONFLICT.into());
        }
        if self.find(volumes, node).is_none() {
            reasons.push(BIND_CONFLICT.into());
        }
        if self.lacks_volume {
            reasons.push(VOLUME_MISSING.into());
        }
        if !reasons.is_empty() {
            return Err(Misfit { plugin: Plugin::VolumeBinding, reasons, is_resolvable: false });
        }
        match self.placed.iter().all(|volume| matches_zone(volume, node)) {
            true => Ok(()),
            false => Err(Misfit::unresolvable(Plugin::VolumeZone, ZONE_CONFLICT)),
        }
    }

    /// What would bind the claims on a node, if it can be done there. Mirrors `FindPodVolumes`.
    pub(crate) fn find(&self, volumes: &VolumeIndex, node: &NodeInfo) -> Option<Bindings> {
        let mut bindings = Bindings::default();
        let mut chosen: BTreeSet<Str> = BTreeSet::new();
        let mut unmatched = Vec::new();
        for (claim, class) in &self.delayed {
            match claim.meta.annotations.get(ANN_SELECTED_NODE) {
                Some(selected) if selected == node.name.as_str() => unmatched.push((claim, class)),
                Some(_) => return None,
                None => {
                    let is_usable = |volume: &PersistentVolume| matches_node_affinity(volume, node);
                    match volumes.best_match_for_node(claim, is_usable, &chosen) {
                        Some(volume) => {
                            chosen.insert(volume.meta.name.clone());
                            bindings.matched.push((Arc::clone(volume), Arc::clone(claim)));
                        }
                        None => unmatched.push((claim, class)),
                    }
                }
            }
        }
        for (claim, class) in unmatched {
            let is_made = !class.body.provisioner.is_empty() && class.body.provisioner != NO_PROVISIONER;
            if !is_made || !matches_allowed_topologies(class, node) {
                return None;
            }
            bindings.to_provision.push(Arc::clone(claim));
        }
        Some(bindings)
    }
}

impl Bindings {
    /// Names the claims on the volumes and the node on the claims. Mirrors `bindAPIUpdate`.
    ///
    /// # Errors
    /// What the API server answered; what was written stays.
    pub(crate) fn write(&self, client: &mut Client<'_>, node: &Str) -> Result<(), seatrial_api::ApiError> {
        for (volume, claim) in &self.matched {
            if let Some(bound) = bind_volume_to_claim(volume, claim) {
                client.update(bound)?;
            }
        }
        for claim in &self.to_provision {
            if claim.meta.annotations.get(ANN_SELECTED_NODE) != Some(node.as_str()) {
                let mut chosen = PersistentVolumeClaim::clone(claim);
                chosen.meta.annotations.insert(ANN_SELECTED_NODE, node.clone());
                client.update(chosen)?;
            }
        }
        Ok(())
    }
}

/// A pod's claims as they are: the first, which is the only one of nearly all pods, and the others. The only one need not be
/// searched for by its name where it is still the one that lies at a slot.
fn claims_of<'c>(
    client: &'c Client<'_>,
    pod: &Pod,
    known: Slot,
) -> Result<(Option<ClaimOf<'c>>, Vec<ClaimOf<'c>>), Refusal> {
    let is_it = |claim: &&Arc<PersistentVolumeClaim>| {
        claim.meta.namespace == pod.meta.namespace && pod.uses_claim(&claim.meta.name)
    };
    let there = client.live_at::<PersistentVolumeClaim>(known).filter(|_| pod.spec.has_one_claim());
    if let Some(claim) = there.filter(is_it) {
        return Ok((Some((claim, pod.spec.has_own_claims())), Vec::new()));
    }
    let (mut first, mut others) = (None, Vec::new());
    for (name, is_own) in pod.claims() {
        match client.server().store().get_as::<PersistentVolumeClaim>(&pod.meta.namespace, &name) {
            Some(claim) if first.is_none() => first = Some((claim, is_own)),
            Some(claim) => others.push((claim, is_own)),
            None if is_own => {
                let text = "waiting for ephemeral volume controller to create the persistentvolumeclaim";
                return Err((Plugin::VolumeBinding, format!("{text} {name:?}").into()));
            }
            None => {
                let text = format!("persistentvolumeclaim {name:?} not found");
                return Err((Plugin::VolumeRestrictions, text.into()));
            }
        }
    }
    Ok((first, others))
}

/// Mirrors `podHasPVCs`.
fn check_claim(pod: &Pod, claim: &PersistentVolumeClaim, is_own: bool) -> Result<(), String> {
    let name = claim.meta.name.as_str();
    if claim_phase(claim) == "Lost" {
        let volume = volume_name(claim);
        return Err(format!("persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"));
    }
    if claim.meta.is_deleting() {
        return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
    }
    if is_own && !claim.meta.is_controlled_by(&pod.meta.uid) {
        let (namespace, pod) = (&pod.meta.namespace, &pod.meta.name);
        return Err(format!("PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)"));
    }
    Ok(())
}

/// Whether a volume says from where it can be reached.
fn is_placed(volume: &PersistentVolume) -> bool {
    volume.body.spec.api().node_affinity.is_some()
        || ZONE_LABELS
            .iter()
            .any(|(new, old)| volume.meta.labels.contains_key(new) || volume.meta.labels.contains_key(old))
}

/// Mirrors `CheckNodeAffinity`.
pub(crate) fn matches_node_affinity(volume: &PersistentVolume, node: &NodeInfo) -> bool {
    let affinity = volume.body.spec.api().node_affinity.as_ref();
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|required| matches_node_selector(required, &node.name, &node.labels))
}

/// A volume's zones are one label, parted by `__`. Nodes that say of no zone take every volume.
fn matches_zone(volume: &PersistentVolume, node: &NodeInfo) -> bool {
    let is_in_some = |(new, old): &(&str, &str)| node.labels.contains_key(new) || node.labels.contains_key(old);
    if !ZONE_LABELS.iter().any(is_in_some) {
        return true;
    }
    ZONE_LABELS.iter().all(|(new, old)| {
        [new, old].into_iter().all(|key| {
            let Some(zones) = volume.meta.labels.get(key) else { return true };
            let place = node.labels.get(key).or_else(|| node.labels.get(new));
            place.is_some_and(|place| zones.split("__").any(|zone| zone == place))
        })
    })
}

/// Mirrors `MatchTopologySelectorTerms`.
fn matches_allowed_topologies(class: &StorageClass, node: &NodeInfo) -> bool {
    let terms = class.body.allowed_topologies.as_deref().unwrap_or_default();
    let matches = |term: &k8s_openapi::api::core::v1::TopologySelectorTerm| {
        let expressions = term.match_label_expressions.as_deref().unwrap_or_default();
        !expressions.is_empty()
            && expressions.iter().all(|e| node.labels.get(&e.key).is_some_and(|v| e.values.iter().any(|w| w == v)))
    };
    terms.is_empty() || terms.iter().any(matches)
}

#[cfg(test)]
mod tests;
