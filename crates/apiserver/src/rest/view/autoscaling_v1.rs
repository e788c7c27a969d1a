//! `autoscaling/v1` HorizontalPodAutoscalers: what v1 has no field for travels in annotations.
//!
//! Mirrors pkg/apis/autoscaling/v1/conversion.go (v1.36).

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// A v2 object as v1 shows it.
pub(super) fn show(mut object: Value) -> Value {
    object["apiVersion"] = json!("autoscaling/v1");
    let mut annotations = Map::new();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let (cpu, others) = split(spec.remove("metrics"), "target");
        if let Some(cpu) = cpu {
            spec.insert("targetCPUUtilizationPercentage".to_owned(), cpu);
        }
        if !others.is_empty() {
            let others: Vec<Value> = others.into_iter().map(|m| metric(m, &show_source)).collect();
            annotations.insert(METRICS.to_owned(), json!(json!(others).to_string()));
        }
        if let Some(behavior) = spec.remove("behavior") {
            annotations.insert(BEHAVIOR.to_owned(), json!(behavior.to_string()));
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        // Version 1 leaves no zero out.
        status.entry("currentReplicas").or_insert_with(|| json!(0));
        let (cpu, others) = split(status.remove("currentMetrics"), "current");
        if let Some(cpu) = cpu {
            status.insert("currentCPUUtilizationPercentage".to_owned(), cpu);
        }
        if !others.is_empty() {
            let others: Vec<Value> = others.into_iter().map(|m| metric(m, &show_source)).collect();
            annotations.insert(CURRENT_METRICS.to_owned(), json!(json!(others).to_string()));
        }
        if let Some(conditions) = status.remove("conditions") {
            annotations.insert(CONDITIONS.to_owned(), json!(conditions.to_string()));
        }
    }
    if !annotations.is_empty()
        && let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(all) = meta.entry("annotations").or_insert_with(|| json!({})).as_object_mut()
    {
        all.extend(annotations);
    }
    object
}

/// A v1 object as it is stored. Annotations that cannot be read are dropped, as upstream drops them.
pub(super) fn take(mut object: Value) -> Value {
    let mut annotation = |key: &str| -> Option<Value> {
        let all = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
        let text = all.remove(key)?;
        serde_json::from_str(text.as_str()?).ok()
    };
    let (metrics, behavior) = (annotation(METRICS), annotation(BEHAVIOR));
    let (current, conditions) = (annotation(CURRENT_METRICS), annotation(CONDITIONS));
    if object.get("apiVersion").is_some_and(|v| v == "autoscaling/v1") {
        object["apiVersion"] = json!("autoscaling/v2");
    }
    if object.pointer("/metadata/annotations").and_then(Value::as_object).is_some_and(Map::is_empty)
        && let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        meta.remove("annotations");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let cpu = spec.remove("targetCPUUtilizationPercentage");
        join(spec, "metrics", metrics, cpu, "target");
        if let Some(behavior) = behavior {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let cpu = status.remove("currentCPUUtilizationPercentage");
        join(status, "currentMetrics", current, cpu, "current");
        if let Some(conditions) = conditions {
            status.insert("conditions".to_owned(), conditions);
        }
    }
    object
}

/// The CPU utilization among metrics, and the others.
fn split(metrics: Option<Value>, of: &str) -> (Option<Value>, Vec<Value>) {
    let (mut cpu, mut others) = (None, Vec::new());
    for metric in metrics.and_then(|m| m.as_array().cloned()).into_iter().flatten() {
        let is_cpu = metric["type"] == "Resource" && metric.pointer("/resource/name").is_some_and(|n| n == "cpu");
        let utilization = metric.pointer(&format!("/resource/{of}/averageUtilization")).cloned();
        match utilization.filter(|_| is_cpu) {
            Some(utilization) => cpu = Some(utilization),
            None => others.push(metric),
        }
    }
    (cpu, others)
}

fn join(to: &mut Map<String, Value>, key: &str, others: Option<Value>, cpu: Option<Value>, of: &str) {
    let mut all: Vec<Value> = Vec::new();
    for other in others.and_then(|m| m.as_array().cloned()).into_iter().flatten() {
        all.push(metric(other, &|kind, source| take_source(kind, source, of)));
    }
    if let Some(cpu) = cpu.filter(|c| !c.is_null()) {
        let mut value = json!({"averageUtilization": cpu});
        if of == "target" {
            value["type"] = json!("Utilization");
        }
        all.push(json!({"type": "Resource", "resource": {"name": "cpu", of: value}}));
    }
    if !all.is_empty() {
        to.insert(key.to_owned(), json!(all));
    }
}

