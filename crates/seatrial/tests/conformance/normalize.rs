//! Reduces a snapshot to what two correct control planes must agree on: names that were made up, times, uids and versions
//! become stable stand-ins or are dropped. The recordings were reduced in the same way.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fancy_regex::{Captures, Regex};
use serde_json::{Map, Value, json};

const DROP_META: [&str; 6] =
    ["uid", "resourceVersion", "managedFields", "selfLink", "creationTimestamp", "generateName"];
const DROP_ANNOTATIONS: [&str; 4] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "control-plane.alpha.kubernetes.io/leader",
];
const TIME_KEYS: [&str; 5] =
    ["lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastHeartbeatTime", "lastPhaseTransitionTime"];
const SET_KEYS: [&str; 9] = [
    "startTime",
    "completionTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "deletionTimestamp",
    "scheduledTimestamp",
    "volume.kubernetes.io/selected-node",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
    "kubectl.kubernetes.io/restartedAt",
];
const CONTROLLERS: [&str; 14] = [
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "persistentvolume-controller",
    "replication-controller",
    "endpoint-controller",
    "endpoint-slice-controller",
    "controllermanager",
    "taint-eviction-controller",
    "horizontal-pod-autoscaler",
    "node-controller",
];
const KINDS: [&str; 17] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "ControllerRevision",
    "Pod",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "Service",
    "Endpoints",
    "EndpointSlice",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "ConfigMap",
    "Node",
];
const STATEFUL_SET_POD: &str = "statefulset.kubernetes.io/pod-name";
const SUFFIX: &str = "[bcdfghjklmnpqrstvwxz2456789]{5}";

