//! Which versions of which slices a controller has written, so that it knows its own work from others', and a cache that
//! lags behind.
//!
//! Mirrors k8s.io/endpointslice/util/endpointslice_tracker.go (v1.36).

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use seatrial_api::{EndpointSlice, NamespacedName, Uid};
use seatrial_machinery::service_of;

/// What is known of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Generation(i64),
    Deletion,
}

/// The slices that a controller wrote, by Service.
#[derive(Debug, Default)]
pub(crate) struct EndpointSliceTracker {
    by_service: FxHashMap<NamespacedName, BTreeMap<Uid, Expected>>,
}

impl EndpointSliceTracker {
    fn of_slice(&self, slice: &EndpointSlice) -> Option<&Expected> {
        self.by_service.get(&service_of(slice)?)?.get(&slice.meta.uid)
    }

    /// Whether the slice is one of those that are tracked.
    pub(crate) fn has(&self, slice: &EndpointSlice) -> bool {
        self.of_slice(slice).is_some()
    }

    /// Whether the slice is newer than what the controller wrote.
    pub(crate) fn should_sync(&self, slice: &EndpointSlice) -> bool {
        match self.of_slice(slice) {
            Some(Expected::Generation(generation)) => slice.meta.generation > *generation,
            Some(Expected::Deletion) => slice.meta.generation > -1,
            None => true,
        }
    }

    /// Whether the slices are older than what the controller wrote.
    pub(crate) fn stale_slices<'a>(
        &self,
        service: &NamespacedName,
        slices: impl Iterator<Item = &'a EndpointSlice>,
    ) -> bool {
        let Some(known) = self.by_service.get(service) else { return false };
        let mut seen = 0;
        for slice in slices {
            match known.get(&slice.meta.uid) {
                Some(Expected::Deletion) => return true,
                Some(Expected::Generation(generation)) if *generation > slice.meta.generation => return true,
                Some(Expected::Generation(_)) => seen += 1,
                None => {}
            }
        }
        let live = known.values().filter(|expected| **expected != Expected::Deletion).count();
        seen < live
    }

    /// The controller has written a slice.
    pub(crate) fn update(&mut self, slice: &EndpointSlice) {
        self.expect(slice, Expected::Generation(slice.meta.generation));
    }

    /// The controller has deleted a slice.
    pub(crate) fn expect_deletion(&mut self, slice: &EndpointSlice) {
        self.expect(slice, Expected::Deletion);
    }

    fn expect(&mut self, slice: &EndpointSlice, expected: Expected) {
        if let Some(service) = service_of(slice) {
            self.by_service.entry(service).or_default().insert(slice.meta.uid.clone(), expected);
        }
    }

    /// A slice is gone: whether the controller itself deleted it.
    pub(crate) fn handle_deletion(&mut self, slice: &EndpointSlice) -> bool {
        let known = service_of(slice).and_then(|service| self.by_service.get_mut(&service));
        known.and_then(|known| known.remove(&slice.meta.uid)).is_none_or(|expected| expected == Expected::Deletion)
    }

    /// A Service is gone.
    pub(crate) fn delete_service(&mut self, service: &NamespacedName) {
        self.by_service.remove(service);
    }
}
