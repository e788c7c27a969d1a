//! Affinity and spread: what nodes say, and what they score.

use serde_json::{Value, json};

use super::*;
use crate::cache::Cache;
use crate::node_info::PodKinds;
use crate::test_objects::{cache, deleting, info, pod};

const AFFINITY: &str = "node(s) didn't match pod affinity rules";
const ANTI_AFFINITY: &str = "node(s) didn't match pod anti-affinity rules";
const EXISTING: &str = "node(s) didn't satisfy existing pods anti-affinity rules";
const SPREAD: &str = "node(s) didn't match pod topology spread constraints";
const SPREAD_LABEL: &str = "node(s) didn't match pod topology spread constraints (missing required label)";

/// Two zones of two nodes, and one node without a zone.
fn cluster() -> Cache {
    cache(&[
        ("a0", json!({"zone": "a"})),
        ("a1", json!({"zone": "a"})),
        ("b0", json!({"zone": "b"})),
        ("b1", json!({"zone": "b"})),
        ("x", json!({})),
    ])
}

fn place(cache: &mut Cache, node: &str, labels: Value, spec: Value) {
    let count = cache.nodes.iter().map(|n| n.pods.len()).sum::<usize>();
    let pod = pod(&format!("placed-{count}"), labels, spec);
    let kind = PodKinds::default().of(&pod, false, || PodTerms::of(&pod).map(Arc::new));
    let index = cache.index_of[node];
    cache.put(index, &pod, kind);
}

fn term(app: &str, key: &str) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}})
}

fn required(kind: &str, terms: Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn spread(max_skew: i32, key: &str, when: &str) -> Value {
    json!({"maxSkew": max_skew, "topologyKey": key, "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "web"}}})
}

/// What the nodes a0, a1, b0, b1 and x say of a pod `app: web` with this spec.
fn says(cache: &mut Cache, spec: Value) -> Vec<Option<String>> {
    let pod = pod("incoming", json!({"app": "web"}), spec);
    let terms = PodTerms::of(&pod).map(|terms| terms.asking(&mut cache.index));
    let relations = Relations::of(&info(&pod), terms.as_ref(), &cache.nodes, &mut cache.index);
    let says = |node: usize| {
        let misfit = relations.filter(node).err();
        assert_eq!(relations.fits(node), misfit.is_none(), "{node}");
        misfit.map(|m| m.reasons.join(", "))
    };
    (0..cache.nodes.len()).map(says).collect()
}

/// The same as marks: what every node says, `None` where the pod fits.
fn check(cache: &mut Cache, spec: Value, want: [Option<&str>; 5]) {
    let got = says(cache, spec.clone());
    assert_eq!(got.iter().map(Option::as_deref).collect::<Vec<_>>(), want, "{spec}");
}

#[test]
fn required_affinity_wants_a_domain_with_such_a_pod() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "db"}), json!({}));
    place(&mut cache, "x", json!({"app": "db"}), json!({}));
    let near = |terms: Value| required("podAffinity", terms);
    let no = Some(AFFINITY);
    check(&mut cache, near(json!([term("db", "zone")])), [None, None, no, no, no]);
    check(&mut cache, near(json!([term("db", "kubernetes.io/hostname")])), [None, no, no, no, None]);
    // All terms have to mean the same pod.
    check(&mut cache, near(json!([term("db", "zone"), term("cache", "zone")])), [no; 5]);
    // Nobody is there yet: the pod may be the first, where the label is, if it is one of those itself.
    check(&mut cache, near(json!([term("web", "zone")])), [None, None, None, None, no]);
    check(&mut cache, near(json!([term("none", "zone")])), [no; 5]);
}

#[test]
fn required_anti_affinity_keeps_away_from_either_side() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "db"}), json!({}));
    place(
        &mut cache,
        "b1",
        json!({"app": "lonely"}),
        required("podAntiAffinity", json!([term("web", "kubernetes.io/hostname")])),
    );
    let far = required("podAntiAffinity", json!([term("db", "zone")]));
    let (no, existing) = (Some(ANTI_AFFINITY), Some(EXISTING));
    check(&mut cache, far, [no, no, None, existing, None]);
    check(&mut cache, json!({}), [None, None, None, existing, None]);
    // A preferred distance forbids nothing.
    let wish = json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 100, "podAffinityTerm": term("db", "zone")}]}}});
    check(&mut cache, wish, [None, None, None, existing, None]);
}

