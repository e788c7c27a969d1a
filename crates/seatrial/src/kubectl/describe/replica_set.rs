//! The page of a ReplicaSet.

use seatrial_api::ReplicaSet;

use super::deployment::conditions;
use super::pod_template::describe_pod_template;
use super::{Surroundings, annotations, labels, name_lines};
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, rs: &ReplicaSet, around: &Surroundings<'_>) {
    name_lines(out, &rs.meta);
    out.line(0, &format!("Selector:\t{}", rs.spec.selector.compiled()));
    labels(out, 0, "Labels", &rs.meta.labels);
    annotations(out, 0, "Annotations", &rs.meta.annotations);
    if let Some(owner) = rs.meta.controller_of() {
        out.line(0, &format!("Controlled By:\t{}/{}", owner.kind, owner.name));
    }
    out.line(0, &format!("Replicas:\t{} current / {} desired", rs.status.replicas, rs.spec.replicas));
    let [running, waiting, succeeded, failed] = around.pod_counts;
    let counts = format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed");
    out.line(0, &format!("Pods Status:\t{counts}"));
    describe_pod_template(out, &rs.spec.template);
    conditions(out, &rs.status.conditions);
}
