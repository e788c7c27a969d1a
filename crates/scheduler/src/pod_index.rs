//! How many pods each affinity term and spread constraint means, by node and by topology domain, kept as pods come and go.
//!
//! Mirrors what plugins/interpodaffinity and plugins/podtopologyspread compute in PreFilter and PreScore (v1.36).
//! Differs: upstream walks all pods for every pod; here a selector's counts are made once and follow the pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, PodSpec, Str, StrMap};

use crate::node_info::{CountedPod, NodeInfo};
use crate::terms::{NamespaceLabels, PodTerms, Term};

/// How many selectors' counts are kept.
const COUNTERS_MAX: usize = 64;
/// How many specs' compiled terms are kept.
const SPECS_MAX: usize = 16;
/// The domain of a node without the topology's label.
pub(crate) const NO_DOMAIN: u32 = u32::MAX;

/// The nodes of one topology key, each with the number of its domain.
#[derive(Debug)]
pub(crate) struct Topology {
    key: Str,
    pub(crate) domain_of: Arc<Vec<u32>>,
    pub(crate) domain_count: usize,
}

/// The pods that all of some terms mean.
#[derive(Debug)]
pub(crate) struct Counter {
    id: String,
    terms: Vec<Arc<Term>>,
    topology: usize,
    ignores_terminating: bool,
    pub(crate) by_node: Vec<i32>,
    pub(crate) by_domain: Vec<i32>,
    /// How many there are in any domain.
    pub(crate) total: i64,
}

/// The existing pods that have a term.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// What it weighs in scores; `None` forbids.
    pub(crate) weight: Option<i64>,
    term: Arc<Term>,
    pub(crate) topology: usize,
    pub(crate) by_domain: Vec<i32>,
    total: i64,
}

#[derive(Debug)]
struct KnownTerms {
    spec: Arc<PodSpec>,
    namespace: Str,
    labels: StrMap,
    terms: Option<Arc<PodTerms>>,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct PodIndex {
    topologies: Vec<Topology>,
    counters: Vec<Counter>,
    carriers: BTreeMap<(Option<i64>, String), Carrier>,
    known: Vec<KnownTerms>,
    pub(crate) namespaces: NamespaceLabels,
    /// Whether nodes changed so that everything has to be counted again.
    is_stale: bool,
    /// How many pods with terms are placed, so that a cluster without any has nothing to count again.
    carrier_pods: i64,
}

impl PodIndex {
    /// Nodes came, went or changed their labels.
    pub(crate) fn clear(&mut self) {
        self.is_stale = true;
    }

    /// A pod's terms.
    pub(crate) fn terms_of(&mut self, pod: &Pod) -> Option<Arc<PodTerms>> {
        if !PodTerms::may_have(pod) {
            return None;
        }
        let is_same = |k: &KnownTerms| {
            Arc::ptr_eq(&k.spec, &pod.spec) && k.namespace == pod.meta.namespace && k.labels == pod.meta.labels
        };
        if let Some(at) = self.known.iter().position(is_same) {
            self.known[..=at].rotate_right(1);
            return self.known.first().and_then(|k| k.terms.clone());
        }
        let terms = PodTerms::of(pod);
        self.known.truncate(SPECS_MAX - 1);
        let (spec, namespace, labels) = (Arc::clone(&pod.spec), pod.meta.namespace.clone(), pod.meta.labels.clone());
        self.known.insert(0, KnownTerms { spec, namespace, labels, terms: terms.clone() });
        terms
    }

    /// A pod came to a node (`by` 1) or went (-1).
    pub(crate) fn count(&mut self, node: &NodeInfo, index: usize, pod: &CountedPod, by: i32) {
        self.carrier_pods += i64::from(pod.terms.is_some()) * i64::from(by);
        if self.is_stale {
            return;
        }
        for counter in &mut self.counters {
            counter.count(&self.topologies[counter.topology], index, pod, by, &self.namespaces);
        }
        let Some(terms) = &pod.terms else { return };
        for (weight, term) in terms.carried() {
            self.carry(node, index, (weight, term), by);
        }
    }

