//! Groups of pods, questions and carriers, and which of them belong together.

use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_api::{Str, StrMap};

use super::{Carrier, EMPTY_MAX, Group, PodIndex, Question, RECENT_MAX, group_hash};
use crate::by_node::ByNode;
use crate::identity::shared_labels;
use crate::label_buckets::{LabelBuckets, pair_hash};
use crate::node_info::PodKind;
use crate::terms::Term;

impl PodIndex {
    /// The group of a kind of pods, which most often is that of one of the last pods.
    pub(super) fn group_of_kind(&mut self, kind: &Arc<PodKind>) -> u32 {
        if let Some((_, slot)) = self.recent.iter().find(|(known, _)| Arc::ptr_eq(known, kind)) {
            return *slot;
        }
        let slot = self.group_at(kind.hash, &kind.namespace, &kind.labels, kind.is_deleting);
        if self.recent.len() >= RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push((Arc::clone(kind), slot));
        slot
    }

    pub(super) fn group_of(&mut self, namespace: &Str, labels: &StrMap, is_deleting: bool) -> u32 {
        let shared = (!self.tells_siblings_apart).then(|| shared_labels(labels));
        let labels = shared.as_ref().unwrap_or(labels);
        self.group_at(group_hash(namespace, labels, is_deleting), namespace, labels, is_deleting)
    }

    fn group_at(&mut self, first: u64, namespace: &Str, labels: &StrMap, is_deleting: bool) -> u32 {
        let mut hash = first;
        while let Some(slot) = self.group_by_hash.get(&hash).copied() {
            let group = &self.groups[slot as usize];
            if group.is_deleting == is_deleting && group.namespace == *namespace && group.labels == *labels {
                return slot;
            }
            hash = hash.wrapping_add(1);
        }
        if self.groups.len() > 2 * self.full_groups + EMPTY_MAX {
            // Groups of pods that are gone make room; the others are numbered anew.
            self.groups.retain(|group| !group.by_node.is_empty());
            self.attach_all();
        }
        let (namespace, labels) = (namespace.clone(), labels.clone());
        self.add_group(Group { hash: first, namespace, labels, is_deleting, ..Group::default() })
    }

    fn add_group(&mut self, group: Group) -> u32 {
        let slot = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let mut hash = group.hash;
        while self.group_by_hash.contains_key(&hash) {
            hash = hash.wrapping_add(1);
        }
        self.group_by_hash.insert(hash, slot);
        self.groups.push(group);
        self.attach_group(slot);
        slot
    }

    /// Finds the questions and carriers that mean a group.
    fn attach_group(&mut self, slot: u32) {
        let group = &mut self.groups[slot as usize];
        for (key, value) in group.labels.iter() {
            self.groups_by_label.entry(pair_hash(key, value)).or_default().push(slot);
        }
        let mut questions = self.question_buckets.candidates(&group.labels);
        questions.retain(|q| {
            let question = &self.questions[*q as usize];
            !(question.ignores_terminating && group.is_deleting)
                && question.terms.iter().all(|t| group.is_meant_by(t, &self.namespaces))
        });
        for question in &questions {
            self.questions[*question as usize].groups.insert(slot);
        }
        let mut carriers = self.carrier_buckets.candidates(&group.labels);
        carriers.retain(|c| group.is_meant_by(&self.carriers[*c as usize].term, &self.namespaces));
        (group.questions, group.carriers) = (questions, carriers);
    }

    pub(super) fn attach_all(&mut self) {
        self.recent.clear();
        self.groups_by_label.clear();
        self.group_by_hash.clear();
        self.questions.iter_mut().for_each(|q| q.groups.clear());
        for group in std::mem::take(&mut self.groups) {
            self.add_group(group);
        }
    }

