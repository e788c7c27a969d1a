//! How many pods each affinity term and spread constraint means, by topology domain, kept as pods come and go.
//!
//! Mirrors what plugins/interpodaffinity and plugins/podtopologyspread compute in PreFilter and PreScore (v1.36).
//! Differs: upstream walks all pods for every pod. Here pods with the same labels are one group, a selector is asked once
//! a group, and what a selector means in a topology is added up from its groups when it is wanted and follows the pods.

mod groups;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, Str, StrMap};

use crate::by_node::ByNode;
use crate::identity::asks_who;
use crate::label_buckets::{LabelBuckets, pair_hash};
use crate::node_info::{NodeInfo, PodKind};
use crate::sums::{ByDomain, NO_DOMAIN, Sum, Topology};
use crate::terms::{NamespaceLabels, Term};

/// How many sums are kept: more are made again from their groups.
const SUMS_MAX: usize = 256;
/// The groups of how many kinds of pods are kept at hand.
const RECENT_MAX: usize = 16;
/// Of how many groups or carriers without pods there may be more than of those with.
const EMPTY_MAX: usize = if cfg!(test) { 16 } else { 1024 };
/// What is counted by domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The pods that a question means.
    Question(u32),
    /// The pods that have a term.
    Carrier(u32),
}

/// Pods of one namespace with the same labels, by the number of their node.
#[derive(Debug, Default)]
struct Group {
    /// See [`group_hash`].
    hash: u64,
    namespace: Str,
    labels: StrMap,
    is_deleting: bool,
    by_node: ByNode,
    questions: Vec<u32>,
    carriers: Vec<u32>,
}

impl Group {
    fn is_meant_by(&self, term: &Term, all: &NamespaceLabels) -> bool {
        term.matches(&self.namespace, &self.labels, all)
    }
}

/// The pods that all of some terms mean, in the topology of one of them.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) terms: Vec<Arc<Term>>,
    pub(crate) topology_key: Str,
    pub(crate) ignores_terminating: bool,
    groups: BTreeSet<u32>,
    sum: Option<Sum>,
}

/// The existing pods that have a term.
#[derive(Debug)]
struct Carrier {
    /// What it weighs in scores; `None` forbids.
    weight: Option<i64>,
    term: Arc<Term>,
    by_node: ByNode,
    sum: Option<Sum>,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct PodIndex {
    pub(crate) namespaces: NamespaceLabels,
    /// Rises when nodes or their labels change: sums of before are made again.
    epoch: u64,
    /// The places of nodes by their numbers, as of an epoch.
    place_of: (u64, Vec<u32>),
    topologies: Vec<Topology>,
    groups: Vec<Group>,
    group_by_hash: FxHashMap<u64, u32>,
    groups_by_label: FxHashMap<u64, Vec<u32>>,
    full_groups: usize,
    questions: Vec<Question>,
    question_by_id: FxHashMap<String, u32>,
    question_buckets: LabelBuckets,
    carriers: Vec<Carrier>,
    carriers_by_hash: FxHashMap<u64, Vec<u32>>,
    carrier_buckets: LabelBuckets,
    full_carriers: usize,
    sum_count: usize,
    /// How often all sums were dropped to make room.
    dropped: u64,
    /// The groups of the kinds of pods that were counted last.
    recent: Vec<(Arc<PodKind>, u32)>,
    /// How many nodes' counts of alike pods were added up.
    walked: u64,
    /// Rises when carriers are numbered anew, get their first pod or lose their last, or may mean other groups.
    carrier_version: u64,
    /// Rises when numbers of questions or carriers come to mean others.
    numbering: u64,
    /// Whether a question or carrier asks who a pod is, or one ever did: then the groups of siblings are taken apart.
    tells_siblings_apart: bool,
    /// Whether they are still to be taken apart.
    has_whole_siblings: bool,
}

/// A number for pods of one namespace with the same labels.
pub(crate) fn group_hash(namespace: &Str, labels: &StrMap, is_deleting: bool) -> u64 {
    let start = pair_hash(namespace, if is_deleting { "deleting" } else { "" });
    labels.iter().fold(start, |hash, (k, v)| hash.rotate_left(7).wrapping_add(pair_hash(k, v)))
}

impl PodIndex {
    /// Nodes came, went or changed their labels.
    pub(crate) fn clear(&mut self) {
        self.epoch += 1;
        self.topologies.clear();
        self.sum_count = 0;
    }

