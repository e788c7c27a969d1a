//! Containers of pods and of templates.
//!
//! Mirrors `describeContainers` and what it calls (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, Probe, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_api::{ContainerState, ContainerStatus, Pod};

use super::int_or_string;
use crate::exec::field_text;
use crate::kubectl::TabWriter;

/// The containers of a template: the heading is indented by a level, names by one blank more than it.
pub(super) fn template_containers(out: &mut TabWriter, title: &str, containers: &[Container]) {
    out.line(1, &format!("{title}:{}", if containers.is_empty() { " <none>" } else { "" }));
    for container in containers {
        out.line(1, &format!(" {}:", container.name));
        image_and_ports(out, container, None);
        rest(out, container, None, None);
    }
}

/// The containers of a pod, with what is known of each.
pub(super) fn pod_containers(
    out: &mut TabWriter,
    title: &str,
    pod: &Pod,
    containers: &[Container],
    statuses: &[ContainerStatus],
) {
    out.line(0, &format!("{title}:{}", if containers.is_empty() { " <none>" } else { "" }));
    for container in containers {
        let status = statuses.iter().find(|s| *s.identity.name == *container.name);
        out.line(1, &format!("{}:", container.name));
        image_and_ports(out, container, status);
        rest(out, container, status, Some(pod));
    }
}

/// Mirrors `describeContainerBasicInfo`.
fn image_and_ports(out: &mut TabWriter, c: &Container, status: Option<&ContainerStatus>) {
    if let Some(status) = status {
        out.line(2, &format!("Container ID:\t{}", status.container_id));
    }
    out.line(2, &format!("Image:\t{}", c.image.as_deref().unwrap_or_default()));
    if let Some(status) = status {
        out.line(2, &format!("Image ID:\t{}", status.identity.image_id));
    }
    let list = c.ports.as_deref().unwrap_or_default();
    let plural = if list.len() > 1 { "s" } else { "" };
    out.line(2, &format!("Port{plural}:\t{}", ports_text(list, |p| p.container_port)));
    out.line(2, &format!("Host Port{plural}:\t{}", ports_text(list, |p| p.host_port.unwrap_or(0))));
}

fn ports_text(ports: &[ContainerPort], number: fn(&ContainerPort) -> i32) -> String {
    let one = |p: &ContainerPort| {
        let name = p.name.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
        format!("{}/{}{name}", number(p), p.protocol.as_deref().unwrap_or("TCP"))
    };
    let texts: Vec<String> = ports.iter().map(one).collect();
    if texts.is_empty() { "<none>".to_owned() } else { texts.join(", ") }
}

fn rest(out: &mut TabWriter, c: &Container, status: Option<&ContainerStatus>, pod: Option<&Pod>) {
    for (title, items) in [("Command", &c.command), ("Args", &c.args)] {
        if let Some(items) = items.as_deref().filter(|i| !i.is_empty()) {
            out.line(2, &format!("{title}:"));
            items.iter().flat_map(|i| i.split('\n')).for_each(|line| out.line(3, line));
        }
    }
    if let Some(status) = status {
        status_lines(out, status);
    }
    resources(out, 2, c.resources.as_ref());
    for (title, probe) in
        [("Liveness", &c.liveness_probe), ("Readiness", &c.readiness_probe), ("Startup", &c.startup_probe)]
    {
        if let Some(probe) = probe {
            out.line(2, &format!("{title}:\t{}", probe_text(probe)));
        }
    }
    environment(out, c, pod);
    mounts(out, c);
}

/// Mirrors `describeContainerState`.
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
            if let Some(signal) = t.signal.filter(|signal| *signal > 0) {
                out.line(3, &format!("Signal:\t{signal}"));
            }
            out.line(3, &format!("Started:\t{}", t.started_at.unwrap_or_default().to_rfc1123z()));
            out.line(3, &format!("Finished:\t{}", t.finished_at.unwrap_or_default().to_rfc1123z()));
        }
        ContainerState::Unset => out.line(2, &format!("{title}:\tWaiting")),
    }
}

/// Mirrors `describeResources`.
pub(super) fn resources(out: &mut TabWriter, level: usize, resources: Option<&ResourceRequirements>) {
    let Some(resources) = resources else { return };
    amounts(out, level, "Limits", resources.limits.as_ref());
    amounts(out, level, "Requests", resources.requests.as_ref());
}

fn amounts(out: &mut TabWriter, level: usize, title: &str, list: Option<&BTreeMap<String, Quantity>>) {
    let Some(list) = list.filter(|l| !l.is_empty()) else { return };
    out.line(level, &format!("{title}:"));
    for (name, amount) in list {
        out.line(level + 1, &format!("{name}:\t{}", amount.0));
    }
}

