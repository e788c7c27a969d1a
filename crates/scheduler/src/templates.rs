//! What is remembered of every node between pods of one spec, and the choice of a node by it.
//!
//! Pods of a template share their spec, so between one of them and the next only a few nodes differ.
//! Invariant: the answers are those of `plugins` and `relations`, node by node.

use std::cell::LazyCell;
use std::sync::Arc;

use seatrial_api::{Pod, PodSpec};

use crate::known_pods::Known;
use crate::lens::Lens;
use crate::node_classes::{NodeClasses, Reading, Tally};
use crate::node_info::{HostPort, NodeInfo, host_ports};
use crate::node_log::NodeLog;
use crate::plugins::{PodInfo, filter, own_score};
use crate::pod_index::PodIndex;

/// How many specs are remembered.
const SPECS_MAX: usize = 64;
/// The score of a node that does not fit.
const MISFIT: i32 = -1;
/// The score of a node that changed since it was looked at, or was never looked at.
const STALE: i32 = -2;

/// What a template's pods look at, and of which numbers that is true.
#[derive(Debug)]
struct Worn {
    known: u64,
    version: (u64, u64, u64),
    numbering: (u64, u64),
    /// None where nodes cannot be put in classes.
    lens: Option<Lens>,
}

/// What is remembered for one spec.
#[derive(Debug)]
struct Template {
    spec: Arc<PodSpec>,
    /// What nodes score by themselves.
    own: Vec<i32>,
    classes: NodeClasses,
    /// The host ports that each pod takes.
    host_ports: Vec<HostPort>,
    worn: Option<Worn>,
    /// The next change of a node to look at.
    seen: u64,
    /// When it was looked at last.
    turn: u64,
    /// Whether a node's score depends on which other nodes fit, so that it cannot be remembered.
    is_relative: bool,
}

/// What is remembered for the specs that were scheduled last.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    templates: Vec<Template>,
    /// How often a node was chosen.
    turn: u64,
    log: NodeLog,
    tally: Tally,
    /// How many nodes were filtered and scored.
    evaluated: u64,
}

/// What the search for a node came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This node, after so many were looked at.
    Node(usize, usize),
    /// No node fits.
    Nowhere,
    /// Nodes' scores depend on each other.
    Relative,
    /// Nodes cannot be put in classes.
    Unclear,
}

/// What the pods of a spec are placed among.
pub(crate) struct Among<'a> {
    pub(crate) nodes: &'a [NodeInfo],
    pub(crate) index: &'a mut PodIndex,
    /// Where the search begins.
    pub(crate) start: usize,
    /// How many fitting nodes are enough.
    pub(crate) wanted: usize,
}

impl Template {
    fn of(spec: Arc<PodSpec>, node_count: usize, seen: u64) -> Self {
        let (own, classes) = (vec![STALE; node_count], NodeClasses::of_nodes(node_count));
        let host_ports = host_ports(&spec);
        Self { spec, own, classes, host_ports, worn: None, seen, turn: 0, is_relative: false }
    }

    /// Forgets what it knows of nodes that changed.
    fn catch_up(&mut self, log: &NodeLog) {
        match log.since(self.seen) {
            None => {
                self.own.fill(STALE);
                self.classes.forget_all();
            }
            Some(changes) => {
                for change in changes {
                    self.classes.forget(change.node());
                    if let Some(own) = self.own.get_mut(change.node()).filter(|_| change.is_own()) {
                        *own = STALE;
                    }
                }
            }
        }
        self.seen = log.end();
    }

    /// Finds out what the pods look at, unless that is known.
    fn put_on(&mut self, pod: &Pod, known: &Known, nodes: &[NodeInfo], index: &mut PodIndex) {
        let is_same = |worn: &Worn| worn.known == known.number && worn.version == index.version();
        if self.worn.as_ref().is_some_and(is_same) {
            return;
        }
        let lens = Lens::of(&PodInfo::of(pod), known, nodes, index);
        let (version, numbering) = (index.version(), index.numbering());
        let has_same_axes = |worn: &Worn| {
            let both = worn.lens.as_ref().zip(lens.as_ref());
            worn.numbering == numbering && both.is_some_and(|(old, new)| old.has_axes_of(new))
        };
        if !self.worn.as_ref().is_some_and(has_same_axes) {
            self.classes.forget_all();
        }
        self.worn = Some(Worn { known: known.number, version, numbering, lens });
    }
}

/// A node's own score, or that it does not fit; `None` where the scores of others count too.
fn evaluate(info: &PodInfo<'_>, node: &NodeInfo) -> Option<i32> {
    if filter(info, node).is_err() {
        return Some(MISFIT);
    }
    own_score(info, node).map(|score| i32::try_from(score).unwrap_or(i32::MAX))
}

