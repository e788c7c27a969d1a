//! A set's pods, kept from what the watch told, so that a sync looks at those that changed and not at all of them.
//!
//! Stands for the slots and counts that upstream makes anew in every sync (`newReplicas`, `updateStatus`).
//! Invariant: what a sync decides is what it would decide if it looked at every pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seatrial_api::{ControllerRevision, LabelSelector, Pod, PodPhase, StatefulSet, Str, Time};
use seatrial_machinery::{Informers, NumberSet};

use super::claims::Claims;
use super::utils::{
    end_ordinal, is_monotonic, is_unavailable, member_ordinal, min_ready_seconds, pod_revision, spec_of, start_ordinal,
};

/// How many pods there are, and how they are.
#[derive(Debug, Default)]
struct Tally {
    total: i32,
    ready: i32,
    /// Ready pods by the second in which they became so.
    ready_since: BTreeMap<Time, i32>,
    /// By revision: all pods, and those that are not on their way out.
    revisions: Vec<(Str, i32, i32)>,
}

impl Tally {
    /// A pod in the place of its former self, from which it differs in its status alone. Returns whether that is another one
    /// as far as it is counted.
    fn recount(&mut self, old: &Pod, new: &Pod) -> bool {
        let (before, after) = (running_and_ready_since(old), running_and_ready_since(new));
        if before != after {
            self.count_ready(before, -1);
            self.count_ready(after, 1);
        }
        before != after
    }

    fn count_ready(&mut self, since: Option<Time>, by: i32) {
        let Some(since) = since else { return };
        self.ready += by;
        let count = self.ready_since.entry(since).or_default();
        *count += by;
        if *count == 0 {
            self.ready_since.remove(&since);
        }
    }

    fn count(&mut self, pod: &Pod, by: i32) {
        self.total += by;
        self.count_ready(running_and_ready_since(pod), by);
        let revision = pod_revision(pod);
        let active = if pod.meta.is_deleting() { 0 } else { by };
        match self.revisions.iter().position(|(name, ..)| *name == *revision) {
            Some(place) => {
                let (_, all, living) = &mut self.revisions[place];
                (*all, *living) = (*all + by, *living + active);
                if *all == 0 {
                    self.revisions.swap_remove(place);
                }
            }
            None => self.revisions.push((revision.into(), by, active)),
        }
    }
}

/// What a sync would find nothing to do for: a version of the set, and its only revision.
#[derive(Debug)]
struct Rest {
    set: Arc<StatefulSet>,
    revision: Arc<ControllerRevision>,
}

/// The pods of one set.
///
/// A place is an ordinal in range, counted from the first one: pods there lie in a list, and sets of places are bits.
#[derive(Debug)]
pub(super) struct SetPods {
    namespace: Str,
    name: Str,
    selector: LabelSelector,
    /// What the set says of its pods' claims; made anew with the generation.
    claims: Arc<Claims>,
    /// The pods in range, by their places.
    places: Vec<Option<Arc<Pod>>>,
    /// The pods out of range, by their ordinals.
    outside: BTreeMap<i32, Arc<Pod>>,
    /// Owned pods that the set no longer selects.
    unmatched: BTreeMap<i32, Arc<Pod>>,
    tally: Tally,
    /// The generation and update revision that the rest was made for.
    made_for: Option<(i64, Str)>,
    start: i32,
    end: i32,
    /// Places to look at: something happened to their pods or claims since they were looked at, or they have no pod.
    due: NumberSet,
    /// Those of them at which no more happened than that the pod's status was written: it is what it should be, and so are
    /// its claims.
    checked: NumberSet,
    /// Places whose pods were only just made as they should be, with their claims, and not heard of yet.
    made: NumberSet,
    /// Places whose pods may not be available, or are not there.
    unavailable: NumberSet,
    /// Places whose pods are not of the update revision.
    outdated: NumberSet,
    /// Pods out of range, and those of them to look at.
    condemned: BTreeSet<i32>,
    pub(super) condemned_due: BTreeSet<i32>,
    /// Set by a sync that left nothing to do; gone as soon as anything happens that a sync looks at.
    rest: Option<Rest>,
}