#[test]
fn namespaces_of_terms_are_their_own_those_named_and_those_selected() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "db"}), json!({}));
    cache.set_namespace("default".into(), [("team", "blue")].into_iter().collect());
    let far = |extra: Value| {
        let mut term = term("db", "kubernetes.io/hostname");
        term.as_object_mut().expect("a map").extend(extra.as_object().expect("a map").clone());
        required("podAntiAffinity", json!([term]))
    };
    let (here, nowhere) = ([Some(ANTI_AFFINITY), None, None, None, None], [None; 5]);
    let rows = [
        (json!({}), here),
        (json!({"namespaces": ["other"]}), nowhere),
        (json!({"namespaces": ["other", "default"]}), here),
        (json!({"namespaceSelector": {}}), here),
        (json!({"namespaceSelector": {"matchLabels": {"team": "blue"}}}), here),
        (json!({"namespaceSelector": {"matchLabels": {"team": "red"}}}), nowhere),
    ];
    for (extra, want) in rows {
        check(&mut cache, far(extra), want);
    }
    // The labels of the namespace change, and with them whom the terms mean.
    cache.set_namespace("default".into(), [("team", "red")].into_iter().collect());
    check(&mut cache, far(json!({"namespaceSelector": {"matchLabels": {"team": "red"}}})), here);
    check(&mut cache, far(json!({"namespaceSelector": {"matchLabels": {"team": "blue"}}})), nowhere);
}

#[test]
fn hard_spread_bounds_the_skew() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "web"}), json!({}));
    let hard = |constraints: Value| json!({"topologySpreadConstraints": constraints});
    let (no, label) = (Some(SPREAD), Some(SPREAD_LABEL));
    check(&mut cache, hard(json!([spread(1, "zone", "DoNotSchedule")])), [no, no, None, None, label]);
    check(&mut cache, hard(json!([spread(2, "zone", "DoNotSchedule")])), [None, None, None, None, label]);
    check(
        &mut cache,
        hard(json!([spread(1, "kubernetes.io/hostname", "DoNotSchedule")])),
        [no, None, None, None, None],
    );
    // Two constraints: both have to hold, and nodes without one of the labels count nowhere.
    let both = json!([spread(1, "zone", "DoNotSchedule"), spread(1, "kubernetes.io/hostname", "DoNotSchedule")]);
    check(&mut cache, hard(both), [no, no, None, None, label]);
    // Fewer domains than minDomains: the fewest pods count as none.
    place(&mut cache, "b0", json!({"app": "web"}), json!({}));
    let mut at_least = spread(1, "zone", "DoNotSchedule");
    check(&mut cache, hard(json!([at_least])), [None, None, None, None, label]);
    at_least["minDomains"] = json!(3);
    check(&mut cache, hard(json!([at_least])), [no, no, no, no, label]);
}

#[test]
fn spread_counts_on_nodes_that_the_policies_include() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "web"}), json!({}));
    let hard = |policy: Value, selector: Value| {
        let mut constraint = spread(1, "zone", "DoNotSchedule");
        constraint.as_object_mut().expect("a map").extend(policy.as_object().expect("a map").clone());
        json!({"nodeSelector": selector, "topologySpreadConstraints": [constraint]})
    };
    let (no, label) = (Some(SPREAD), Some(SPREAD_LABEL));
    // Zone b is out of reach, so that zone a is the only domain and nothing is skewed.
    check(&mut cache, hard(json!({}), json!({"zone": "a"})), [None, None, None, None, label]);
    check(&mut cache, hard(json!({"nodeAffinityPolicy": "Ignore"}), json!({"zone": "a"})), [no, no, None, None, label]);
    // Pods that are being deleted do not count.
    let pod = pod("going", json!({"app": "web"}), json!({}));
    let going = deleting(&pod);
    let kind = PodKinds::default().of(&going, true, || None);
    cache.put(cache.index_of["b0"], &going, kind);
    check(&mut cache, hard(json!({}), json!({})), [no, no, None, None, label]);
}