/// Stand-ins for names that a control plane makes up, in the order in which they were found.
struct Aliases(Vec<(String, String)>);

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn replace(pattern: &str, text: &str, with: impl Fn(&Captures<'_>) -> String) -> String {
    let regex = compiled(pattern);
    regex.replace_all(text, |c: &Captures<'_>| with(c)).into_owned()
}

/// Compiles a pattern once: the same few are used for every text.
fn compiled(pattern: &str) -> Arc<Regex> {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Arc<Regex>>> = const { RefCell::new(BTreeMap::new()) };
    }
    let new = || Arc::new(Regex::new(pattern).expect("the patterns are constants and escaped names"));
    KNOWN.with_borrow_mut(|known| Arc::clone(known.entry(pattern.to_owned()).or_insert_with(new)))
}

fn escaped(text: &str) -> String {
    fancy_regex::escape(text).into_owned()
}

impl Aliases {
    fn of(objects: &[Value]) -> Self {
        let mut aliases = Self(Vec::new());
        let of_kind = |kind: &str| objects.iter().filter(move |o| o["kind"] == kind).collect::<Vec<_>>();
        aliases.template_hashes(&of_kind("ReplicaSet"));
        aliases.revision_hashes(&of_kind("ControllerRevision"));
        aliases.gone_hashes(&of_kind("Pod"), &of_kind("Event"));
        aliases.volumes(&of_kind("PersistentVolume"), &of_kind("PersistentVolumeClaim"), &of_kind("Event"));
        aliases.minutes(&of_kind("Job"), &of_kind("Event"));
        for object in ["Pod", "EndpointSlice", "Job"].into_iter().flat_map(of_kind) {
            let (prefix, name) = (text(object, "/metadata/generateName"), text(object, "/metadata/name"));
            // A StatefulSet's pods carry a generateName that they do not use.
            if !prefix.is_empty() && object["metadata"]["labels"][STATEFUL_SET_POD] != name {
                let alias = aliases.hashes(prefix) + "*";
                aliases.set(name, &alias);
            }
        }
        aliases
    }

    /// `<hash:N>` of ControllerRevisions, as of ReplicaSets.
    fn revision_hashes(&mut self, revisions: &[&Value]) {
        let mut owned: BTreeMap<&str, Vec<(&str, i64, &str)>> = BTreeMap::new();
        for revision in revisions {
            let references = revision.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let owner = references.into_iter().flatten().find(|r| r["controller"] == true).map(|r| text(r, "/name"));
            let number = revision["revision"].as_i64().unwrap_or(0);
            let row = (text(revision, "/metadata/creationTimestamp"), number, text(revision, "/metadata/name"));
            owned.entry(owner.unwrap_or_default()).or_default().push(row);
        }
        for mut rows in owned.into_values() {
            rows.sort_unstable();
            for (n, (_, _, name)) in rows.iter().enumerate() {
                self.set(name.rsplit('-').next().unwrap_or_default(), &format!("<hash:{}>", n + 1));
            }
        }
    }

    /// `pvc-<uid>` becomes `pvc-<CLAIM>`, those of claims that are gone too.
    fn volumes(&mut self, volumes: &[&Value], claims: &[&Value], events: &[&Value]) {
        for volume in volumes {
            let (name, claim) = (text(volume, "/metadata/name"), text(volume, "/spec/claimRef/name"));
            if !claim.is_empty() && compiled("^pvc-[0-9a-f-]{36}$").is_match(name).unwrap_or(false) {
                self.set(name, &format!("pvc-<{claim}>"));
            }
        }
        let abouts = events.iter().filter(|e| text(e, "/involvedObject/kind") == "PersistentVolumeClaim");
        let named = abouts.map(|e| (text(e, "/involvedObject/uid"), text(e, "/involvedObject/name")));
        let there = claims.iter().map(|c| (text(c, "/metadata/uid"), text(c, "/metadata/name")));
        for (uid, name) in there.chain(named).filter(|(uid, _)| !uid.is_empty()) {
            self.set(&format!("pvc-{uid}"), &format!("pvc-<{name}>"));
        }
    }

    /// The Jobs of a CronJob carry the scheduled minute: `<minute:N>` counts from the first, those that are gone too.
    fn minutes(&mut self, jobs: &[&Value], events: &[&Value]) {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for job in jobs {
            let name = text(job, "/metadata/name");
            let references = job.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            for owner in references.into_iter().flatten().filter(|r| r["kind"] == "CronJob").map(|r| text(r, "/name")) {
                if compiled(&format!(r"^{}-\d+$", escaped(owner))).is_match(name).unwrap_or(false) {
                    seen.entry(owner.to_owned()).or_default().insert(name.to_owned());
                }
            }
        }
        for event in events.iter().filter(|e| text(e, "/involvedObject/kind") == "CronJob") {
            let owner = text(event, "/involvedObject/name");
            let pattern = format!(r"(?<![a-z0-9.-])({}-\d{{8,}})(?![a-z0-9-])", escaped(owner));
            let found = compiled(&pattern);
            let names = found.captures_iter(text(event, "/message")).flatten().map(|c| c[1].to_owned());
            seen.entry(owner.to_owned()).or_default().extend(names);
        }
        let minute = |name: &str| name.rsplit('-').next().and_then(|m| m.parse::<i64>().ok()).unwrap_or(0);
        for (owner, names) in seen {
            let first = names.iter().map(|n| minute(n)).min().unwrap_or(0);
            for name in &names {
                self.set(name, &format!("{owner}-<minute:{}>", minute(name) - first + 1));
            }
        }
    }

    fn set(&mut self, token: &str, alias: &str) {
        if !self.0.iter().any(|(t, _)| t == token) {
            self.0.push((token.to_owned(), alias.to_owned()));
        }
    }

    /// `<hash:N>`: N is the order of the revision among an owner's sets.
    fn template_hashes(&mut self, sets: &[&Value]) {
        let mut owned: BTreeMap<String, Vec<(String, i64, String)>> = BTreeMap::new();
        for rs in sets {
            let references = rs.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let owner = references.into_iter().flatten().find(|r| r["controller"] == true).map(|r| text(r, "/name"));
            let hash = text(rs, "/metadata/labels/pod-template-hash");
            if !hash.is_empty() {
                let annotations = &rs["metadata"]["annotations"];
                let revision = annotations["deployment.kubernetes.io/revision"].as_str().and_then(|t| t.parse().ok());
                let row = (text(rs, "/metadata/creationTimestamp").to_owned(), revision.unwrap_or(0), hash.to_owned());
                owned.entry(owner.unwrap_or_default().to_owned()).or_default().push(row);
            }
        }
        for mut rows in owned.into_values() {
            rows.sort();
            for (n, (_, _, hash)) in rows.iter().enumerate() {
                self.set(hash, &format!("<hash:{}>", n + 1));
            }
        }
    }

    /// Hashes of sets that are gone: pods and events still tell them.
    fn gone_hashes(&mut self, pods: &[&Value], events: &[&Value]) {
        for pod in pods {
            let hash = text(pod, "/metadata/labels/pod-template-hash");
            if !hash.is_empty() && text(pod, "/metadata/generateName").contains(&format!("-{hash}-")) {
                self.set(hash, "<hash:gone>");
            }
            let revision = text(pod, "/metadata/labels/controller-revision-hash").rsplit('-').next();
            if let Some(hash) = revision.filter(|h| h.len() > 4) {
                self.set(hash, "<hash:gone>");
            }
        }
        for event in events.iter().filter(|e| text(e, "/involvedObject/kind") == "Deployment") {
            let name = escaped(text(event, "/involvedObject/name"));
            let pattern = format!("replica set \"?{name}-([bcdfghjklmnpqrstvwxz2456789]{{5,10}})(?![a-z0-9-])");
            let regex = compiled(&pattern);
            for found in regex.captures_iter(text(event, "/message")).flatten() {
                self.set(&found[1], "<hash:gone>");
            }
        }
    }

    fn hashes(&self, text: &str) -> String {
        let is_part = |alias: &str| alias.starts_with("<hash:") || alias.contains("<minute:");
        let hashes = self.0.iter().filter(|(_, alias)| is_part(alias) && !alias.ends_with('*'));
        hashes.fold(text.to_owned(), |text, (token, alias)| {
            replace(&format!("(?<![a-z0-9]){}(?![a-z0-9])", escaped(token)), &text, |_| alias.clone())
        })
    }

    fn text(&self, text: &str) -> String {
        let mut longest_first: Vec<&(String, String)> = self.0.iter().collect();
        longest_first.sort_by_key(|(token, _)| std::cmp::Reverse(token.len()));
        let mut text = text.to_owned();
        for (token, alias) in longest_first {
            if text.contains(token.as_str()) {
                text = replace(&format!("(?<![a-z0-9.]){}(?![a-z0-9])", escaped(token)), &text, |_| alias.clone());
            }
        }
        let text = replace(&format!(r"(<hash:(?:\d+|gone)>)-{SUFFIX}(?![a-z0-9])"), &text, |c| format!("{}-*", &c[1]));
        let of_jobs = format!(r"([Pp]od \S+?/\S+-){SUFFIX}(?= (?:failed with|has condition))");
        let text = replace(&of_jobs, &text, |c| format!("{}*", &c[1]));
        replace(&format!(r#"(pods "\S+?-){SUFFIX}(?=" is forbidden)"#), &text, |c| format!("{}*", &c[1]))
    }
}

fn clean(value: &Value, aliases: &Aliases) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                if TIME_KEYS.contains(&key.as_str()) {
                    continue;
                }
                if SET_KEYS.contains(&key.as_str()) {
                    if !value.is_null() {
                        out.insert(key.clone(), json!("<set>"));
                    }
                    continue;
                }
                let value = clean(value, aliases);
                let is_empty = value.is_null() || value == json!({}) || value == json!([]);
                if !is_empty || key == "emptyDir" {
                    out.insert(aliases.text(key), value);
                }
            }
            Value::Object(out)
        }
        Value::Array(list) => list.iter().map(|v| clean(v, aliases)).collect(),
        Value::String(text) => json!(aliases.text(text)),
        other => other.clone(),
    }
}