    fn carry(&mut self, node: &NodeInfo, index: usize, (weight, term): (Option<i64>, &Arc<Term>), by: i32) {
        if node.labels.get(&term.topology_key).is_none() {
            return;
        }
        let key = (weight, term.id.clone());
        if !self.carriers.contains_key(&key) {
            let Some(topology) = self.topologies.iter().position(|t| t.key == term.topology_key) else {
                // Not told apart yet: the next look at the nodes counts this pod too.
                self.is_stale = true;
                return;
            };
            let (term, by_domain) = (Arc::clone(term), vec![0; self.topologies[topology].domain_count]);
            self.carriers.insert(key.clone(), Carrier { weight, term, topology, by_domain, total: 0 });
        }
        let Some(carrier) = self.carriers.get_mut(&key) else { return };
        let domain = self.topologies[carrier.topology].domain_of.get(index).copied().unwrap_or(NO_DOMAIN);
        if let Some(count) = carrier.by_domain.get_mut(domain as usize) {
            *count += by;
        }
        carrier.total += i64::from(by);
        if carrier.total <= 0 {
            self.carriers.remove(&key);
        }
    }

    /// Counts everything again if nodes changed.
    pub(crate) fn refresh(&mut self, nodes: &[NodeInfo]) {
        if !self.is_stale {
            return;
        }
        self.is_stale = false;
        (self.counters, self.topologies) = (Vec::new(), Vec::new());
        self.carriers.clear();
        if self.carrier_pods <= 0 {
            return;
        }
        for (index, node) in nodes.iter().enumerate() {
            for pod in node.pods.values() {
                for (weight, term) in pod.terms.iter().flat_map(|t| t.carried()) {
                    self.topology(nodes, &term.topology_key);
                    self.carry(node, index, (weight, term), 1);
                }
            }
        }
    }

    /// The number of a topology.
    pub(crate) fn topology(&mut self, nodes: &[NodeInfo], key: &Str) -> usize {
        if let Some(at) = self.topologies.iter().position(|t| t.key == *key) {
            return at;
        }
        let mut numbers: FxHashMap<&str, u32> = FxHashMap::default();
        let mut domain_of = Vec::with_capacity(nodes.len());
        for node in nodes {
            let next = u32::try_from(numbers.len()).unwrap_or(NO_DOMAIN);
            domain_of.push(node.labels.get(key).map_or(NO_DOMAIN, |value| *numbers.entry(value).or_insert(next)));
        }
        let domain_count = numbers.len();
        self.topologies.push(Topology { key: key.clone(), domain_of: Arc::new(domain_of), domain_count });
        self.topologies.len() - 1
    }

    /// A topology by its number.
    pub(crate) fn topology_at(&self, at: usize) -> &Topology {
        &self.topologies[at]
    }

    /// The counts of the pods that all of `terms` mean, within the topology of `of`; made on first use.
    pub(crate) fn counter(
        &mut self,
        nodes: &[NodeInfo],
        terms: &[Arc<Term>],
        of: &Term,
        ignores_terminating: bool,
    ) -> &Counter {
        let mut id = format!("{ignores_terminating} {}", of.topology_key);
        for term in terms {
            id.push('\n');
            id.push_str(&term.id);
        }
        if let Some(at) = self.counters.iter().position(|c| c.id == id) {
            self.counters[..=at].rotate_right(1);
            return &self.counters[0];
        }
        let topology = self.topology(nodes, &of.topology_key);
        let mut counter = Counter {
            id,
            terms: terms.to_vec(),
            topology,
            ignores_terminating,
            by_node: vec![0; nodes.len()],
            by_domain: vec![0; self.topologies[topology].domain_count],
            total: 0,
        };
        for (index, node) in nodes.iter().enumerate() {
            for pod in node.pods.values() {
                counter.count(&self.topologies[topology], index, pod, 1, &self.namespaces);
            }
        }
        self.counters.truncate(COUNTERS_MAX - 1);
        self.counters.insert(0, counter);
        &self.counters[0]
    }

    /// The terms of existing pods that mean this pod.
    pub(crate) fn carriers_for<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a Carrier> {
        let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
        self.carriers.values().filter(move |c| c.term.matches(namespace, labels, &self.namespaces))
    }
}

impl Counter {
    fn count(&mut self, topology: &Topology, index: usize, pod: &CountedPod, by: i32, all: &NamespaceLabels) {
        if (self.ignores_terminating && pod.is_deleting)
            || !self.terms.iter().all(|t| t.matches(&pod.namespace, &pod.labels, all))
        {
            return;
        }
        if let Some(count) = self.by_node.get_mut(index) {
            *count += by;
        }
        let domain = topology.domain_of.get(index).copied().unwrap_or(NO_DOMAIN);
        if let Some(count) = self.by_domain.get_mut(domain as usize) {
            *count += by;
            self.total += i64::from(by);
        }
    }
}
