//! Volumes and claims: the words both carry, what binds them, and which volume fits which claim.
//!
//! Mirrors component-helpers/storage/volume and pkg/controller/volume/persistentvolume/index.go (v1.36).
//! Differs: volumes are kept by class, access modes and size, so that a claim looks at those that fit and not at all.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use rustc_hash::FxHashMap;
use seatrial_api::quantity::Quantity;
use seatrial_api::selector::Selector;
use seatrial_api::{NamespacedName, PersistentVolume, PersistentVolumeClaim, Pod, Str};

use seatrial_apiserver::{class_of_claim, requested_storage};

/// On a claim: its binding was finished once.
pub const ANN_BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a claim or volume: the binder, and not the user, named the other.
pub const ANN_BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a volume: the provisioner that made it.
pub const ANN_DYNAMICALLY_PROVISIONED: &str = "pv.kubernetes.io/provisioned-by";
/// On a volume: the driver that took over from an in-tree plugin.
pub const ANN_MIGRATED_TO: &str = "pv.kubernetes.io/migrated-to";
/// On a claim: the provisioner that is asked to act.
pub const ANN_STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same, as it was called before.
pub const ANN_BETA_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// On a claim: the node that the scheduler chose for its pod.
pub const ANN_SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const ANN_BETA_STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// The name that provisions nothing.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// `volumeBindingMode` of a class whose claims wait for a pod.
pub const WAIT_FOR_FIRST_CONSUMER: &str = "WaitForFirstConsumer";
/// The access mode that one pod at a time may use.
pub const READ_WRITE_ONCE_POD: &str = "ReadWriteOncePod";
/// The access mode that one node at a time may use.
pub const READ_WRITE_ONCE: &str = "ReadWriteOnce";

/// The class of a volume, empty for none. Mirrors `GetPersistentVolumeClass`.
pub fn class_of_volume(volume: &PersistentVolume) -> &str {
    let named = || volume.body.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    volume.meta.annotations.get(ANN_BETA_STORAGE_CLASS).or_else(named).unwrap_or_default()
}

/// The claim a volume names.
pub fn claim_ref(volume: &PersistentVolume) -> Option<&corev1::ObjectReference> {
    volume.body.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref())
}

/// The key of the claim a volume names.
pub fn claim_key(volume: &PersistentVolume) -> Option<NamespacedName> {
    let claim = claim_ref(volume)?;
    Some(NamespacedName::new(claim.namespace.as_deref().unwrap_or_default(), claim.name.as_deref().unwrap_or_default()))
}

/// The uid of the claim a volume names, empty where the user did not say.
pub fn claim_uid(volume: &PersistentVolume) -> &str {
    claim_ref(volume).and_then(|claim| claim.uid.as_deref()).unwrap_or_default()
}

/// Whether a volume names this claim. Mirrors `IsVolumeBoundToClaim`.
pub fn is_volume_bound_to_claim(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(named) = claim_ref(volume) else { return false };
    let uid = named.uid.as_deref().unwrap_or_default();
    named.name.as_deref() == Some(claim.meta.name.as_str())
        && named.namespace.as_deref() == Some(claim.meta.namespace.as_str())
        && (uid.is_empty() || claim.meta.uid.is(uid))
}

/// The volume with the claim it is to have, unless it has it already. Mirrors `GetBindVolumeToClaim`.
pub fn bind_volume_to_claim(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<PersistentVolume> {
    let is_reserved = is_volume_bound_to_claim(volume, claim);
    if is_reserved && !claim_uid(volume).is_empty() {
        return None;
    }
    let mut bound = volume.clone();
    bound.body.spec.get_or_insert_default().claim_ref = Some(reference_to(claim));
    if !is_reserved {
        bound.meta.annotations.insert(ANN_BOUND_BY_CONTROLLER, "yes");
    }
    Some(bound)
}

/// A reference to a claim. Mirrors `reference.GetReference`.
pub fn reference_to(claim: &PersistentVolumeClaim) -> corev1::ObjectReference {
    corev1::ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: Some(claim.meta.namespace.to_string()),
        name: Some(claim.meta.name.to_string()),
        uid: Some(claim.meta.uid.to_string()),
        resource_version: Some(claim.meta.resource_version.to_string()),
        field_path: None,
    }
}