    /// Labels of namespaces changed: selectors of namespaces may mean other groups.
    pub(crate) fn set_namespace(&mut self, name: Str, labels: StrMap) {
        self.namespaces.insert(name, labels);
        self.clear();
        self.attach_all();
    }

    /// A namespace is gone.
    pub(crate) fn remove_namespace(&mut self, name: &Str) {
        self.namespaces.remove(name);
        self.carrier_version += 1;
    }

    /// Changes whenever what is said by or about pods may be counted under other numbers, or not at all.
    pub(crate) fn version(&self) -> (u64, u64, u64) {
        (self.epoch, self.numbering, self.carrier_version)
    }

    /// Changes whenever numbers of topologies, questions or carriers may mean others.
    pub(crate) fn numbering(&self) -> (u64, u64) {
        (self.epoch, self.numbering)
    }

    /// Whether siblings are kinds of their own.
    pub(crate) fn tells_siblings_apart(&self) -> bool {
        self.tells_siblings_apart
    }

    /// Hears what is asked for.
    fn note_terms(&mut self, terms: &[Arc<Term>]) {
        if !self.tells_siblings_apart && terms.iter().any(|term| asks_who(term.selector())) {
            (self.tells_siblings_apart, self.has_whole_siblings) = (true, true);
        }
    }

    /// Hears what pods of a kind say about others, before they are counted.
    pub(crate) fn note_kind(&mut self, kind: &PodKind) {
        for (_, term) in kind.terms.iter().flat_map(|terms| terms.carried()) {
            self.note_terms(std::slice::from_ref(term));
        }
    }

    /// Whether all pods are to be counted anew, since somebody asks who they are. Then none is counted any more.
    pub(crate) fn forget_siblings(&mut self) -> bool {
        if !std::mem::take(&mut self.has_whole_siblings) {
            return false;
        }
        self.clear();
        self.carrier_version += 1;
        self.groups.clear();
        self.group_by_hash.clear();
        self.groups_by_label.clear();
        self.recent.clear();
        (self.full_groups, self.full_carriers) = (0, 0);
        for question in &mut self.questions {
            (question.groups, question.sum) = (BTreeSet::new(), None);
        }
        for carrier in &mut self.carriers {
            (carrier.by_node, carrier.sum) = (ByNode::default(), None);
        }
        true
    }

    /// A pod came to a node (`by` 1) or went (-1).
    pub(crate) fn count(&mut self, node: &NodeInfo, index: usize, kind: &Arc<PodKind>, by: i32) {
        let slot = self.group_of_kind(kind);
        let group = &mut self.groups[slot as usize];
        let was_empty = group.by_node.is_empty();
        group.by_node.adjust(node.id, by);
        match (was_empty, group.by_node.is_empty()) {
            (true, false) => self.full_groups += 1,
            (false, true) => self.full_groups -= 1,
            _ => {}
        }
        for question in &group.questions {
            if let Some(sum) = self.questions[*question as usize].sum.as_mut().filter(|s| s.epoch == self.epoch) {
                sum.add(&self.topologies[sum.topology], index, by);
            }
        }
        for (weight, term) in kind.terms.iter().flat_map(|t| t.carried()) {
            self.carry(node.id, index, (weight, term), by);
        }
    }

