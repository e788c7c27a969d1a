//! What a DaemonSet's spec says, read once a generation.
//!
//! Mirrors parts of pkg/controller/daemon/daemon_controller.go (`NodeShouldRunDaemonPod`, `NewPod`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::apps::v1::RollingUpdateDaemonSet;
use k8s_openapi::api::core::v1::PodTemplateSpec as ApiTemplate;
use seatrial_api::scheduling::{matches_required_node_affinity, untolerated_taint};
use seatrial_api::{DaemonSet, LabelSelector, Node, PodTemplateSpec, Str};

use super::util::{
    TEMPLATE_GENERATION_ANNOTATION, add_or_update_daemon_pod_tolerations, allows_surge, rolling_update_of,
};

/// What follows from a set's spec.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The generation that was read.
    pub(super) generation: i64,
    /// The generation of the template, as pods carry it; empty where the annotation is no number.
    pub(super) template_generation: Str,
    pub(super) selector: LabelSelector,
    pub(super) min_ready_seconds: i32,
    pub(super) history_limit: i32,
    /// The bounds of a rolling update.
    pub(super) rolling: Option<RollingUpdateDaemonSet>,
    pub(super) allows_surge: bool,
    /// The template as it was written.
    pub(super) template: ApiTemplate,
    /// The template of the pods but for their labels: what they tolerate added, what they require of nodes taken out.
    pub(super) pod_template: Arc<PodTemplateSpec>,
}

/// What a set wants of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// A pod belongs there.
    pub(super) should_run: bool,
    /// A pod that is there may stay.
    pub(super) should_continue: bool,
}

impl Facts {
    /// Reads a set.
    pub(super) fn of(ds: &DaemonSet) -> Self {
        let spec = &ds.spec;
        let mut template = spec.template.clone();
        add_or_update_daemon_pod_tolerations(template.spec.get_or_insert_default());
        let mut of_pods = template.clone();
        if let Some(affinity) = of_pods.spec.as_mut().and_then(|s| s.affinity.as_mut())
            && let Some(node_affinity) = &mut affinity.node_affinity
        {
            // It chooses nodes here; a pod requires its own node instead.
            node_affinity.required_during_scheduling_ignored_during_execution = None;
        }
        let rolling = rolling_update_of(spec);
        Self {
            generation: ds.meta.generation,
            template_generation: template_generation(ds),
            selector: LabelSelector::from_api(spec.selector.clone()),
            min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
            history_limit: spec.revision_history_limit.unwrap_or(10),
            allows_surge: allows_surge(rolling.as_ref()),
            rolling,
            template,
            pod_template: Arc::new(PodTemplateSpec::from_api(of_pods)),
        }
    }

    /// Whether a set is still what was read.
    pub(super) fn are_of(&self, ds: &DaemonSet) -> bool {
        self.generation == ds.meta.generation && self.template_generation == template_generation(ds)
    }

    /// The node that the template names, if it names one.
    pub(super) fn node_name(&self) -> Option<&str> {
        self.template.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
    }

    /// Whether a pod should be on a node, or may stay there. Only its name, labels and taints are looked at.
    /// Mirrors `NodeShouldRunDaemonPod`.
    pub(super) fn node_should_run_daemon_pod(&self, node: &Node) -> Wanted {
        let nothing = Wanted::default();
        if self.node_name().is_some_and(|name| node.meta.name != *name) {
            return nothing;
        }
        let Some(spec) = &self.template.spec else { return nothing };
        if !matches_required_node_affinity(spec, &node.meta.name, &node.meta.labels) {
            return nothing;
        }
        let taints = node.body.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default();
        let tolerations = spec.tolerations.as_deref().unwrap_or_default();
        if untolerated_taint(taints, tolerations, &["NoSchedule", "NoExecute"]).is_some() {
            let should_continue = untolerated_taint(taints, tolerations, &["NoExecute"]).is_none();
            return Wanted { should_run: false, should_continue };
        }
        Wanted { should_run: true, should_continue: true }
    }
}

/// Mirrors `GetTemplateGeneration`.
fn template_generation(ds: &DaemonSet) -> Str {
    let text = ds.meta.annotations.get(TEMPLATE_GENERATION_ANNOTATION).unwrap_or_default();
    if text.parse::<i64>().is_ok() { text.into() } else { Str::default() }
}