fn metadata(meta: &Value, aliases: &Aliases) -> Value {
    let mut out = meta.as_object().cloned().unwrap_or_default();
    out.retain(|key, _| !DROP_META.contains(&key.as_str()));
    if let Some(Value::Object(annotations)) = out.get_mut("annotations") {
        annotations.retain(|key, _| !DROP_ANNOTATIONS.contains(&key.as_str()));
    }
    if let Some(Value::Array(references)) = out.get_mut("ownerReferences") {
        for reference in references.iter_mut().filter_map(Value::as_object_mut) {
            reference.retain(|key, _| ["kind", "name", "controller", "blockOwnerDeletion"].contains(&key.as_str()));
        }
    }
    clean(&Value::Object(out), aliases)
}

fn pod(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let mut spec = object["spec"].as_object().cloned().unwrap_or_default();
    let node = spec.remove("nodeName");
    for key in ["serviceAccount", "serviceAccountName", "priority", "preemptionPolicy", "enableServiceLinks"] {
        spec.remove(key);
    }
    if object["metadata"]["labels"].get(STATEFUL_SET_POD).is_some()
        && let Some(Value::Array(volumes)) = spec.get_mut("volumes")
    {
        // Its controller adds the claims in no order.
        volumes.sort_by_key(|v| text(v, "/name").to_owned());
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready").map_or("False", |c| text(c, "/status"));
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_of_daemon = owners.into_iter().flatten().any(|r| r["kind"] == "DaemonSet");
    let mut out = Map::new();
    out.insert("spec".to_owned(), clean(&Value::Object(spec), aliases));
    let node = node.map_or(Value::Null, |node| if is_of_daemon { node } else { json!("<set>") });
    out.insert("node".to_owned(), node);
    out.insert("phase".to_owned(), object["status"]["phase"].clone());
    out.insert("ready".to_owned(), json!(ready));
    out
}

fn node(object: &Value) -> Map<String, Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready");
    let taints = object.pointer("/spec/taints").and_then(Value::as_array);
    let mut taints: Vec<Value> = taints
        .into_iter()
        .flatten()
        .map(|t| {
            let mut t = t.as_object().cloned().unwrap_or_default();
            t.retain(|key, _| ["key", "value", "effect"].contains(&key.as_str()));
            Value::Object(t)
        })
        .collect();
    taints.sort_by_key(|t| (text(t, "/key").to_owned(), text(t, "/effect").to_owned()));
    let mut out = Map::new();
    out.insert("taints".to_owned(), Value::Array(taints));
    out.insert("ready".to_owned(), ready.map_or(Value::Null, |c| c["status"].clone()));
    out.insert("unschedulable".to_owned(), json!(object.pointer("/spec/unschedulable") == Some(&json!(true))));
    out
}

