//! Nodes in classes: those of one class are all the same to the pods of a template.
//!
//! Nodes lie in blocks, and a block knows how many of its nodes are in which class. So a search looks at single nodes only
//! at its two ends and where something changed, and what is to be said of a node is said once a class.

use std::ops::Range;

use rustc_hash::FxHashMap;

/// At so many things beside a node's own score pods of a template may look.
pub(crate) const AXES_MAX: usize = 8;
/// How many nodes a block has.
const BLOCK: usize = 32;
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

/// Which classes the nodes of a block are in.
#[derive(Debug, Default)]
struct Block {
    stale: u16,
    /// Classes of nodes that fit, each with how many there are.
    classes: Vec<(u16, u16)>,
}

impl Block {
    fn leave(&mut self, class: u16) {
        if class == STALE {
            self.stale -= 1;
        } else if let Some(at) = self.classes.iter().position(|(known, _)| *known == class) {
            self.classes[at].1 -= 1;
            if self.classes[at].1 == 0 {
                self.classes.swap_remove(at);
            }
        }
    }

    fn enter(&mut self, class: u16) {
        if class == STALE {
            self.stale += 1;
        } else if class != MISFIT {
            match self.classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, count)) => *count += 1,
                None => self.classes.push((class, 1)),
            }
        }
    }
}

/// What one search found out of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    search: u32,
    fits: bool,
    is_top: bool,
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
        self.memos[at] = Memo { search: self.search, fits, is_top: false, node_count: 0 };
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
        let top = totals.iter().max();
        let mut ties = 0;
        for (class, total) in self.found.iter().zip(totals) {
            if Some(total) == top {
                let memo = &mut self.memos[usize::from(*class)];
                memo.is_top = true;
                ties += memo.node_count as usize;
            }
        }
        ties
    }

    fn is_top(&self, class: u16) -> bool {
        self.memos.get(usize::from(class)).is_some_and(|memo| memo.search == self.search && memo.is_top)
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

/// The places from `start` on, round the end, `count` of them at most, cut where blocks end.
fn parts(all: usize, start: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let first = start..all.min(start + count);
    let wrapped = 0..start.min(count - first.len());
    let cut = |mut rest: Range<usize>| {
        std::iter::from_fn(move || {
            let end = rest.end.min((rest.start / BLOCK + 1) * BLOCK);
            let part = rest.start..end;
            rest.start = end;
            (!part.is_empty()).then_some(part)
        })
    };
    cut(first).chain(cut(wrapped))
}

impl NodeClasses {
    /// So many nodes that nobody has looked at.
    pub(crate) fn of_nodes(count: usize) -> Self {
        let full = |at: usize| Block { stale: BLOCK.min(count - at * BLOCK) as u16, classes: Vec::new() };
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
        let block = &mut self.blocks[node / BLOCK];
        block.leave(old);
        block.enter(class);
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
        for part in parts(self.class_of.len(), start, self.class_of.len()) {
            if self.is_whole(&part) && self.take_whole(&part, wanted, tally, &mut read, &fits)? {
                continue;
            }
            // One by one, so that no node is looked at beyond the one that makes the number full.
            let mut feasible = tally.feasible;
            for node in part {
                if self.class_of[node] == STALE {
                    self.read(node, read(node))?;
                }
                let class = self.class_of[node];
                let memo = tally.memo(class, || class != MISFIT && fits(&self.classes[usize::from(class)].traits));
                memo.node_count += 1;
                feasible += usize::from(memo.fits);
                tally.looked_at += 1;
                if feasible >= wanted {
                    break;
                }
            }
            tally.feasible = feasible;
            if feasible >= wanted {
                break;
            }
        }
        tally.end();
        Some(())
    }

    /// Takes a whole block, unless it may be more than is wanted; returns whether it did.
    fn take_whole(
        &mut self,
        part: &Range<usize>,
        wanted: usize,
        tally: &mut Tally,
        read: &mut impl FnMut(usize) -> Reading,
        fits: &impl Fn(&Traits) -> bool,
    ) -> Option<bool> {
        let at = part.start / BLOCK;
        let mut most = tally.feasible + usize::from(self.blocks[at].stale);
        for (class, count) in &self.blocks[at].classes {
            let memo = tally.memo(*class, || fits(&self.classes[usize::from(*class)].traits));
            most += usize::from(*count) * usize::from(memo.fits);
        }
        if most >= wanted {
            return Some(false);
        }
        if self.blocks[at].stale > 0 {
            self.read_stale(part.clone(), read)?;
        }
        for (class, count) in &self.blocks[at].classes {
            let memo = tally.memo(*class, || fits(&self.classes[usize::from(*class)].traits));
            memo.node_count += u32::from(*count);
            let fitting = usize::from(*count) * usize::from(memo.fits);
            tally.feasible += fitting;
        }
        tally.looked_at += part.len();
        Some(true)
    }

    fn read_stale(&mut self, part: Range<usize>, read: &mut impl FnMut(usize) -> Reading) -> Option<()> {
        for node in part {
            if self.class_of[node] == STALE {
                self.read(node, read(node))?;
            }
        }
        Some(())
    }

    fn is_whole(&self, part: &Range<usize>) -> bool {
        part.start.is_multiple_of(BLOCK) && (part.len() == BLOCK || part.end == self.class_of.len())
    }

    /// The classes of the nodes that fit, each with how many of them were looked at.
    pub(crate) fn found<'a>(&'a self, tally: &'a Tally) -> impl Iterator<Item = (&'a Traits, u32)> + Clone {
        let of = |class: &u16| (&self.classes[usize::from(*class)].traits, tally.memos[usize::from(*class)].node_count);
        tally.found.iter().map(of)
    }

    /// The `nth` node of the classes that are marked, among those that were looked at.
    pub(crate) fn nth_top(&self, start: usize, tally: &Tally, nth: usize) -> Option<usize> {
        let mut left = nth;
        for part in parts(self.class_of.len(), start, tally.looked_at) {
            if self.is_whole(&part) {
                let classes = &self.blocks[part.start / BLOCK].classes;
                let here: u16 = classes.iter().filter(|(class, _)| tally.is_top(*class)).map(|(_, count)| count).sum();
                if left >= usize::from(here) {
                    left -= usize::from(here);
                    continue;
                }
            }
            for node in part {
                if tally.is_top(self.class_of[node]) {
                    if left == 0 {
                        return Some(node);
                    }
                    left -= 1;
                }
            }
        }
        None
    }
}

#[cfg(test)]
#[path = "node_classes_tests.rs"]
mod tests;