/// Rewrites a source, given the kind of its metric.
type Rewrite<'a> = dyn Fn(&str, Map<String, Value>) -> Map<String, Value> + 'a;

/// Rewrites the source in a metric: the part that is named like its type.
fn metric(mut metric: Value, rewrite: &Rewrite<'_>) -> Value {
    for kind in ["object", "pods", "resource", "containerResource", "external"] {
        if let Some(source) = metric.get_mut(kind).and_then(Value::as_object_mut) {
            *source = rewrite(kind, std::mem::take(source));
        }
    }
    metric
}

/// The names that a value, an average and a utilization have in v1, by the kind of source and whether they are targets.
fn names(kind: &str, is_target: bool) -> [(&'static str, &'static str); 3] {
    match (kind, is_target) {
        ("object", true) => [("value", "targetValue"), ("averageValue", "averageValue"), ("", "")],
        ("object", false) => [("value", "currentValue"), ("averageValue", "averageValue"), ("", "")],
        (_, true) => [
            ("value", "targetValue"),
            ("averageValue", "targetAverageValue"),
            ("averageUtilization", "targetAverageUtilization"),
        ],
        (_, false) => [
            ("value", "currentValue"),
            ("averageValue", "currentAverageValue"),
            ("averageUtilization", "currentAverageUtilization"),
        ],
    }
}

fn show_source(kind: &str, mut source: Map<String, Value>) -> Map<String, Value> {
    let is_target = source.contains_key("target");
    let values = source.remove(if is_target { "target" } else { "current" }).unwrap_or_default();
    if let Some(identifier) = source.remove("metric") {
        source.insert("metricName".to_owned(), identifier["name"].clone());
        if let Some(selector) = identifier.get("selector") {
            let key = if kind == "external" { "metricSelector" } else { "selector" };
            source.insert(key.to_owned(), selector.clone());
        }
    }
    if let Some(described) = source.remove("describedObject") {
        source.insert("target".to_owned(), described);
    }
    for (v2, v1) in names(kind, is_target) {
        if let Some(value) = values.get(v2) {
            source.insert(v1.to_owned(), value.clone());
        }
    }
    source
}

fn take_source(kind: &str, mut source: Map<String, Value>, of: &str) -> Map<String, Value> {
    let is_target = of == "target";
    let mut values = Map::new();
    for (v2, v1) in names(kind, is_target) {
        if let Some(value) = source.remove(v1) {
            let type_ = match v2 {
                "averageUtilization" => "Utilization",
                "averageValue" => "AverageValue",
                _ => "Value",
            };
            if is_target {
                values.insert("type".to_owned(), json!(type_));
            }
            values.insert(v2.to_owned(), value);
        }
    }
    if let Some(described) = source.remove("target").filter(|_| kind == "object") {
        source.insert("describedObject".to_owned(), described);
    }
    if let Some(name) = source.remove("metricName") {
        let mut identifier = json!({"name": name});
        let selector = source.remove("metricSelector").or_else(|| source.remove("selector"));
        if let Some(selector) = selector {
            identifier["selector"] = selector;
        }
        source.insert("metric".to_owned(), identifier);
    }
    source.insert(of.to_owned(), Value::Object(values));
    source
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{show, take};

    #[test]
    fn what_v1_has_no_field_for_travels_in_annotations() {
        let stored = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
            "spec": {
                "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                "behavior": {"scaleUp": {"selectPolicy": "Max"}},
                "metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
                    {"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"a": "b"}}},
                                                      "target": {"type": "Value", "value": "7"}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
                ]},
            "status": {"currentReplicas": 1, "desiredReplicas": 1},
        });
        let shown = show(stored.clone());
        assert_eq!(shown["apiVersion"], "autoscaling/v1");
        assert_eq!(
            shown["spec"],
            json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                                         "targetCPUUtilizationPercentage": 70})
        );
        let metrics = shown["metadata"]["annotations"][super::METRICS].as_str().expect("the other metrics");
        let metrics: serde_json::Value = serde_json::from_str(metrics).expect("JSON");
        assert_eq!(metrics[0]["pods"], json!({"metricName": "hits", "targetAverageValue": "5"}));
        assert_eq!(metrics[1]["external"]["metricSelector"], json!({"matchLabels": {"a": "b"}}));
        assert_eq!(take(shown), stored);
    }
}