fn plain(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten();
    let own = fields.filter(|(key, _)| !["apiVersion", "kind", "metadata"].contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), clean(value, aliases))).collect()
}

fn hide_controller_uid(labels: Option<&mut Value>) {
    for (key, value) in labels.and_then(Value::as_object_mut).into_iter().flatten() {
        if key.ends_with("controller-uid") {
            *value = json!("<uid>");
        }
    }
}

fn service(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let mut spec = object["spec"].clone();
    if !matches!(text(&spec, "/clusterIP"), "" | "None") {
        spec["clusterIP"] = json!("<ip>");
        spec["clusterIPs"] = json!(["<ip>"]);
    }
    let set = |value: Option<&mut Value>| {
        if let Some(port) = value.filter(|p| p.as_i64().is_some_and(|n| n != 0)) {
            *port = json!("<port>");
        }
    };
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        set(port.get_mut("nodePort"));
    }
    set(spec.get_mut("healthCheckNodePort"));
    Map::from_iter([("spec".to_owned(), clean(&spec, aliases))])
}

fn by_name(ports: &Value, aliases: &Aliases) -> Value {
    let Value::Array(mut ports) = clean(ports, aliases) else { return Value::Null };
    let key = |p: &Value| (text(p, "/name").to_owned(), p["port"].as_i64(), text(p, "/protocol").to_owned());
    ports.sort_by_key(key);
    if ports.is_empty() { Value::Null } else { Value::Array(ports) }
}

