//! What a DaemonSet's spec says, read once a generation.
//!
//! Mirrors parts of pkg/controller/daemon/daemon_controller.go (`NodeShouldRunDaemonPod`, `NewPod`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::apps::v1::RollingUpdateDaemonSet;
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec as ApiTemplate};
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
        if let Some(spec) = &mut of_pods.spec {
            drop_required_node_affinity(spec);
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

/// It chooses nodes here; a pod requires its own node instead. What it leaves empty goes with it, as when a pod is read.
fn drop_required_node_affinity(spec: &mut PodSpec) {
    let Some(affinity) = &mut spec.affinity else { return };
    if let Some(node_affinity) = &mut affinity.node_affinity {
        node_affinity.required_during_scheduling_ignored_during_execution = None;
        if *node_affinity == Default::default() {
            affinity.node_affinity = None;
        }
    }
    if *affinity == Default::default() {
        spec.affinity = None;
    }
}

/// Mirrors `GetTemplateGeneration`.
fn template_generation(ds: &DaemonSet) -> Str {
    let text = ds.meta.annotations.get(TEMPLATE_GENERATION_ANNOTATION).unwrap_or_default();
    if text.parse::<i64>().is_ok() { text.into() } else { Str::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOWHERE: (bool, bool) = (false, false);
    const STAYS: (bool, bool) = (false, true);
    const RUNS: (bool, bool) = (true, true);

    fn wanted(pod: &Value, node: &Value) -> (bool, bool) {
        let mut template = json!({"containers": []});
        for (key, value) in pod.as_object().expect("an object") {
            template[key] = value.clone();
        }
        let set = json!({"metadata": {"name": "a"}, "spec": {"selector": {}, "template": {"spec": template}}});
        let set = DaemonSet::from_api(serde_json::from_value(set).expect("a set")).expect("it converts");
        let node = json!({"metadata": {"name": "n-1", "labels": node["labels"]},
            "spec": {"taints": node["taints"], "unschedulable": node["unschedulable"]}, "status": {"conditions": node["conditions"]}});
        let node = Node::from_api(serde_json::from_value(node).expect("a node")).expect("it converts");
        let Wanted { should_run, should_continue } = Facts::of(&set).node_should_run_daemon_pod(&node);
        (should_run, should_continue)
    }

    fn taint(key: &str, effect: &str) -> Value {
        json!({"taints": [{"key": key, "value": "v", "effect": effect}]})
    }

    fn affinity(terms: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
    }

    #[test]
    fn names_labels_and_affinity_choose_nodes() {
        let zone = json!({"labels": {"zone": "a"}});
        let by_zone =
            |operator: &str| json!({"matchExpressions": [{"key": "zone", "operator": operator, "values": ["a"]}]});
        let by_name =
            |name: &str| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]});
        let rows = [
            (json!({}), RUNS),
            (json!({"nodeName": "n-1"}), RUNS),
            (json!({"nodeName": "n-2"}), NOWHERE),
            (json!({"nodeSelector": {"zone": "a"}}), RUNS),
            (json!({"nodeSelector": {"zone": "b"}}), NOWHERE),
            (affinity(json!([by_zone("In")])), RUNS),
            (affinity(json!([by_zone("NotIn")])), NOWHERE),
            (affinity(json!([by_zone("NotIn"), by_name("n-1")])), RUNS),
            (affinity(json!([by_name("n-2")])), NOWHERE),
            // What only the scheduler weighs does not choose nodes.
            (
                json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
                [{"weight": 1, "preference": by_zone("NotIn")}]}}}),
                RUNS,
            ),
            (
                json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                [{"topologyKey": "zone", "labelSelector": {}}]}}}),
                RUNS,
            ),
            (json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "1000"}}}]}), RUNS),
        ];
        for (pod, want) in rows {
            assert_eq!(wanted(&pod, &zone), want, "{pod}");
        }
    }

    #[test]
    fn taints_keep_pods_away_or_drive_them_out() {
        let (plain, host) = (json!({}), json!({"hostNetwork": true}));
        let own = json!({"tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}]});
        let all = json!({"tolerations": [{"operator": "Exists"}]});
        let rows = [
            (&plain, taint("k", "NoSchedule"), STAYS),
            (&plain, taint("k", "NoExecute"), NOWHERE),
            (&plain, taint("k", "PreferNoSchedule"), RUNS),
            (&own, taint("k", "NoSchedule"), RUNS),
            (&own, taint("k", "NoExecute"), NOWHERE),
            (&all, taint("k", "NoExecute"), RUNS),
            (&plain, taint("node.kubernetes.io/not-ready", "NoExecute"), RUNS),
            (&plain, taint("node.kubernetes.io/unreachable", "NoExecute"), RUNS),
            (&plain, taint("node.kubernetes.io/not-ready", "NoSchedule"), STAYS),
            (&plain, taint("node.kubernetes.io/unreachable", "NoSchedule"), STAYS),
            (&plain, taint("node.kubernetes.io/disk-pressure", "NoSchedule"), RUNS),
            (&plain, taint("node.kubernetes.io/memory-pressure", "NoSchedule"), RUNS),
            (&plain, taint("node.kubernetes.io/pid-pressure", "NoSchedule"), RUNS),
            (&plain, taint("node.kubernetes.io/unschedulable", "NoSchedule"), RUNS),
            (&plain, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), STAYS),
            (&host, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), RUNS),
            (&plain, taint("node.kubernetes.io/out-of-service", "NoExecute"), NOWHERE),
            // The spec of a cordoned node and its conditions are not looked at.
            (&plain, json!({"unschedulable": true, "conditions": [{"type": "Ready", "status": "False"}]}), RUNS),
        ];
        for (pod, node, want) in rows {
            assert_eq!(wanted(pod, &node), want, "{pod} on {node}");
        }
        // A pod that does not belong there by its labels may not stay either, whatever it tolerates.
        assert_eq!(wanted(&json!({"nodeSelector": {"a": "b"}}), &taint("k", "NoSchedule")), NOWHERE);
    }

    #[test]
    fn a_pod_requires_its_own_node_instead_of_what_chose_it() {
        let mut pod = affinity(json!([{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]));
        pod["containers"] = json!([]);
        pod["affinity"]["podAffinity"] = json!({});
        let set = json!({"metadata": {"name": "a"}, "spec": {"selector": {}, "template": {"spec": pod}}});
        let set = DaemonSet::from_api(serde_json::from_value(set).expect("a set")).expect("it converts");
        let template = Facts::of(&set).pod_template;
        let affinity = template.spec.api().affinity.clone().expect("the rest of it");
        // The form that a pod of one node has when it is read, so that a write of such a pod does not seem to change it.
        assert!(affinity.pod_affinity.is_some() && affinity.node_affinity.is_none());
    }
}
