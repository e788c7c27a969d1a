//! The pods of a budget, counted.

use std::collections::BTreeMap;

use seatrial_api::selector::Selector;
use seatrial_api::{OwnerReference, Pod, Uid};

/// A budget's selector and what it selects.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) selector: Result<Selector, String>,
    pub(super) counts: Counts,
}

/// Pods, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// All.
    pub(super) pods: i32,
    /// Those that are ready and not being deleted.
    pub(super) healthy: i32,
    /// Those that no controller manages.
    pub(super) unmanaged: i32,
    /// Their controllers, and how many each has.
    pub(super) controllers: BTreeMap<Uid, (OwnerReference, i32)>,
}

impl Budget {
    pub(super) fn selects(&self, pod: &Pod) -> bool {
        self.selector.as_ref().is_ok_and(|s| s.matches(&pod.meta.labels))
    }

    /// Takes a change of a pod over.
    pub(super) fn replace(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let (old, new) = (old.filter(|p| self.selects(p)), new.filter(|p| self.selects(p)));
        if let (Some(old), Some(new)) = (old, new)
            && old.meta.owner_references == new.meta.owner_references
        {
            self.counts.healthy += i32::from(is_healthy(new)) - i32::from(is_healthy(old));
            return;
        }
        if let Some(old) = old {
            self.counts.count(old, -1);
        }
        if let Some(new) = new {
            self.counts.count(new, 1);
        }
    }
}

impl Counts {
    fn count(&mut self, pod: &Pod, by: i32) {
        self.pods += by;
        if is_healthy(pod) {
            self.healthy += by;
        }
        let Some(controller) = pod.meta.controller_of() else {
            self.unmanaged += by;
            return;
        };
        let (_, count) = self.controllers.entry(controller.uid.clone()).or_insert_with(|| (controller.clone(), 0));
        *count += by;
        if *count == 0 {
            self.controllers.remove(&controller.uid);
        }
    }
}

/// Mirrors what `countHealthyPods` asks of a pod.
pub(super) fn is_healthy(pod: &Pod) -> bool {
    !pod.meta.is_deleting() && pod.is_ready()
}
