//! The row of a pod.
//!
//! Mirrors pkg/printers/internalversion/printers.go (`printPod`) (v1.36).

use seatrial_api::{ConditionStatus, ContainerState, ContainerStatus, Pod, Time, pod_condition};
use serde_json::{Value, json};

use super::{Cells, Column, age, column, or_none, wide};

pub(super) const COLUMNS: &[Column] = &[
    column("Name"),
    column("Ready"),
    column("Status"),
    column("Restarts"),
    column("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

/// What the walk over the containers found.
struct Walk {
    ready: usize,
    restarts: i32,
    last_restart: Option<Time>,
    reason: String,
}

pub(super) fn cells(pod: &Pod, now: Time) -> Cells {
    let spec = pod.spec.api();
    let sidecars = spec.init_containers.iter().flatten().filter(|c| is_sidecar(c)).count();
    let total = spec.containers.len() + sidecars;
    let walk = walk(pod);
    let restarts: Value = match walk.last_restart.filter(|_| walk.restarts != 0) {
        Some(last) => json!(format!("{} ({} ago)", walk.restarts, age(Some(last), now))),
        None => json!(walk.restarts.to_string()),
    };
    let text = |s: &str| or_none(s.to_owned());
    vec![
        json!(pod.meta.name.as_str()),
        json!(format!("{}/{total}", walk.ready)),
        json!(walk.reason),
        restarts,
        json!(age(pod.meta.creation_timestamp, now)),
        json!(or_none(pod.status.pod_ip.map(|ip| ip.to_string()).unwrap_or_default())),
        json!(text(&pod.node_name)),
        json!(text(&pod.status.nominated_node_name)),
        json!(readiness_gates(pod)),
    ]
}

fn is_sidecar(container: &k8s_openapi::api::core::v1::Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn readiness_gates(pod: &Pod) -> String {
    let gates = pod.spec.api().readiness_gates.as_deref().unwrap_or_default();
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let held = gates.iter().filter(|g| pod.status.conditions.is_true(&g.condition_type)).count();
    format!("{held}/{}", gates.len())
}

fn walk(pod: &Pod) -> Walk {
    let status = &pod.status;
    let mut walk = Walk {
        ready: 0,
        restarts: 0,
        last_restart: None,
        reason: if status.reason.is_empty() { status.phase.as_str().to_owned() } else { status.reason.to_string() },
    };
    let gated = status.conditions.get(pod_condition::POD_SCHEDULED).is_some_and(|c| c.reason == "SchedulingGated");
    if gated {
        "SchedulingGated".clone_into(&mut walk.reason);
    }
    let initializing = walk_init_containers(pod, &mut walk);
    if !initializing || status.conditions.is_true(pod_condition::INITIALIZED) {
        walk_containers(pod, &mut walk);
    }
    if pod.meta.is_deleting() {
        if status.reason == "NodeLost" {
            "Unknown".clone_into(&mut walk.reason);
        } else if !status.phase.is_terminal() {
            "Terminating".clone_into(&mut walk.reason);
        }
    }
    walk
}

fn ended(status: &ContainerStatus) -> Option<Time> {
    status.last_state.as_deref().and_then(ContainerState::terminated).and_then(|t| t.finished_at)
}

fn count(walk: &mut Walk, status: &ContainerStatus) {
    walk.restarts += status.restart_count;
    walk.last_restart = walk.last_restart.max(ended(status));
}

/// Walks the init containers; returns whether the pod is still busy with them.
fn walk_init_containers(pod: &Pod, walk: &mut Walk) -> bool {
    let specs = pod.spec.api().init_containers.as_deref().unwrap_or_default();
    for (index, status) in pod.status.init_container_statuses.iter().enumerate() {
        count(walk, status);
        let sidecar = specs.iter().any(|c| c.name == *status.identity.name && is_sidecar(c));
        match &status.state {
            ContainerState::Terminated(t) if t.exit_code == 0 => continue,
            ContainerState::Terminated(t) => {
                walk.reason = match (t.reason.is_empty(), t.signal) {
                    (false, _) => format!("Init:{}", t.reason),
                    (true, Some(signal)) if signal != 0 => format!("Init:Signal:{signal}"),
                    _ => format!("Init:ExitCode:{}", t.exit_code),
                };
            }
            _ if sidecar && status.started == Some(true) => {
                walk.ready += usize::from(status.ready);
                continue;
            }
            ContainerState::Waiting { reason, .. } if !reason.is_empty() && reason != "PodInitializing" => {
                walk.reason = format!("Init:{reason}");
            }
            _ => walk.reason = format!("Init:{index}/{}", specs.len()),
        }
        return true;
    }
    false
}

/// Walks the containers from the last to the first, so that the first one's reason counts.
fn walk_containers(pod: &Pod, walk: &mut Walk) {
    let specs = pod.spec.api().init_containers.as_deref().unwrap_or_default();
    (walk.restarts, walk.last_restart) = (0, None);
    for status in pod.status.init_container_statuses.iter() {
        if specs.iter().any(|c| c.name == *status.identity.name && is_sidecar(c)) {
            count(walk, status);
        }
    }
    let (mut has_running, mut error) = (false, String::new());
    for status in pod.status.container_statuses.iter().rev() {
        count(walk, status);
        match &status.state {
            ContainerState::Waiting { reason, .. } if !reason.is_empty() => walk.reason = reason.to_string(),
            ContainerState::Terminated(t) => {
                walk.reason = match (t.reason.is_empty(), t.signal) {
                    (false, _) => t.reason.to_string(),
                    (true, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
                    _ => format!("ExitCode:{}", t.exit_code),
                };
                if t.exit_code != 0 {
                    error.clone_from(&walk.reason);
                }
            }
            ContainerState::Running { .. } if status.ready => {
                has_running = true;
                walk.ready += 1;
            }
            _ => {}
        }
    }
    if walk.reason == "Completed" {
        let ready = pod.status.conditions.status(pod_condition::READY) == Some(ConditionStatus::True);
        if has_running && ready {
            "Running".clone_into(&mut walk.reason);
        } else if !error.is_empty() {
            walk.reason = error;
        } else if has_running {
            "NotReady".clone_into(&mut walk.reason);
        }
    }
}
