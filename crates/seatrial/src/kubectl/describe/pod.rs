//! The page of a Pod.
//!
//! Mirrors `describePod` (v1.36).

use k8s_openapi::api::core::v1::PodSpec;
use seatrial_api::{Pod, StrMap};
use seatrial_apiserver::printers::age;

use super::container::{pod_containers, resources};
use super::pod_template::{tolerations_lines, topology_lines};
use super::volumes::volumes_lines;
use super::{Surroundings, annotations, labels, name_lines};
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, pod: &Pod, around: &Surroundings<'_>) {
    let (spec, status) = (pod.spec.api(), &pod.status);
    name_lines(out, &pod.meta);
    head(out, pod, spec);
    labels(out, 0, "Labels", &pod.meta.labels);
    annotations(out, 0, "Annotations", &pod.meta.annotations);
    status_lines(out, pod, around);
    if let Some(owner) = pod.meta.controller_of() {
        out.line(0, &format!("Controlled By:\t{}/{}", owner.kind, owner.name));
    }
    if !status.nominated_node_name.is_empty() {
        out.line(0, &format!("NominatedNodeName:\t{}", status.nominated_node_name));
    }
    if spec.resources.is_some() {
        out.line(0, "Resources:");
        resources(out, 1, spec.resources.as_ref());
    }
    if let Some(init) = spec.init_containers.as_deref().filter(|c| !c.is_empty()) {
        pod_containers(out, "Init Containers", pod, init, &status.init_container_statuses);
    }
    pod_containers(out, "Containers", pod, &spec.containers, &status.container_statuses);
    condition_lines(out, pod, spec);
    volumes_lines(out, false, spec.volumes.as_deref());
    out.line(0, &format!("QoS Class:\t{}", pod.spec.qos_class().as_str()));
    labels(out, 0, "Node-Selectors", &StrMap::from_api(spec.node_selector.clone()));
    tolerations_lines(out, 0, spec);
    topology_lines(out, 0, spec);
}

fn head(out: &mut TabWriter, pod: &Pod, spec: &PodSpec) {
    out.line(0, &format!("Priority:\t{}", pod.spec.priority()));
    let named = [
        ("Priority Class Name", &spec.priority_class_name),
        ("Runtime Class Name", &spec.runtime_class_name),
        ("Service Account", &spec.service_account_name),
    ];
    for (title, name) in named {
        if let Some(name) = name.as_deref().filter(|name| !name.is_empty()) {
            out.line(0, &format!("{title}:\t{name}"));
        }
    }
    if pod.node_name.is_empty() {
        out.line(0, "Node:\t<none>");
    } else {
        let host = pod.status.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
        out.line(0, &format!("Node:\t{}/{host}", pod.node_name));
    }
    if let Some(start) = pod.status.start_time {
        out.line(0, &format!("Start Time:\t{}", start.to_rfc1123z()));
    }
}

fn status_lines(out: &mut TabWriter, pod: &Pod, around: &Surroundings<'_>) {
    let status = &pod.status;
    match pod.meta.deletion.as_deref().filter(|_| !status.phase.is_terminal()) {
        Some(deletion) => {
            let lasts = age(Some(deletion.timestamp), around.now);
            out.line(0, &format!("Status:\tTerminating (lasts {lasts})"));
            out.line(0, &format!("Termination Grace Period:\t{}s", deletion.grace_period_seconds.unwrap_or(0)));
        }
        None => out.line(0, &format!("Status:\t{}", status.phase.as_str())),
    }
    for (title, text) in [("Reason", &status.reason), ("Message", &status.message)] {
        if !text.is_empty() {
            out.line(0, &format!("{title}:\t{text}"));
        }
    }
    let ip = status.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    out.line(0, &format!("IP:\t{ip}"));
    if ip.is_empty() {
        out.line(0, "IPs:\t<none>");
    } else {
        out.line(0, "IPs:");
        out.line(1, &format!("IP:\t{ip}"));
    }
}

fn condition_lines(out: &mut TabWriter, pod: &Pod, spec: &PodSpec) {
    let conditions = &pod.status.conditions;
    let gates = spec.readiness_gates.as_deref().unwrap_or_default();
    if !gates.is_empty() {
        out.line(0, "Readiness Gates:");
        out.line(1, "Type\tStatus");
        for gate in gates {
            let status = conditions.get(&gate.condition_type).map_or("<none>", |c| c.status.as_str());
            out.line(1, &format!("{} \t{status} ", gate.condition_type));
        }
    }
    if !conditions.is_empty() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus");
        for condition in conditions.iter() {
            out.line(1, &format!("{} \t{} ", condition.type_, condition.status.as_str()));
        }
    }
}
