//! Nodes in classes: those of one class are all the same to the pods of a template.
//!
//! Nodes lie in blocks, and a block knows which of its nodes are in which class, one bit a node. So a search looks at
//! single nodes only where something changed, and what is to be said of a node is said once a class.

use std::ops::Range;

use rustc_hash::FxHashMap;

/// At so many things beside a node's own score pods of a template may look.
pub(crate) const AXES_MAX: usize = 8;
/// How many nodes a block has: as many as a set of them has bits.
const BLOCK: usize = Nodes::BITS as usize;
/// The class of a node that changed since it was looked at, or was never looked at.
const STALE: u16 = 0;
/// The class of all nodes that do not fit by themselves.
const MISFIT: u16 = 1;
/// More classes than this are not told apart.
const CLASSES_MAX: usize = 1 << 15;
/// From so many classes on, those without nodes are looked for.
const SWEPT_MIN: usize = if cfg!(test) { 16 } else { 512 };

/// What nodes of a class have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Traits {
    /// What the node scores by itself.
    pub(crate) own: i32,
    /// What else is looked at.
    pub(crate) values: [i32; AXES_MAX],
}

/// What looking at one node says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// It does not fit.
    Misfit,
    /// It fits by itself.
    Fits(Traits),
    /// Its score depends on which other nodes fit.
    Relative,
}

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    traits: Traits,
    node_count: u32,
}

/// Some nodes of a block, a bit for each.
type Nodes = u64;

/// The nodes of a block at these places among its nodes.
fn nodes_at(places: Range<usize>) -> Nodes {
    let below = |place: usize| if place < BLOCK { (1 << place) - 1 } else { Nodes::MAX };
    below(places.end) & !below(places.start)
}

/// The place of the `nth` of some nodes, counted from 0; `None` where there are not so many.
fn nth_of(mut nodes: Nodes, nth: usize) -> Option<usize> {
    for _ in 0..nth {
        nodes &= nodes.wrapping_sub(1);
    }
    (nodes != 0).then(|| nodes.trailing_zeros() as usize)
}

/// Which classes the nodes of a block are in.
#[derive(Debug, Default)]
struct Block {
    stale: Nodes,
    /// Classes of nodes that fit, each with its nodes.
    classes: Vec<(u16, Nodes)>,
}

impl Block {
    fn leave(&mut self, class: u16, node: Nodes) {
        if class == STALE {
            self.stale &= !node;
        } else if let Some(at) = self.classes.iter().position(|(known, _)| *known == class) {
            self.classes[at].1 &= !node;
            if self.classes[at].1 == 0 {
                self.classes.swap_remove(at);
            }
        }
    }

    fn enter(&mut self, class: u16, node: Nodes) {
        if class == STALE {
            self.stale |= node;
        } else if class != MISFIT {
            match self.classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, nodes)) => *nodes |= node,
                None => self.classes.push((class, node)),
            }
        }
    }
}

/// What one search found out of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    search: u32,
    fits: bool,
    /// How many of its nodes were looked at.
    node_count: u32,
}

/// What a search found. It is kept for the next one, so that nothing has to be allocated.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    search: u32,
    memos: Vec<Memo>,
    /// The classes of the nodes that fit.
    found: Vec<u16>,
    /// Those of them that score highest.
    top: Vec<u16>,
    /// How many nodes were looked at until enough fitted.
    pub(crate) looked_at: usize,
    /// How many of them fitted.
    pub(crate) feasible: usize,
}

impl Tally {
    fn begin(&mut self) {
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.memos.clear();
            self.search = 1;
        }
        self.found.clear();
        (self.looked_at, self.feasible) = (0, 0);
    }

    /// What is found out of a class, which `fits` says where nothing is yet.
    #[inline]
    fn memo(&mut self, class: u16, fits: impl FnOnce() -> bool) -> &mut Memo {
        let at = usize::from(class);
        if self.memos.get(at).is_none_or(|memo| memo.search != self.search) {
            self.find_out(class, fits());
        }
        &mut self.memos[at]
    }

    #[cold]
    fn find_out(&mut self, class: u16, fits: bool) {
        let at = usize::from(class);
        if at >= self.memos.len() {
            self.memos.resize(at + 1, Memo::default());
        }
        self.memos[at] = Memo { search: self.search, fits, node_count: 0 };
        if fits {
            self.found.push(class);
        }
    }

    /// Forgets classes of which no node was looked at after all.
    fn end(&mut self) {
        let memos = &self.memos;
        self.found.retain(|class| memos[usize::from(*class)].node_count > 0);
    }

    /// Marks the classes with the highest of these totals, which are in the order of those that were found; returns how many
    /// nodes are in them.
    pub(crate) fn mark_top(&mut self, totals: &[i64]) -> usize {
        let highest = totals.iter().max();
        let are_top = self.found.iter().zip(totals).filter(|(_, total)| Some(*total) == highest);
        self.top.clear();
        self.top.extend(are_top.map(|(class, _)| *class));
        self.top.iter().map(|class| self.memos[usize::from(*class)].node_count as usize).sum()
    }
}

