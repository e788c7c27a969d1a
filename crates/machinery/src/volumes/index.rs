//! Which volume a claim gets.
//!
//! Mirrors pkg/controller/volume/persistentvolume/index.go (v1.36).
//! Differs: volumes are kept by class, access modes and size, so that a claim looks at those that fit and not at all.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashTable;
use seatrial_api::selector::Selector;
use seatrial_api::{AccessModes, PersistentVolume, PersistentVolumeClaim, Str, hash_of_place, spread_hash};
use seatrial_apiserver::class_of_claim;

use super::{
    claim_ref, class_of_volume, has_access_modes, has_other_attributes_class, has_other_volume_mode, is_too_small,
    is_volume_bound_to_claim, volume_phase,
};

/// How many modes there are, and which: groups with few modes come first.
type Modes = (u32, AccessModes);
/// Volumes by size in bytes, rounded up, and name.
type BySize = BTreeMap<(i64, Str), Arc<PersistentVolume>>;

/// A volume that names a claim, with the hash of the claim's name, so that growing looks at no volume.
#[derive(Debug)]
struct Claimed {
    hash: u32,
    volume: Arc<PersistentVolume>,
}

/// The volumes that a claim can get: those that name no claim, and those that name it.
#[derive(Debug, Default)]
pub struct VolumeIndex {
    unclaimed: BTreeMap<Str, BTreeMap<Modes, BySize>>,
    claimed: HashTable<Claimed>,
    /// How many volumes were looked at for claims.
    tried: Cell<u64>,
}

impl VolumeIndex {
    /// Takes a change of a volume over.
    pub fn apply(&mut self, old: Option<&Arc<PersistentVolume>>, new: Option<&Arc<PersistentVolume>>) {
        if old.zip(new).is_some_and(|(old, new)| self.replace(old, new)) {
            return;
        }
        if let Some(old) = old {
            self.remove(old);
        }
        let Some(new) = new else { return };
        match hash_of_claim(new) {
            Some(hash) => {
                let claimed = Claimed { hash, volume: Arc::clone(new) };
                self.claimed.insert_unique(spread_hash(hash), claimed, |claimed| spread_hash(claimed.hash));
            }
            None => {
                let class = self.unclaimed.entry(class_of_volume(new).into()).or_default();
                class.entry(modes_key(new)).or_default().insert(owned_size_key(new), Arc::clone(new));
            }
        }
    }

    /// Puts a volume of a claim where its former self is, if it names the same claim: nothing else says where it is kept.
    fn replace(&mut self, old: &Arc<PersistentVolume>, new: &Arc<PersistentVolume>) -> bool {
        let (Some(before), Some(after)) = (&old.body.claim_ref, &new.body.claim_ref) else { return false };
        if !before.ptr_eq(after) {
            return false;
        }
        let Some(hash) = hash_of_claim(new) else { return false };
        let place = self.claimed.find_mut(spread_hash(hash), |other| Arc::ptr_eq(&other.volume, old));
        place.map(|place| place.volume = Arc::clone(new)).is_some()
    }

    fn remove(&mut self, old: &PersistentVolume) {
        if let Some(hash) = hash_of_claim(old) {
            let is_it = |other: &Claimed| other.hash == hash && other.volume.meta.name == old.meta.name;
            if let Ok(found) = self.claimed.find_entry(spread_hash(hash), is_it) {
                found.remove();
            }
            return;
        }
        let class = class_of_volume(old);
        let Some(groups) = self.unclaimed.get_mut(class) else { return };
        let modes = modes_key(old);
        if let Some(volumes) = groups.get_mut(&modes) {
            volumes.remove(&owned_size_key(old));
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
        let request = claim.body.spec.requested_storage();
        let from = (request.map_or(0, |request| request.value()), Str::default());
        volumes.range(from..).map(|(_, volume)| volume).inspect(|_| self.tried.set(self.tried.get() + 1))
    }

    /// The volumes that name a claim and fit it, in no order.
    fn named_by<'a>(&'a self, claim: &PersistentVolumeClaim) -> impl Iterator<Item = &'a Arc<PersistentVolume>> {
        let hash = hash_of_place(&claim.meta.namespace, &claim.meta.name);
        let volumes = self.claimed.iter_hash(spread_hash(hash)).filter(move |c| c.hash == hash).map(|c| &c.volume);
        volumes.filter(|v| is_volume_bound_to_claim(v, claim) && fits_by_itself(v, claim))
    }

    /// The best volume for a claim: of the fewest access modes, then one that names the claim, then the smallest.
    /// Claims that wait for their pod get only a volume that names them. Mirrors `findBestMatchForClaim`.
    pub fn best_match(&self, claim: &PersistentVolumeClaim, waits_for_pod: bool) -> Option<&Arc<PersistentVolume>> {
        let wanted = claim.body.spec.access_modes();
        let named = self.named_by(claim).filter(|v| v.body.spec.access_modes().has_all(wanted));
        let named = named.min_by(|a, b| modes_key(a).cmp(&modes_key(b)).then_with(|| by_size(a, b)));
        let free = if waits_for_pod { None } else { self.smallest_free(claim, wanted) };
        match (named, free) {
            (Some(named), Some(free)) if modes_key(free) < modes_key(named) => Some(free),
            (Some(named), _) => Some(named),
            (None, free) => free,
        }
    }

    fn smallest_free(&self, claim: &PersistentVolumeClaim, wanted: AccessModes) -> Option<&Arc<PersistentVolume>> {
        let groups = self.unclaimed.get(class_of_claim(claim))?.iter();
        let selector = selector_of(claim);
        let mut groups = groups.filter(|((_, modes), _)| modes.has_all(wanted));
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
        let named = self.named_by(claim).filter(|v| !excluded.contains(&v.meta.name) && class_of_volume(v) == class);
        if let Some(named) = named.min_by(|a, b| by_size(a, b)) {
            // A volume that names the claim is the only one it gets.
            return is_usable(named).then_some(named);
        }
        let groups = self.unclaimed.get(class)?.values();
        let selector = selector_of(claim);
        let fits = |v: &&Arc<PersistentVolume>| {
            !excluded.contains(&v.meta.name)
                && is_free_for(v, claim, &selector)
                && has_access_modes(v, claim)
                && is_usable(v)
        };
        groups.filter_map(|volumes| self.large_enough(volumes, claim).find(fits)).min_by(|a, b| by_size(a, b))
    }
}

/// The hash of the claim that a volume names.
fn hash_of_claim(volume: &PersistentVolume) -> Option<u32> {
    claim_ref(volume).map(|claim| hash_of_place(&claim.namespace, &claim.name))
}

fn size_key(volume: &PersistentVolume) -> (i64, &Str) {
    (volume.body.spec.capacity().map_or(0, |size| size.value()), &volume.meta.name)
}

fn owned_size_key(volume: &PersistentVolume) -> (i64, Str) {
    let (size, name) = size_key(volume);
    (size, name.clone())
}

fn by_size(a: &PersistentVolume, b: &PersistentVolume) -> Ordering {
    size_key(a).cmp(&size_key(b))
}

fn modes_key(volume: &PersistentVolume) -> Modes {
    let modes = volume.body.spec.access_modes();
    (modes.count(), modes)
}

fn selector_of(claim: &PersistentVolumeClaim) -> Selector {
    // A selector that says nothing takes every volume; validation lets no broken one in.
    let selector = claim.body.spec.api().selector.as_ref();
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

#[cfg(test)]
mod tests;
