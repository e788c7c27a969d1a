//! What a pod says about nodes: node selectors, required node affinity, tolerations of taints.
//!
//! Mirrors k8s.io/component-helpers/scheduling/corev1 (v1.36).

use k8s_openapi::api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration};

use crate::StrMap;

/// Whether a toleration covers a taint. Mirrors `Toleration.ToleratesTaint`.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let is_any_or = |value: &Option<String>, wanted: &str| value.as_deref().is_none_or(|v| v.is_empty() || v == wanted);
    if !is_any_or(&toleration.effect, &taint.effect) || !is_any_or(&toleration.key, &taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        None | Some("" | "Equal") => {
            toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default()
        }
        operator => operator == Some("Exists"),
    }
}

/// The first taint of these effects that nothing tolerates. Mirrors `FindMatchingUntoleratedTaint`.
pub fn untolerated_taint<'t>(taints: &'t [Taint], tolerations: &[Toleration], effects: &[&str]) -> Option<&'t Taint> {
    let matter = taints.iter().filter(|t| effects.contains(&t.effect.as_str()));
    matter.into_iter().find(|taint| !tolerations.iter().any(|t| tolerates(t, taint)))
}

/// Whether a node has what `nodeSelector` and the required node affinity of a spec want. Mirrors `RequiredNodeAffinity.Match`.
pub fn matches_required_node_affinity(spec: &PodSpec, node_name: &str, labels: &StrMap) -> bool {
    let selected = spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    selected && required.is_none_or(|selector| matches_node_selector(selector, node_name, labels))
}

/// Whether one of the terms holds for a node. Mirrors `nodeaffinity.NodeSelector.Match`.
pub fn matches_node_selector(selector: &NodeSelector, node_name: &str, labels: &StrMap) -> bool {
    selector.node_selector_terms.iter().any(|term| matches_node_selector_term(term, node_name, labels))
}

/// Whether all requirements of a term hold for a node. Mirrors `nodeSelectorTerm.match`.
pub fn matches_node_selector_term(term: &NodeSelectorTerm, node_name: &str, labels: &StrMap) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    // A term without requirements selects nothing.
    (!expressions.is_empty() || !fields.is_empty())
        && expressions.iter().all(|r| matches_expression(r, labels.get(&r.key)))
        && fields.iter().all(|r| matches_field(r, if r.key == "metadata.name" { node_name } else { "" }))
}

/// A requirement that is no valid one makes its term match nothing.
fn matches_expression(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let compare = |holds: fn(&i64, &i64) -> bool| {
        let [bound] = values else { return false };
        let pair = value.and_then(|v| v.parse::<i64>().ok()).zip(bound.parse::<i64>().ok());
        pair.is_some_and(|(have, bound)| holds(&have, &bound))
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|v| values.iter().any(|w| w == v)),
        "NotIn" => !values.is_empty() && value.is_none_or(|v| !values.iter().any(|w| w == v)),
        "Exists" => values.is_empty() && value.is_some(),
        "DoesNotExist" => values.is_empty() && value.is_none(),
        "Gt" => compare(i64::gt),
        "Lt" => compare(i64::lt),
        _ => false,
    }
}

