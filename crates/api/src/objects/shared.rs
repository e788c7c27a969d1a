//! A part that versions of an object share: an item of a list, a spec, a status.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value behind a shared pointer; equality is mostly a comparison of two pointers.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Shares a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// Whether both are one shared value, without looking inside.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> Shared<T> {
    /// The value itself.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    /// Copies what others hold too, so that they do not see the change.
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || *self.0 == *other.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shared_is_copied_by_whoever_changes_it() {
        let old: Shared<Vec<u8>> = vec![1].into();
        let mut new = old.clone();
        assert!(new.ptr_eq(&old));
        new.push(2);
        assert_eq!((&*old, &*new), (&vec![1], &vec![1, 2]));
        assert!(new != old && old == Shared::from(vec![1]));
        assert_eq!(new.into_inner(), [1, 2]);
    }
}
