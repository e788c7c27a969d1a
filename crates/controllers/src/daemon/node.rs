//! One node of a set: its pods, and what they count for.
//!
//! Mirrors parts of pkg/controller/daemon/daemon_controller.go (`updateDaemonSetStatus`) and update.go
//! (`findUpdatedPodsOnNode`) (v1.36).

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use seatrial_api::{Pod, Str, Time};

use super::facts::{Facts, Wanted};
use super::util::{REVISION_HASH_LABEL, TEMPLATE_GENERATION_LABEL};

/// A node that a set has to do with.
#[derive(Debug, Default)]
pub(super) struct NodeEntry {
    /// Whether the node is there; pods may outlive it for a while.
    pub(super) is_present: bool,
    pub(super) wanted: Wanted,
    /// The set's pods that are on the node or made for it, the ended ones too.
    pub(super) pods: Vec<Arc<Pod>>,
    /// What was counted of it.
    pub(super) tally: Tally,
    /// Whether something changed since.
    pub(super) is_dirty: bool,
}

/// What a node counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) totals: Totals,
    pub(super) stage: Stage,
    pub(super) need: Need,
    /// When a ready pod becomes available.
    pub(super) due: Option<Time>,
}

/// The new and the old pod of a node.
pub(super) type NewAndOld<'a> = (Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>);

/// Sums over nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) desired: i32,
    pub(super) current: i32,
    pub(super) misscheduled: i32,
    pub(super) ready: i32,
    pub(super) available: i32,
    pub(super) updated: i32,
    /// Nodes that an update without surge counts as unavailable.
    pub(super) unavailable: i32,
    /// Nodes that an update counts as surging.
    pub(super) surging: i32,
    /// Nodes that an update with surge counts as available.
    pub(super) serving: i32,
}

impl Totals {
    fn for_each(&mut self, other: &Self, change: impl Fn(&mut i32, i32)) {
        change(&mut self.desired, other.desired);
        change(&mut self.current, other.current);
        change(&mut self.misscheduled, other.misscheduled);
        change(&mut self.ready, other.ready);
        change(&mut self.available, other.available);
        change(&mut self.updated, other.updated);
        change(&mut self.unavailable, other.unavailable);
        change(&mut self.surging, other.surging);
        change(&mut self.serving, other.serving);
    }
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, other: &Self) {
        self.for_each(other, |a, b| *a += b);
    }
}

impl SubAssign<&Self> for Totals {
    fn sub_assign(&mut self, other: &Self) {
        self.for_each(other, |a, b| *a -= b);
    }
}

/// How far an update has come on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing has to be done.
    #[default]
    Settled,
    /// An old pod that is not available, and no new one.
    OldUnavailable,
    /// An old pod that is available, and no new one.
    OldAvailable,
    /// An old pod beside a new one that is available.
    Replaced,
}

/// What keeping the pods in order may have to do on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    #[default]
    Nothing,
    /// A pod belongs there and none is there.
    Pod,
    /// Pods are to be looked at one by one.
    Look,
}

/// What pods are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) facts: &'a Facts,
    /// The hash of the current revision.
    pub(super) hash: &'a str,
    pub(super) now: Time,
}

impl View<'_> {
    /// Whether a pod is of the current revision, or at least of the current template. Mirrors `IsPodUpdated`.
    pub(super) fn is_updated(&self, pod: &Pod) -> bool {
        let label = |name: &str, want: &str| !want.is_empty() && pod.meta.labels.get(name) == Some(want);
        label(REVISION_HASH_LABEL, self.hash) || label(TEMPLATE_GENERATION_LABEL, &self.facts.template_generation)
    }

    /// Whether a pod was ready for long enough. Mirrors `podutil.IsPodAvailable`.
    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        self.available_from(pod).is_some_and(|from| from <= self.now)
    }

    /// From when on a ready pod is available.
    fn available_from(&self, pod: &Pod) -> Option<Time> {
        pod.ready_since().map(|since| since.plus_seconds(i64::from(self.facts.min_ready_seconds.max(0))))
    }
}

/// A pod that ended and is on its way out is as good as gone.
pub(super) fn is_gone(pod: &Pod) -> bool {
    pod.meta.is_deleting() && pod.status.phase.is_terminal()
}