/// Mirrors `DescribeProbe`.
fn probe_text(probe: &Probe) -> String {
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        probe.initial_delay_seconds.unwrap_or(0),
        probe.timeout_seconds.unwrap_or(0),
        probe.period_seconds.unwrap_or(0),
        probe.success_threshold.unwrap_or(0),
        probe.failure_threshold.unwrap_or(0)
    );
    if let Some(exec) = &probe.exec {
        return format!("exec [{}] {attributes}", exec.command.as_deref().unwrap_or_default().join(" "));
    }
    if let Some(http) = &probe.http_get {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let (host, path) = (http.host.as_deref().unwrap_or_default(), http.path.as_deref().unwrap_or_default());
        return format!("http-get {scheme}://{host}:{}{path} {attributes}", int_or_string(&http.port));
    }
    if let Some(tcp) = &probe.tcp_socket {
        let host = tcp.host.as_deref().unwrap_or_default();
        return format!("tcp-socket {host}:{} {attributes}", int_or_string(&tcp.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("grpc <pod>:{} {} {attributes}", grpc.port, grpc.service.as_deref().unwrap_or_default());
    }
    format!("unknown {attributes}")
}

fn environment(out: &mut TabWriter, c: &Container, pod: Option<&Pod>) {
    if let Some(sources) = c.env_from.as_deref().filter(|s| !s.is_empty()) {
        out.line(2, "Environment Variables from:");
        for source in sources {
            let (name, from, optional) = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => (map.name.as_str(), "ConfigMap", map.optional),
                (_, Some(secret)) => (secret.name.as_str(), "Secret", secret.optional),
                _ => ("", "", None),
            };
            let prefix = source.prefix.as_deref().filter(|p| !p.is_empty());
            let prefix = prefix.map(|p| format!(" with prefix '{p}'")).unwrap_or_default();
            out.line(3, &format!("{name}\t{from}{prefix}\tOptional: {}", optional.unwrap_or(false)));
        }
    }
    let variables = c.env.as_deref().unwrap_or_default();
    out.line(2, if variables.is_empty() { "Environment:\t<none>" } else { "Environment:" });
    for variable in variables {
        if let Some(text) = variable_text(variable, pod) {
            out.line(3, &text);
            continue;
        }
        let value = variable.value.as_deref().unwrap_or_default();
        for (index, line) in value.split('\n').enumerate() {
            let head = if index == 0 { format!("{}:", variable.name) } else { String::new() };
            out.line(3, &format!("{head}\t{line}"));
        }
    }
}

/// Where a variable's value comes from; `None` where it is written out.
fn variable_text(v: &EnvVar, pod: Option<&Pod>) -> Option<String> {
    let source = v.value_from.as_ref()?;
    if let Some(field) = &source.field_ref {
        let version = field.api_version.as_deref().unwrap_or("v1");
        // kubectl knows nothing but what is in the metadata.
        let known = pod.filter(|_| field.field_path.starts_with("metadata."));
        let value = known.and_then(|pod| field_text(pod, &field.field_path)).unwrap_or_default();
        return Some(format!("{}:\t{value} ({version}:{})", v.name, field.field_path));
    }
    if let Some(resource) = &source.resource_field_ref {
        return Some(format!("{}:\t ({})", v.name, resource.resource));
    }
    let text = |key: &str, of: String, optional: Option<bool>| {
        format!("{}:\t<set to the key '{key}' {of}>\tOptional: {}", v.name, optional.unwrap_or(false))
    };
    if let Some(key) = &source.secret_key_ref {
        return Some(text(&key.key, format!("in secret '{}'", key.name), key.optional));
    }
    let key = source.config_map_key_ref.as_ref()?;
    Some(text(&key.key, format!("of config map '{}'", key.name), key.optional))
}

/// Mirrors `describeContainerVolumes`.
fn mounts(out: &mut TabWriter, c: &Container) {
    let mut list: Vec<_> = c.volume_mounts.iter().flatten().collect();
    list.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    let none = if list.is_empty() { "\t<none>" } else { "" };
    out.line(2, &format!("Mounts:{none}"));
    for mount in list {
        let flag = if mount.read_only == Some(true) { "ro" } else { "rw" };
        let path =
            mount.sub_path.as_deref().filter(|p| !p.is_empty()).map(|p| format!(",path={p:?}")).unwrap_or_default();
        out.line(3, &format!("{} from {} ({flag}{path})", mount.mount_path, mount.name));
    }
    let mut devices: Vec<_> = c.volume_devices.iter().flatten().collect();
    devices.sort_by(|a, b| a.device_path.cmp(&b.device_path));
    if !devices.is_empty() {
        out.line(2, &format!("Devices:{none}"));
        devices.iter().for_each(|d| out.line(3, &format!("{} from {}", d.device_path, d.name)));
    }
}