    fn carry(&mut self, node: u32, index: usize, (weight, term): (Option<i64>, &Arc<Term>), by: i32) {
        let slot = self.carrier_of(weight, term);
        let carrier = &mut self.carriers[slot as usize];
        let was_empty = carrier.by_node.is_empty();
        carrier.by_node.adjust(node, by);
        self.carrier_version += u64::from(was_empty != carrier.by_node.is_empty());
        match (was_empty, carrier.by_node.is_empty()) {
            (true, false) => self.full_carriers += 1,
            (false, true) => self.full_carriers -= 1,
            _ => {}
        }
        if let Some(sum) = carrier.sum.as_mut().filter(|s| s.epoch == self.epoch) {
            sum.add(&self.topologies[sum.topology], index, by);
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
        let (domain_count, is_everywhere) = (numbers.len(), !domain_of.contains(&NO_DOMAIN));
        let is_one_each = is_everywhere && domain_count == domain_of.len();
        let domain_of = Arc::new(domain_of);
        self.topologies.push(Topology { key: key.clone(), domain_of, domain_count, is_everywhere, is_one_each });
        self.topologies.len() - 1
    }

    /// A topology by its number.
    pub(crate) fn topology_at(&self, at: usize) -> &Topology {
        &self.topologies[at]
    }

    /// What a question's pods come to in its topology, and how many there are in any domain.
    pub(crate) fn ask(&mut self, nodes: &[NodeInfo], question: u32) -> (ByDomain, i64) {
        self.refresh(nodes, Source::Question(question));
        self.sum_at(self.sum(Source::Question(question)))
    }

    fn ask_carrier(&mut self, nodes: &[NodeInfo], carrier: u32) -> ByDomain {
        self.refresh(nodes, Source::Carrier(carrier));
        self.sum_at(self.sum(Source::Carrier(carrier))).0
    }

    /// Adds up what is counted, unless that is known.
    pub(crate) fn refresh(&mut self, nodes: &[NodeInfo], source: Source) {
        if self.sum(source).is_some_and(|s| s.epoch == self.epoch) {
            return;
        }
        self.find_places(nodes);
        let topology = self.topology_of(nodes, source);
        let (sum, walked) = match source {
            Source::Question(slot) => {
                let groups = self.questions[slot as usize].groups.iter();
                self.sum_of(topology, groups.map(|group| &self.groups[*group as usize].by_node))
            }
            Source::Carrier(slot) => self.sum_of(topology, std::iter::once(&self.carriers[slot as usize].by_node)),
        };
        self.walked += walked;
        self.keep_sums();
        *self.sum_mut(source) = Some(sum);
    }

    /// The number of the topology in which something is counted.
    pub(crate) fn topology_of(&mut self, nodes: &[NodeInfo], source: Source) -> usize {
        let key = match source {
            Source::Question(slot) => self.questions[slot as usize].topology_key.clone(),
            Source::Carrier(slot) => self.carriers[slot as usize].term.topology_key.clone(),
        };
        self.topology(nodes, &key)
    }

    fn sum(&self, source: Source) -> Option<&Sum> {
        match source {
            Source::Question(slot) => self.questions[slot as usize].sum.as_ref(),
            Source::Carrier(slot) => self.carriers[slot as usize].sum.as_ref(),
        }
    }

    fn sum_mut(&mut self, source: Source) -> &mut Option<Sum> {
        match source {
            Source::Question(slot) => &mut self.questions[slot as usize].sum,
            Source::Carrier(slot) => &mut self.carriers[slot as usize].sum,
        }
    }

    /// What was added up by domain; nothing where it has to be made anew.
    pub(crate) fn counts(&self, source: Source) -> &[i32] {
        self.sum(source).filter(|s| s.epoch == self.epoch).map_or(&[], |s| &s.counts)
    }

    /// How many were added up that are in any domain.
    pub(crate) fn total(&self, source: Source) -> i64 {
        self.sum(source).map_or(0, |s| s.total)
    }

    /// The fewest that were added up in any domain, and how many domains there are.
    pub(crate) fn least(&mut self, source: Source) -> (i32, usize) {
        self.sum_mut(source).as_mut().map_or((i32::MAX, 0), |sum| (sum.least(), sum.counts.len()))
    }

    fn sum_at(&self, sum: Option<&Sum>) -> (ByDomain, i64) {
        let Some(sum) = sum else { return (ByDomain { domain_of: Arc::default(), counts: Vec::new() }, 0) };
        let domain_of = Arc::clone(&self.topologies[sum.topology].domain_of);
        (ByDomain { domain_of, counts: sum.counts.clone() }, sum.total)
    }

    /// How often all sums were dropped to make room for others.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many nodes' counts of pods alike were added up so far.
    pub(crate) fn walked(&self) -> u64 {
        self.walked
    }

    fn sum_of<'a>(&self, topology: usize, parts: impl Iterator<Item = &'a ByNode>) -> (Sum, u64) {
        let of = &self.topologies[topology];
        let (mut sum, mut walked) = (Sum::nothing(self.epoch, topology, of.domain_count), 0);
        for part in parts {
            part.for_each(|node, count| {
                let place = self.place_of.1.get(node as usize).copied().unwrap_or(NO_DOMAIN);
                sum.add(of, place as usize, count);
                walked += 1;
            });
        }
        (sum, walked)
    }

