//! Pods that have a node and wait until their claims are bound.
//!
//! Mirrors `PreBind` of pkg/scheduler/framework/plugins/volumebinding and `checkBindings` of its binder (v1.36): claims
//! are looked at every second. Differs: a look that would find nothing new is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use seatrial_api::{NamespacedName, PersistentVolume, PersistentVolumeClaim, Str, Uid};
use seatrial_machinery::volumes::{ANN_SELECTED_NODE, claim_uid, is_claim_fully_bound, volume_name};
use seatrial_machinery::{Client, SimTime};

use crate::node_info::NodeInfo;
use crate::queue::Timer;
use crate::volume_binding::{Bindings, matches_node_affinity};

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long a pod waits. Mirrors `bindTimeoutSeconds` of the default configuration.
const BIND_TIMEOUT: Duration = Duration::from_secs(600);

/// A pod that waits.
#[derive(Clone, Debug)]
pub(crate) struct WaitingPod {
    pub(crate) key: NamespacedName,
    pub(crate) node: Str,
    since: SimTime,
    /// Volumes that were named a claim, and those claims.
    matched: Vec<(Str, Str)>,
    /// Claims that were named the node.
    to_provision: Vec<Str>,
    /// Whether a look is due at some time before the wait is over.
    has_look: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct WaitingPods {
    pods: BTreeMap<Uid, WaitingPod>,
    looks: BTreeSet<(SimTime, Uid)>,
    due: BTreeSet<Uid>,
    timers: Vec<Timer>,
}

impl WaitingPods {
    /// A pod begins to wait.
    pub(crate) fn begin(&mut self, uid: &Uid, key: NamespacedName, node: Str, bindings: &Bindings, now: SimTime) {
        let matched = bindings.matched.iter().map(|(v, c)| (v.meta.name.clone(), c.meta.name.clone())).collect();
        let to_provision = bindings.to_provision.iter().map(|claim| claim.meta.name.clone()).collect();
        let (first, last) = (now + POLL_INTERVAL, now + BIND_TIMEOUT);
        self.pods.insert(uid.clone(), WaitingPod { key, node, since: now, matched, to_provision, has_look: true });
        self.looks.extend([(first, uid.clone()), (last, uid.clone())]);
        self.timers.extend([Timer { due: first, background: false }, Timer { due: last, background: true }]);
    }

    /// Whether no pod waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Whether the pod waits.
    pub(crate) fn has(&self, uid: &Uid) -> bool {
        self.pods.contains_key(uid)
    }

    /// Something happened to a claim of the pod: it is looked at at the next full second of its wait.
    pub(crate) fn wake(&mut self, uid: &Uid, now: SimTime) {
        let Some(pod) = self.pods.get_mut(uid).filter(|pod| !pod.has_look) else { return };
        pod.has_look = true;
        let waited = u64::try_from((now - pod.since).as_nanos()).unwrap_or(0);
        let period = u64::try_from(POLL_INTERVAL.as_nanos()).unwrap_or(1);
        let look = pod.since + Duration::from_nanos((waited / period + 1) * period);
        self.looks.insert((look, uid.clone()));
        self.timers.push(Timer { due: look, background: false });
    }

    /// The pod waits no more.
    pub(crate) fn remove(&mut self, uid: &Uid) -> Option<WaitingPod> {
        if self.pods.is_empty() {
            return None;
        }
        self.due.remove(uid);
        self.pods.remove(uid)
    }

    /// Time has passed: looks are due.
    pub(crate) fn fire(&mut self, now: SimTime) {
        while let Some((at, uid)) = self.looks.pop_first() {
            if at > now {
                self.looks.insert((at, uid));
                return;
            }
            if let Some(pod) = self.pods.get_mut(&uid) {
                pod.has_look = false;
                self.due.insert(uid);
            }
        }
    }

    /// The times of looks, as far as they were not told yet.
    pub(crate) fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.timers)
    }

    /// Whether a pod is to be looked at now.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next pod to be looked at.
    pub(crate) fn next_due(&mut self) -> Option<(Uid, WaitingPod)> {
        while let Some(uid) = self.due.pop_first() {
            if let Some(pod) = self.pods.get(&uid) {
                return Some((uid, pod.clone()));
            }
        }
        None
    }
}

impl WaitingPod {
    /// Whether all claims are bound, or why they will not be. Mirrors `checkBindings`.
    pub(crate) fn check(&self, client: &Client<'_>, node: Option<&NodeInfo>) -> Result<bool, String> {
        let node = node.ok_or_else(|| format!("failed to get node {0:?}: node {0:?} not found", self.node.as_str()))?;
        let claim_of = |name: &Str| {
            let key = format!("{}/{name}", self.key.namespace);
            let claim = client.get_live::<PersistentVolumeClaim>(&self.key.namespace, name);
            claim.map_err(|_| format!("could not find v1.PersistentVolumeClaim {key:?}"))
        };
        let is_reached = |volume: &PersistentVolume| match matches_node_affinity(volume, node) {
            true => Ok(()),
            false => Err(format!(
                "pv {:?} node affinity doesn't match node {:?}: no matching NodeSelectorTerms",
                volume.meta.name.as_str(),
                node.name.as_str()
            )),
        };
        for (name, claim) in &self.matched {
            let volume = client.get_live::<PersistentVolume>("", name);
            let volume = volume.map_err(|_| {
                format!("failed to check binding: could not find v1.PersistentVolume {:?}", name.as_str())
            })?;
            let claim = claim_of(claim).map_err(|why| format!("failed to check binding: {why}"))?;
            is_reached(&volume)?;
            if claim_uid(&volume).is_nil() {
                return Err(format!("ClaimRef got reset for pv {:?}", name.as_str()));
            }
            if !is_claim_fully_bound(&claim) {
                return Ok(false);
            }
        }
        for name in &self.to_provision {
            let claim = claim_of(name).map_err(|why| format!("failed to check provisioning pvc: {why}"))?;
            if claim.meta.annotations.get(ANN_SELECTED_NODE) != Some(self.node.as_str()) {
                return Err(format!("provisioning failed for PVC {:?}", name.as_str()));
            }
            if let Ok(volume) = client.get_live::<PersistentVolume>("", volume_name(&claim)) {
                is_reached(&volume)?;
            }
            if !is_claim_fully_bound(&claim) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the pod has waited as long as it may.
    pub(crate) fn is_over(&self, now: SimTime) -> bool {
        now - self.since >= BIND_TIMEOUT
    }
}
