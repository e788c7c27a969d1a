//! What a running pod holds in memory, its events and its places in all tables included: counted by an allocator that counts.

use std::alloc::System;

use seatrial_benches::{cluster, deployment};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The most that a pod may hold: what is asked of the allocator, with the room that growing tables keep and never touch.
const BYTES_A_POD_MAX: usize = 2100;
/// So many pods fill tables that double their size to seven eighths, as twice as many do.
const PODS: u32 = 3500;

/// What a cluster of 100 nodes holds when so many pods are ready.
fn held_with(pods: u32) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut cluster = cluster(100);
    cluster.create_yaml(&deployment("web", pods)).expect("the API server takes it");
    cluster.settle().expect("it settles");
    assert_eq!(u32::try_from(cluster.available("web")), Ok(pods));
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

#[test]
fn a_running_pod_holds_at_most_so_many_bytes() {
    // Nodes, histories and caches of a fixed size are there in both.
    let pods = PODS as usize;
    let each = (held_with(2 * PODS) - held_with(PODS)) / pods;
    assert!(each <= BYTES_A_POD_MAX, "{each} bytes a pod");
}
