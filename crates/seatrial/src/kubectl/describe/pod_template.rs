//! A pod template, and the parts of it that pods share.
//!
//! Mirrors `DescribePodTemplate`, `describeTopologySpreadConstraints` (v1.36).

use k8s_openapi::api::core::v1::PodSpec;
use seatrial_api::{PodTemplateSpec, StrMap, selector::Selector};

use super::container::template_containers;
use super::volumes::volumes_lines;
use super::{annotations, labels};
use crate::kubectl::TabWriter;

pub(crate) fn describe_pod_template(out: &mut TabWriter, template: &PodTemplateSpec) {
    let spec = template.spec.api();
    out.line(0, "Pod Template:");
    labels(out, 1, "Labels", &template.labels);
    if !template.annotations.is_empty() {
        annotations(out, 1, "Annotations", &template.annotations);
    }
    if let Some(account) = spec.service_account_name.as_deref().filter(|a| !a.is_empty()) {
        out.line(1, &format!("Service Account:\t{account}"));
    }
    if let Some(init) = spec.init_containers.as_deref().filter(|c| !c.is_empty()) {
        template_containers(out, "Init Containers", init);
    }
    template_containers(out, "Containers", &spec.containers);
    volumes_lines(out, true, spec.volumes.as_deref());
    topology_lines(out, 1, spec);
    if let Some(class) = spec.priority_class_name.as_deref().filter(|c| !c.is_empty()) {
        out.line(1, &format!("Priority Class Name:\t{class}"));
    }
    labels(out, 1, "Node-Selectors", &StrMap::from_api(spec.node_selector.clone()));
    tolerations_lines(out, 1, spec);
}

/// `Topology Spread Constraints:`, one a line; nothing where there are none.
pub(super) fn topology_lines(out: &mut TabWriter, level: usize, spec: &PodSpec) {
    let mut list: Vec<_> = spec.topology_spread_constraints.iter().flatten().collect();
    list.sort_by(|a, b| a.topology_key.cmp(&b.topology_key));
    for (index, c) in list.into_iter().enumerate() {
        let head = if index == 0 { "Topology Spread Constraints:" } else { "" };
        let selector = c.label_selector.as_ref().map(|selector| {
            let text = Selector::from_label_selector(selector).map(|s| s.to_string());
            match text {
                Ok(text) if text.is_empty() => " for selector <none>".to_owned(),
                Ok(text) => format!(" for selector {text}"),
                Err(_) => " for selector <error>".to_owned(),
            }
        });
        let (key, action, skew) = (&c.topology_key, &c.when_unsatisfiable, c.max_skew);
        let selector = selector.unwrap_or_default();
        out.line(level, &format!("{head}\t{key}:{action} when max skew {skew} is exceeded{selector}"));
    }
}

/// `Tolerations:`, one a line.
pub(super) fn tolerations_lines(out: &mut TabWriter, level: usize, spec: &PodSpec) {
    let mut list: Vec<_> = spec.tolerations.iter().flatten().collect();
    if list.is_empty() {
        return out.line(level, "Tolerations:\t<none>");
    }
    list.sort_by(|a, b| a.key.cmp(&b.key));
    for (index, t) in list.into_iter().enumerate() {
        let head = if index == 0 { "Tolerations:" } else { "" };
        let mut text = t.key.clone().unwrap_or_default();
        if let Some(value) = t.value.as_deref().filter(|v| !v.is_empty()) {
            text.push_str(&format!("={value}"));
        }
        if let Some(effect) = t.effect.as_deref().filter(|e| !e.is_empty()) {
            text.push_str(&format!(":{effect}"));
        }
        if t.operator.as_deref() == Some("Exists") && t.value.as_deref().unwrap_or_default().is_empty() {
            // What tolerates everything has nothing before it.
            text.push_str(if text.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if let Some(seconds) = t.toleration_seconds {
            text.push_str(&format!(" for {seconds}s"));
        }
        out.line(level, &format!("{head}\t{text}"));
    }
}
