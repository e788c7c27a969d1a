//! A sync that changes nothing allocates nothing: counted by an allocator that counts.

use std::alloc::System;

use seatrial_benches::{cluster, deployment};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many allocations a resync of so many Deployments and their ReplicaSets makes.
fn allocations_of_resync(deployments: usize) -> usize {
    let mut cluster = cluster(3);
    for index in 0..deployments {
        cluster.create_yaml(&deployment(&format!("web-{index}"), 2)).expect("the API server takes it");
    }
    cluster.settle().expect("it settles");
    // The first one lets queues grow to their size.
    cluster.resync();
    let reconciles = cluster.reconcile_count();
    let region = Region::new(ALLOCATOR);
    cluster.resync();
    let change = region.change();
    assert_eq!(cluster.reconcile_count() - reconciles, 2 * deployments as u64);
    change.allocations + change.reallocations
}

#[test]
fn a_sync_that_changes_nothing_allocates_nothing() {
    let (one, many) = (allocations_of_resync(1), allocations_of_resync(40));
    // Telling of objects in order makes a list of each kind, which grows now and then; 78 more syncs make nothing.
    assert!(many - one <= 16, "1 Deployment: {one} allocations, 40: {many}");
}