fn scores_of(cache: &mut Cache, labels: Value, spec: Value) -> Vec<i64> {
    let pod = pod("incoming", labels, spec);
    let terms = PodTerms::of(&pod).map(|terms| terms.asking(&mut cache.index));
    let all: Vec<usize> = (0..cache.nodes.len()).collect();
    relation_scores(&info(&pod), (terms.as_ref(), None), &cache.nodes, &mut cache.index, &all)
}

#[test]
fn preferred_affinity_scores_from_the_least_to_the_most() {
    let mut cache = cluster();
    place(&mut cache, "a0", json!({"app": "db"}), json!({}));
    place(&mut cache, "a1", json!({"app": "db"}), json!({}));
    place(&mut cache, "b0", json!({"app": "db"}), json!({}));
    let wish = |kind: &str, weight: i32| {
        json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution":
            [{"weight": weight, "podAffinityTerm": term("db", "zone")}]}}})
    };
    // Sums 20, 20, 10, 10, 0 between 0 and 20; twice the share of 100.
    assert_eq!(scores_of(&mut cache, json!({}), wish("podAffinity", 10)), [200, 200, 100, 100, 0]);
    assert_eq!(scores_of(&mut cache, json!({}), wish("podAntiAffinity", 10)), [0, 0, 100, 100, 200]);
    // Existing pods' wishes count, and their required affinity with weight one.
    let mut cache = cluster();
    place(&mut cache, "b1", json!({"app": "x"}), wish("podAffinity", 3));
    place(
        &mut cache,
        "a0",
        json!({"app": "y"}),
        required("podAffinity", json!([term("db", "kubernetes.io/hostname")])),
    );
    // Sums 1, 0, 3, 3, 0: 100 * 1/3 is cut to 33.
    assert_eq!(scores_of(&mut cache, json!({"app": "db"}), json!({})), [66, 0, 200, 200, 0]);
    assert_eq!(scores_of(&mut cache, json!({"app": "other"}), json!({})), [0; 5]);
}

#[test]
fn soft_spread_scores_the_emptier_domains() {
    let mut cache = cluster();
    for node in ["a0", "a0", "a1", "b0"] {
        place(&mut cache, node, json!({"app": "web"}), json!({}));
    }
    let soft = |constraints: Value| json!({"topologySpreadConstraints": constraints});
    // Two zones, so ln 4 = 1.386: sums 3 * 1.386 = 4.16 and 1.386, rounded 4 and 1; 100 * (4 + 1 - s) / 4.
    let zone = soft(json!([spread(1, "zone", "ScheduleAnyway")]));
    assert_eq!(scores_of(&mut cache, json!({"app": "web"}), zone), [50, 50, 200, 200, 0]);
    // Five hostnames, ln 7 = 1.946, and maxSkew - 1 = 4 each: 7.9, 5.9, 5.9, 4, 4; 100 * (8 + 4 - s) / 8.
    let host = soft(json!([spread(5, "kubernetes.io/hostname", "ScheduleAnyway")]));
    assert_eq!(scores_of(&mut cache, json!({"app": "web"}), host), [100, 150, 150, 200, 200]);
    // Nobody is there: all the same.
    let mut empty = cluster();
    let zone = soft(json!([spread(1, "zone", "ScheduleAnyway")]));
    assert_eq!(scores_of(&mut empty, json!({"app": "web"}), zone), [200, 200, 200, 200, 0]);
}

#[test]
fn the_score_of_a_sum_is_its_distance_from_the_most() {
    for (sum, min, max, want) in [(0, 0, 0, 100), (5, 5, 5, 100), (10, 5, 10, 50), (5, 5, 10, 100), (7, 2, 9, 44)] {
        assert_eq!(spread_score(sum, min, max), want, "{sum} {min} {max}");
    }
}
