//! The pods of one set in the order of their deletion, kept as pods come and go and as their nodes fill.
//!
//! A pod that comes to a node or leaves it moves all pods of the workload there, since the crowd comes before most else.
//! So pods that stand alike on one node are one group, and of a group only its first name is in the order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use seatrial_api::{Pod, RareStr, Slot, Str};

use super::heap::MinHeap;
use super::{Age, Class, Standing};
use crate::clock::Clock;

/// So many heads that are no more there may a cell keep beyond as many as it has groups.
const STALE_HEADS_MAX: usize = 64;

/// What pods have in common that only their names tell apart. The crowd on their node is part of it, so a node's groups
/// move when its crowd changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    class: Class,
    rank: Reverse<u32>,
    age: Age,
}

impl Cell {
    /// Whether only restarts, age and name tell the pods of both apart.
    fn is_beside(&self, other: &Self, clock: Clock) -> bool {
        (self.class, self.rank) == (other.class, other.rank)
            && self.age.ready_bucket(clock) == other.age.ready_bucket(clock)
    }
}

/// A pod's name in the order of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tie {
    /// The order of most names as a number. Nothing else tells most pods apart, and comparing their names, which begin
    /// all alike, would be most of the work.
    number: u64,
    /// The name where the number does not say all of it, else nothing.
    name: RareStr,
}

impl Tie {
    /// The number is what the first eight bytes after `prefix` are; names without it come before or after all others.
    pub(super) fn new(name: &Str, prefix: &str) -> Self {
        match name.as_bytes().strip_prefix(prefix.as_bytes()) {
            Some(rest) if !rest.is_empty() => {
                let mut first = [0; 8];
                let len = rest.len().min(first.len());
                first[..len].copy_from_slice(&rest[..len]);
                // Names are ASCII, so this is far from the lowest and the highest numbers.
                let number = u64::from_be_bytes(first);
                let is_all = rest.len() <= first.len();
                Self { number, name: if is_all { RareStr::default() } else { name.clone().into() } }
            }
            _ if name.as_str() <= prefix => Self { number: 0, name: name.clone().into() },
            _ => Self { number: u64::MAX, name: name.clone().into() },
        }
    }
}

/// Pods of one set on one node that nothing but their names tells apart, in that order.
#[derive(Debug)]
struct Group {
    standing: Standing,
    /// The crowd on the node as the order has it.
    rank: u32,
    /// The first, in place: it is what the order is about.
    first: (Tie, Slot),
    /// The others, by their names. Of each where it lies, so that a version that stands as the one before changes nothing.
    others: Vec<(Tie, Slot)>,
}

impl Group {
    fn cell(&self) -> Cell {
        Cell { class: self.standing.class, rank: Reverse(self.rank), age: self.standing.age }
    }

    fn get(&self, index: usize) -> Option<&(Tie, Slot)> {
        if index == 0 { Some(&self.first) } else { self.others.get(index - 1) }
    }

    /// Takes a pod in; returns whether it is the first now.
    fn insert(&mut self, tie: Tie, slot: Slot) -> bool {
        let is_first = tie < self.first.0;
        let pod = if is_first { std::mem::replace(&mut self.first, (tie, slot)) } else { (tie, slot) };
        let at = self.others.partition_point(|(other, _)| *other < pod.0);
        self.others.insert(at, pod);
        is_first
    }
}

/// What became of a group from which a pod was taken.
enum Left {
    /// It begins as before.
    Same,
    /// It begins with another pod.
    Next,
    /// It was the only one.
    Nothing,
}

/// First names of groups, and their nodes.
type Heads = MinHeap<(Tie, u32)>;

/// The groups of one cell.
#[derive(Debug, Default)]
struct CellGroups {
    count: usize,
    /// Their first names and their nodes. A group that left, or begins with another name now, is only taken out once it is
    /// at the head, where it would be seen: to take it out at once would be a search. One that came back may be there twice.
    heads: Heads,
}

impl CellGroups {
    fn enter(&mut self, first: Tie, node: u32) {
        self.count += 1;
        self.heads.push((first, node));
    }

    /// Takes out what is at the head and no more there.
    fn mend_head(&mut self, cell: &Cell, groups: &Groups) {
        while self.heads.peek().is_some_and(|head| !groups.begins_with(cell, head)) {
            self.heads.pop();
        }
    }

    /// Takes out all that is no more there once it is three quarters of it, so that it takes no more room than the groups do.
    fn mend_all(&mut self, cell: &Cell, groups: &Groups) {
        if self.heads.len() > 4 * self.count + STALE_HEADS_MAX {
            self.heads.retain_once(|head| groups.begins_with(cell, head));
        }
    }
}