fn target_of(endpoint: &Value, aliases: &Aliases) -> String {
    aliases.text(endpoint.pointer("/targetRef/name").and_then(Value::as_str).unwrap_or("?"))
}

fn endpoints(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let addresses = |list: &Value| -> Vec<String> {
        let name = |a: &Value| match text(a, "/hostname") {
            "" => target_of(a, aliases),
            hostname => format!("{}:{hostname}", target_of(a, aliases)),
        };
        let mut names: Vec<String> = list.as_array().into_iter().flatten().map(name).collect();
        names.sort();
        names
    };
    let subset = |s: &Value| {
        json!({"ports": by_name(&s["ports"], aliases), "addresses": addresses(&s["addresses"]),
               "notReadyAddresses": addresses(&s["notReadyAddresses"])})
    };
    let mut subsets: Vec<Value> = object["subsets"].as_array().into_iter().flatten().map(subset).collect();
    subsets.sort_by_key(Value::to_string);
    Map::from_iter([("subsets".to_owned(), Value::Array(subsets))])
}

fn slice(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let row = |e: &Value| {
        let row = json!({"target": target_of(e, aliases), "hostname": e["hostname"], "conditions": e["conditions"]});
        clean(&row, aliases)
    };
    let mut rows: Vec<Value> = object["endpoints"].as_array().into_iter().flatten().map(row).collect();
    rows.sort_by_key(Value::to_string);
    Map::from_iter([
        ("endpoints".to_owned(), Value::Array(rows)),
        ("ports".to_owned(), by_name(&object["ports"], aliases)),
    ])
}

fn volume(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let mut object = object.clone();
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("csi");
        spec.remove("hostPath");
        if let Some(claim) = spec.get_mut("claimRef").and_then(Value::as_object_mut) {
            claim.remove("uid");
            claim.remove("resourceVersion");
        }
    }
    plain(&object, aliases)
}

fn cron_job(object: &Value, aliases: &Aliases) -> Map<String, Value> {
    let mut object = object.clone();
    if let Some(active) = object.pointer_mut("/status/active").and_then(Value::as_array_mut) {
        for reference in active.iter_mut().filter_map(Value::as_object_mut) {
            reference.remove("uid");
            reference.remove("resourceVersion");
        }
        active.sort_by_key(|r| aliases.text(text(r, "/name")));
    }
    plain(&object, aliases)
}