/// The classes of the nodes that fit, in the order in which they were found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    classes: &'a [Class],
    tally: &'a Tally,
}

impl<'a> Found<'a> {
    /// How many classes there are.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.tally.found.len()
    }

    /// What the nodes of the class at a place have in common.
    #[inline]
    pub(crate) fn traits(self, at: usize) -> &'a Traits {
        &self.classes[usize::from(self.tally.found[at])].traits
    }

    /// How many nodes of the class at a place were looked at.
    #[inline]
    pub(crate) fn node_count(self, at: usize) -> usize {
        self.tally.memos[usize::from(self.tally.found[at])].node_count as usize
    }
}

/// The nodes by their places.
#[derive(Debug)]
pub(crate) struct NodeClasses {
    class_of: Vec<u16>,
    blocks: Vec<Block>,
    classes: Vec<Class>,
    number_of: FxHashMap<Traits, u16>,
    /// Numbers of classes that are not used.
    free: Vec<u16>,
    /// At so many classes those without nodes are looked for.
    sweep_at: usize,
}

/// The places from `start` on, round the end, `count` of them at most, cut where blocks end: the block and the places in it.
fn parts(all: usize, start: usize, count: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let first = start..all.min(start + count);
    let wrapped = 0..start.min(count - first.len());
    let cut = |mut rest: Range<usize>| {
        std::iter::from_fn(move || {
            let (block, from) = (rest.start / BLOCK, rest.start % BLOCK);
            let part = from..BLOCK.min(from + rest.len());
            rest.start += part.len();
            (!part.is_empty()).then_some((block, part))
        })
    };
    cut(first).chain(cut(wrapped))
}

impl NodeClasses {
    /// So many nodes that nobody has looked at.
    pub(crate) fn of_nodes(count: usize) -> Self {
        let full = |at: usize| Block { stale: nodes_at(0..count - at * BLOCK), classes: Vec::new() };
        Self {
            class_of: vec![STALE; count],
            blocks: (0..count.div_ceil(BLOCK)).map(full).collect(),
            // The first two numbers are taken.
            classes: vec![Class::default(); 2],
            number_of: FxHashMap::default(),
            free: Vec::new(),
            sweep_at: SWEPT_MIN,
        }
    }

    /// A node changed.
    pub(crate) fn forget(&mut self, node: usize) {
        if node < self.class_of.len() {
            self.set(node, STALE);
        }
    }