/// Of a group the place of one pod in the order of its cells: what is compared, then where it is found.
type Candidate<'a> = Reverse<((Reverse<(i32, i32)>, i32), &'a Tie, u32, usize, usize, usize)>;

/// The groups of one node, which are next to each other where there are few.
#[derive(Debug, Default)]
struct OnNode {
    one: Option<Group>,
    more: Vec<Group>,
}

impl OnNode {
    fn iter(&self) -> impl Iterator<Item = &Group> {
        self.one.iter().chain(&self.more)
    }

    fn len(&self) -> usize {
        usize::from(self.one.is_some()) + self.more.len()
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Group> {
        if index == 0 { self.one.as_mut() } else { self.more.get_mut(index - 1) }
    }

    fn position(&self, standing: &Standing) -> Option<usize> {
        self.iter().position(|group| group.standing == *standing)
    }

    fn push(&mut self, group: Group) {
        if self.one.is_none() {
            self.one = Some(group);
        } else {
            self.more.push(group);
        }
    }

    fn remove(&mut self, index: usize) {
        if index > 0 {
            self.more.swap_remove(index - 1);
        } else {
            self.one = self.more.pop();
        }
    }

    /// Takes a pod out of the group with an index.
    fn take(&mut self, index: usize, tie: &Tie) -> Option<Left> {
        let group = self.get_mut(index)?;
        if group.first.0 != *tie {
            let at = group.others.binary_search_by(|(other, _)| other.cmp(tie)).ok()?;
            group.others.remove(at);
            return Some(Left::Same);
        }
        if group.others.is_empty() {
            self.remove(index);
            return Some(Left::Nothing);
        }
        group.first = group.others.remove(0);
        Some(Left::Next)
    }
}

/// The groups by their nodes.
#[derive(Debug, Default)]
struct Groups(Vec<OnNode>);

impl Groups {
    fn on(&mut self, node: u32) -> &mut OnNode {
        if self.0.len() <= node as usize {
            self.0.resize_with(node as usize + 1, OnNode::default);
        }
        &mut self.0[node as usize]
    }

    /// The group of a cell on a node.
    fn of(&self, cell: &Cell, node: u32) -> Option<&Group> {
        self.0.get(node as usize)?.iter().find(|group| group.cell() == *cell)
    }

    /// Whether a group of a cell still begins with a name.
    fn begins_with(&self, cell: &Cell, (tie, node): &(Tie, u32)) -> bool {
        self.of(cell, *node).is_some_and(|group| group.first.0 == *tie)
    }
}

/// The active pods of one set, in order from the moment it shrinks; before that they only count for the crowds.
#[derive(Debug, Default)]
pub(super) struct RankedSet {
    is_ordered: bool,
    /// How the names of the set's pods begin.
    prefix: Str,
    groups: Groups,
    order: BTreeMap<Cell, CellGroups>,
}

impl RankedSet {
    /// Whether the pods are kept in order.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// The pods that come from now on are kept in order; the names of most of them begin so.
    pub(super) fn begin(&mut self, prefix: Str) {
        self.is_ordered = true;
        self.prefix = prefix;
    }

    /// Takes a pod in that is on a node with such a crowd.
    pub(super) fn insert(&mut self, pod: &Pod, node: u32, rank: u32) {
        if !self.is_ordered {
            return;
        }
        let standing = Standing::of(pod);
        let tie = Tie::new(&pod.meta.name, &self.prefix);
        let groups = self.groups.on(node);
        let Some(group) = groups.position(&standing).and_then(|index| groups.get_mut(index)) else {
            let group = Group { standing, rank, first: (tie.clone(), pod.meta.slot), others: Vec::new() };
            let cell = group.cell();
            groups.push(group);
            return self.enter(cell, tie, node);
        };
        let cell = group.cell();
        if group.insert(tie.clone(), pod.meta.slot) {
            // It goes before the one that was first, so what is at the head is right.
            self.begin_with(&cell, tie, node);
        }
    }

    /// Takes a pod out, as it was when it was taken in.
    pub(super) fn remove(&mut self, pod: &Pod, node: u32) {
        if !self.is_ordered {
            return;
        }
        let standing = Standing::of(pod);
        let tie = Tie::new(&pod.meta.name, &self.prefix);
        let groups = self.groups.on(node);
        let Some(index) = groups.position(&standing) else { return };
        let Some(cell) = groups.get_mut(index).map(|group| group.cell()) else { return };
        match groups.take(index, &tie) {
            Some(Left::Next) => {
                let Some(next) = groups.get_mut(index).map(|group| group.first.0.clone()) else { return };
                self.begin_with(&cell, next, node);
                if let Some(groups) = self.order.get_mut(&cell) {
                    groups.mend_head(&cell, &self.groups);
                }
            }
            Some(Left::Nothing) => self.leave(&cell, node),
            Some(Left::Same) | None => {}
        }
    }

