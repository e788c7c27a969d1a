//! Reads by slot, for those who remember where an object lies.

use std::sync::Arc;

use seatrial_api::{Resource, Slot};

use crate::server::ApiServer;

impl ApiServer {
    /// What lies at a slot now.
    #[inline]
    pub fn at<R: Resource>(&self, slot: Slot) -> Option<&Arc<R>> {
        self.store().at(slot)
    }
}
