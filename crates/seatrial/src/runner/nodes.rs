//! The verbs about nodes: `node`, `drain`, `evict`, `fault` with a node.

use seatrial_api::{Kind, ObjectKey};
use seatrial_apiserver::DeleteOptions;

use super::journal::LineKind;
use super::{Runner, StepError};
use crate::cluster::NodeFault;
use crate::cluster::{DrainOptions, Node, SETTLE_TIMEOUT};
use crate::manifest::Position;
use crate::scenario::model::{self, Drain, Evict, NodeAction, NodeFaultKind, NodeStep};

impl Runner<'_> {
    pub(super) fn evict(&mut self, evict: &Evict) {
        self.for_each_key("evict", &evict.target, |runner, key| {
            Ok(runner.cluster.evict_key(key, evict.grace_period)?)
        });
    }

    /// What kubectl prints is told, and the error that it ends with is the step's.
    pub(super) fn drain(&mut self, drain: &Drain) {
        let options = DrainOptions {
            grace_period: drain.grace_period,
            timeout: drain.timeout,
            force: drain.force,
            ignore_daemon_sets: drain.ignore_daemon_sets,
            delete_empty_dir_data: drain.delete_empty_dir_data,
        };
        let limit = self.within(SETTLE_TIMEOUT);
        match self.cluster.drain_within(&drain.name, &options, limit) {
            Err(error) => self.report_error("drain", &error),
            Ok(drained) => {
                self.tell_journal();
                self.say(LineKind::Print, &drained.lines.join("\n"));
                if let Some(error) = drained.error {
                    let message = format!("error: {error}");
                    self.record(StepError { step: self.step, verb: "drain", code: 1, reason: None, message });
                }
            }
        }
    }

    pub(super) fn node_fault(&mut self, fault: &model::NodeFault, position: Position) {
        let nodes = self.cluster.objects_of(Kind::Node, Some(&fault.node)).into_iter();
        let names: Vec<String> = nodes.map(|node| node.meta().name.to_string()).collect();
        if names.is_empty() {
            return self.fail(Some(position), format!("no node is named `{}`", fault.node));
        }
        for name in names {
            let kind = match fault.kind {
                NodeFaultKind::Down => NodeFault::Down,
                NodeFaultKind::Partition => NodeFault::Partition,
                NodeFaultKind::Restart => NodeFault::Restart,
                NodeFaultKind::Recover => {
                    self.cluster.recover_node(&name);
                    continue;
                }
            };
            self.cluster.break_node(&name, kind, fault.lasts);
        }
    }

    pub(super) fn node(&mut self, step: &NodeStep) {
        let name = &step.name;
        let result = match &step.action {
            NodeAction::Add { capacity, labels, taints } => {
                let taints = taints.iter().map(|t| (t.key.clone(), t.value.clone(), t.effect.clone())).collect();
                self.cluster.add_node(&Node {
                    name: name.clone(),
                    capacity: capacity.clone(),
                    labels: labels.clone(),
                    taints,
                })
            }
            NodeAction::Remove => {
                let key = ObjectKey::new(Kind::Node, "", name);
                self.cluster.delete_key(&key, &DeleteOptions::default())
            }
            NodeAction::Fail => {
                self.cluster.fail_node(name);
                Ok(())
            }
            NodeAction::Recover => {
                self.cluster.recover_node(name);
                Ok(())
            }
            NodeAction::Cordon => self.cluster.cordon(name, true),
            NodeAction::Uncordon => self.cluster.cordon(name, false),
            NodeAction::Taint(taints) => {
                let taints: Vec<_> =
                    taints.iter().map(|t| (t.key.clone(), t.value.clone(), t.effect.clone())).collect();
                self.cluster.taint(name, &taints)
            }
            NodeAction::Label(labels) => self.cluster.label_node(name, labels),
        };
        if let Err(error) = result {
            self.refused("node", &error);
        }
    }
}