/// The volume a claim names, empty for none.
pub fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.body.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
}

/// A claim's phase.
pub fn claim_phase(claim: &PersistentVolumeClaim) -> &str {
    claim.body.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// A volume's phase.
pub fn volume_phase(volume: &PersistentVolume) -> &str {
    volume.body.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// A volume's size.
pub fn capacity_of(volume: &PersistentVolume) -> Option<Quantity> {
    let capacity = volume.body.spec.as_ref()?.capacity.as_ref()?;
    Quantity::try_from(capacity.get("storage")?).ok()
}

/// Whether a claim is bound for good. Mirrors `isPVCFullyBound`.
pub fn is_claim_fully_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume_name(claim).is_empty() && claim.meta.annotations.contains_key(ANN_BIND_COMPLETED)
}

/// The provisioner that a claim asks for. Mirrors `getStorageProvisioner` of the provisioners' library.
pub fn storage_provisioner(claim: &PersistentVolumeClaim) -> Option<&str> {
    let annotations = &claim.meta.annotations;
    annotations.get(ANN_STORAGE_PROVISIONER).or_else(|| annotations.get(ANN_BETA_STORAGE_PROVISIONER))
}

/// The access modes of a claim or volume as bits.
fn mode_bits(modes: Option<&Vec<String>>) -> u8 {
    let bit = |mode: &String| match mode.as_str() {
        "ReadWriteOnce" => 1,
        "ReadOnlyMany" => 2,
        "ReadWriteMany" => 4,
        "ReadWriteOncePod" => 8,
        _ => 0,
    };
    modes.into_iter().flatten().fold(0, |bits, mode| bits | bit(mode))
}

fn volume_modes(volume: &PersistentVolume) -> u8 {
    mode_bits(volume.body.spec.as_ref().and_then(|spec| spec.access_modes.as_ref()))
}

fn claim_modes(claim: &PersistentVolumeClaim) -> u8 {
    mode_bits(claim.body.spec.as_ref().and_then(|spec| spec.access_modes.as_ref()))
}

/// Whether a volume offers every access mode a claim asks for. Mirrors `CheckAccessModes`.
pub fn has_access_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    claim_modes(claim) & !volume_modes(volume) == 0
}

/// Whether a claim or volume has an access mode.
pub fn is_mode_in(modes: Option<&Vec<String>>, mode: &str) -> bool {
    modes.into_iter().flatten().any(|m| m == mode)
}

/// Whether one is a file system and the other a block device. Mirrors `CheckVolumeModeMismatches`.
pub fn has_other_volume_mode(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    const FILESYSTEM: &str = "Filesystem";
    let wanted = claim.body.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref()).unwrap_or(FILESYSTEM);
    volume.body.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref()).unwrap_or(FILESYSTEM) != wanted
}

/// Whether they name different VolumeAttributesClasses.
pub fn has_other_attributes_class(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let wanted = claim.body.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    let given = volume.body.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    wanted.unwrap_or_default() != given.unwrap_or_default()
}

/// Whether a volume is smaller than a claim asks for.
pub fn is_too_small(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    match (capacity_of(volume), claim.body.spec.as_ref().and_then(|spec| requested_storage(spec))) {
        (Some(size), Some(request)) => size.cmp_value(&request).is_lt(),
        (None, Some(request)) => request.sign() > 0,
        _ => false,
    }
}

/// How many modes there are, and which: groups with few modes come first.
type Modes = (u32, u8);
/// Volumes by size in bytes, rounded up, and name.
type BySize = BTreeMap<(i64, Str), Arc<PersistentVolume>>;

/// The volumes that a claim can get: those that name no claim, and those that name it.
#[derive(Debug, Default)]
pub struct VolumeIndex {
    unclaimed: BTreeMap<Str, BTreeMap<Modes, BySize>>,
    claimed: FxHashMap<NamespacedName, BySize>,
    /// How many volumes were looked at for claims.
    tried: Cell<u64>,
}