fn canonical(object: &Value, aliases: &Aliases) -> Value {
    let kind = text(object, "/kind");
    let mut meta = object["metadata"].clone();
    let mut body = match kind {
        "Pod" => pod(object, aliases),
        "Node" => {
            meta = json!({"name": text(object, "/metadata/name")});
            node(object)
        }
        "Service" => service(object, aliases),
        "Endpoints" => endpoints(object, aliases),
        "EndpointSlice" => slice(object, aliases),
        "ControllerRevision" => Map::from_iter([("revision".to_owned(), object["revision"].clone())]),
        "PersistentVolume" => volume(object, aliases),
        "CronJob" => cron_job(object, aliases),
        "Job" => {
            let mut job = object.clone();
            for holder in ["/spec/template/metadata/labels", "/metadata/labels", "/spec/selector/matchLabels"] {
                hide_controller_uid(job.pointer_mut(holder));
            }
            meta = job["metadata"].clone();
            plain(&job, aliases)
        }
        _ => plain(object, aliases),
    };
    hide_controller_uid(meta.pointer_mut("/labels"));
    if matches!(kind, "EndpointSlice" | "Endpoints") {
        meta.as_object_mut().and_then(|m| m.remove("generation"));
    }
    let is_owned = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|r| !r.is_empty());
    if kind == "ReplicaSet" && is_owned {
        // How many scalings a rollout took depends on how deliveries interleave.
        meta.as_object_mut().and_then(|m| m.remove("generation"));
        body.get_mut("status").and_then(Value::as_object_mut).and_then(|s| s.remove("observedGeneration"));
    }
    if let Some(Value::Array(rows)) = body.get_mut("status").and_then(|s| s.get_mut("conditions")) {
        rows.sort_by_key(|c| text(c, "/type").to_owned());
    }
    body.insert("metadata".to_owned(), metadata(&meta, aliases));
    Value::Object(body)
}

/// The controllers' events, each once: kind, name, type, reason, message.
fn events(objects: &[Value], aliases: &Aliases) -> BTreeSet<[String; 5]> {
    let mut rows = BTreeSet::new();
    for event in objects.iter().filter(|o| o["kind"] == "Event") {
        let sources = ["/source/component", "/reportingComponent", "/reportingController"];
        let source = sources.iter().map(|p| text(event, p)).find(|s| !s.is_empty()).unwrap_or_default();
        let about = text(event, "/involvedObject/kind");
        if !CONTROLLERS.contains(&source) || about == "Node" || about == "PersistentVolume" {
            continue;
        }
        let message = aliases.text(text(event, "/message"));
        let message = message.strip_prefix("(combined from similar events): ").unwrap_or(&message).to_owned();
        let made_up = format!(r"((?:Created|Deleted) pod: \S+?-|daemon pod \S+?-){SUFFIX}(?![a-z0-9])");
        let mut message = replace(&made_up, &message, |c| format!("{}*", &c[1]));
        let mut name = aliases.text(text(event, "/involvedObject/name"));
        if about == "Pod" {
            let alias = replace(&format!("-{SUFFIX}$"), &name, |_| "-*".to_owned());
            message = message.replace(&name, &alias);
            name = alias;
        }
        let (type_, reason) = (text(event, "/type").to_owned(), text(event, "/reason").to_owned());
        rows.insert([about.to_owned(), name, type_, reason, message]);
    }
    rows
}

/// A snapshot's canonical objects by kind, and its events.
pub(crate) struct Normalized {
    pub(crate) objects: BTreeMap<String, Vec<Value>>,
    pub(crate) events: BTreeSet<[String; 5]>,
}

pub(crate) fn normalize(objects: &[Value]) -> Normalized {
    let aliases = Aliases::of(objects);
    let mut by_kind: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for object in objects {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let is_of_every_cluster = name == "kube-root-ca.crt" || (kind == "Service" && name == "kubernetes");
        if KINDS.contains(&kind) && !is_of_every_cluster {
            by_kind.entry(kind.to_owned()).or_default().push(canonical(object, &aliases));
        }
    }
    Normalized { objects: by_kind, events: events(objects, &aliases) }
}

/// An error's message without the parts that only Go's types can spell.
pub(crate) fn error_text(message: &str) -> String {
    let more = r", \w[\w.\[\]]*: (?:Invalid|Required|Forbidden|Unsupported|Duplicate|Not found|Too )";
    let message = replace(&format!(r"(?s)\n@@ .*?(?={more}|\]?\z)"), message, |_| String::new());
    let dumps = r#"(?s)Invalid value: (?:\{.*?\}|"\{.*?\}"): "#;
    let message = replace(dumps, &message, |_| "Invalid value: {...}: ".to_owned());
    replace("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", &message, |_| "<uid>".to_owned())
}
