//! Sets of controllers, each by its turn, and who is told of which changes of pods.

use seatrial_machinery::Aspects;

/// Turns, of at most 32 controllers. Iterating goes from the first turn to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns(u32);

impl Turns {
    /// Nobody's.
    pub(super) const NONE: Turns = Turns(0);

    /// These and one more.
    pub(super) const fn with(self, turn: usize) -> Turns {
        Turns(self.0 | 1 << turn)
    }

    /// These but for others.
    pub(super) const fn without(self, others: Turns) -> Turns {
        Turns(self.0 & !others.0)
    }

    /// These and others.
    pub(super) const fn or(self, others: Turns) -> Turns {
        Turns(self.0 | others.0)
    }

    /// These as far as they are among others.
    pub(super) const fn among(self, others: Turns) -> Turns {
        Turns(self.0 & others.0)
    }

    /// Puts a turn in or takes it out.
    #[inline]
    pub(super) fn set(&mut self, turn: usize, is_in: bool) {
        self.0 = (self.0 & !(1 << turn)) | (u32::from(is_in) << turn);
    }

    /// The first turn that is this one or a later one.
    #[inline]
    pub(super) fn next_from(self, turn: usize) -> Option<usize> {
        let later = self.0.checked_shr(turn as u32)?;
        (later != 0).then(|| turn + later.trailing_zeros() as usize)
    }
}

/// Who heeds which aspects of a change; at first everybody everything.
#[derive(Debug)]
pub(super) struct Heeders {
    /// What each heeds, by turn.
    heeds: [Aspects; u32::BITS as usize],
    /// The same by aspect.
    turns: [Turns; Aspects::COUNT],
}

impl Default for Heeders {
    fn default() -> Self {
        let turns = std::array::from_fn(|number| if Aspects::ANY.has(number) { Turns(u32::MAX) } else { Turns::NONE });
        Self { heeds: [Aspects::ANY; u32::BITS as usize], turns }
    }
}

impl Heeders {
    /// Says what somebody heeds from now on.
    #[inline]
    pub(super) fn set(&mut self, turn: usize, heeds: Aspects) {
        if self.heeds[turn] == heeds {
            return;
        }
        self.heeds[turn] = heeds;
        for (number, turns) in self.turns.iter_mut().enumerate() {
            turns.set(turn, heeds.has(number));
        }
    }

    /// Who heeds any of these aspects.
    #[inline]
    pub(super) fn of(&self, aspects: Aspects) -> Turns {
        aspects.numbers().fold(Turns::NONE, |all, number| all.or(self.turns[number]))
    }
}

impl Iterator for Turns {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let turn = self.next_from(0)?;
        self.0 &= self.0 - 1;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_heeds_an_aspect_is_told_of_it() {
        let mut heeders = Heeders::default();
        let told = |heeders: &Heeders, aspects| heeders.of(aspects).among(Turns(0b111)).collect::<Vec<_>>();
        let update = Aspects::ANY.and(Aspects::PHASE);
        assert_eq!(told(&heeders, update), [0, 1, 2]);
        heeders.set(0, Aspects::NONE);
        heeders.set(1, Aspects::PHASE.and(Aspects::BINDING));
        assert_eq!((told(&heeders, update), told(&heeders, Aspects::ANY)), (vec![1, 2], vec![2]));
        heeders.set(0, Aspects::ANY);
        heeders.set(1, Aspects::BINDING);
        assert_eq!(told(&heeders, update), [0, 2]);
    }

    #[test]
    fn turns_come_in_order_and_can_be_taken_out() {
        let mut turns = Turns::NONE.with(31).with(3).with(0).with(7);
        turns.set(7, false);
        turns.set(9, true);
        turns.set(9, true);
        assert_eq!(turns.collect::<Vec<_>>(), [0, 3, 9, 31]);
        assert_eq!(turns.without(Turns::NONE.with(0).with(5)).collect::<Vec<_>>(), [3, 9, 31]);
        let rows = [(0, Some(0)), (1, Some(3)), (3, Some(3)), (4, Some(9)), (10, Some(31)), (31, Some(31)), (32, None)];
        for (from, want) in rows {
            assert_eq!(turns.next_from(from), want, "{from}");
        }
    }
}
