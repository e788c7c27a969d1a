//! What a pod's spec says about other pods: affinity terms and topology spread constraints, compiled.
//!
//! Mirrors pkg/scheduler/framework/types.go (`AffinityTerm`, `PodInfo`) and plugins/podtopologyspread/common.go (v1.36).

use std::hash::Hasher;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodAffinityTerm, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use rustc_hash::{FxHashMap, FxHasher};
use seatrial_api::selector::Selector;
use seatrial_api::{Pod, Str, StrMap};

use crate::pod_index::PodIndex;

/// How much an existing pod's required affinity counts in scores. Mirrors `hardPodAffinityWeight`.
const HARD_POD_AFFINITY_WEIGHT: i64 = 1;

/// The labels of namespaces, by name.
pub(crate) type NamespaceLabels = FxHashMap<Str, StrMap>;

/// Which pods, and within which topology.
#[derive(Debug)]
pub(crate) struct Term {
    /// The same for terms that say the same.
    pub(crate) id: String,
    /// A hash of that.
    pub(crate) hash: u64,
    pub(crate) topology_key: Str,
    namespaces: Vec<Str>,
    namespace_selector: Option<Selector>,
    selector: Selector,
}

impl Term {
    /// Whether a pod with these labels is meant.
    pub(crate) fn matches(&self, namespace: &str, labels: &StrMap, all: &NamespaceLabels) -> bool {
        let in_namespace = self.namespaces.iter().any(|n| n == namespace)
            || self.namespace_selector.as_ref().is_some_and(|s| {
                s.is_everything() || all.get(namespace).is_some_and(|namespace_labels| s.matches(namespace_labels))
            });
        in_namespace && self.selector.matches(labels)
    }

    /// The labels that are meant.
    pub(crate) fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The pods of a namespace that a selector means.
    pub(crate) fn selecting(topology_key: &str, namespace: &Str, selector: &LabelSelector) -> Arc<Self> {
        Self::new(topology_key, vec![namespace.clone()], None, Some(selector))
    }

    /// Whether a pod is meant.
    pub(crate) fn matches_pod(&self, pod: &Pod, all: &NamespaceLabels) -> bool {
        self.matches(&pod.meta.namespace, &pod.meta.labels, all)
    }

    fn of_affinity(term: &PodAffinityTerm, pod: &Pod) -> Arc<Self> {
        let mut selector = term.label_selector.clone();
        require_label_keys(&mut selector, "In", term.match_label_keys.as_deref(), pod);
        require_label_keys(&mut selector, "NotIn", term.mismatch_label_keys.as_deref(), pod);
        let mut namespaces: Vec<Str> = term.namespaces.iter().flatten().map(|n| n.as_str().into()).collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.push(pod.meta.namespace.clone());
        }
        namespaces.sort();
        Self::new(&term.topology_key, namespaces, term.namespace_selector.as_ref(), selector.as_ref())
    }

    fn new(
        topology_key: &str,
        namespaces: Vec<Str>,
        namespace_selector: Option<&LabelSelector>,
        selector: Option<&LabelSelector>,
    ) -> Arc<Self> {
        let compile = |s: Option<&LabelSelector>| {
            Selector::from_optional_label_selector(s).unwrap_or_else(|_| Selector::nothing())
        };
        let id = format!("{topology_key} {namespaces:?} {namespace_selector:?} {selector:?}");
        let mut hasher = FxHasher::default();
        hasher.write(id.as_bytes());
        Arc::new(Self {
            id,
            hash: hasher.finish(),
            topology_key: topology_key.into(),
            namespaces,
            namespace_selector: namespace_selector.map(|s| compile(Some(s))),
            selector: compile(selector),
        })
    }
}

/// Adds the pod's own values of `keys` to a selector, unless the API server did.
fn require_label_keys(selector: &mut Option<LabelSelector>, operator: &str, keys: Option<&[String]>, pod: &Pod) {
    let Some(selector) = selector else { return };
    for key in keys.unwrap_or_default() {
        let Some(value) = pod.meta.labels.get(key) else { continue };
        let requirement = LabelSelectorRequirement {
            key: key.clone(),
            operator: operator.to_owned(),
            values: Some(vec![value.to_owned()]),
        };
        let all = selector.match_expressions.get_or_insert_default();
        if !all.contains(&requirement) {
            all.push(requirement);
        }
    }
}

/// A topology spread constraint.
#[derive(Debug)]
pub(crate) struct Spread {
    pub(crate) term: Arc<Term>,
    /// The number of the question which pods it means.
    pub(crate) question: u32,
    pub(crate) max_skew: i64,
    pub(crate) min_domains: i64,
    /// Whether only nodes count that the pod's node affinity allows.
    pub(crate) honors_affinity: bool,
    /// Whether only nodes count whose taints the pod tolerates.
    pub(crate) honors_taints: bool,
    /// Whether the pod itself is one of those that are spread.
    pub(crate) counts_itself: bool,
}

