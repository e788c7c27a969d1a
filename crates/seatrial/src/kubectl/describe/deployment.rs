//! The page of a Deployment.

use std::sync::Arc;

use seatrial_api::{Condition, Deployment, DeploymentStrategy, PodTemplateSpec, ReplicaSet, StrMap};

use super::pod_template::describe_pod_template;
use super::{Surroundings, annotations, int_or_string, labels, name_lines};
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, d: &Deployment, around: &Surroundings<'_>) {
    let (spec, status) = (&d.spec, &d.status);
    name_lines(out, &d.meta);
    out.line(0, &format!("CreationTimestamp:\t{}", d.meta.created().to_rfc1123z()));
    labels(out, 0, "Labels", &d.meta.labels);
    annotations(out, 0, "Annotations", &d.meta.annotations);
    out.line(0, &format!("Selector:\t{}", spec.selector.compiled()));
    out.line(
        0,
        &format!(
            "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable",
            spec.replicas,
            status.updated_replicas,
            status.replicas,
            status.available_replicas,
            status.unavailable_replicas
        ),
    );
    let type_ = if spec.strategy == DeploymentStrategy::Recreate { "Recreate" } else { "RollingUpdate" };
    out.line(0, &format!("StrategyType:\t{type_}"));
    out.line(0, &format!("MinReadySeconds:\t{}", spec.min_ready_seconds));
    if let DeploymentStrategy::RollingUpdate { max_unavailable, max_surge } = &spec.strategy {
        let (unavailable, surge) = (int_or_string(max_unavailable), int_or_string(max_surge));
        let bounds = format!("{unavailable} max unavailable, {surge} max surge");
        out.line(0, &format!("RollingUpdateStrategy:\t{bounds}"));
    }
    describe_pod_template(out, &spec.template);
    conditions(out, &status.conditions);
    replica_sets(out, d, around.replica_sets);
}

pub(super) fn conditions(out: &mut TabWriter, conditions: &[Condition]) {
    if conditions.is_empty() {
        return;
    }
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tReason");
    out.line(1, "----\t------\t------");
    for c in conditions {
        out.line(1, &format!("{} \t{}\t{}", c.type_, c.status.as_str(), c.reason));
    }
}

fn replica_sets(out: &mut TabWriter, d: &Deployment, sets: &[Arc<ReplicaSet>]) {
    if sets.is_empty() {
        return;
    }
    let new = sets.iter().find(|rs| same_template(&rs.spec.template, &d.spec.template));
    let is_new = |rs: &Arc<ReplicaSet>| new.is_some_and(|n| n.meta.uid == rs.meta.uid);
    let text = |rs: &Arc<ReplicaSet>| {
        format!("{} ({}/{} replicas created)", rs.meta.name, rs.status.replicas, rs.spec.replicas)
    };
    let list = |texts: Vec<String>| if texts.is_empty() { "<none>".to_owned() } else { texts.join(", ") };
    out.line(0, &format!("OldReplicaSets:\t{}", list(sets.iter().filter(|rs| !is_new(rs)).map(text).collect())));
    out.line(0, &format!("NewReplicaSet:\t{}", list(new.into_iter().map(text).collect())));
}

fn same_template(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    let labels =
        |t: &PodTemplateSpec| -> StrMap { t.labels.iter().filter(|(k, _)| *k != "pod-template-hash").collect() };
    a.spec == b.spec && a.annotations == b.annotations && labels(a) == labels(b)
}
