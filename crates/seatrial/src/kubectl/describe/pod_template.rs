//! A pod template, and the parts of it that pods share.
//!
//! Mirrors `describePodTemplate`, `describeContainerBasicInfo`, `DescribeProbe` (v1.36).

use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, Probe};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::PodTemplateSpec;
use std::collections::BTreeMap;

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
        out.line(1, "Init Containers:");
        init.iter().for_each(|c| template_container(out, c));
    }
    out.line(1, "Containers:");
    spec.containers.iter().for_each(|c| template_container(out, c));
    volumes_lines(out, 1, spec);
    for constraint in spec.topology_spread_constraints.iter().flatten() {
        let text = format!(
            "{}:{} when max skew {} is exceeded",
            constraint.topology_key, constraint.when_unsatisfiable, constraint.max_skew
        );
        out.line(1, &format!("Topology Spread Constraints:\t{text}"));
    }
    if let Some(class) = spec.priority_class_name.as_deref().filter(|c| !c.is_empty()) {
        out.line(1, &format!("Priority Class Name:\t{class}"));
    }
    let selectors: Vec<String> = spec.node_selector.iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
    let shown = if selectors.is_empty() { "<none>".to_owned() } else { selectors.join(",") };
    out.line(1, &format!("Node-Selectors:\t{shown}"));
    tolerations_text(out, 1, spec);
}

/// A template's containers are indented by one blank, not by a level.
fn template_container(out: &mut TabWriter, container: &Container) {
    out.line(1, &format!(" {}:", container.name));
    body(out, 2, container);
}

/// A container under its name.
pub(super) fn container_lines(out: &mut TabWriter, level: usize, container: &Container) {
    out.line(level, &format!("{}:", container.name));
    body(out, level + 1, container);
}

fn body(out: &mut TabWriter, level: usize, c: &Container) {
    out.line(level, &format!("Image:\t{}", c.image.as_deref().unwrap_or_default()));
    ports(out, level, c);
    for (title, items) in [("Command", &c.command), ("Args", &c.args)] {
        if let Some(items) = items.as_deref().filter(|i| !i.is_empty()) {
            out.line(level, &format!("{title}:"));
            items.iter().flat_map(|i| i.lines()).for_each(|line| out.line(level + 1, line));
        }
    }
    let resources = c.resources.clone().unwrap_or_default();
    amounts(out, level, "Limits", resources.limits.as_ref());
    amounts(out, level, "Requests", resources.requests.as_ref());
    for (title, probe) in
        [("Liveness", &c.liveness_probe), ("Readiness", &c.readiness_probe), ("Startup", &c.startup_probe)]
    {
        if let Some(probe) = probe {
            out.line(level, &format!("{title}:\t{}", probe_text(probe)));
        }
    }
    environment(out, level, c);
    mounts(out, level, c);
}

