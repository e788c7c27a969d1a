//! Why a pod fits nowhere, node by node and as one sentence.
//!
//! Mirrors `Diagnosis` and `FitError` of pkg/scheduler/framework/types.go (v1.36).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::plugin::{Misfit, Plugin, PluginSet};

/// The longest note of an event. Mirrors `NoteLengthLimit`.
const NOTE_LENGTH_MAX: usize = 1024;
const NOTE_CUT: &str = " ...";
const NO_NODES: &str = "no nodes available to schedule pods";

/// What an attempt found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diagnosis {
    /// How many nodes there are.
    pub(crate) node_count: usize,
    /// The nodes that were looked at, each with why it does not fit.
    pub(crate) misfits: Vec<(usize, Misfit)>,
    /// What is said of all other nodes.
    pub(crate) absent: Option<Cow<'static, str>>,
    /// Why no node was looked at.
    pub(crate) pre_filter: Option<Cow<'static, str>>,
    /// Plugins that narrowed the choice before nodes were looked at.
    pub(crate) narrowed_by: PluginSet,
}

impl Diagnosis {
    /// No node is looked at, because a plugin says so of the pod itself.
    pub(crate) fn pre_filter(node_count: usize, plugin: Plugin, text: impl Into<Cow<'static, str>>) -> Self {
        let narrowed_by = [plugin].into_iter().collect();
        Self { node_count, pre_filter: Some(text.into()), narrowed_by, ..Self::default() }
    }

    /// The plugins whose minds have to change.
    pub(crate) fn rejectors(&self) -> PluginSet {
        let mut all = self.narrowed_by;
        self.misfits.iter().for_each(|(_, misfit)| all.insert(misfit.plugin));
        all
    }

    /// `0/3 nodes are available: ...`. Mirrors `FitError.Error`, without what preemption adds.
    pub(crate) fn message(&self) -> String {
        if self.node_count == 0 {
            return NO_NODES.to_owned();
        }
        if let Some(text) = &self.pre_filter {
            return format!("0/{} nodes are available: {text}.", self.node_count);
        }
        let others = self.node_count - self.misfits.len().min(self.node_count);
        let absent = self.absent.as_deref().map(|text| (text, others));
        fit_error_message(self.node_count, self.misfits.iter().map(|(_, m)| m), absent)
    }
}

/// Counts reasons and sorts them as text, numbers included.
pub(crate) fn fit_error_message<'a>(
    node_count: usize,
    misfits: impl Iterator<Item = &'a Misfit>,
    absent: Option<(&'a str, usize)>,
) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in misfits.flat_map(|m| &m.reasons) {
        *counts.entry(reason).or_default() += 1;
    }
    if let Some((text, count)) = absent.filter(|(_, count)| *count > 0) {
        *counts.entry(text).or_default() += count;
    }
    let mut texts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    texts.sort();
    format!("0/{node_count} nodes are available: {}.", texts.join(", "))
}

/// A message as an event can hold it. Mirrors `truncateMessage`.
pub(crate) fn truncate_message(message: &str) -> Cow<'_, str> {
    if message.len() <= NOTE_LENGTH_MAX {
        return Cow::Borrowed(message);
    }
    // Upstream cuts bytes; a cut within a letter would not be text.
    let end = message.floor_char_boundary(NOTE_LENGTH_MAX - NOTE_CUT.len());
    Cow::Owned(format!("{}{NOTE_CUT}", &message[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit(plugin: Plugin, reasons: &[&'static str]) -> Misfit {
        Misfit { plugin, reasons: reasons.iter().map(|r| Cow::Borrowed(*r)).collect(), is_resolvable: true }
    }

    fn diagnosis(node_count: usize, misfits: Vec<Misfit>) -> Diagnosis {
        Diagnosis { node_count, misfits: misfits.into_iter().enumerate().collect(), ..Diagnosis::default() }
    }

    #[test]
    fn the_message_counts_reasons_and_sorts_them_as_text() {
        let cpu = || misfit(Plugin::NodeResourcesFit, &["Insufficient cpu"]);
        let both = || misfit(Plugin::NodeResourcesFit, &["Insufficient cpu", "Insufficient memory"]);
        let taint = || misfit(Plugin::TaintToleration, &["node(s) had untolerated taint(s)"]);
        // One row a rule: (what nodes say, the sentence).
        let rows = [
            (vec![cpu(), taint()], "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."),
            // A node with two reasons counts in both.
            (vec![both(), cpu()], "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu."),
            // Sorted as text: ten comes before two.
            (
                (0..10).map(|_| taint()).chain([cpu(), cpu()]).collect(),
                "0/12 nodes are available: 10 node(s) had untolerated taint(s), 2 Insufficient cpu.",
            ),
            (vec![], "no nodes available to schedule pods"),
        ];
        for (misfits, want) in rows {
            assert_eq!(diagnosis(misfits.len(), misfits).message(), want);
        }
    }

    #[test]
    fn nodes_that_were_left_out_count_with_one_reason() {
        let mut one = diagnosis(3, vec![misfit(Plugin::NodeResourcesFit, &["Too many pods"])]);
        one.absent = Some("node(s) didn't satisfy plugin(s) [NodeAffinity]".into());
        assert_eq!(
            one.message(),
            "0/3 nodes are available: 1 Too many pods, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
        );
        let none = Diagnosis::pre_filter(3, Plugin::NodeAffinity, "pod affinity terms conflict");
        assert_eq!(none.message(), "0/3 nodes are available: pod affinity terms conflict.");
        assert!(none.rejectors().contains(Plugin::NodeAffinity));
    }

    #[test]
    fn notes_of_events_end_after_1024_bytes() {
        let rows = [(1024, 1024, false), (1025, 1024, true), (5000, 1024, true)];
        for (length, want, is_cut) in rows {
            let text = "x".repeat(length);
            let note = truncate_message(&text);
            assert_eq!((note.len(), note.ends_with(" ...")), (want, is_cut), "{length}");
        }
    }
}
