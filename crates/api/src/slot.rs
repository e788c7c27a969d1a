//! Slots: a small number for each stored object of a kind, so that tables find it without a search.

/// The place of an object among those of its kind that are stored, the same from its creation to its end.
///
/// Slots are used again. Whoever hears of changes in their order sees an object go before another takes its slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// The slot of an object that was never stored.
    pub const NONE: Slot = Slot(0);

    /// The slot with an index, the first being 0.
    #[inline]
    pub fn at(index: usize) -> Self {
        // Four thousand million objects do not fit into memory.
        Self(index as u32 + 1)
    }

    /// The index; none for an object that was never stored.
    #[inline]
    pub fn index(self) -> Option<usize> {
        self.0.checked_sub(1).map(|index| index as usize)
    }
}

/// Values by slot.
#[derive(Clone, Debug)]
pub struct SlotMap<V> {
    values: Vec<Option<V>>,
    len: usize,
}

impl<V> Default for SlotMap<V> {
    fn default() -> Self {
        Self { values: Vec::new(), len: 0 }
    }
}

impl<V> SlotMap<V> {
    /// The value at a slot.
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<&V> {
        self.values.get(slot.index()?)?.as_ref()
    }

    /// The value at a slot, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut V> {
        self.values.get_mut(slot.index()?)?.as_mut()
    }

    /// Has the value at a slot fetched from memory, for who looks at it soon.
    #[inline]
    pub fn fetch(&self, slot: Slot) {
        if let Some(value) = slot.index().and_then(|index| self.values.get(index)) {
            crate::fetch(value);
        }
    }

    /// Puts a value at a slot; returns the one before. An object that was never stored has no place here.
    pub fn insert(&mut self, slot: Slot, value: V) -> Option<V> {
        let index = slot.index()?;
        if index >= self.values.len() {
            self.values.resize_with(index + 1, || None);
        }
        let old = self.values[index].replace(value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes the value at a slot away.
    pub fn remove(&mut self, slot: Slot) -> Option<V> {
        let old = self.values.get_mut(slot.index()?)?.take();
        self.len -= usize::from(old.is_some());
        old
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values, in the order of their slots.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_at_their_slots() {
        let mut map = SlotMap::default();
        assert_eq!((Slot::default(), Slot::NONE.index(), Slot::at(4).index()), (Slot::NONE, None, Some(4)));
        assert_eq!((map.insert(Slot::NONE, 'x'), map.remove(Slot::at(9)), map.len()), (None, None, 0));
        assert_eq!((map.insert(Slot::at(2), 'c'), map.insert(Slot::at(0), 'a'), map.len()), (None, None, 2));
        assert_eq!(map.insert(Slot::at(2), 'd'), Some('c'));
        assert_eq!(map.get_mut(Slot::at(0)).map(|v| std::mem::replace(v, 'b')), Some('a'));
        assert_eq!((map.values().collect::<String>().as_str(), map.get(Slot::at(1))), ("bd", None));
        assert_eq!((map.remove(Slot::at(2)), map.remove(Slot::at(2)), map.len()), (Some('d'), None, 1));
        assert_eq!((map.remove(Slot::at(0)), map.is_empty()), (Some('b'), true));
    }
}
