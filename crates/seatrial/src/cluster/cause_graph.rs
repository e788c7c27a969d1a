//! What led to what: the trace as a graph, from causes to what followed from them.

use petgraph::Direction;
use petgraph::dot::{Config, Dot};
use petgraph::graph::{DiGraph, NodeIndex};
use seatrial_api::ObjectKey;
use seatrial_engine::GoDuration;

use super::trace::{TraceRecord, What};

/// The records of a trace, with an edge from each record to those that it caused. A record has one cause at most, so
/// the graph is a forest: each tree begins with a call of the user, a timer, or what an actor did of its own accord.
#[derive(Clone, Debug, Default)]
pub struct CauseGraph(DiGraph<TraceRecord, ()>);

impl CauseGraph {
    /// The graph of records in the order of their numbers.
    pub(super) fn of(records: impl Iterator<Item = TraceRecord>) -> Self {
        let mut graph = DiGraph::new();
        let mut first_seq = None;
        for record in records {
            let (seq, cause) = (record.seq, record.cause);
            let first = *first_seq.get_or_insert(seq);
            let here = graph.add_node(record);
            // Numbers have no gaps, so that a record's place follows from its number.
            let place = cause.checked_sub(first).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place.filter(|place| *place < here.index()) {
                graph.add_edge(NodeIndex::new(place), here, ());
            }
        }
        Self(graph)
    }

    /// The graph itself, for whatever else is to be found out.
    pub fn graph(&self) -> &DiGraph<TraceRecord, ()> {
        &self.0
    }

    /// The last write of an object, if there was one.
    pub fn last_write(&self, object: &ObjectKey) -> Option<NodeIndex> {
        self.0.node_indices().rev().find(|node| self.is_write_of(*node, object))
    }

    /// A record, what caused it, what caused that, and so on to the beginning.
    pub fn chain(&self, from: NodeIndex) -> impl Iterator<Item = &TraceRecord> {
        std::iter::successors(Some(from), |node| self.cause_of(*node)).filter_map(|node| self.0.node_weight(node))
    }

    /// The part of the graph that led to the writes of an object, those writes included.
    #[must_use]
    pub fn leading_to(&self, object: &ObjectKey) -> Self {
        let mut led = vec![false; self.0.node_count()];
        for write in self.0.node_indices().filter(|node| self.is_write_of(*node, object)) {
            // What another write has been followed back from is not followed once more.
            let mut at = Some(write).filter(|node| !led[node.index()]);
            while let Some(node) = at {
                led[node.index()] = true;
                at = self.cause_of(node).filter(|cause| !led[cause.index()]);
            }
        }
        Self(self.0.filter_map(|node, record| led[node.index()].then(|| record.clone()), |_, ()| Some(())))
    }

    fn cause_of(&self, node: NodeIndex) -> Option<NodeIndex> {
        self.0.neighbors_directed(node, Direction::Incoming).next()
    }

    fn is_write_of(&self, node: NodeIndex, object: &ObjectKey) -> bool {
        let is_write = |r: &TraceRecord| matches!(r.what, What::Added | What::Modified | What::Deleted);
        self.0.node_weight(node).is_some_and(|r| is_write(r) && r.object.as_ref() == Some(object))
    }

    /// The graph in the language of Graphviz, a box a record.
    pub fn to_dot(&self) -> String {
        let label = |record: &TraceRecord| format!("{}\n{record}", GoDuration(record.time));
        let labelled = self.0.map(|_, record| label(record), |_, ()| "");
        let boxes = |_, _| "shape = box ".to_owned();
        Dot::with_attr_getters(&labelled, &[Config::EdgeNoLabel], &|_, _| String::new(), &boxes).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seatrial_api::Kind;

    use super::*;
    use crate::cluster::Actor;

    fn record(seq: u64, cause: u64, what: What, name: &str) -> TraceRecord {
        let object = (!name.is_empty()).then(|| ObjectKey::new(Kind::Pod, "default", name));
        TraceRecord { seq, time: Duration::from_secs(seq), actor: Actor::ReplicaSet, what, object, detail: 1, cause }
    }

    /// A call makes a pod, a timer another one; a sync that the first one wakes changes both.
    fn graph() -> CauseGraph {
        let records = [
            record(1, 0, What::Call, ""),
            record(2, 1, What::Added, "a"),
            record(3, 0, What::Timer, ""),
            record(4, 3, What::Added, "b"),
            record(5, 2, What::Reconcile, ""),
            record(6, 5, What::Modified, "a"),
            record(7, 5, What::Modified, "b"),
        ];
        CauseGraph::of(records.into_iter())
    }

    fn seqs<'a>(records: impl Iterator<Item = &'a TraceRecord>) -> Vec<u64> {
        records.map(|record| record.seq).collect()
    }

    #[test]
    fn a_chain_leads_back_to_where_it_began() {
        let graph = graph();
        let rows: [(&str, &[u64]); 3] = [("a", &[6, 5, 2, 1]), ("b", &[7, 5, 2, 1]), ("c", &[])];
        for (name, want) in rows {
            let last = graph.last_write(&ObjectKey::new(Kind::Pod, "default", name));
            let chain = last.map_or_else(Vec::new, |last| seqs(graph.chain(last)));
            assert_eq!(chain, want, "{name}");
        }
    }

    #[test]
    fn what_led_to_an_object_is_all_of_its_writes_and_their_causes() {
        let rows: [(&str, &[u64], usize); 3] = [("a", &[1, 2, 5, 6], 3), ("b", &[1, 2, 3, 4, 5, 7], 4), ("c", &[], 0)];
        for (name, want, edges) in rows {
            let part = graph().leading_to(&ObjectKey::new(Kind::Pod, "default", name));
            assert_eq!(
                (seqs(part.graph().node_weights()), part.graph().edge_count()),
                (want.to_vec(), edges),
                "{name}"
            );
        }
    }

    #[test]
    fn dot_has_a_box_a_record_and_an_arrow_a_cause() {
        let text = graph().leading_to(&ObjectKey::new(Kind::Pod, "default", "a")).to_dot();
        assert!(text.starts_with("digraph {") && text.contains("replicaset-controller created pod/a"), "{text}");
        assert_eq!((text.matches("shape = box").count(), text.matches(" -> ").count()), (4, 3), "{text}");
    }

    #[test]
    fn a_failed_sync_says_so() {
        let failed = TraceRecord { detail: u64::MAX - 403, ..record(1, 0, What::Reconcile, "") };
        assert_eq!((failed.failure_code(), record(1, 0, What::Added, "a").failure_code()), (Some(403), None));
        assert_eq!(failed.to_string(), "replicaset-controller failed to reconcile (403)");
        assert_eq!(record(1, 0, What::Reconcile, "").to_string(), "replicaset-controller reconciled (1 writes)");
    }

    /// A trace that kept only its end begins in the middle of things.
    #[test]
    fn causes_that_are_not_kept_are_no_edges() {
        let graph = CauseGraph::of([record(8, 3, What::Added, "a"), record(9, 8, What::Modified, "a")].into_iter());
        assert_eq!((graph.graph().node_count(), graph.graph().edge_count()), (2, 1));
    }
}
