//! Which pods name which claim. Stands for the informers' index of pods by claim.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashTable;
use seatrial_api::{ClaimRef, ObjectMeta, Pod, Slot, SlotMap, Uid, hash_of_place, spread_hash};

/// The slots of pods by the hashes of their claims' names; the names are in the pods.
#[derive(Debug, Default)]
pub struct PodsByClaim {
    claims: HashTable<(u32, Slot)>,
    /// Counts the changes of `claims`.
    version: u64,
    /// What was found of claims last, by their slots.
    found: RefCell<SlotMap<Found>>,
}

/// The only pod that names a claim, or that there is none. It holds as long as no pod comes or goes that names any claim: a
/// claim's uid tells its name.
#[derive(Debug)]
struct Found {
    claim: Uid,
    version: u64,
    pod: Slot,
}

/// A claim: its name, and where it lies if that is known.
#[derive(Clone, Copy, Debug)]
pub struct ClaimPlace<'a> {
    namespace: &'a str,
    name: &'a str,
    uid: &'a Uid,
    slot: Slot,
}

impl<'a> From<&'a ObjectMeta> for ClaimPlace<'a> {
    fn from(claim: &'a ObjectMeta) -> Self {
        Self { namespace: &claim.namespace, name: &claim.name, uid: &claim.uid, slot: claim.slot }
    }
}

impl<'a> From<&'a ClaimRef> for ClaimPlace<'a> {
    fn from(named: &'a ClaimRef) -> Self {
        Self { namespace: &named.namespace, name: &named.name, uid: &named.uid, slot: named.slot.0 }
    }
}

impl PodsByClaim {
    /// The slots of the pods that name a claim, and maybe of others, in no order.
    fn slots(&self, namespace: &str, claim: &str) -> impl Iterator<Item = Slot> {
        let hash = hash_of_place(namespace, claim);
        self.claims.iter_hash(spread_hash(hash)).filter(move |(other, _)| *other == hash).map(|(_, slot)| *slot)
    }

