//! The pages that tell what is served: versions, groups, resources.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/discovery (v1.36).

use seatrial_api::{ApiError, Kind};
use serde_json::{Map, Value, json};

use super::path::Part;
use super::{Request, Response};
use crate::registry::for_kind;
use crate::strategy::Strategy;

/// A page.
#[derive(Debug)]
pub(crate) enum Page {
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`
    Resources(String, String),
}

/// The groups beside the core, in the order of a real server, with their versions; the first is preferred.
const GROUPS: &[(&str, &[&str])] = &[
    ("events.k8s.io", &["v1"]),
    ("apps", &["v1"]),
    ("autoscaling", &["v2", "v1"]),
    ("batch", &["v1"]),
    ("policy", &["v1"]),
    ("storage.k8s.io", &["v1"]),
    ("scheduling.k8s.io", &["v1"]),
    ("coordination.k8s.io", &["v1"]),
    ("discovery.k8s.io", &["v1"]),
];

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Whether there is a group.
pub(crate) fn has_group(group: &str) -> bool {
    GROUPS.iter().any(|(name, _)| *name == group)
}

/// Whether there is a version of a group.
pub(crate) fn has_version(group: &str, version: &str) -> bool {
    GROUPS.iter().any(|(name, versions)| *name == group && versions.contains(&version))
}

/// The subresources of a kind, by name.
pub(crate) fn subresources(kind: Kind) -> Vec<Part> {
    let mut parts = Vec::new();
    match kind {
        Kind::Pod => parts.extend([Part::Binding, Part::EphemeralContainers, Part::Eviction, Part::Resize]),
        Kind::Namespace => parts.push(Part::Finalize),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::ReplicationController => {
            parts.push(Part::Scale);
        }
        _ => {}
    }
    if for_kind!(kind, has_status()) {
        parts.push(Part::Status);
    }
    parts
}

fn has_status<R: Strategy>() -> bool {
    R::HAS_STATUS
}

/// `/version`
pub(crate) fn version(_request: &Request<'_>) -> Result<Response, ApiError> {
    let body = json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        // What the recorded server says of itself: it was built from a source archive.
        "gitVersion": "v0.0.0-master+$Format:%H$", "gitCommit": "$Format:%H$", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc", "platform": "linux/amd64",
    });
    Ok(Response::json(200, body))
}

/// Answers a page; `as=APIGroupDiscoveryList` gets all of `/api` or `/apis` at once.
pub(crate) fn serve(request: &Request<'_>, page: &Page) -> Result<Response, ApiError> {
    if request.method != "GET" {
        return Err(ApiError::method_not_allowed());
    }
    let aggregated = request.accept.is_some_and(|a| {
        a.split(',')
            .next()
            .is_some_and(|c| c.contains("as=APIGroupDiscoveryList") && c.contains("v=v2") && !c.contains("v=v2beta1"))
    });
    let body = match page {
        Page::CoreVersions if aggregated => group_discovery_list(&[("", &["v1"])]),
        Page::Groups if aggregated => group_discovery_list(GROUPS),
        Page::CoreVersions => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
        }),
        Page::Groups => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": GROUPS.iter().map(|(name, versions)| group(name, versions)).collect::<Vec<_>>(),
        }),
        Page::Group(name) => {
            let versions = GROUPS.iter().find(|(n, _)| n == name).map_or(&[][..], |(_, v)| *v);
            let mut body = group(name, versions);
            body["kind"] = json!("APIGroup");
            body["apiVersion"] = json!("v1");
            body
        }
        Page::Resources(group, version) => resource_list(group, version),
    };
    Ok(Response::json(200, body))
}

fn group(name: &str, versions: &[&str]) -> Value {
    let version = |v: &&str| json!({"groupVersion": format!("{name}/{v}"), "version": v});
    json!({
        "name": name,
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(version),
    })
}

/// A resource or subresource of a version.
struct Entry {
    /// `pods`, `pods/status`
    name: String,
    kind: Kind,
    part: Option<Part>,
}

/// What a version serves, sorted by name.
fn entries(group: &str, version: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for kind in Kind::ALL.iter().copied() {
        let info = kind.info();
        if super::view::View::find(group, version, info.plural).is_none_or(|(k, _)| k != kind) {
            continue;
        }
        entries.push(Entry { name: info.plural.to_owned(), kind, part: None });
        let parts = subresources(kind).into_iter();
        entries.extend(parts.map(|p| Entry { name: format!("{}/{}", info.plural, p.name()), kind, part: Some(p) }));
        if kind == Kind::Pod {
            entries.push(Entry { name: "bindings".to_owned(), kind, part: Some(Part::Binding) });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// What a subresource takes and gives, where that is not its parent's kind: group, version, kind.
fn kind_of_part(part: Part) -> Option<(&'static str, &'static str, &'static str)> {
    match part {
        Part::Scale => Some(("autoscaling", "v1", "Scale")),
        Part::Eviction => Some(("policy", "v1", "Eviction")),
        Part::Binding => Some(("", "", "Binding")),
        _ => None,
    }
}

fn verbs_of_part(part: Part) -> &'static [&'static str] {
    match part {
        Part::Binding | Part::Eviction => &["create"],
        Part::Finalize => &["update"],
        _ => &["get", "patch", "update"],
    }
}

fn verbs_of_kind(kind: Kind) -> Vec<&'static str> {
    VERBS.into_iter().filter(|v| kind != Kind::Namespace || *v != "deletecollection").collect()
}

/// The kinds that `kubectl get all` shows.
fn categories(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Pod
        | Kind::Service
        | Kind::ReplicationController
        | Kind::DaemonSet
        | Kind::Deployment
        | Kind::ReplicaSet
        | Kind::StatefulSet
        | Kind::Job
        | Kind::CronJob
        | Kind::HorizontalPodAutoscaler => &["all"],
        _ => &[],
    }
}

fn resource_list(group: &str, version: &str) -> Value {
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut body = json!({
        "kind": "APIResourceList", "groupVersion": group_version,
        "resources": entries(group, version).iter().map(api_resource).collect::<Vec<_>>(),
    });
    // The core's list is as old as the API and says no version of itself.
    if !group.is_empty() {
        body["apiVersion"] = json!("v1");
    }
    body
}

fn api_resource(entry: &Entry) -> Value {
    let info = entry.kind.info();
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    put("name", json!(entry.name));
    put("singularName", json!(if entry.part.is_none() { info.singular } else { "" }));
    put("namespaced", json!(info.namespaced));
    let other = entry.part.and_then(kind_of_part);
    if let Some((group, version, _)) = other.filter(|(group, _, _)| !group.is_empty()) {
        put("group", json!(group));
        put("version", json!(version));
    }
    put("kind", json!(other.map_or(info.kind, |(_, _, kind)| kind)));
    match entry.part {
        Some(part) => put("verbs", json!(verbs_of_part(part))),
        None => {
            put("verbs", json!(verbs_of_kind(entry.kind)));
            if !info.short_names.is_empty() {
                put("shortNames", json!(info.short_names));
            }
            if !categories(entry.kind).is_empty() {
                put("categories", json!(categories(entry.kind)));
            }
        }
    }
    Value::Object(map)
}

/// Everything at once. Mirrors apidiscovery.k8s.io/v2 `APIGroupDiscoveryList`.
fn group_discovery_list(groups: &[(&str, &[&str])]) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    json!({"version": version, "resources": resource_discoveries(group, version), "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn resource_discoveries(group: &str, version: &str) -> Vec<Value> {
    let entries = entries(group, version);
    let kind_json = |entry: &Entry| {
        let info = entry.kind.info();
        let (group, version, kind) = match entry.part.and_then(kind_of_part) {
            Some(("", _, kind)) => (info.group, version, kind),
            Some(other) => other,
            None => (info.group, version, info.kind),
        };
        json!({"group": group, "version": version, "kind": kind})
    };
    let mut resources = Vec::new();
    for entry in entries.iter().filter(|e| !e.name.contains('/')) {
        let info = entry.kind.info();
        let prefix = format!("{}/", entry.name);
        let parts: Vec<Value> = entries
            .iter()
            .filter_map(|e| Some((e, e.name.strip_prefix(&prefix)?, e.part?)))
            .map(|(e, name, part)| json!({"subresource": name, "responseKind": kind_json(e), "verbs": verbs_of_part(part)}))
            .collect();
        let mut resource = json!({
            "resource": entry.name,
            "responseKind": kind_json(entry),
            "scope": if info.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": if entry.part.is_none() { info.singular } else { "" },
            "verbs": entry.part.map_or_else(|| verbs_of_kind(entry.kind), |p| verbs_of_part(p).to_vec()),
        });
        let short_names = if entry.part.is_none() { info.short_names } else { &[] };
        let lists = [
            ("shortNames", short_names),
            ("categories", if entry.part.is_none() { categories(entry.kind) } else { &[] }),
        ];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            resource[key] = json!(list);
        }
        if !parts.is_empty() {
            resource["subresources"] = json!(parts);
        }
        resources.push(resource);
    }
    resources
}