fn matches_field(requirement: &NodeSelectorRequirement, value: &str) -> bool {
    match (requirement.operator.as_str(), requirement.values.as_deref()) {
        ("In", Some([wanted])) => wanted == value,
        ("NotIn", Some([unwanted])) => unwanted != value,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).expect("the JSON is of the type")
    }

    #[test]
    fn tolerations_cover_taints_by_key_effect_and_value() {
        let taint: Taint = read(&json!({"key": "k", "value": "v", "effect": "NoSchedule"}));
        let rows = [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "k", "operator": "Exists"}), true),
            (json!({"key": "k", "operator": "Exists", "effect": "NoSchedule"}), true),
            (json!({"key": "k", "operator": "Exists", "effect": "NoExecute"}), false),
            (json!({"key": "other", "operator": "Exists"}), false),
            (json!({"key": "k", "value": "v"}), true),
            (json!({"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"}), true),
            (json!({"key": "k", "operator": "Equal", "value": "w"}), false),
            (json!({"key": "k"}), false),
            (json!({"key": "k", "operator": "", "value": "v", "effect": ""}), true),
            (json!({"key": "k", "operator": "Gt", "value": "v"}), false),
        ];
        for (toleration, want) in rows {
            assert_eq!(tolerates(&read(&toleration), &taint), want, "{toleration}");
        }
    }

    #[test]
    fn only_the_effects_that_are_asked_for_matter() {
        let taints: Vec<Taint> = read(&json!([
            {"key": "soft", "effect": "PreferNoSchedule"}, {"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "NoExecute"},
        ]));
        let tolerations: Vec<Toleration> = read(&json!([{"key": "a", "operator": "Exists"}]));
        let key =
            |effects: &[&str], tolerations| untolerated_taint(&taints, tolerations, effects).map(|t| t.key.as_str());
        let hard = ["NoSchedule", "NoExecute"];
        assert_eq!(key(&hard, &[]), Some("a"));
        assert_eq!(key(&hard, &tolerations), Some("b"));
        assert_eq!(key(&["NoSchedule"], &tolerations), None);
    }

    /// Each row is a term and whether it holds for the node `n-1`.
    #[test]
    fn node_selector_terms() {
        let labels = StrMap::from_api(read(&json!({"zone": "a", "cores": "8", "text": "x"})));
        let expression = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let field = |key: &str, operator: &str, values: Value| json!({"matchFields": [{"key": key, "operator": operator, "values": values}]});
        let rows = [
            (json!({}), false),
            (expression("zone", "In", json!(["a", "b"])), true),
            (expression("zone", "In", json!(["b"])), false),
            (expression("none", "In", json!(["a"])), false),
            (expression("zone", "NotIn", json!(["a"])), false),
            (expression("none", "NotIn", json!(["a"])), true),
            (expression("zone", "Exists", json!([])), true),
            (expression("none", "Exists", json!([])), false),
            (expression("none", "DoesNotExist", json!([])), true),
            (expression("zone", "DoesNotExist", json!([])), false),
            (expression("cores", "Gt", json!(["7"])), true),
            (expression("cores", "Gt", json!(["8"])), false),
            (expression("cores", "Lt", json!(["9"])), true),
            (expression("cores", "Lt", json!(["8"])), false),
            (expression("text", "Gt", json!(["1"])), false),
            (expression("none", "Lt", json!(["1"])), false),
            (expression("cores", "Gt", json!(["1", "2"])), false),
            (expression("zone", "Is", json!(["a"])), false),
            (field("metadata.name", "In", json!(["n-1"])), true),
            (field("metadata.name", "In", json!(["n-2"])), false),
            (field("metadata.name", "In", json!(["n-1", "n-2"])), false),
            (field("metadata.name", "NotIn", json!(["n-2"])), true),
            (field("metadata.name", "NotIn", json!(["n-1"])), false),
        ];
        for (term, want) in rows {
            let selector: NodeSelector = read(&json!({"nodeSelectorTerms": [term]}));
            assert_eq!(matches_node_selector(&selector, "n-1", &labels), want, "{term}");
        }
    }

    #[test]
    fn terms_are_alternatives_and_the_node_selector_holds_beside_them() {
        let labels = StrMap::from_api(read(&json!({"zone": "a", "disk": "ssd"})));
        let by_zone = |zone: &str| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]});
        let spec = |selector: Value, terms: Value| -> PodSpec {
            read(&json!({"containers": [], "nodeSelector": selector, "affinity": {"nodeAffinity":
                {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}))
        };
        let rows = [
            (spec(json!({}), json!([by_zone("b"), by_zone("a")])), true),
            (spec(json!({"disk": "ssd"}), json!([by_zone("a")])), true),
            (spec(json!({"disk": "hdd"}), json!([by_zone("a")])), false),
            (spec(json!({"disk": "ssd"}), json!([by_zone("b")])), false),
            (spec(json!({}), json!([])), false),
            (PodSpec::default(), true),
        ];
        for (spec, want) in rows {
            assert_eq!(matches_required_node_affinity(&spec, "n-1", &labels), want, "{spec:?}");
        }
    }
}
