//! A heap whose places can be walked: std's says nothing of where its items lie.

/// Items of which the least is found at once. Each is no greater than those below it: [`MinHeap::below`] says where they
/// are, so that the items can be taken in order without taking them out.
#[derive(Debug)]
pub(super) struct MinHeap<T>(Vec<T>);

impl<T> Default for MinHeap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> MinHeap<T> {
    /// Where the least item is.
    pub(super) const TOP: usize = 0;

    /// The places below a place.
    pub(super) fn below(place: usize) -> [usize; 2] {
        [2 * place + 1, 2 * place + 2]
    }

    /// The item at a place.
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place)
    }

    /// The least item.
    pub(super) fn peek(&self) -> Option<&T> {
        self.0.first()
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T: Ord> MinHeap<T> {
    /// Puts an item in.
    pub(super) fn push(&mut self, item: T) {
        let mut place = self.0.len();
        self.0.push(item);
        while place > 0 {
            let above = (place - 1) / 2;
            if self.0[above] <= self.0[place] {
                break;
            }
            self.0.swap(above, place);
            place = above;
        }
    }

    /// Takes the least item out.
    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.0.pop()?;
        let Some(least) = self.0.first_mut() else { return Some(last) };
        let least = std::mem::replace(least, last);
        let mut place = Self::TOP;
        loop {
            let [left, right] = Self::below(place);
            let Some(item) = self.0.get(left) else { break };
            let least_below = if self.0.get(right).is_some_and(|other| other < item) { right } else { left };
            if self.0[place] <= self.0[least_below] {
                break;
            }
            self.0.swap(place, least_below);
            place = least_below;
        }
        Some(least)
    }

    /// Keeps of the items that are worth keeping one of each.
    pub(super) fn retain_once(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
        // What is sorted is a heap.
        self.0.sort_unstable();
        self.0.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_engine::Rng;

    #[test]
    fn the_least_comes_first_and_nothing_below_is_less() {
        let (mut rng, mut heap, mut model) = (Rng::from_seed(5), MinHeap::default(), Vec::new());
        for step in 0..3000_u64 {
            match rng.below(if step % 600 < 300 { 4 } else { 2 }) {
                0 => {
                    model.sort_unstable();
                    let least = (!model.is_empty()).then(|| model.remove(0));
                    assert_eq!(heap.pop(), least);
                }
                _ if step % 500 == 499 => {
                    heap.retain_once(|item| item % 3 > 0);
                    model.retain(|item| item % 3 > 0);
                    model.sort_unstable();
                    model.dedup();
                }
                _ => {
                    let item = rng.below(50);
                    heap.push(item);
                    model.push(item);
                }
            }
            assert_eq!((heap.len(), heap.peek()), (model.len(), model.iter().min()));
            for place in 0..heap.len() {
                let below = MinHeap::<u64>::below(place).into_iter().filter_map(|place| heap.get(place));
                assert!(below.into_iter().all(|item| Some(item) >= heap.get(place)), "step {step}");
            }
        }
    }
}
