//! What is written often is copied little: counted by an allocator that counts.

use std::alloc::System;
use std::fmt::Write;
use std::time::Duration;

use seatrial::Cluster;
use seatrial::kubelet::{Behavior, Exit, When};
use seatrial_benches::cluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HEARTBEAT: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// How many allocations are made while so much time passes.
fn allocations(cluster: &mut Cluster, time: Duration) -> usize {
    let region = Region::new(ALLOCATOR);
    cluster.advance(time).expect("nothing breaks");
    let change = region.change();
    change.allocations + change.reallocations
}

/// How many allocations ten Jobs of a CronJob make, whose containers have so many variables.
fn allocations_of_ten_jobs(variables: u32) -> usize {
    let mut cluster = cluster(1);
    let exit = Exit { after: When::After(Duration::from_secs(10)), code: 0 };
    cluster.behave(vec![Behavior { exit: vec![exit], ..Behavior::default() }]);
    let mut env = String::new();
    for number in 0..variables {
        write!(env, "{{name: V{number}, value: '{number}'}}, ").expect("a string takes everything");
    }
    let manifest = format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: tick}}, spec: {{schedule: '* * * * *', \
         jobTemplate: {{spec: {{template: {{spec: {{restartPolicy: Never, \
         containers: [{{name: c, image: 'work:1', env: [{env}]}}]}}}}}}}}}}}}"
    );
    cluster.create_yaml(&manifest).expect("the API server takes it");
    // Until the history is full and old Jobs go as new ones come.
    cluster.advance(10 * MINUTE).expect("nothing breaks");
    allocations(&mut cluster, 10 * MINUTE)
}

/// One test: what runs beside it would be counted, too.
#[test]
fn heartbeats_and_the_statuses_of_jobs_copy_little() {
    let (nodes, beats) = (10, 100);
    let mut at_rest = cluster(nodes);
    at_rest.advance(20 * HEARTBEAT).expect("nothing breaks");
    let made = allocations(&mut at_rest, beats * HEARTBEAT);
    let leases = nodes * beats as usize;
    // Each lease is one; the rest is for the looks at the nodes every 40 to 50 seconds.
    assert!(made < leases + leases / 2, "{made} for {leases} renewals");

    let (few, many) = (allocations_of_ten_jobs(10), allocations_of_ten_jobs(510));
    // A name and a value each. The Job has a copy of its template; nothing else copies it.
    let of_a_copy = 2 * 500;
    assert!(many - few < 10 * of_a_copy * 3 / 2, "10 Jobs with few variables: {few} allocations, with many: {many}");
}
