//! API versions that Kubernetes removed: their objects become those of today, with the defaults of their time.
//!
//! Mirrors pkg/apis/extensions/v1beta1 (v1.15), pkg/apis/apps/v1beta1 and v1beta2 (v1.36): defaults.go and
//! conversion.go, and the texts of apiserver's deprecation warnings.
//! What the old default equals the current one in is left to the API server.

use serde_json::{Map, Value, json};

/// "No limit" and "no deadline" of extensions/v1beta1.
const MAX_INT32: i64 = i32::MAX as i64;
/// Carries `spec.rollbackTo`, as the conversion to apps/v1 does.
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";

/// A removed version of a kind.
struct Removed {
    api_version: &'static str,
    kind: &'static str,
    deprecated: &'static str,
    removed: &'static str,
    now: &'static str,
    default: fn(&mut Map<String, Value>),
}

const fn removed_in_16(
    api_version: &'static str,
    kind: &'static str,
    deprecated: &'static str,
    default: fn(&mut Map<String, Value>),
) -> Removed {
    Removed { api_version, kind, deprecated, removed: "v1.16", now: "apps/v1", default }
}

const REMOVED: &[Removed] = &[
    removed_in_16("extensions/v1beta1", "Deployment", "v1.8", extensions_deployment),
    removed_in_16("extensions/v1beta1", "DaemonSet", "v1.8", extensions_daemon_set),
    removed_in_16("extensions/v1beta1", "ReplicaSet", "v1.8", labels_and_selector),
    removed_in_16("apps/v1beta1", "Deployment", "v1.8", apps_v1beta1_deployment),
    removed_in_16("apps/v1beta1", "StatefulSet", "v1.8", apps_v1beta1_stateful_set),
    removed_in_16("apps/v1beta2", "Deployment", "v1.9", as_today),
    removed_in_16("apps/v1beta2", "DaemonSet", "v1.9", as_today),
    removed_in_16("apps/v1beta2", "ReplicaSet", "v1.9", as_today),
    removed_in_16("apps/v1beta2", "StatefulSet", "v1.9", as_today),
    Removed {
        api_version: "batch/v1beta1",
        kind: "CronJob",
        deprecated: "v1.21",
        removed: "v1.25",
        now: "batch/v1",
        default: as_today,
    },
];

/// The object of today, and the warning if it was one of a removed version.
pub(super) fn convert(mut object: Value) -> (Value, Option<String>) {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let Some(removed) = REMOVED.iter().find(|old| old.api_version == api_version && old.kind == kind) else {
        return (object, None);
    };
    if let Some(object) = object.as_object_mut() {
        (removed.default)(object);
        object.insert("apiVersion".to_owned(), json!(removed.now));
    }
    let Removed { deprecated, removed, now, .. } = removed;
    let warning =
        format!("{api_version} {kind} is deprecated in {deprecated}+, unavailable in {removed}+; use {now} {kind}");
    (object, Some(warning))
}

fn as_today(_: &mut Map<String, Value>) {}

fn extensions_deployment(object: &mut Map<String, Value>) {
    labels_and_selector(object);
    with_spec(object, |spec| {
        rolling_update(spec, &json!(1), true);
        fill(spec, "revisionHistoryLimit", json!(MAX_INT32));
        fill(spec, "progressDeadlineSeconds", json!(MAX_INT32));
    });
    rollback_to(object);
}

fn apps_v1beta1_deployment(object: &mut Map<String, Value>) {
    labels_and_selector(object);
    with_spec(object, |spec| {
        rolling_update(spec, &json!("25%"), false);
        fill(spec, "revisionHistoryLimit", json!(2));
        fill(spec, "progressDeadlineSeconds", json!(600));
    });
    rollback_to(object);
}

fn extensions_daemon_set(object: &mut Map<String, Value>) {
    labels_and_selector(object);
    with_spec(object, |spec| {
        on_delete(spec);
        // The generation of the template is the API server's to count since apps/v1beta2.
        spec.remove("templateGeneration");
    });
}

fn apps_v1beta1_stateful_set(object: &mut Map<String, Value>) {
    labels_and_selector(object);
    with_spec(object, on_delete);
}

/// Without an update strategy these kinds waited for pods to be deleted.
fn on_delete(spec: &mut Map<String, Value>) {
    if let Some(strategy) = child(spec, "updateStrategy") {
        fill(strategy, "type", json!("OnDelete"));
    }
}

/// Selector and labels used to come from the template.
fn labels_and_selector(object: &mut Map<String, Value>) {
    let labels = object.get("spec").and_then(|spec| spec.pointer("/template/metadata/labels")).cloned();
    let Some(labels) = labels.filter(Value::is_object) else {
        return;
    };
    with_spec(object, |spec| fill(spec, "selector", json!({ "matchLabels": labels })));
    if let Some(metadata) = child(object, "metadata") {
        if metadata.get("labels").and_then(Value::as_object).is_some_and(Map::is_empty) {
            metadata.remove("labels");
        }
        fill(metadata, "labels", labels);
    }
}

/// extensions/v1beta1 filled in `rollingUpdate` where it was given, whatever the type.
fn rolling_update(spec: &mut Map<String, Value>, default: &Value, even_if_recreate: bool) {
    let Some(strategy) = child(spec, "strategy") else {
        return;
    };
    fill(strategy, "type", json!("RollingUpdate"));
    let is_rolling = strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate");
    let is_given = strategy.get("rollingUpdate").is_some_and(Value::is_object);
    let applies = is_rolling || (even_if_recreate && is_given);
    if !applies {
        return;
    }
    if let Some(rolling) = child(strategy, "rollingUpdate") {
        fill(rolling, "maxUnavailable", default.clone());
        fill(rolling, "maxSurge", default.clone());
    }
}

/// `spec.rollbackTo.revision` is an annotation since apps/v1beta2.
fn rollback_to(object: &mut Map<String, Value>) {
    let mut revision = None;
    with_spec(object, |spec| {
        if let Some(rollback) = spec.remove("rollbackTo").filter(Value::is_object) {
            revision = Some(rollback.get("revision").and_then(Value::as_i64).unwrap_or(0));
        }
    });
    let Some(revision) = revision else { return };
    let Some(metadata) = child(object, "metadata") else {
        return;
    };
    if let Some(annotations) = child(metadata, "annotations") {
        annotations.insert(ROLLBACK_TO.to_owned(), json!(revision.to_string()));
    }
}

fn with_spec(object: &mut Map<String, Value>, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        change(spec);
    }
}

/// A mapping below a key, made if absent or null; `None` if something else is there, which is the API
/// server's to refuse.
fn child<'m>(map: &'m mut Map<String, Value>, key: &str) -> Option<&'m mut Map<String, Value>> {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// Sets what is absent or null.
fn fill(map: &mut Map<String, Value>, key: &str, value: Value) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