    /// Makes room for one more sum.
    fn keep_sums(&mut self) {
        self.sum_count += 1;
        if self.sum_count > SUMS_MAX {
            self.dropped += 1;
            self.questions.iter_mut().for_each(|q| q.sum = None);
            self.carriers.iter_mut().for_each(|c| c.sum = None);
            self.sum_count = 1;
        }
    }

    fn find_places(&mut self, nodes: &[NodeInfo]) {
        if self.place_of.0 == self.epoch && !self.place_of.1.is_empty() {
            return;
        }
        let numbers = nodes.iter().map(|n| n.id as usize + 1).max().unwrap_or(0);
        let mut places = vec![NO_DOMAIN; numbers];
        for (place, node) in (0u32..).zip(nodes) {
            places[node.id as usize] = place;
        }
        self.place_of = (self.epoch, places);
    }

    /// The pods of a question by the places of their nodes.
    pub(crate) fn by_node(&mut self, nodes: &[NodeInfo], question: u32) -> Vec<i32> {
        self.find_places(nodes);
        let mut counts = vec![0; nodes.len()];
        self.walked += nodes.len() as u64;
        for group in &self.questions[question as usize].groups {
            self.groups[*group as usize].by_node.for_each(|node, count| {
                let place = self.place_of.1.get(node as usize).copied().unwrap_or(NO_DOMAIN);
                if let Some(at) = counts.get_mut(place as usize) {
                    *at += count;
                }
            });
        }
        counts
    }

    /// What existing pods say about a pod: each of their terms, with its weight or none for what is forbidden.
    pub(crate) fn carriers_about(&mut self, pod: &Pod) -> Vec<(Source, Option<i64>)> {
        if self.full_carriers == 0 {
            return Vec::new();
        }
        let group = self.group_of(&pod.meta.namespace, &pod.meta.labels, false);
        let carriers = self.groups[group as usize].carriers.iter();
        let full = carriers.filter(|slot| !self.carriers[**slot as usize].by_node.is_empty());
        full.map(|slot| (Source::Carrier(*slot), self.carriers[*slot as usize].weight)).collect()
    }

    /// What existing pods say about a pod: where it is forbidden, or what a place near them weighs.
    pub(crate) fn spoken_of(&mut self, nodes: &[NodeInfo], pod: &Pod, forbids: bool) -> Vec<(i64, ByDomain)> {
        if self.full_carriers == 0 {
            return Vec::new();
        }
        let group = self.group_of(&pod.meta.namespace, &pod.meta.labels, false);
        let concerns = |slot: &&u32| {
            let carrier = &self.carriers[**slot as usize];
            carrier.weight.is_none() == forbids && !carrier.by_node.is_empty()
        };
        let carriers: Vec<u32> = self.groups[group as usize].carriers.iter().filter(concerns).copied().collect();
        let weighted = |slot: u32| (self.carriers[slot as usize].weight.unwrap_or(0), self.ask_carrier(nodes, slot));
        carriers.into_iter().map(weighted).collect()
    }
}

#[cfg(test)]
#[path = "pod_index_tests.rs"]
mod tests;
