//! What a sync has to do: which containers to stop, and which to start.
//!
//! Mirrors pkg/kubelet/kuberuntime (`computePodActions`, `computeInitContainerActions`) (v1.36).

use crate::plan::Role;
use crate::probe::ProbeKind;
use crate::restart::{is_restartable, should_restart};
use crate::worker::PodWorker;

/// Why a running container is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// A probe has given up on it.
    Probe(ProbeKind),
    /// Its spec has another image.
    Changed,
}

/// Places of containers in the order of their turns. Most pods have one container, which needs no allocation of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// None or one.
    Few(Option<usize>),
    /// Any number.
    Many(Vec<usize>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Few(None)
    }
}

impl Places {
    pub(crate) fn push(&mut self, place: usize) {
        match self {
            Self::Few(few @ None) => *few = Some(place),
            Self::Few(Some(first)) => *self = Self::Many(vec![*first, place]),
            Self::Many(places) => places.push(place),
        }
    }

    pub(crate) fn as_slice(&self) -> &[usize] {
        match self {
            Self::Few(few) => few.as_slice(),
            Self::Many(places) => places,
        }
    }

    fn reverse(&mut self) {
        if let Self::Many(places) = self {
            places.reverse();
        }
    }
}

/// What a sync has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PodActions {
    /// Nothing is left to do for the pod: all that runs is stopped, and the sandbox.
    pub(crate) kill_pod: bool,
    /// Containers to stop, and why.
    pub(crate) kill: Vec<(usize, KillReason)>,
    /// Containers to start, in this order.
    pub(crate) start: Places,
}

impl PodWorker {
    /// What there is to do.
    pub(crate) fn compute_pod_actions(&self) -> PodActions {
        let mut actions = PodActions::default();
        if !self.has_sandbox {
            // A pod begins with its first init container, or else with all of its own.
            let all = if self.plan.init_count > 0 { 0..1 } else { self.plan.main() };
            all.for_each(|index| actions.start.push(index));
            return actions;
        }
        let has_initialized = self.compute_init_container_actions(&mut actions);
        if actions.kill_pod || !has_initialized {
            return actions;
        }
        let (mut kept, mut started) = (0, 0);
        for index in self.plan.main() {
            if !self.containers[index].is_running() {
                if self.should_be_restarted(index) {
                    actions.start.push(index);
                    started += 1;
                }
                continue;
            }
            let Some(reason) = self.kill_reason(index) else {
                kept += 1;
                continue;
            };
            if reason == KillReason::Changed || is_restartable(self.plan.api(), self.plan.container(index)) {
                actions.start.push(index);
                started += 1;
            }
            actions.kill.push((index, reason));
        }
        if kept == 0 && started == 0 {
            // Sidecars do not keep a pod alive.
            actions = PodActions { kill_pod: true, ..PodActions::default() };
        }
        actions
    }

    fn kill_reason(&self, index: usize) -> Option<KillReason> {
        let container = &self.containers[index];
        if container.image_changed(&self.plan.containers[index]) {
            return Some(KillReason::Changed);
        }
        container.failed_probe.map(KillReason::Probe)
    }

    /// Looks from the last init container to the first. Gives whether the pod is initialized.
    fn compute_init_container_actions(&self, actions: &mut PodActions) -> bool {
        let count = self.plan.init_count;
        if count == 0 {
            return true;
        }
        let mut has_initialized = self.plan.main().any(|index| self.containers[index].is_running());
        // Whether one behind this one was started: then this one was through already.
        let mut was_initialized = has_initialized;
        for index in (0..count).rev() {
            let (container, role) = (&self.containers[index], self.plan.role(index));
            if container.life == 0 {
                if was_initialized && role == Role::Sidecar {
                    actions.start.push(index);
                }
                continue;
            }
            if was_initialized && role != Role::Sidecar {
                continue;
            }
            match (container.exit_code(), role) {
                (None, Role::Sidecar) => {
                    if container.started {
                        if index + 1 == count {
                            has_initialized = true;
                        } else if !was_initialized {
                            actions.start.push(index + 1);
                        }
                    }
                    if let Some(reason) = self.kill_reason(index) {
                        actions.kill.push((index, reason));
                        actions.start.push(index);
                    }
                }
                (Some(_), Role::Sidecar) => actions.start.push(index),
                (None, _) => {}
                (Some(0), _) if index + 1 == count => has_initialized = true,
                (Some(0), _) => actions.start.push(index + 1),
                (Some(code), _) if should_restart(self.plan.api(), self.plan.container(index), code) => {
                    actions.start.push(index);
                }
                (Some(_), _) => {
                    actions.kill_pod = true;
                    actions.start = Places::default();
                    return false;
                }
            }
            was_initialized = true;
        }
        if !was_initialized {
            actions.start.push(0);
        }
        actions.start.reverse();
        has_initialized
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_order_however_many_they_are() {
        for count in 0..4 {
            let (mut places, mut reversed) = (Places::default(), Places::default());
            (0..count).for_each(|place| places.push(place + 5));
            (0..count).rev().for_each(|place| reversed.push(place + 5));
            assert_eq!(places.as_slice(), (5..5 + count).collect::<Vec<usize>>());
            places.reverse();
            assert_eq!(places.as_slice(), reversed.as_slice());
        }
    }
}