impl Spread {
    fn of(constraint: &TopologySpreadConstraint, pod: &Pod) -> Self {
        let mut selector = constraint.label_selector.clone();
        require_label_keys(&mut selector, "In", constraint.match_label_keys.as_deref(), pod);
        let namespaces = vec![pod.meta.namespace.clone()];
        let term = Term::new(&constraint.topology_key, namespaces, None, selector.as_ref());
        Self {
            counts_itself: term.selector.matches(&pod.meta.labels),
            term,
            question: 0,
            max_skew: constraint.max_skew.into(),
            min_domains: constraint.min_domains.unwrap_or(1).into(),
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }
}

/// Everything a pod says about other pods.
#[derive(Debug, Default)]
pub(crate) struct PodTerms {
    pub(crate) affinity: Vec<Arc<Term>>,
    pub(crate) anti_affinity: Vec<Arc<Term>>,
    /// Preferred terms with their weights, those of anti-affinity below zero.
    pub(crate) preferred: Vec<(i64, Arc<Term>)>,
    pub(crate) hard: Vec<Spread>,
    pub(crate) soft: Vec<Spread>,
    /// The numbers of the questions which pods the affinity terms mean together, each in its topology.
    pub(crate) affinity_questions: Vec<u32>,
    pub(crate) anti_affinity_questions: Vec<u32>,
    pub(crate) preferred_questions: Vec<u32>,
}

impl PodTerms {
    /// A pod's terms, if it has any; nothing can be asked about them yet.
    pub(crate) fn of(pod: &Pod) -> Option<Self> {
        if !Self::may_have(pod) {
            return None;
        }
        let (spec, mut terms) = (pod.spec.api(), Self::default());
        let affinity = spec.affinity.as_ref();
        if let Some(to) = affinity.and_then(|a| a.pod_affinity.as_ref()) {
            let required = to.required_during_scheduling_ignored_during_execution.iter().flatten();
            terms.affinity = required.map(|t| Term::of_affinity(t, pod)).collect();
            for term in to.preferred_during_scheduling_ignored_during_execution.iter().flatten() {
                terms.preferred.push((term.weight.into(), Term::of_affinity(&term.pod_affinity_term, pod)));
            }
        }
        if let Some(from) = affinity.and_then(|a| a.pod_anti_affinity.as_ref()) {
            let required = from.required_during_scheduling_ignored_during_execution.iter().flatten();
            terms.anti_affinity = required.map(|t| Term::of_affinity(t, pod)).collect();
            for term in from.preferred_during_scheduling_ignored_during_execution.iter().flatten() {
                terms.preferred.push((-i64::from(term.weight), Term::of_affinity(&term.pod_affinity_term, pod)));
            }
        }
        for constraint in spec.topology_spread_constraints.iter().flatten() {
            let hard = constraint.when_unsatisfiable == "DoNotSchedule";
            if hard { &mut terms.hard } else { &mut terms.soft }.push(Spread::of(constraint, pod));
        }
        Some(terms)
    }

    /// The same, with the numbers of what has to be asked about them.
    pub(crate) fn asking(mut self, index: &mut PodIndex) -> Self {
        for spread in self.hard.iter_mut().chain(&mut self.soft) {
            spread.question = index.question(std::slice::from_ref(&spread.term), &spread.term, true);
        }
        self.affinity_questions = self.affinity.iter().map(|t| index.question(&self.affinity, t, false)).collect();
        let mut alone = |term: &Arc<Term>| index.question(std::slice::from_ref(term), term, false);
        self.anti_affinity_questions = self.anti_affinity.iter().map(&mut alone).collect();
        self.preferred_questions = self.preferred.iter().map(|(_, term)| alone(term)).collect();
        self
    }

    /// Whether the pod may have terms, which is quick to say.
    pub(crate) fn may_have(pod: &Pod) -> bool {
        let spec = pod.spec.api();
        let affinity = spec.affinity.as_ref();
        spec.topology_spread_constraints.is_some()
            || affinity.is_some_and(|a| a.pod_affinity.is_some() || a.pod_anti_affinity.is_some())
    }

    /// What the pod's terms mean for those that come later: each with its weight, or none for what is forbidden.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (Option<i64>, &Arc<Term>)> {
        let forbidden = self.anti_affinity.iter().map(|t| (None, t));
        let required = self.affinity.iter().map(|t| (Some(HARD_POD_AFFINITY_WEIGHT), t));
        forbidden.chain(required).chain(self.preferred.iter().map(|(weight, t)| (Some(*weight), t)))
    }
}
