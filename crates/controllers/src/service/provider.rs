//! The simulated provider: addresses, and when they are there.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use seatrial_api::{NamespacedName, Uid};
use seatrial_machinery::SimTime;

/// The first address that is given out; the network is set aside for examples (RFC 5737), and then for benchmarks
/// (RFC 2544).
const FIRST: u32 = u32::from_be_bytes([203, 0, 113, 1]);
const FIRST_COUNT: u32 = 254;
const SECOND: u32 = u32::from_be_bytes([198, 18, 0, 1]);

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoadBalancer {
    /// The Service it is for.
    pub(super) uid: Uid,
    /// Its address.
    pub(super) ip: String,
    /// When it is there.
    pub(super) ready_at: SimTime,
}

/// The load balancers of a cluster.
#[derive(Debug, Default)]
pub(super) struct Provider {
    balancers: BTreeMap<NamespacedName, LoadBalancer>,
    given: u32,
}

impl Provider {
    pub(super) fn get(&self, service: &NamespacedName) -> Option<&LoadBalancer> {
        self.balancers.get(service)
    }

    /// Begins to make a load balancer. Addresses are given out in their order, unless one is asked for.
    pub(super) fn create(&mut self, service: &NamespacedName, uid: &Uid, wanted: Option<&str>, ready_at: SimTime) {
        let ip = wanted.map_or_else(|| self.next_address(), str::to_owned);
        self.balancers.insert(service.clone(), LoadBalancer { uid: uid.clone(), ip, ready_at });
    }

    fn next_address(&mut self) -> String {
        let count = self.given;
        self.given = self.given.wrapping_add(1);
        let number = if count < FIRST_COUNT { FIRST + count } else { SECOND.wrapping_add(count - FIRST_COUNT) };
        Ipv4Addr::from(number).to_string()
    }

    /// Deletes a load balancer; whether there was one.
    pub(super) fn delete(&mut self, service: &NamespacedName) -> bool {
        self.balancers.remove(service).is_some()
    }
}
