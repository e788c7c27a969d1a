//! The rows of the small kinds.

use seatrial_api::{
    ConfigMap, Event, Lease, Namespace, Node, PriorityClass, ResourceQuota, Secret, ServiceAccount, Time,
};
use serde_json::json;

use super::{Cells, Column, age, column, or_none, wide};

pub(super) const NODE_COLUMNS: &[Column] = &[
    column("Name"),
    column("Status"),
    column("Roles"),
    column("Age"),
    column("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
];

pub(super) fn node_cells(node: &Node, now: Time) -> Cells {
    let status = node.body.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().flatten().find(|c| c.type_ == "Ready");
    let mut words = vec![match ready {
        None => "Unknown",
        Some(c) if c.status == "True" => "Ready",
        Some(_) => "NotReady",
    }];
    if node.body.spec.as_ref().is_some_and(|s| s.unschedulable == Some(true)) {
        words.push("SchedulingDisabled");
    }
    let address = |type_: &str| {
        let found = status.addresses.iter().flatten().find(|a| a.type_ == type_).map(|a| a.address.clone());
        or_none(found.unwrap_or_default())
    };
    let known = |text: &str| if text.is_empty() { "<unknown>".to_owned() } else { text.to_owned() };
    let info = status.node_info.clone().unwrap_or_default();
    let kernel = if info.architecture.is_empty() {
        known(&info.kernel_version)
    } else {
        format!("{} ({})", known(&info.kernel_version), info.architecture)
    };
    vec![
        json!(node.meta.name.as_str()),
        json!(words.join(",")),
        json!(roles(node)),
        json!(age(node.meta.creation_timestamp, now)),
        json!(info.kubelet_version),
        json!(address("InternalIP")),
        json!(address("ExternalIP")),
        json!(known(&info.os_image)),
        json!(kernel),
        json!(known(&info.container_runtime_version)),
    ]
}

fn roles(node: &Node) -> String {
    let mut roles: Vec<&str> = node
        .meta
        .labels
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => Some(role),
            _ => (key == "kubernetes.io/role" && !value.is_empty()).then_some(value),
        })
        .collect();
    roles.sort_unstable();
    or_none(roles.join(","))
}

pub(super) const NAMESPACE_COLUMNS: &[Column] = &[column("Name"), column("Status"), column("Age")];

pub(super) fn namespace_cells(namespace: &Namespace, now: Time) -> Cells {
    let phase = namespace.body.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
    vec![json!(namespace.meta.name.as_str()), json!(phase), json!(age(namespace.meta.creation_timestamp, now))]
}

pub(super) const CONFIG_MAP_COLUMNS: &[Column] = &[column("Name"), column("Data"), column("Age")];

pub(super) fn config_map_cells(map: &ConfigMap, now: Time) -> Cells {
    let keys = map.body.data.as_ref().map_or(0, |d| d.len()) + map.body.binary_data.as_ref().map_or(0, |d| d.len());
    vec![json!(map.meta.name.as_str()), json!(keys), json!(age(map.meta.creation_timestamp, now))]
}

pub(super) const SECRET_COLUMNS: &[Column] = &[column("Name"), column("Type"), column("Data"), column("Age")];

pub(super) fn secret_cells(secret: &Secret, now: Time) -> Cells {
    let keys = secret.body.data.as_ref().map_or(0, |d| d.len());
    let type_ = secret.body.type_.clone().unwrap_or_default();
    vec![json!(secret.meta.name.as_str()), json!(type_), json!(keys), json!(age(secret.meta.creation_timestamp, now))]
}

pub(super) const SERVICE_ACCOUNT_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn service_account_cells(account: &ServiceAccount, now: Time) -> Cells {
    vec![json!(account.meta.name.as_str()), json!(age(account.meta.creation_timestamp, now))]
}

pub(super) const EVENT_COLUMNS: &[Column] = &[
    column("Last Seen"),
    column("Type"),
    column("Reason"),
    column("Object"),
    wide("Subobject"),
    wide("Source"),
    column("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name"),
];

pub(super) fn event_cells(event: &Event, now: Time) -> Cells {
    let event_time = event.event_time.map(Time::from);
    let first = event.first_timestamp.or(event_time);
    let series = event.other.as_deref().and_then(|other| other.series.as_ref());
    let (last, count) = match series {
        Some(series) => (
            series.last_observed_time.as_ref().map(|t| Time::from(seatrial_api::MicroTime::from(t))),
            series.count.unwrap_or(0),
        ),
        None => (event.last_timestamp.or(first), if event.count == 0 { 1 } else { event.count }),
    };
    let about = &event.involved_object;
    let mut target = about.kind.to_lowercase();
    if !about.name.is_empty() {
        target = format!("{target}/{}", about.name);
    }
    let source = &event.source;
    let component = if source.component.is_empty() { &source.reporting_component } else { &source.component };
    let host = if source.host.is_empty() { &source.reporting_instance } else { &source.host };
    let shown = if host.is_empty() { component.to_string() } else { format!("{component}, {host}") };
    vec![
        json!(age(last, now)),
        json!(event.type_.as_str()),
        json!(event.reason.as_str()),
        json!(target),
        json!(about.field_path.as_str()),
        json!(shown),
        json!(event.message().trim()),
        json!(age(first, now)),
        json!(count),
        json!(event.meta.name.as_str()),
    ]
}

pub(super) const LEASE_COLUMNS: &[Column] = &[column("Name"), column("Holder"), column("Age")];

pub(super) fn lease_cells(lease: &Lease, now: Time) -> Cells {
    let holder = lease.body.spec.as_ref().and_then(|s| s.holder_identity.clone()).unwrap_or_default();
    vec![json!(lease.meta.name.as_str()), json!(holder), json!(age(lease.meta.creation_timestamp, now))]
}

pub(super) const RESOURCE_QUOTA_COLUMNS: &[Column] =
    &[column("Name"), column("Request"), column("Limit"), column("Age")];

pub(super) fn resource_quota_cells(quota: &ResourceQuota, now: Time) -> Cells {
    let status = quota.body.status.clone().unwrap_or_default();
    let used = status.used.unwrap_or_default();
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in status.hard.iter().flatten() {
        let text = format!("{resource}: {}/{}", used.get(resource).map_or("0", |q| q.0.as_str()), hard.0);
        if resource.starts_with("limits.") { limits.push(text) } else { requests.push(text) }
    }
    vec![
        json!(quota.meta.name.as_str()),
        json!(requests.join(", ")),
        json!(limits.join(", ")),
        json!(age(quota.meta.creation_timestamp, now)),
    ]
}

pub(super) const PRIORITY_CLASS_COLUMNS: &[Column] =
    &[column("Name"), column("Value"), column("Global-Default"), column("Age"), column("PreemptionPolicy")];

pub(super) fn priority_class_cells(class: &PriorityClass, now: Time) -> Cells {
    vec![
        json!(class.meta.name.as_str()),
        json!(class.body.value.unwrap_or(0)),
        json!(class.body.global_default.unwrap_or(false)),
        json!(age(class.meta.creation_timestamp, now)),
        json!(class.body.preemption_policy.clone().unwrap_or_default()),
    ]
}