impl SetPods {
    /// The pods that a set owns now.
    pub(super) fn new<'a>(set: &StatefulSet, owned: impl Iterator<Item = &'a Arc<Pod>>) -> Self {
        let mut pods = Self {
            namespace: set.meta.namespace.clone(),
            name: set.meta.name.clone(),
            selector: LabelSelector::from_api(spec_of(set).selector.clone()),
            claims: Claims::of(set),
            places: Vec::new(),
            outside: BTreeMap::new(),
            unmatched: BTreeMap::new(),
            tally: Tally::default(),
            made_for: None,
            start: 0,
            end: -1,
            due: NumberSet::default(),
            checked: NumberSet::default(),
            made: NumberSet::default(),
            unavailable: NumberSet::default(),
            outdated: NumberSet::default(),
            condemned: BTreeSet::new(),
            condemned_due: BTreeSet::new(),
            rest: None,
        };
        owned.for_each(|pod| pods.put(pod));
        pods
    }

    /// Whether claims of the set are named so, with a number behind it.
    pub(super) fn has_claims_named(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && name.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.ends_with('-'))
    }

    /// What the set selects.
    pub(super) fn selector(&self) -> &LabelSelector {
        &self.selector
    }

    /// The place of an ordinal, if it is in range.
    #[inline]
    fn place_of(&self, ordinal: i32) -> Option<usize> {
        let is_in_range = (self.start..=self.end).contains(&ordinal);
        is_in_range.then(|| usize::try_from(i64::from(ordinal) - i64::from(self.start)).ok()).flatten()
    }

    /// The ordinal of a place.
    fn ordinal_at(&self, place: usize) -> i32 {
        // Places are made from ordinals, so that they have one.
        self.start.saturating_add(i32::try_from(place).unwrap_or(i32::MAX))
    }

    /// A pod that the set owns is new, or changed.
    pub(super) fn put(&mut self, pod: &Arc<Pod>) {
        let Some(ordinal) = member_ordinal(&self.name, &pod.meta.name) else { return };
        let place = self.place_of(ordinal);
        let there = match place {
            Some(place) => self.places.get_mut(place).and_then(Option::as_mut),
            None => self.outside.get_mut(&ordinal),
        };
        if let Some(there) = there.filter(|old| differs_in_status_alone(old, pod)) {
            let old = std::mem::replace(there, Arc::clone(pod));
            let is_counted_anew = self.tally.recount(&old, pod);
            // Of the status of a pod that goes on in its place a sync asks no more than since when it has been ready.
            if is_counted_anew || pod.status.phase.is_terminal() || place.is_none() {
                self.note_status(ordinal);
            }
            return;
        }
        self.take(ordinal);
        let is_selected = self.selector.matches(&pod.meta.labels);
        if is_selected {
            self.tally.count(pod, 1);
            self.insert(ordinal, Arc::clone(pod));
        } else {
            self.unmatched.insert(ordinal, Arc::clone(pod));
        }
        self.note(ordinal);
        // What is heard first of a place is what was made there.
        if let Some(place) = place.filter(|place| self.made.remove(*place) && is_selected) {
            self.checked.insert(place);
        }
    }

    fn insert(&mut self, ordinal: i32, pod: Arc<Pod>) {
        match self.place_of(ordinal) {
            Some(place) => {
                if place >= self.places.len() {
                    self.places.resize(place + 1, None);
                }
                self.places[place] = Some(pod);
            }
            None => drop(self.outside.insert(ordinal, pod)),
        }
    }

    /// A pod is gone, or no longer the set's.
    pub(super) fn remove(&mut self, pod: &Pod) {
        let Some(ordinal) = member_ordinal(&self.name, &pod.meta.name) else { return };
        let is_same = |other: &Arc<Pod>| other.meta.uid == pod.meta.uid;
        if self.get(ordinal).or(self.unmatched.get(&ordinal)).is_some_and(is_same) {
            self.take(ordinal);
            self.note(ordinal);
        }
    }

    fn take(&mut self, ordinal: i32) {
        self.unmatched.remove(&ordinal);
        let old = match self.place_of(ordinal) {
            Some(place) => self.places.get_mut(place).and_then(Option::take),
            None => self.outside.remove(&ordinal),
        };
        if let Some(old) = old {
            self.tally.count(&old, -1);
        }
    }

    /// The status of the pod at a place was written.
    fn note_status(&mut self, ordinal: i32) {
        self.rest = None;
        let Some(place) = self.place_of(ordinal).filter(|_| self.made_for.is_some()) else { return self.note(ordinal) };
        // A place that was looked at is as it should be.
        if self.due.insert(place) {
            self.checked.insert(place);
        }
        self.unavailable.insert(place);
    }

    /// Whether all that is to be looked at is the status of the pod at a place.
    pub(super) fn is_checked(&self, ordinal: i32) -> bool {
        self.place_of(ordinal).is_some_and(|place| self.checked.contains(place))
    }

    /// Whether the pod at a place is not of the update revision.
    pub(super) fn is_outdated(&self, ordinal: i32) -> bool {
        self.place_of(ordinal).is_some_and(|place| self.outdated.contains(place))
    }

    /// A place was looked at, and is as it should be.
    pub(super) fn set_done(&mut self, ordinal: i32) {
        if let Some(place) = self.place_of(ordinal) {
            self.due.remove(place);
            self.checked.remove(place);
        }
    }

    /// A pod was made at a place as it should be, and its claims are what they should be.
    pub(super) fn set_made(&mut self, ordinal: i32) {
        if let Some(place) = self.place_of(ordinal) {
            self.made.insert(place);
        }
    }

    /// The pod at a place is available.
    pub(super) fn set_available(&mut self, ordinal: i32) {
        if let Some(place) = self.place_of(ordinal) {
            self.unavailable.remove(place);
        }
    }

    /// Something happened at a place.
    pub(super) fn note(&mut self, ordinal: i32) {
        self.rest = None;
        let Some((_, update)) = &self.made_for else { return };
        let pod = self.get(ordinal);
        let is_outdated = pod.is_some_and(|pod| pod_revision(pod) != *update);
        if let Some(place) = self.place_of(ordinal) {
            self.checked.remove(place);
            self.due.insert(place);
            self.unavailable.insert(place);
            if is_outdated {
                self.outdated.insert(place);
            } else {
                self.outdated.remove(place);
            }
        } else if pod.is_some() {
            self.condemned.insert(ordinal);
            self.condemned_due.insert(ordinal);
        } else {
            self.condemned.remove(&ordinal);
            self.condemned_due.remove(&ordinal);
        }
    }

    /// Where the set or its revision is another, every place is looked at.
    pub(super) fn prepare(&mut self, set: &StatefulSet, update: &Str) {
        let is_same = |(generation, revision): &(i64, Str)| *generation == set.meta.generation && revision == update;
        if self.made_for.as_ref().is_some_and(is_same) {
            return;
        }
        if self.made_for.as_ref().is_none_or(|(generation, _)| *generation != set.meta.generation) {
            self.claims = Claims::of(set);
        }
        self.made_for = Some((set.meta.generation, update.clone()));
        self.move_range(start_ordinal(set), end_ordinal(set));
        for places in [&mut self.due, &mut self.checked, &mut self.made, &mut self.unavailable, &mut self.outdated] {
            places.clear();
        }
        self.condemned.clear();
        self.condemned_due.clear();
        let outside: Vec<i32> = self.outside.keys().copied().collect();
        (self.start..=self.end).chain(outside).for_each(|ordinal| self.note(ordinal));
    }

    /// A sync has left the set, whose only revision this is, as it should be. The next one has nothing to do, unless
    /// something happened at a place: whether pods become available with time, what is to be done about other revisions,
    /// and pods that a set which goes one by one waits for, are looked at each time.
    pub(super) fn set_at_rest(&mut self, set: Arc<StatefulSet>, revision: &Arc<ControllerRevision>) {
        let has_rest = self.due.is_empty()
            && !self.has_condemned()
            && self.unmatched.is_empty()
            && min_ready_seconds(&set) <= 0
            && (self.unavailable.is_empty() || !is_monotonic(&set));
        self.rest = has_rest.then(|| Rest { set, revision: Arc::clone(revision) });
    }

    /// Whether a sync would find nothing to do.
    pub(super) fn is_at_rest(&self, set: &Arc<StatefulSet>, informers: &Informers) -> bool {
        let Some(rest) = self.rest.as_ref().filter(|rest| Arc::ptr_eq(&rest.set, set)) else { return false };
        let (namespace, revisions) = (&set.meta.namespace, &informers.controller_revisions);
        let is_only = matches!(revisions.owned_by(&set.meta.uid), [only] if Arc::ptr_eq(only, &rest.revision));
        is_only && !revisions.has_orphans(namespace) && !informers.pods.has_orphans(namespace)
    }

    /// Pods lie elsewhere where other ordinals are in range.
    fn move_range(&mut self, start: i32, end: i32) {
        if (self.start, self.end) == (start, end) {
            return;
        }
        let inside = std::mem::take(&mut self.places);
        let inside: Vec<(i32, Arc<Pod>)> =
            inside.into_iter().enumerate().filter_map(|(place, pod)| Some((self.ordinal_at(place), pod?))).collect();
        let outside = std::mem::take(&mut self.outside);
        (self.start, self.end) = (start, end);
        inside.into_iter().chain(outside).for_each(|(ordinal, pod)| self.insert(ordinal, pod));
    }

    /// What the set says of its pods' claims.
    pub(super) fn claims(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }

    /// The pod with an ordinal.
    pub(super) fn get(&self, ordinal: i32) -> Option<&Arc<Pod>> {
        match self.place_of(ordinal) {
            Some(place) => self.places.get(place)?.as_ref(),
            None => self.outside.get(&ordinal),
        }
    }

    /// Owned pods that the set no longer selects.
    pub(super) fn unmatched(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.unmatched.values()
    }

    /// The next place from an ordinal on that is to be looked at.
    pub(super) fn next_due(&self, from: i32) -> Option<i32> {
        self.next_of(&self.due, from)
    }

    /// The next place from an ordinal on that is to be looked at, or may stop a set that goes one by one.
    pub(super) fn next_in_order(&self, from: i32) -> Option<i32> {
        [self.next_of(&self.due, from), self.next_of(&self.unavailable, from)].into_iter().flatten().min()
    }

    fn next_of(&self, places: &NumberSet, from: i32) -> Option<i32> {
        let place = usize::try_from(i64::from(from) - i64::from(self.start)).unwrap_or(0);
        places.first_from(place).map(|place| self.ordinal_at(place))
    }

    /// The highest place up to one, but not below another, whose pod is outdated or may not be available.
    pub(super) fn next_to_roll(&self, first: i32, last: i32) -> Option<i32> {
        if first > last {
            return None;
        }
        let place = usize::try_from(i64::from(last) - i64::from(self.start)).ok()?;
        let last_of = |places: &NumberSet| places.last_to(place).map(|place| self.ordinal_at(place));
        let found = [last_of(&self.outdated), last_of(&self.unavailable)].into_iter().flatten().max();
        found.filter(|ordinal| *ordinal >= first)
    }

    /// Whether there are pods out of range, or were when they were looked at last.
    pub(super) fn has_condemned(&self) -> bool {
        !self.condemned.is_empty() || !self.condemned_due.is_empty()
    }

    /// The condemned pod with the highest ordinal.
    pub(super) fn last_condemned(&self) -> Option<&Arc<Pod>> {
        self.get(*self.condemned.last()?)
    }

    /// Whether this is the first pod that is not available: no replica is, and it is the lowest of the condemned.
    pub(super) fn is_first_unavailable(&self, pod: &Pod, min_ready_seconds: i32, now: Time) -> bool {
        let unavailable = |p: &Arc<Pod>| is_unavailable(p, min_ready_seconds, now);
        let replica_is = self.unavailable.iter().any(|place| self.get(self.ordinal_at(place)).is_none_or(unavailable));
        let mut condemned = self.condemned.iter().filter_map(|o| self.get(*o));
        !replica_is && condemned.find(|p| unavailable(p)).is_some_and(|p| p.meta.uid == pod.meta.uid)
    }

    /// All pods, those running and ready, and those available.
    pub(super) fn counts(&self, set: &StatefulSet, now: Time) -> (i32, i32, i32) {
        let younger = match min_ready_seconds(set) {
            seconds if seconds <= 0 => 0,
            seconds => {
                let latest = now.plus_seconds(-i64::from(seconds));
                self.tally.ready_since.range(latest.plus_seconds(1)..).map(|(_, count)| count).sum()
            }
        };
        (self.tally.total, self.tally.ready, self.tally.ready - younger)
    }

    /// How many pods of a revision are not on their way out.
    pub(super) fn living_of(&self, revision: &str) -> i32 {
        self.tally.revisions.iter().find(|(name, ..)| *name == *revision).map_or(0, |(.., living)| *living)
    }

    /// The revisions that pods are of.
    pub(super) fn revisions(&self) -> impl Iterator<Item = &str> {
        self.tally.revisions.iter().map(|(name, ..)| name.as_str())
    }

    /// When the next ready pod has been ready for so many seconds.
    pub(super) fn next_available(&self, seconds: i32, now: Time) -> Option<Time> {
        let latest = now.plus_seconds(-i64::from(seconds));
        let (since, _) = self.tally.ready_since.range(latest.plus_seconds(1)..).next()?;
        Some(since.plus_seconds(i64::from(seconds)))
    }
}

/// Since when a pod has been running and ready.
fn running_and_ready_since(pod: &Pod) -> Option<Time> {
    if pod.status.phase == PodPhase::Running { pod.ready_since() } else { None }
}

/// Whether a pod is its former self with another status.
fn differs_in_status_alone(old: &Pod, new: &Pod) -> bool {
    old.meta.uid == new.meta.uid
        && Arc::ptr_eq(&old.spec, &new.spec)
        && old.meta.labels.ptr_eq(&new.meta.labels)
        && old.meta.is_deleting() == new.meta.is_deleting()
}

#[cfg(test)]
mod tests;