impl VolumeIndex {
    /// Takes a change of a volume over.
    pub fn apply(&mut self, old: Option<&PersistentVolume>, new: Option<&Arc<PersistentVolume>>) {
        if old.zip(new).is_some_and(|(old, new)| self.replace(old, new)) {
            return;
        }
        if let Some(old) = old {
            self.remove(old);
        }
        let Some(new) = new else { return };
        let size = size_key(new);
        match claim_key(new) {
            Some(claim) => drop(self.claimed.entry(claim).or_default().insert(size, Arc::clone(new))),
            None => {
                let modes = modes_key(new);
                let class = self.unclaimed.entry(class_of_volume(new).into()).or_default();
                class.entry(modes).or_default().insert(size, Arc::clone(new));
            }
        }
    }

    /// Puts a volume of a claim where its former self is, if nothing by which it is kept is another.
    fn replace(&mut self, old: &PersistentVolume, new: &Arc<PersistentVolume>) -> bool {
        let specs = old.body.spec.as_ref().zip(new.body.spec.as_ref());
        if old.meta.name != new.meta.name || !specs.is_some_and(|(old, new)| old.ptr_eq(new)) {
            return false;
        }
        let place = claim_key(new).and_then(|claim| self.claimed.get_mut(&claim)?.get_mut(&size_key(new)));
        place.map(|place| *place = Arc::clone(new)).is_some()
    }

    fn remove(&mut self, old: &PersistentVolume) {
        let size = size_key(old);
        if let Some(claim) = claim_key(old) {
            if let Some(volumes) = self.claimed.get_mut(&claim) {
                volumes.remove(&size);
                if volumes.is_empty() {
                    self.claimed.remove(&claim);
                }
            }
            return;
        }
        let class = class_of_volume(old);
        let Some(groups) = self.unclaimed.get_mut(class) else { return };
        let modes = modes_key(old);
        if let Some(volumes) = groups.get_mut(&modes) {
            volumes.remove(&size);
            if volumes.is_empty() {
                groups.remove(&modes);
            }
        }
        if groups.is_empty() {
            self.unclaimed.remove(class);
        }
    }

    /// How many volumes were looked at one by one for claims.
    pub fn tried(&self) -> u64 {
        self.tried.get()
    }

    /// The volumes from the size on that a claim asks for.
    fn large_enough<'a>(
        &'a self,
        volumes: &'a BySize,
        claim: &PersistentVolumeClaim,
    ) -> impl Iterator<Item = &'a Arc<PersistentVolume>> {
        let request = claim.body.spec.as_ref().and_then(|spec| requested_storage(spec));
        let from = (request.map_or(0, |request| request.value()), Str::default());
        volumes.range(from..).map(|(_, volume)| volume).inspect(|_| self.tried.set(self.tried.get() + 1))
    }

    /// The volumes that name a claim, by size and name.
    pub fn named_by<'a>(&'a self, claim: &NamespacedName) -> impl Iterator<Item = &'a Arc<PersistentVolume>> {
        self.claimed.get(claim).into_iter().flat_map(BTreeMap::values)
    }

    /// The best volume for a claim: of the fewest access modes, then one that names the claim, then the smallest.
    /// Claims that wait for their pod get only a volume that names them. Mirrors `findBestMatchForClaim`.
    pub fn best_match(&self, claim: &PersistentVolumeClaim, waits_for_pod: bool) -> Option<&Arc<PersistentVolume>> {
        let wanted = claim_modes(claim);
        let key = NamespacedName { namespace: claim.meta.namespace.clone(), name: claim.meta.name.clone() };
        let named = self.named_by(&key);
        let named = named.filter(|v| {
            volume_modes(v) & wanted == wanted && is_volume_bound_to_claim(v, claim) && fits_by_itself(v, claim)
        });
        let named = named.min_by_key(|v| modes_key(v));
        let free = if waits_for_pod { None } else { self.smallest_free(claim, wanted) };
        match (named, free) {
            (Some(named), Some(free)) if modes_key(free) < modes_key(named) => Some(free),
            (Some(named), _) => Some(named),
            (None, free) => free,
        }
    }

    fn smallest_free(&self, claim: &PersistentVolumeClaim, wanted: u8) -> Option<&Arc<PersistentVolume>> {
        let selector = selector_of(claim);
        let groups = self.unclaimed.get(class_of_claim(claim))?.iter();
        let mut groups = groups.filter(|((_, modes), _)| modes & wanted == wanted);
        groups.find_map(|(_, volumes)| self.large_enough(volumes, claim).find(|v| is_free_for(v, claim, &selector)))
    }

    /// The smallest volume for a claim among those that a node can use and that are not excluded.
    /// Mirrors `FindMatchingVolume` as the scheduler calls it.
    pub fn best_match_for_node(
        &self,
        claim: &PersistentVolumeClaim,
        is_usable: impl Fn(&PersistentVolume) -> bool,
        excluded: &BTreeSet<Str>,
    ) -> Option<&Arc<PersistentVolume>> {
        let class = class_of_claim(claim);
        let key = NamespacedName { namespace: claim.meta.namespace.clone(), name: claim.meta.name.clone() };
        let mut named = self.named_by(&key).filter(|v| {
            !excluded.contains(&v.meta.name)
                && class_of_volume(v) == class
                && is_volume_bound_to_claim(v, claim)
                && fits_by_itself(v, claim)
        });
        if let Some(named) = named.next() {
            // A volume that names the claim is the only one it gets.
            return is_usable(named).then_some(named);
        }
        let selector = selector_of(claim);
        let groups = self.unclaimed.get(class)?.values();
        let fits = |v: &&Arc<PersistentVolume>| {
            !excluded.contains(&v.meta.name)
                && is_free_for(v, claim, &selector)
                && has_access_modes(v, claim)
                && is_usable(v)
        };
        groups.filter_map(|volumes| self.large_enough(volumes, claim).find(fits)).min_by_key(|v| size_key(v))
    }
}