    /// The crowd on a node is another.
    pub(super) fn move_node(&mut self, node: u32, rank: u32) {
        let count = self.groups.0.get(node as usize).map_or(0, OnNode::len);
        for index in 0..count {
            let Some(group) = self.groups.on(node).get_mut(index) else { continue };
            let from = group.cell();
            group.rank = rank;
            let (to, first) = (group.cell(), group.first.0.clone());
            self.leave(&from, node);
            self.enter(to, first, node);
        }
    }

    /// A group of a cell begins with another name.
    fn begin_with(&mut self, cell: &Cell, first: Tie, node: u32) {
        let Some(groups) = self.order.get_mut(cell) else { return };
        groups.heads.push((first, node));
        groups.mend_all(cell, &self.groups);
    }

    /// A group comes to a cell.
    fn enter(&mut self, cell: Cell, first: Tie, node: u32) {
        let groups = self.order.entry(cell).or_default();
        groups.enter(first, node);
        groups.mend_all(&cell, &self.groups);
    }

    /// The group of a node has left a cell.
    fn leave(&mut self, cell: &Cell, node: u32) {
        let Some(groups) = self.order.get_mut(cell) else { return };
        groups.count -= 1;
        if groups.count == 0 {
            self.order.remove(cell);
            return;
        }
        if groups.heads.peek().is_some_and(|(_, head)| *head == node) {
            groups.mend_head(cell, &self.groups);
        }
        groups.mend_all(cell, &self.groups);
    }

    /// The first so many pods.
    pub(super) fn first(&self, count: usize, clock: Clock) -> Vec<Slot> {
        let mut found = Vec::with_capacity(count);
        let mut cells = self.order.iter().peekable();
        while found.len() < count
            && let Some(head) = cells.next()
        {
            let mut open = vec![head];
            while let Some(beside) = cells.next_if(|(cell, _)| cell.is_beside(head.0, clock)) {
                open.push(beside);
            }
            self.take_of_cells(&open, count, clock, &mut found);
        }
        found
    }

    /// Takes pods of cells that only restarts, age and name tell apart.
    fn take_of_cells<'a>(
        &'a self,
        open: &[(&'a Cell, &'a CellGroups)],
        count: usize,
        clock: Clock,
        found: &mut Vec<Slot>,
    ) {
        let mut heap = BinaryHeap::new();
        for of in 0..open.len() {
            self.open_heads(open, (of, Heads::TOP), clock, &mut heap);
        }
        let mut last = None;
        while let Some(Reverse((rest, tie, node, index, of, head))) = heap.pop() {
            let cell = open[of].0;
            let Some(group) = self.groups.of(cell, node) else { continue };
            if last != Some((of, node, index)) {
                found.extend(group.get(index).map(|(_, slot)| *slot));
                if found.len() == count {
                    break;
                }
                heap.extend(
                    group.get(index + 1).map(|(next, _)| Reverse((rest, next, node, index + 1, of, usize::MAX))),
                );
            }
            last = Some((of, node, index));
            if index == 0 {
                Heads::below(head).into_iter().for_each(|head| self.open_heads(open, (of, head), clock, &mut heap));
            }
            debug_assert!(
                group.get(index).is_some_and(|(there, _)| there == tie),
                "what is found is what was compared"
            );
        }
    }

    /// Opens the heads of a cell from a place of its heap on: the first ones that are still there.
    fn open_heads<'a>(
        &self,
        open: &[(&'a Cell, &'a CellGroups)],
        (of, head): (usize, usize),
        clock: Clock,
        heap: &mut BinaryHeap<Candidate<'a>>,
    ) {
        let (cell, groups) = open[of];
        let Some(first) = groups.heads.get(head) else { return };
        if self.groups.begins_with(cell, first) {
            heap.push(Reverse((cell.age.rest(clock), &first.0, first.1, 0, of, head)));
        } else {
            Heads::below(head).into_iter().for_each(|head| self.open_heads(open, (of, head), clock, heap));
        }
    }

    /// Whether no cell keeps much more than it has groups.
    #[cfg(test)]
    pub(super) fn is_compact(&self) -> bool {
        self.order.values().all(|cell| cell.heads.len() <= 4 * cell.count + STALE_HEADS_MAX)
    }
}