/// Bound pods come first, then the older ones. Mirrors `podByCreationTimestampAndPhase`.
pub(super) fn rank(pod: &Pod) -> (bool, Time, &Str) {
    (pod.node_name.is_empty(), pod.meta.created(), &pod.meta.name)
}

impl NodeEntry {
    /// The pods that count: those that are as good as gone are left out.
    pub(super) fn pods_there(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter().filter(|p| !is_gone(p))
    }

    /// Whether nothing is left that a set has to do with.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_present && self.pods.is_empty()
    }

    /// What the node counts for.
    pub(super) fn count(&self, view: &View<'_>) -> Tally {
        let mut tally = Tally { need: self.need(view), ..Tally::default() };
        let first = self.pods_there().min_by_key(|p| rank(p));
        if self.is_present {
            self.count_status(&mut tally.totals, first, view);
        }
        if first.is_some() || (self.is_present && self.wanted.should_run) {
            self.count_update(&mut tally, view);
        }
        let times = self.pods_there().filter_map(|p| view.available_from(p)).filter(|from| *from > view.now);
        tally.due = times.min();
        tally
    }

    /// Mirrors the loop of `updateDaemonSetStatus`.
    fn count_status(&self, totals: &mut Totals, first: Option<&Arc<Pod>>, view: &View<'_>) {
        if !self.wanted.should_run {
            totals.misscheduled = i32::from(first.is_some());
            return;
        }
        totals.desired = 1;
        let Some(first) = first else { return };
        totals.current = 1;
        totals.ready = i32::from(first.is_ready());
        totals.available = i32::from(view.is_available(first));
        totals.updated = i32::from(view.is_updated(first));
    }

    /// What both loops of `rollingUpdate` count.
    fn count_update(&self, tally: &mut Tally, view: &View<'_>) {
        let totals = &mut tally.totals;
        let Some((new, old)) = self.find_updated_pods(view) else {
            (totals.unavailable, totals.surging) = (1, 1);
            return;
        };
        let is_available = |pod: Option<&Arc<Pod>>| pod.is_some_and(|p| view.is_available(p));
        totals.serving = i32::from(is_available(old.or(new)));
        match (old, new) {
            (None, None) => totals.unavailable = 1,
            (None, Some(_)) => totals.unavailable = i32::from(!is_available(new)),
            (Some(_), Some(_)) => {
                totals.unavailable = 1;
                if is_available(new) {
                    tally.stage = Stage::Replaced;
                } else {
                    totals.surging = 1;
                }
            }
            (Some(_), None) if is_available(old) => tally.stage = Stage::OldAvailable,
            (Some(_), None) => {
                totals.unavailable = 1;
                tally.stage = Stage::OldUnavailable;
            }
        }
    }

    /// The new and the old pod that are not on their way out; `None` where there is more than one of either.
    /// Mirrors `findUpdatedPodsOnNode`.
    pub(super) fn find_updated_pods(&self, view: &View<'_>) -> Option<NewAndOld<'_>> {
        let (mut new, mut old) = (None, None);
        for pod in self.pods_there().filter(|p| !p.meta.is_deleting()) {
            let place = if view.is_updated(pod) { &mut new } else { &mut old };
            if place.replace(pod).is_some() {
                return None;
            }
        }
        Some((new, old))
    }

    /// Whether `manage` may find something to do: it looks only at nodes where it may.
    fn need(&self, view: &View<'_>) -> Need {
        let (mut there, mut staying, mut ended, mut unbound) = (0, 0, 0, 0);
        for pod in self.pods_there() {
            there += 1;
            staying += usize::from(!pod.meta.is_deleting());
            ended += usize::from(!pod.meta.is_deleting() && pod.status.phase.is_terminal());
            unbound += usize::from(pod.node_name.is_empty());
        }
        let look = if !self.is_present {
            unbound > 0
        } else if self.wanted.should_run && there == 0 {
            return Need::Pod;
        } else if self.wanted.should_continue {
            let surges = view.facts.allows_surge && self.wanted.should_run && staying == ended;
            ended > 0 || staying > 1 || surges
        } else {
            staying > 0
        };
        if look { Need::Look } else { Need::Nothing }
    }
}