impl Templates {
    /// A node changed: itself, or only what is said of its pods.
    pub(crate) fn node_changed(&mut self, index: usize, is_own: bool) {
        self.log.push(index, is_own);
    }

    /// Nodes came or went: indexes mean other nodes now.
    pub(crate) fn clear(&mut self) {
        self.templates.clear();
    }

    /// How many nodes were filtered and scored so far.
    pub(crate) fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Where what is remembered for a pod's spec is, as of now.
    fn place_of(&mut self, pod: &Pod, node_count: usize) -> usize {
        let known = self.templates.iter().position(|t| Arc::ptr_eq(&t.spec, &pod.spec));
        let at = known.unwrap_or_else(|| {
            let new = Template::of(Arc::clone(&pod.spec), node_count, self.log.end());
            if self.templates.len() < SPECS_MAX {
                self.templates.push(new);
                return self.templates.len() - 1;
            }
            let oldest = (0..SPECS_MAX).min_by_key(|at| self.templates[*at].turn).unwrap_or(0);
            self.templates[oldest] = new;
            oldest
        });
        self.turn += 1;
        self.templates[at].turn = self.turn;
        self.templates[at].catch_up(&self.log);
        at
    }

    /// Looks at nodes until enough of them fit, and takes one of those with the highest score: `pick` says which of so many.
    pub(crate) fn choose(
        &mut self,
        pod: &Pod,
        known: &Known,
        among: Among<'_>,
        pick: impl FnOnce(usize) -> usize,
    ) -> Choice {
        let Among { nodes, index, start, wanted } = among;
        if !pod.node_name.is_empty() || nodes.is_empty() {
            return Choice::Relative;
        }
        let at = self.place_of(pod, nodes.len());
        let Self { templates, tally, evaluated, .. } = self;
        let template = &mut templates[at];
        if template.is_relative {
            return Choice::Relative;
        }
        template.put_on(pod, known, nodes, index);
        let Some(lens) = template.worn.as_mut().and_then(|worn| worn.lens.as_mut()) else { return Choice::Unclear };
        lens.refresh(nodes, index);
        let (own, index, host_ports) = (&mut template.own, &*index, &template.host_ports);
        let info = LazyCell::new(|| PodInfo::with_ports(pod, host_ports));
        let read = |node: usize| {
            if own[node] == STALE {
                *evaluated += 1;
                let Some(score) = evaluate(&info, &nodes[node]) else {
                    template.is_relative = true;
                    return Reading::Relative;
                };
                own[node] = score;
            }
            if own[node] == MISFIT { Reading::Misfit } else { Reading::Fits(lens.traits(node, own[node], index)) }
        };
        let searched = template.classes.search((start, wanted), tally, read, |traits| lens.fits(traits, index));
        if searched.is_none() {
            return if template.is_relative { Choice::Relative } else { Choice::Unclear };
        }
        let feasible = tally.feasible;
        if feasible == 0 {
            return Choice::Nowhere;
        }
        let found = template.classes.found(tally);
        // A class that is the only one is the best, whatever it scores.
        let ties = match found.len() {
            1 => tally.mark_top(&[0]),
            _ => tally.mark_top(lens.totals(found, feasible, index)),
        };
        // A node that is the only one needs no choice.
        let nth = if feasible == 1 { 0 } else { pick(ties) };
        let node = template.classes.nth_top(start, tally, nth);
        node.map_or(Choice::Unclear, |node| Choice::Node(node, tally.looked_at))
    }

    /// The nodes from `start` on, round the end, that fit and are `also` fit, until `wanted` of them do, each with its own
    /// score; and how many were looked at. `None` where scores depend on each other.
    pub(crate) fn feasible(
        &mut self,
        pod: &Pod,
        nodes: &[NodeInfo],
        (start, wanted): (usize, usize),
        also: impl Fn(usize) -> bool,
    ) -> Option<(Vec<(usize, i64)>, usize)> {
        let at = self.place_of(pod, nodes.len());
        let template = &mut self.templates[at];
        if template.is_relative {
            return None;
        }
        let (info, mut found, mut looked_at) = (PodInfo::of(pod), Vec::new(), 0);
        for index in (start..nodes.len()).chain(0..start) {
            looked_at += 1;
            if template.own[index] == STALE {
                self.evaluated += 1;
                let Some(score) = evaluate(&info, &nodes[index]) else {
                    template.is_relative = true;
                    return None;
                };
                template.own[index] = score;
            }
            let score = template.own[index];
            if score >= 0 && also(index) {
                found.push((index, i64::from(score)));
                if found.len() >= wanted {
                    break;
                }
            }
        }
        Some((found, looked_at))
    }
}

#[cfg(test)]
#[path = "templates_tests.rs"]
mod tests;
