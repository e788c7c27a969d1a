//! What a change is about, so that only those are told to whom it can mean something.

use seatrial_api::{Object, ObjectMeta, Pod, pod_condition};

use crate::informers::Delivery;

/// A set of things that a change may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aspects(u16);

impl Aspects {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The object is new: there was none of its name, or another one.
    pub const ARRIVAL: Self = Self(1);
    /// The object is gone.
    pub const DEPARTURE: Self = Self(1 << 1);
    /// Its labels, annotations, owners, finalizers or deletion.
    pub const METADATA: Self = Self(1 << 2);
    /// A pod's node.
    pub const BINDING: Self = Self(1 << 3);
    /// A pod's phase.
    pub const PHASE: Self = Self(1 << 4);
    /// Anything of a pod that uses claims.
    pub const CLAIMS: Self = Self(1 << 5);
    /// Anything of a pod that something is about to end.
    pub const DISRUPTION: Self = Self(1 << 6);
    /// Anything at all.
    pub const ANY: Self = Self(1 << 7);

    /// Anything of a pod with claims that are made for it.
    pub const OWN_CLAIMS: Self = Self(1 << 8);

    /// How many different aspects there are.
    pub const COUNT: usize = 9;

    /// The aspects of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the aspect with a number below [`Aspects::COUNT`] is one of them.
    #[must_use]
    pub const fn has(self, number: usize) -> bool {
        self.0 >> number & 1 != 0
    }

    /// The numbers of the aspects.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let number = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(number)
        })
    }

    /// These, or nothing where something does not hold.
    #[must_use]
    pub const fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }

    /// Whether an object came, went, or has other metadata.
    #[must_use]
    pub const fn touch_presence(self) -> bool {
        self.0 & (Self::ARRIVAL.0 | Self::DEPARTURE.0 | Self::METADATA.0) != 0
    }

    /// What a delivery is about. Of kinds other than pods only the aspects that all kinds have are told.
    #[must_use]
    pub fn of(delivery: &Delivery<'_>) -> Self {
        match (delivery.old, delivery.new) {
            (Some(Object::Pod(old)), Some(Object::Pod(new))) => Self::of_update(&old.meta, &new.meta)
                .and(Self::BINDING.when(old.node_name != new.node_name))
                .and(Self::PHASE.when(old.status.phase != new.status.phase))
                .and(Self::of_pod(new)),
            (Some(old), Some(new)) => Self::of_update(old.meta(), new.meta()),
            (None, Some(Object::Pod(new))) => Self::ANY.and(Self::ARRIVAL).and(Self::of_pod(new)),
            (None, Some(_)) => Self::ANY.and(Self::ARRIVAL),
            (Some(Object::Pod(old)), None) => Self::ANY.and(Self::DEPARTURE).and(Self::of_pod(old)),
            (Some(_), None) => Self::ANY.and(Self::DEPARTURE),
            (None, None) => Self::ANY,
        }
    }

    fn of_update(old: &ObjectMeta, new: &ObjectMeta) -> Self {
        // The lists are shared by the versions of an object, so this does not look inside.
        let same_metadata = old.labels.ptr_eq(&new.labels)
            && old.annotations.ptr_eq(&new.annotations)
            && old.owner_references.ptr_eq(&new.owner_references)
            && old.finalizers.ptr_eq(&new.finalizers)
            && old.deletion == new.deletion;
        Self::ANY.and(Self::ARRIVAL.when(old.uid != new.uid)).and(Self::METADATA.when(!same_metadata))
    }

    fn of_pod(pod: &Pod) -> Self {
        let is_disrupted = pod.status.conditions.get(pod_condition::DISRUPTION_TARGET).is_some();
        let of_claims = match pod.has_claims() {
            true => Self::CLAIMS.and(Self::OWN_CLAIMS.when(pod.spec.has_own_claims())),
            false => Self::NONE,
        };
        of_claims.and(Self::DISRUPTION.when(is_disrupted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_aspects() {
        let both = Aspects::DEPARTURE.and(Aspects::OWN_CLAIMS);
        assert_eq!(both.numbers().collect::<Vec<_>>(), [1, Aspects::COUNT - 1]);
        assert!(both.has(1) && both.has(8) && !both.has(0) && Aspects::NONE.numbers().next().is_none());
    }
}
