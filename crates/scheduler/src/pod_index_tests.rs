//! The index says at any time what a walk over all pods would say.

use seatrial_api::Slot;
use seatrial_machinery::Rng;
use serde_json::json;

use super::*;
use crate::cache::{Cache, CountedPod};
use crate::node_info::PodKinds;
use crate::terms::PodTerms;
use crate::test_objects::{deleting, node, pod};

/// A spec that is at a distance from `app` by hostname, by zone, or is not.
fn spec(kind: u64, app: &str) -> serde_json::Value {
    let key = if kind == 1 { "kubernetes.io/hostname" } else { "zone" };
    let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
    match kind {
        0 => json!({}),
        _ => json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}),
    }
}

/// How many pods of the terms are in the domain of each node, by walking.
fn walk(cache: &Cache, terms: &[Arc<Term>], key: &str, ignores_terminating: bool) -> Vec<Option<i64>> {
    let all = &cache.index.namespaces;
    let meant = |(_, pod): &(Slot, &CountedPod)| {
        let kind = &pod.kind;
        !(ignores_terminating && kind.is_deleting) && terms.iter().all(|t| t.matches(&kind.namespace, &pod.labels, all))
    };
    let on = |at: usize| cache.pods_on(at).filter(meant).count() as i64;
    let value = |n: &NodeInfo| n.labels.get(key).map(str::to_owned);
    let is_in = |at: &usize, of: &str| cache.nodes[*at].labels.get(key) == Some(of);
    let sum = |of: &str| (0..cache.nodes.len()).filter(|at| is_in(at, of)).map(on).sum();
    cache.nodes.iter().map(|n| value(n).map(|v| sum(&v))).collect()
}

#[test]
fn counts_follow_pods_nodes_and_labels() {
    let apps = ["a", "b", "c"];
    let mut rng = Rng::from_seed(3);
    let mut cache = Cache::default();
    let asked: Vec<(Vec<Arc<Term>>, &str, bool)> = (0..12)
        .map(|i| {
            let key = if i % 2 == 0 { "kubernetes.io/hostname" } else { "zone" };
            let of = |app: &str| {
                let terms = PodTerms::of(&pod("p", json!({}), spec(1 + i % 2, app))).expect("it has terms");
                Arc::clone(&terms.anti_affinity[0])
            };
            let mut terms = vec![of(apps[i as usize % 3])];
            if i > 8 {
                terms.push(of("a"));
            }
            (terms, key, i % 4 < 2)
        })
        .collect();
    let mut placed: Vec<(String, Pod)> = Vec::new();
    for step in 0..1500u64 {
        match rng.below(12) {
            0 => {
                let zone = ["x", "y", "z"][rng.below(3) as usize];
                let labels = if rng.below(4) == 0 { json!({}) } else { json!({"zone": zone}) };
                cache.set_node(&node(&format!("n{}", rng.below(12)), labels, json!({})), Vec::new);
            }
            1 if cache.nodes.len() > 3 => {
                let name = cache.nodes[rng.below(cache.nodes.len() as u64) as usize].name.clone();
                placed.retain(|(node, _)| *node != name.as_str());
                cache.remove_node(&name);
            }
            2 => cache.order_nodes(),
            3..=5 if !placed.is_empty() => {
                let (node, pod) = placed.swap_remove(rng.below(placed.len() as u64) as usize);
                let index = cache.index_of[node.as_str()];
                assert!(cache.remove(index, &pod).is_some());
            }
            _ if !cache.nodes.is_empty() => {
                let app = apps[rng.below(3) as usize];
                let mut pod = Pod::clone(&pod(
                    &format!("p{step}"),
                    json!({"app": app, "step": step.to_string()}),
                    spec(rng.below(3), apps[rng.below(3) as usize]),
                ));
                if rng.below(5) == 0 {
                    pod = deleting(&pod);
                }
                let index = rng.below(cache.nodes.len() as u64) as usize;
                let kind = PodKinds::default().of(&pod, false, || PodTerms::of(&pod).map(Arc::new));
                cache.put(index, &pod, kind);
                placed.push((cache.nodes[index].name.to_string(), pod));
            }
            _ => {}
        }
        let (terms, key, ignores) = &asked[step as usize % asked.len()];
        let question = cache.index.question(terms, &terms[0], *ignores);
        let (by_domain, _) = cache.index.ask(&cache.nodes, question);
        let got: Vec<Option<i64>> = (0..cache.nodes.len()).map(|n| by_domain.get(n)).collect();
        assert_eq!(got, walk(&cache, terms, key, *ignores), "step {step}");
        check_forbidden(&mut cache, apps[step as usize % 3], step);
        if step % 400 == 399 {
            cache.index.forget_questions();
        }
    }
    let (groups, full) = (cache.index.groups.len(), cache.index.full_groups);
    assert!(groups <= 2 * full + EMPTY_MAX + 1, "{groups} groups, {full} of them with pods");
}

