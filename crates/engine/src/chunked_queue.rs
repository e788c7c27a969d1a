//! A queue in chunks: it grows without copying what is in it, and gives room back as its front goes.

use std::collections::VecDeque;

/// How many bytes a chunk takes.
const CHUNK_BYTES: usize = 16 << 10;

/// A queue. All its chunks are full but the last, and but the first of what has gone.
#[derive(Debug)]
pub struct ChunkedQueue<T> {
    chunks: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for ChunkedQueue<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }
}

impl<T> ChunkedQueue<T> {
    /// How many items a chunk has: a power of two, so that finding one divides by nothing else.
    const CHUNK: usize = if cfg!(test) { 4 } else { 1 << (CHUNK_BYTES / size_of::<T>()).ilog2() };

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first item.
    #[inline]
    #[must_use]
    pub fn front(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    /// The last item.
    #[inline]
    #[must_use]
    pub fn back(&self) -> Option<&T> {
        self.chunks.back()?.back()
    }

    /// The item at an index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (chunk, at) = self.place(index);
        self.chunks.get(chunk)?.get(at)
    }

    /// The item at an index, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let (chunk, at) = self.place(index);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }

    /// The chunk of an item, and its index there.
    fn place(&self, index: usize) -> (usize, usize) {
        // The first chunk ends where a full one would.
        let gone = self.chunks.front().filter(|_| self.chunks.len() > 1).map_or(0, |first| Self::CHUNK - first.len());
        let at = index + gone;
        if at < Self::CHUNK { (0, index) } else { (at / Self::CHUNK, at % Self::CHUNK) }
    }

    /// Puts an item behind all others.
    #[inline]
    pub fn push_back(&mut self, item: T) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(last) if last.len() < Self::CHUNK => last.push_back(item),
            _ => self.push_chunk(item),
        }
    }

    #[cold]
    fn push_chunk(&mut self, item: T) {
        let mut chunk = VecDeque::with_capacity(Self::CHUNK);
        chunk.push_back(item);
        self.chunks.push_back(chunk);
    }

    /// Takes the first item.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        self.pop_front_if(|_| true)
    }

    /// Takes the first item if it is one of these.
    #[inline]
    pub fn pop_front_if(&mut self, is_one: impl FnOnce(&mut T) -> bool) -> Option<T> {
        let is_only = self.chunks.len() == 1;
        let first = self.chunks.front_mut()?;
        let item = first.pop_front_if(is_one)?;
        self.len -= 1;
        if first.is_empty() {
            // A queue that is filled and emptied all the time stays in the same few lines of memory.
            first.clear();
            if !is_only {
                self.chunks.pop_front();
            }
        }
        Some(item)
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Leaves only some items.
    pub fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        let old = std::mem::take(self);
        old.chunks.into_iter().flatten().filter(is_kept).for_each(|item| self.push_back(item));
    }

    /// The index of an item with a key, where the items are in the order of their keys.
    pub fn binary_search_by_key<K: Ord>(&self, key: &K, key_of: impl Fn(&T) -> K) -> Option<usize> {
        let (mut from, mut to) = (0, self.len);
        while from < to {
            let middle = from + (to - from) / 2;
            match key_of(self.get(middle)?).cmp(key) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// For how many items there is room.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.chunks.iter().map(VecDeque::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_queue_whatever_comes_and_goes() {
        let (mut queue, mut plain) = (ChunkedQueue::default(), VecDeque::new());
        for step in 0..3_000u64 {
            // It grows and shrinks in turns, down to nothing.
            let grows = step / 100 % 2 == 0;
            if step.wrapping_mul(7) % 10 < if grows { 8 } else { 2 } {
                queue.push_back(step);
                plain.push_back(step);
            } else {
                assert_eq!(queue.pop_front_if(|first| *first % 13 != 0), plain.pop_front_if(|first| *first % 13 != 0));
            }
            if step % 97 == 0 {
                queue.retain(|item| item % 5 != 0 && item % 13 != 0);
                plain.retain(|item| item % 5 != 0 && item % 13 != 0);
            }
            assert!(queue.iter().eq(&plain) && queue.len() == plain.len() && queue.is_empty() == plain.is_empty());
            assert_eq!((queue.front(), queue.back()), (plain.front(), plain.back()));
            assert!(queue.room() <= plain.len() + 3 * ChunkedQueue::<u64>::CHUNK);
            for (index, item) in plain.iter().enumerate() {
                assert_eq!(
                    (queue.get(index), queue.binary_search_by_key(item, |item| *item)),
                    (Some(item), Some(index))
                );
            }
            assert_eq!((queue.get(plain.len()), queue.binary_search_by_key(&(step + 1), |item| *item)), (None, None));
        }
        if let Some(first) = queue.get_mut(0) {
            *first += 1;
        }
        assert_eq!(queue.get(0).copied(), plain.front().map(|first| first + 1));
    }
}