    /// The pods that name a claim, in the order of their names. `pod_at` finds the pods that were applied.
    pub fn pods<'a>(
        &self,
        namespace: &str,
        claim: &str,
        pod_at: impl Fn(Slot) -> Option<&'a Arc<Pod>>,
    ) -> impl Iterator<Item = &'a Arc<Pod>> {
        // Nearly every claim is one pod's.
        let (mut first, mut more) = (None, Vec::new());
        for pod in self.slots(namespace, claim).filter_map(pod_at) {
            if pod.meta.namespace != *namespace || !pod.uses_claim(claim) {
                continue;
            }
            match first {
                None => first = Some(pod),
                Some(_) => more.push(pod),
            }
        }
        if !more.is_empty() {
            more.extend(first.take());
            more.sort_unstable_by(|a, b| a.meta.name.cmp(&b.meta.name));
            // A pod may name a claim twice.
            more.dedup_by(|a, b| Arc::ptr_eq(a, b));
        }
        first.into_iter().chain(more)
    }

    /// The slots of those pods, which need not be searched for again and again as long as no other pods come. Nothing of a
    /// pod is looked at where they need not.
    pub fn slots_of<'a>(
        &self,
        claim: ClaimPlace<'_>,
        pod_at: impl Fn(Slot) -> Option<&'a Arc<Pod>>,
    ) -> impl Iterator<Item = Slot> {
        let is_known = |found: &&Found| found.version == self.version && found.claim == *claim.uid;
        let known = self.found.borrow().get(claim.slot).filter(is_known).map(|found| found.pod);
        if let Some(pod) = known {
            return pod.index().map(|_| pod).into_iter().chain(Vec::new());
        }
        let mut slots = self.pods(claim.namespace, claim.name, pod_at).map(|pod| pod.meta.slot);
        let (first, more) = (slots.next(), Vec::from_iter(slots));
        if more.is_empty() && !claim.uid.is_nil() {
            let pod = first.unwrap_or_default();
            let found = Found { claim: claim.uid.clone(), version: self.version, pod };
            self.found.borrow_mut().insert(claim.slot, found);
        }
        first.into_iter().chain(more)
    }

    /// Takes a change of a pod over.
    pub fn apply(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let of = |pod: Option<&'_ Pod>| pod.is_some_and(Pod::has_claims);
        if !of(old) && !of(new) {
            return;
        }
        if let (Some(old), Some(new)) = (old, new)
            && Arc::ptr_eq(&old.spec, &new.spec)
            && old.meta.slot == new.meta.slot
        {
            return;
        }
        self.version += 1;
        if let Some(old) = old {
            for (claim, _) in old.claims() {
                let entry = (hash_of_place(&old.meta.namespace, &claim), old.meta.slot);
                if let Ok(found) = self.claims.find_entry(spread_hash(entry.0), |other| *other == entry) {
                    found.remove();
                }
            }
        }
        if let Some(new) = new {
            for (claim, _) in new.claims() {
                let hash = hash_of_place(&new.meta.namespace, &claim);
                self.claims.insert_unique(spread_hash(hash), (hash, new.meta.slot), |(hash, _)| spread_hash(*hash));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use seatrial_api::{Resource, SlotMap};
    use serde_json::json;

    use super::*;
    use crate::Rng;

    fn pod(name: &str, slot: Slot, claims: &[String]) -> Arc<Pod> {
        let volumes: Vec<_> = claims
            .iter()
            .enumerate()
            .map(|(n, claim)| json!({"name": format!("v{n}"), "persistentVolumeClaim": {"claimName": claim}}))
            .collect();
        let pod =
            json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [], "volumes": volumes}});
        let mut pod = Pod::from_api_object(serde_json::from_value(pod).expect("valid")).expect("valid");
        pod.meta.slot = slot;
        Arc::new(pod)
    }

    /// Random pods come, change and go; what is found is what a look at all of them finds.
    #[test]
    fn the_pods_of_a_claim_are_found_in_the_order_of_their_names() {
        let mut rng = Rng::from_seed(5);
        let (mut index, mut pods) = (PodsByClaim::default(), SlotMap::default());
        let mut all: BTreeMap<String, Arc<Pod>> = BTreeMap::new();
        let claims = ["c0", "c1", "c2", "v0-p5", "v1-p10", "none"];
        for step in 0..2_000 {
            let place = rng.below(12) as usize;
            let (name, slot) = (format!("p{}", (place * 5) % 12), Slot::at(place));
            let old = all.get(&name).cloned();
            if rng.below(4) == 0 {
                index.apply(old.as_deref(), None);
                pods.remove(slot);
                all.remove(&name);
            } else {
                // The last two are named after the pod.
                let claims: Vec<String> = (0..rng.below(4))
                    .map(|n| if rng.below(2) == 0 { format!("c{}", rng.below(3)) } else { format!("v{n}-{name}") })
                    .collect();
                let new = pod(&name, slot, &claims);
                index.apply(old.as_deref(), Some(&new));
                pods.insert(slot, Arc::clone(&new));
                all.insert(name, new);
            }
            for claim in claims {
                let uses = |pod: &&Arc<Pod>| pod.claims().any(|(name, _)| name == *claim);
                let want: Vec<&str> = all.values().filter(uses).map(|pod| pod.meta.name.as_str()).collect();
                let mut want = want;
                want.sort_unstable();
                let found = index.pods("default", claim, |slot| pods.get(slot));
                assert_eq!(found.map(|pod| pod.meta.name.as_str()).collect::<Vec<_>>(), want, "{claim}");
                // Where claims lie changes now and then, too; some have no uid, and some lie nowhere.
                let number = claims.iter().position(|other| *other == claim).unwrap_or_default();
                let (uid, slot) = match number {
                    5 => (Uid::NIL, Slot::at(0)),
                    4 => (Uid::from_counter(1, 4), Slot::NONE),
                    _ => (Uid::from_counter(1, number as u64), Slot::at((number + step / 500) % 5)),
                };
                let place = ClaimPlace { namespace: "default", name: claim, uid: &uid, slot };
                for _ in 0..2 {
                    let found = index.slots_of(place, |slot| pods.get(slot)).map(|slot| pods.get(slot));
                    let found: Vec<&str> = found.flatten().map(|pod| pod.meta.name.as_str()).collect();
                    assert_eq!(found, want, "{claim}");
                }
                assert_eq!(index.pods("other", claim, |slot| pods.get(slot)).count(), 0);
            }
        }
    }
}