fn ports(out: &mut TabWriter, level: usize, c: &Container) {
    let list = c.ports.as_deref().unwrap_or_default();
    let text = |number: fn(&k8s_openapi::api::core::v1::ContainerPort) -> i32| {
        let one = |p: &k8s_openapi::api::core::v1::ContainerPort| {
            let name = p.name.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
            format!("{}/{}{name}", number(p), p.protocol.as_deref().unwrap_or("TCP"))
        };
        let texts: Vec<String> = list.iter().map(one).collect();
        if texts.is_empty() { "<none>".to_owned() } else { texts.join(", ") }
    };
    let plural = if list.len() > 1 { "s" } else { "" };
    out.line(level, &format!("Port{plural}:\t{}", text(|p| p.container_port)));
    out.line(level, &format!("Host Port{plural}:\t{}", text(|p| p.host_port.unwrap_or(0))));
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
    let port = |p: &IntOrString| match p {
        IntOrString::Int(n) => n.to_string(),
        IntOrString::String(s) => s.clone(),
    };
    if let Some(exec) = &probe.exec {
        return format!("exec [{}] {attributes}", exec.command.as_deref().unwrap_or_default().join(" "));
    }
    if let Some(http) = &probe.http_get {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let (host, path) = (http.host.as_deref().unwrap_or_default(), http.path.as_deref().unwrap_or_default());
        return format!("http-get {scheme}://{host}:{}{path} {attributes}", port(&http.port));
    }
    if let Some(tcp) = &probe.tcp_socket {
        return format!("tcp-socket {}:{} {attributes}", tcp.host.as_deref().unwrap_or_default(), port(&tcp.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("grpc <pod>:{} {} {attributes}", grpc.port, grpc.service.as_deref().unwrap_or_default());
    }
    format!("unknown {attributes}")
}

fn environment(out: &mut TabWriter, level: usize, c: &Container) {
    if let Some(sources) = c.env_from.as_deref().filter(|s| !s.is_empty()) {
        out.line(level, "Environment Variables from:");
        for source in sources {
            let (name, kind, optional) = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => (&map.name, "ConfigMap", map.optional),
                (_, Some(secret)) => (&secret.name, "Secret", secret.optional),
                _ => continue,
            };
            out.line(level + 1, &format!("{name}\t{kind}\tOptional: {}", optional.unwrap_or(false)));
        }
    }
    match c.env.as_deref().filter(|e| !e.is_empty()) {
        None => out.line(level, "Environment:\t<none>"),
        Some(variables) => {
            out.line(level, "Environment:");
            variables.iter().for_each(|v| out.line(level + 1, &variable_text(v)));
        }
    }
}

fn variable_text(v: &EnvVar) -> String {
    let Some(source) = &v.value_from else {
        return format!("{}:\t{}", v.name, v.value.as_deref().unwrap_or_default());
    };
    if let Some(field) = &source.field_ref {
        let version = field.api_version.as_deref().unwrap_or("v1");
        return format!("{}:\t ({version}:{})", v.name, field.field_path);
    }
    if let Some(key) = &source.config_map_key_ref {
        let optional = key.optional.unwrap_or(false);
        return format!(
            "{}:\t<set to the key '{}' of config map '{}'>\tOptional: {optional}",
            v.name, key.key, key.name
        );
    }
    if let Some(key) = &source.secret_key_ref {
        let optional = key.optional.unwrap_or(false);
        return format!("{}:\t<set to the key '{}' in secret '{}'>\tOptional: {optional}", v.name, key.key, key.name);
    }
    format!("{}:\t", v.name)
}

fn mounts(out: &mut TabWriter, level: usize, c: &Container) {
    let Some(list) = c.volume_mounts.as_deref().filter(|m| !m.is_empty()) else {
        return out.line(level, "Mounts:\t<none>");
    };
    let mut list: Vec<_> = list.iter().collect();
    list.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    out.line(level, "Mounts:");
    for mount in list {
        let flag = if mount.read_only == Some(true) { "ro" } else { "rw" };
        let path =
            mount.sub_path.as_deref().filter(|p| !p.is_empty()).map(|p| format!(",path={p:?}")).unwrap_or_default();
        out.line(level + 1, &format!("{} from {} ({flag}{path})", mount.mount_path, mount.name));
    }
}

/// `Volumes:`, each with its type and name.
pub(super) fn volumes_lines(out: &mut TabWriter, level: usize, spec: &PodSpec) {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    if volumes.is_empty() {
        return out.line(level, "Volumes:\t<none>");
    }
    out.line(level, "Volumes:");
    for volume in volumes {
        out.line(level, &format!(" {}:", volume.name));
        let (type_, rows): (&str, Vec<String>) = if let Some(e) = &volume.empty_dir {
            let limit = e.size_limit.as_ref().map_or("<unset>", |q| q.0.as_str());
            (
                "EmptyDir (a temporary directory that shares a pod's lifetime)",
                vec![format!("Medium:\t{}", e.medium.as_deref().unwrap_or_default()), format!("SizeLimit:\t{limit}")],
            )
        } else if let Some(m) = &volume.config_map {
            (
                "ConfigMap (a volume populated by a ConfigMap)",
                vec![format!("Name:\t{}", m.name), format!("Optional:\t{}", m.optional.unwrap_or(false))],
            )
        } else if let Some(s) = &volume.secret {
            (
                "Secret (a volume populated by a Secret)",
                vec![
                    format!("SecretName:\t{}", s.secret_name.as_deref().unwrap_or_default()),
                    format!("Optional:\t{}", s.optional.unwrap_or(false)),
                ],
            )
        } else if let Some(h) = &volume.host_path {
            (
                "HostPath (bare host directory volume)",
                vec![
                    format!("Path:\t{}", h.path),
                    format!("HostPathType:\t{}", h.type_.as_deref().unwrap_or_default()),
                ],
            )
        } else {
            ("<unknown>", Vec::new())
        };
        out.line(level + 1, &format!("Type:\t{type_}"));
        rows.iter().for_each(|row| out.line(level + 1, row));
    }
}

/// `Tolerations:`, one a line.
pub(super) fn tolerations_text(out: &mut TabWriter, level: usize, spec: &PodSpec) {
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
            text.push_str(" op=Exists");
        }
        if let Some(seconds) = t.toleration_seconds {
            text.push_str(&format!(" for {seconds}s"));
        }
        out.line(level, &format!("{head}\t{text}"));
    }
}