/// Pods of sets come and go; from some time on somebody asks who they are, as a question or as what a pod says of others.
#[test]
fn siblings_are_counted_together_until_somebody_asks_who_they_are() {
    const INDEX: &str = "apps.kubernetes.io/pod-index";
    let term_of = |labels: serde_json::Value| {
        let term = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": labels}});
        let spec = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}});
        let terms = PodTerms::of(&pod("p", json!({}), spec.clone())).expect("it has terms");
        (Arc::clone(&terms.anti_affinity[0]), spec)
    };
    let (of_app, who) = (term_of(json!({"app": "a"})), term_of(json!({"app": "a", INDEX: "1"})));
    // Who asks first: a question, or a pod that comes.
    for is_said_by_pod in [false, true] {
        let mut rng = Rng::from_seed(8);
        let mut cache = Cache::default();
        for n in 0..4 {
            cache.set_node(&node(&format!("n{n}"), json!({"zone": format!("z{}", n % 2)}), json!({})), Vec::new);
        }
        // The pods of a template share their spec.
        let of_set = ["a", "b"].map(|app| pod(app, json!({"app": app}), json!({})));
        let mut placed: Vec<(usize, Pod)> = Vec::new();
        for step in 0..400u64 {
            if rng.below(3) == 0 && !placed.is_empty() {
                let (index, pod) = placed.swap_remove(rng.below(placed.len() as u64) as usize);
                assert!(cache.remove(index, &pod).is_some());
            } else {
                let mut pod = Pod::clone(&of_set[rng.below(2) as usize]);
                pod.meta.labels.insert(INDEX, rng.below(3).to_string());
                pod.meta.slot = crate::test_objects::next_slot();
                let index = rng.below(4) as usize;
                assert!(cache.count(index, &pod));
                // Who it is may change while it is there.
                pod.meta.labels.insert(INDEX, rng.below(3).to_string());
                cache.count(index, &pod);
                placed.push((index, pod));
            }
            if step < 200 {
                assert!(cache.index.groups.len() <= 2 && !cache.index.tells_siblings_apart());
            } else if is_said_by_pod && step == 200 {
                let said = pod("says", json!({"app": "c"}), who.1.clone());
                assert!(cache.count(1, &said));
            }
            let terms = if step < 250 { [&of_app.0] } else { [&who.0] }.map(Arc::clone);
            let question = cache.index.question(&terms, &terms[0], false);
            cache.tell_siblings_apart();
            let (by_domain, _) = cache.index.ask(&cache.nodes, question);
            let got: Vec<Option<i64>> = (0..cache.nodes.len()).map(|n| by_domain.get(n)).collect();
            assert_eq!(got, walk(&cache, &terms, "zone", false), "step {step}");
            check_forbidden(&mut cache, "a", step);
        }
        assert!(cache.index.tells_siblings_apart() && cache.index.groups.len() >= 6);
    }
}

/// Nodes that existing pods forbid, against a walk over their terms.
fn check_forbidden(cache: &mut Cache, app: &str, step: u64) {
    let incoming = pod("incoming", json!({"app": app}), json!({}));
    let forbidding = cache.index.spoken_of(&cache.nodes, &incoming, true);
    for (at, node) in cache.nodes.iter().enumerate() {
        let forbids = |(other, term): (&NodeInfo, &Arc<Term>)| {
            let value = node.labels.get(&term.topology_key);
            value.is_some()
                && other.labels.get(&term.topology_key) == value
                && term.matches_pod(&incoming, &cache.index.namespaces)
        };
        let terms = |at: usize| -> Vec<Arc<Term>> {
            let pods = cache.pods_on(at);
            pods.flat_map(|(_, pod)| pod.kind.terms.iter().flat_map(|t| t.anti_affinity.clone())).collect()
        };
        let says = |(at, n)| terms(at).iter().any(|term| forbids((n, term)));
        let want = cache.nodes.iter().enumerate().any(says);
        let got = forbidding.iter().any(|(_, by_domain)| by_domain.get(at) > Some(0));
        assert_eq!(got, want, "step {step} node {}", node.name);
    }
}
