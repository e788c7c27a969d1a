//! The page of a Pod.

use seatrial_api::{ContainerState, ContainerStatus, Pod};

use super::pod_template::{container_lines, tolerations_text, volumes_lines};
use super::{annotations, labels, name_lines};
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, pod: &Pod) {
    let (spec, status) = (pod.spec.api(), &pod.status);
    name_lines(out, &pod.meta);
    out.line(0, &format!("Priority:\t{}", pod.spec.priority()));
    if let Some(account) = spec.service_account_name.as_deref().filter(|a| !a.is_empty()) {
        out.line(0, &format!("Service Account:\t{account}"));
    }
    if pod.node_name.is_empty() {
        out.line(0, "Node:\t<none>");
    } else {
        let host = status.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
        out.line(0, &format!("Node:\t{}/{host}", pod.node_name));
    }
    if let Some(start) = status.start_time {
        out.line(0, &format!("Start Time:\t{}", start.to_rfc1123z()));
    }
    labels(out, 0, "Labels", &pod.meta.labels);
    annotations(out, 0, "Annotations", &pod.meta.annotations);
    match pod.meta.deletion.as_deref() {
        Some(deletion) => {
            out.line(0, "Status:\tTerminating");
            out.line(0, &format!("Termination Grace Period:\t{}s", deletion.grace_period_seconds.unwrap_or(0)));
        }
        None => out.line(0, &format!("Status:\t{}", status.phase.as_str())),
    }
    let ip = status.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    out.line(0, &format!("IP:\t{ip}"));
    if ip.is_empty() {
        out.line(0, "IPs:\t<none>");
    } else {
        out.line(0, "IPs:");
        out.line(1, &format!("IP:\t{ip}"));
    }
    if let Some(owner) = pod.meta.controller_of() {
        out.line(0, &format!("Controlled By:\t{}/{}", owner.kind, owner.name));
    }
    out.line(0, "Containers:");
    for container in &spec.containers {
        container_lines(out, 1, container);
        if let Some(status) = status.container_statuses.iter().find(|s| s.identity.name == *container.name) {
            status_lines(out, status);
        }
    }
    if !status.conditions.is_empty() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus");
        for condition in status.conditions.iter() {
            out.line(1, &format!("{} \t{} ", condition.type_, condition.status.as_str()));
        }
    }
    volumes_lines(out, 0, spec);
    out.line(0, &format!("QoS Class:\t{}", pod.spec.qos_class().as_str()));
    let selectors: Vec<String> = spec.node_selector.iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
    out.line(
        0,
        &format!("Node-Selectors:\t{}", if selectors.is_empty() { "<none>".to_owned() } else { selectors.join("\n") }),
    );
    tolerations_text(out, 0, spec);
}

fn status_lines(out: &mut TabWriter, status: &ContainerStatus) {
    state_lines(out, "State", &status.state);
    if let Some(last) = status.last_state.as_deref().filter(|s| s.terminated().is_some()) {
        state_lines(out, "Last State", last);
    }
    out.line(2, &format!("Ready:\t{}", if status.ready { "True" } else { "False" }));
    out.line(2, &format!("Restart Count:\t{}", status.restart_count));
}

fn state_lines(out: &mut TabWriter, title: &str, state: &ContainerState) {
    match state {
        ContainerState::Running { started_at } => {
            out.line(2, &format!("{title}:\tRunning"));
            out.line(3, &format!("Started:\t{}", started_at.unwrap_or_default().to_rfc1123z()));
        }
        ContainerState::Waiting { reason, .. } => {
            out.line(2, &format!("{title}:\tWaiting"));
            if !reason.is_empty() {
                out.line(3, &format!("Reason:\t{reason}"));
            }
        }
        ContainerState::Terminated(t) => {
            out.line(2, &format!("{title}:\tTerminated"));
            if !t.reason.is_empty() {
                out.line(3, &format!("Reason:\t{}", t.reason));
            }
            if !t.message.is_empty() {
                out.line(3, &format!("Message:\t{}", t.message));
            }
            out.line(3, &format!("Exit Code:\t{}", t.exit_code));
            out.line(3, &format!("Started:\t{}", t.started_at.unwrap_or_default().to_rfc1123z()));
            out.line(3, &format!("Finished:\t{}", t.finished_at.unwrap_or_default().to_rfc1123z()));
        }
        ContainerState::Unset => out.line(2, &format!("{title}:\tWaiting")),
    }
}
