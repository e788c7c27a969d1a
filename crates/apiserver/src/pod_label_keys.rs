//! What a pod's own labels add to the selectors of its affinity and its spread, where these name keys of labels.
//!
//! Mirrors `mutatePodAffinity` and `mutateTopologySpreadConstraints` of pkg/registry/core/pod/strategy.go (v1.36).

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, WeightedPodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Keys of labels with the operator that they ask for, and the selector that they add to.
type Keys<'a> = (&'static str, &'a [String], &'a mut LabelSelector);

/// Whether any selector of a spec names keys of labels.
pub(crate) fn names_label_keys(spec: &PodSpec) -> bool {
    let is_some = |keys: &Option<Vec<String>>| keys.as_ref().is_some_and(|keys| !keys.is_empty());
    let of_term = |term: &PodAffinityTerm| is_some(&term.match_label_keys) || is_some(&term.mismatch_label_keys);
    let of_terms = |required: &Option<Vec<PodAffinityTerm>>, preferred: &Option<Vec<WeightedPodAffinityTerm>>| {
        required.iter().flatten().any(of_term)
            || preferred.iter().flatten().any(|weighted| of_term(&weighted.pod_affinity_term))
    };
    let affinity = spec.affinity.as_ref();
    let pods = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
    let anti = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    spec.topology_spread_constraints.iter().flatten().any(|constraint| is_some(&constraint.match_label_keys))
        || pods.is_some_and(|a| {
            of_terms(
                &a.required_during_scheduling_ignored_during_execution,
                &a.preferred_during_scheduling_ignored_during_execution,
            )
        })
        || anti.is_some_and(|a| {
            of_terms(
                &a.required_during_scheduling_ignored_during_execution,
                &a.preferred_during_scheduling_ignored_during_execution,
            )
        })
}

/// Adds the values of a pod's labels to the selectors that name their keys.
pub(crate) fn apply_label_keys<'l>(spec: &mut PodSpec, label: impl Fn(&str) -> Option<&'l str>) {
    each_selector(spec, &mut |(operator, keys, selector)| {
        for key in keys {
            let Some(value) = label(key) else { continue };
            selector.match_expressions.get_or_insert_default().push(LabelSelectorRequirement {
                key: key.clone(),
                operator: operator.to_owned(),
                values: Some(vec![value.to_owned()]),
            });
        }
    });
}

/// The keys that the selectors of a spec name.
pub(crate) fn label_keys(spec: &PodSpec) -> Vec<String> {
    let mut all = Vec::new();
    each_selector(&mut spec.clone(), &mut |(_, keys, _)| all.extend_from_slice(keys));
    all
}

/// Looks at each selector that keys of labels add to, in upstream's order. Keys without a selector match nothing.
fn each_selector(spec: &mut PodSpec, look: &mut impl FnMut(Keys<'_>)) {
    let affinity = spec.affinity.as_mut();
    let (mut pods, mut anti) = (None, None);
    if let Some(affinity) = affinity {
        pods = affinity.pod_affinity.as_mut().map(|a| {
            (
                &mut a.preferred_during_scheduling_ignored_during_execution,
                &mut a.required_during_scheduling_ignored_during_execution,
            )
        });
        anti = affinity.pod_anti_affinity.as_mut().map(|a| {
            (
                &mut a.preferred_during_scheduling_ignored_during_execution,
                &mut a.required_during_scheduling_ignored_during_execution,
            )
        });
    }
    for (preferred, required) in pods.into_iter().chain(anti) {
        let preferred = preferred.iter_mut().flatten().map(|weighted| &mut weighted.pod_affinity_term);
        for term in preferred.chain(required.iter_mut().flatten()) {
            let Some(selector) = &mut term.label_selector else { continue };
            look(("In", term.match_label_keys.as_deref().unwrap_or_default(), selector));
            look(("NotIn", term.mismatch_label_keys.as_deref().unwrap_or_default(), selector));
        }
    }
    for constraint in spec.topology_spread_constraints.iter_mut().flatten() {
        let Some(selector) = &mut constraint.label_selector else { continue };
        look(("In", constraint.match_label_keys.as_deref().unwrap_or_default(), selector));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn applied(spec: Value) -> Value {
        let mut spec: PodSpec = serde_json::from_value(spec).expect("valid");
        let labels = [("app", "web"), ("hash", "h1")];
        assert!(names_label_keys(&spec));
        apply_label_keys(&mut spec, |key| labels.iter().find(|(k, _)| *k == key).map(|(_, value)| *value));
        serde_json::to_value(spec).expect("valid")
    }

    #[test]
    fn labels_named_by_their_keys_are_required_or_ruled_out() {
        let is = |operator: &str, value: &str| json!({"key": "hash", "operator": operator, "values": [value]});
        let spread = |selector: Value| {
            json!({"containers": [], "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector, "matchLabelKeys": ["hash", "none"]}]})
        };
        let got = applied(spread(json!({"matchLabels": {"app": "web"}})));
        let want = json!({"matchLabels": {"app": "web"}, "matchExpressions": [is("In", "h1")]});
        assert_eq!(
            got["topologySpreadConstraints"][0]["labelSelector"], want,
            "a label that is not there adds nothing"
        );
        let got = applied(spread(Value::Null));
        assert_eq!(got["topologySpreadConstraints"][0].get("labelSelector"), None, "nor does one without a selector");

        let term = json!({"topologyKey": "host", "labelSelector": {}, "matchLabelKeys": ["hash"], "mismatchLabelKeys": ["hash"]});
        for kind in ["podAffinity", "podAntiAffinity"] {
            let got = applied(json!({"containers": [], "affinity": {kind: {
                "requiredDuringSchedulingIgnoredDuringExecution": [term],
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}}));
            let want = json!({"matchExpressions": [is("In", "h1"), is("NotIn", "h1")]});
            let of = &got["affinity"][kind];
            assert_eq!(of["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"], want, "{kind}");
            let weighted = &of["preferredDuringSchedulingIgnoredDuringExecution"][0];
            assert_eq!(weighted["podAffinityTerm"]["labelSelector"], want, "{kind}");
        }
    }
}