fn size_key(volume: &PersistentVolume) -> (i64, Str) {
    (capacity_of(volume).map_or(0, |size| size.value()), volume.meta.name.clone())
}

fn modes_key(volume: &PersistentVolume) -> Modes {
    let modes = volume_modes(volume);
    (modes.count_ones(), modes)
}

fn selector_of(claim: &PersistentVolumeClaim) -> Selector {
    let selector = claim.body.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    // A selector that says nothing takes every volume; validation lets no broken one in.
    selector
        .map_or(Selector::everything(), |s| Selector::from_label_selector(s).unwrap_or_else(|_| Selector::nothing()))
}

/// What a volume has to be whether it names the claim or none.
fn fits_by_itself(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    !is_too_small(volume, claim)
        && !has_other_volume_mode(volume, claim)
        && !has_other_attributes_class(volume, claim)
        && !volume.meta.is_deleting()
}

fn is_free_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim, selector: &Selector) -> bool {
    volume_phase(volume) == "Available" && fits_by_itself(volume, claim) && selector.matches(&volume.meta.labels)
}

/// Which pods name which claim. Stands for the informers' index of pods by claim.
#[derive(Debug, Default)]
pub struct PodsByClaim {
    claims: FxHashMap<NamespacedName, BTreeSet<Str>>,
}

impl PodsByClaim {
    /// The names of the pods, in the claim's namespace, in order.
    pub fn names(&self, namespace: &str, claim: &str) -> impl Iterator<Item = &Str> {
        self.claims.get(&NamespacedName::new(namespace, claim)).into_iter().flatten()
    }

    /// Takes a change of a pod over.
    pub fn apply(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        if let (Some(old), Some(new)) = (old, new)
            && Arc::ptr_eq(&old.spec, &new.spec)
        {
            return;
        }
        if let Some(old) = old {
            for (claim, _) in old.claims() {
                let key = NamespacedName::new(&old.meta.namespace, &*claim);
                if let Some(pods) = self.claims.get_mut(&key) {
                    pods.remove(&old.meta.name);
                    if pods.is_empty() {
                        self.claims.remove(&key);
                    }
                }
            }
        }
        if let Some(new) = new {
            for (claim, _) in new.claims() {
                let key = NamespacedName::new(&new.meta.namespace, &*claim);
                self.claims.entry(key).or_default().insert(new.meta.name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
