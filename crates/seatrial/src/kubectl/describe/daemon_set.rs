//! The page of a DaemonSet.

use seatrial_api::{DaemonSet, PodTemplateSpec, selector::Selector};

use super::pod_template::describe_pod_template;
use super::{Surroundings, annotations, labels, name_lines, pods_status};
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, set: &DaemonSet, around: &Surroundings<'_>) {
    let (spec, status) = (&set.spec, &set.status);
    name_lines(out, &set.meta);
    let selector = Selector::from_label_selector(&spec.selector).unwrap_or_else(|_| Selector::nothing());
    out.line(0, &format!("Selector:\t{selector}"));
    let on = spec.template.spec.as_ref().and_then(|s| s.node_selector.as_ref()).into_iter().flatten();
    let on: Vec<String> = on.map(|(key, value)| format!("{key}={value}")).collect();
    let on = if on.is_empty() { "<none>".to_owned() } else { on.join(",") };
    out.line(0, &format!("Node-Selector:\t{on}"));
    labels(out, 0, "Labels", &set.meta.labels);
    annotations(out, 0, "Annotations", &set.meta.annotations);
    let counts = [
        ("Desired Number of Nodes Scheduled", status.desired_number_scheduled),
        ("Current Number of Nodes Scheduled", status.current_number_scheduled),
        ("Number of Nodes Scheduled with Up-to-date Pods", status.updated_number_scheduled.unwrap_or(0)),
        ("Number of Nodes Scheduled with Available Pods", status.number_available.unwrap_or(0)),
        ("Number of Nodes Misscheduled", status.number_misscheduled),
    ];
    for (title, count) in counts {
        out.line(0, &format!("{title}: {count}"));
    }
    pods_status(out, around);
    describe_pod_template(out, &PodTemplateSpec::from_api(spec.template.clone()));
}