    /// The number of a question; the same for the same one.
    pub(crate) fn question(&mut self, terms: &[Arc<Term>], of: &Term, ignores_terminating: bool) -> u32 {
        let mut id = format!("{ignores_terminating} {}", of.topology_key);
        for term in terms {
            id.push('\n');
            id.push_str(&term.id);
        }
        if let Some(slot) = self.question_by_id.get(&id) {
            return *slot;
        }
        self.note_terms(terms);
        let slot = u32::try_from(self.questions.len()).unwrap_or(u32::MAX);
        let (terms, topology_key) = (terms.to_vec(), of.topology_key.clone());
        let mut question = Question { terms, topology_key, ignores_terminating, groups: BTreeSet::new(), sum: None };
        for group in self.candidate_groups(&question.terms) {
            let known = &mut self.groups[group as usize];
            let is_meant = question.terms.iter().all(|t| known.is_meant_by(t, &self.namespaces));
            if is_meant && !(ignores_terminating && known.is_deleting) {
                known.questions.push(slot);
                question.groups.insert(group);
            }
        }
        self.question_buckets.insert(slot, question.terms.iter().map(|t| t.selector()));
        self.question_by_id.insert(id, slot);
        self.questions.push(question);
        slot
    }

    /// How many questions are known.
    pub(crate) fn question_count(&self) -> usize {
        self.questions.len()
    }

    /// Forgets all questions; their numbers mean nothing any more.
    pub(crate) fn forget_questions(&mut self) {
        self.numbering += 1;
        self.questions.clear();
        self.question_by_id.clear();
        self.question_buckets.clear();
        self.groups.iter_mut().for_each(|group| group.questions.clear());
    }

    pub(super) fn carrier_of(&mut self, weight: Option<i64>, term: &Arc<Term>) -> u32 {
        let known = self.carriers_by_hash.get(&term.hash).into_iter().flatten();
        let is_same = |slot: &&u32| {
            let carrier = &self.carriers[**slot as usize];
            carrier.weight == weight && (Arc::ptr_eq(&carrier.term, term) || carrier.term.id == term.id)
        };
        if let Some(slot) = known.into_iter().find(is_same) {
            return *slot;
        }
        if self.carriers.len() > 2 * self.full_carriers + EMPTY_MAX {
            self.drop_empty_carriers();
        }
        let carrier = Carrier { weight, term: Arc::clone(term), by_node: ByNode::default(), sum: None };
        self.attach_carrier(carrier)
    }

    fn attach_carrier(&mut self, carrier: Carrier) -> u32 {
        self.note_terms(std::slice::from_ref(&carrier.term));
        self.carrier_version += 1;
        let slot = u32::try_from(self.carriers.len()).unwrap_or(u32::MAX);
        for group in self.candidate_groups(std::slice::from_ref(&carrier.term)) {
            let known = &mut self.groups[group as usize];
            if known.is_meant_by(&carrier.term, &self.namespaces) {
                known.carriers.push(slot);
            }
        }
        self.carriers_by_hash.entry(carrier.term.hash).or_default().push(slot);
        self.carrier_buckets.insert(slot, [carrier.term.selector()]);
        self.carriers.push(carrier);
        slot
    }

    fn drop_empty_carriers(&mut self) {
        self.numbering += 1;
        let carriers = std::mem::take(&mut self.carriers);
        self.carriers_by_hash.clear();
        self.carrier_buckets.clear();
        self.groups.iter_mut().for_each(|group| group.carriers.clear());
        for carrier in carriers.into_iter().filter(|c| !c.by_node.is_empty()) {
            self.attach_carrier(carrier);
        }
    }

    /// Groups that all of these terms may mean.
    fn candidate_groups(&self, terms: &[Arc<Term>]) -> Vec<u32> {
        match terms.iter().find_map(|t| LabelBuckets::bucket(t.selector())) {
            Some(hash) => self.groups_by_label.get(&hash).cloned().unwrap_or_default(),
            None => (0..u32::try_from(self.groups.len()).unwrap_or(u32::MAX)).collect(),
        }
    }
}