    /// All nodes may have changed.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::of_nodes(self.class_of.len());
    }

    fn set(&mut self, node: usize, class: u16) {
        let old = std::mem::replace(&mut self.class_of[node], class);
        if old == class {
            return;
        }
        let (block, bit) = (&mut self.blocks[node / BLOCK], 1 << (node % BLOCK));
        block.leave(old, bit);
        block.enter(class, bit);
        if old > MISFIT {
            self.classes[usize::from(old)].node_count -= 1;
        }
        if class > MISFIT {
            self.classes[usize::from(class)].node_count += 1;
        }
    }

    /// Looks at a node; `None` where it cannot be told by its class.
    fn read(&mut self, node: usize, reading: Reading) -> Option<()> {
        let class = match reading {
            Reading::Misfit => MISFIT,
            Reading::Fits(traits) => self.number(traits)?,
            Reading::Relative => return None,
        };
        self.set(node, class);
        Some(())
    }

    fn number(&mut self, traits: Traits) -> Option<u16> {
        if let Some(number) = self.number_of.get(&traits) {
            return Some(*number);
        }
        if self.free.is_empty() && self.classes.len() >= self.sweep_at {
            self.sweep();
        }
        let class = Class { traits, node_count: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.classes[usize::from(number)] = class;
                number
            }
            None if self.classes.len() >= CLASSES_MAX => return None,
            None => {
                self.classes.push(class);
                u16::try_from(self.classes.len() - 1).ok()?
            }
        };
        self.number_of.insert(traits, number);
        Some(number)
    }

    /// Takes the numbers of classes without nodes back.
    fn sweep(&mut self) {
        for (number, class) in (0..).zip(&self.classes).skip(2) {
            if class.node_count == 0 && self.number_of.get(&class.traits) == Some(&number) {
                self.number_of.remove(&class.traits);
                self.free.push(number);
            }
        }
        if self.free.len() < self.classes.len() / 2 {
            self.sweep_at = 2 * self.classes.len();
        }
    }

    /// Looks at nodes from `start` on, round the end, until `wanted` of them fit. `read` looks at one that changed, `fits`
    /// says what is to be said of a class. `None` where the nodes cannot be told by their classes.
    pub(crate) fn search(
        &mut self,
        (start, wanted): (usize, usize),
        tally: &mut Tally,
        mut read: impl FnMut(usize) -> Reading,
        fits: impl Fn(&Traits) -> bool,
    ) -> Option<()> {
        tally.begin();
        for (block, places) in parts(self.class_of.len(), start, self.class_of.len()) {
            self.search_part((block, nodes_at(places)), wanted, tally, &mut read, &fits)?;
            if tally.feasible >= wanted {
                break;
            }
        }
        tally.end();
        Some(())
    }

    /// Looks at some nodes of a block, until enough fit.
    fn search_part(
        &mut self,
        (block, mut rest): (usize, Nodes),
        wanted: usize,
        tally: &mut Tally,
        read: &mut impl FnMut(usize) -> Reading,
        fits: &impl Fn(&Traits) -> bool,
    ) -> Option<()> {
        if tally.feasible + (rest.count_ones() as usize) < wanted {
            // Whatever fits, all are looked at.
            let stale = self.blocks[block].stale & rest;
            self.read_all((block, stale), read)?;
            self.take((block, rest), tally, fits);
            return Some(());
        }
        // No node is looked at beyond the one that makes the number full.
        while rest != 0 {
            let stale = self.blocks[block].stale & rest;
            let before_stale = rest & (stale & stale.wrapping_neg()).wrapping_sub(1);
            let fitting = self.fitting(block, before_stale, tally, fits);
            if let Some(last) = nth_of(fitting, wanted - tally.feasible - 1) {
                self.take((block, before_stale & nodes_at(0..last + 1)), tally, fits);
                return Some(());
            }
            self.take((block, before_stale), tally, fits);
            rest &= !before_stale;
            self.read_all((block, stale & stale.wrapping_neg()), read)?;
        }
        Some(())
    }

    /// Those of some nodes that fit, as far as it is known.
    fn fitting(&self, block: usize, of: Nodes, tally: &mut Tally, fits: &impl Fn(&Traits) -> bool) -> Nodes {
        let classes = self.blocks[block].classes.iter();
        classes.fold(0, |all, (class, nodes)| {
            let memo = tally.memo(*class, || fits(&self.classes[usize::from(*class)].traits));
            all | if memo.fits { nodes & of } else { 0 }
        })
    }

    /// Adds up nodes that were looked at.
    fn take(&self, (block, of): (usize, Nodes), tally: &mut Tally, fits: &impl Fn(&Traits) -> bool) {
        for (class, nodes) in &self.blocks[block].classes {
            let count = (nodes & of).count_ones();
            let memo = tally.memo(*class, || fits(&self.classes[usize::from(*class)].traits));
            memo.node_count += count;
            let fitting = if memo.fits { count as usize } else { 0 };
            tally.feasible += fitting;
        }
        tally.looked_at += of.count_ones() as usize;
    }

    /// Looks at nodes that changed.
    fn read_all(&mut self, (block, mut of): (usize, Nodes), read: &mut impl FnMut(usize) -> Reading) -> Option<()> {
        while of != 0 {
            let node = block * BLOCK + of.trailing_zeros() as usize;
            self.read(node, read(node))?;
            of &= of.wrapping_sub(1);
        }
        Some(())
    }

    /// The classes of the nodes that fit, each with how many of them were looked at.
    pub(crate) fn found<'a>(&'a self, tally: &'a Tally) -> Found<'a> {
        Found { classes: &self.classes, tally }
    }

    /// The `nth` node of the classes that are marked, among those that were looked at.
    pub(crate) fn nth_top(&self, start: usize, tally: &Tally, nth: usize) -> Option<usize> {
        let mut left = nth;
        for (block, places) in parts(self.class_of.len(), start, tally.looked_at) {
            let classes = self.blocks[block].classes.iter();
            let are_top = classes.filter(|(class, _)| tally.top.contains(class)).fold(0, |all, (_, nodes)| all | nodes);
            let here = are_top & nodes_at(places);
            let count = here.count_ones() as usize;
            if left < count {
                return nth_of(here, left).map(|place| block * BLOCK + place);
            }
            left -= count;
        }
        None
    }
}

#[cfg(test)]
#[path = "node_classes_tests.rs"]
mod tests;
