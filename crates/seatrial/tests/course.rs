//! The course's Deployment, to the second.

use std::time::Duration;

use seatrial::Cluster;

fn manifest() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/course/deploy.yml");
    std::fs::read_to_string(path).expect("the course's manifest")
}

fn condition(cluster: &Cluster, type_: &str) -> Option<String> {
    let pod = cluster.pods().into_iter().next()?;
    pod.status?.conditions?.into_iter().find(|c| c.type_ == type_).map(|c| c.status)
}

/// The moment at which something becomes true, in milliseconds since the start.
fn moment(cluster: &mut Cluster, holds: impl Fn(&Cluster) -> bool) -> u128 {
    cluster.run_until(holds, Duration::from_secs(600)).expect("it becomes true");
    cluster.now().as_millis()
}

#[test]
fn the_probes_take_their_real_time() {
    let mut cluster = Cluster::builder().build();
    // A manifest file in a removed version is converted where it is loaded.
    let manifests = seatrial::manifest::parse_manifests(&manifest(), "deploy.yml").expect("it can be read");
    assert!(manifests[0].warning.as_deref().is_some_and(|w| w.contains("unavailable in v1.16+")));
    cluster.apply(&manifests[0].object).expect("the API server takes it");

    // The kubelet starts containers 100 ms after the pod was bound, which happens at once.
    assert_eq!(
        moment(&mut cluster, |c| c
            .pods()
            .iter()
            .any(|p| p.status.as_ref().is_some_and(|s| s.phase.as_deref() == Some("Running")))),
        100
    );

    // The readiness worker counts its ticks from the container's start: at 0 s the container is younger than
    // initialDelaySeconds 11, so the first probe is one period of 20 s later, at 20.1 s.
    assert_eq!(moment(&mut cluster, |c| condition(c, "Ready").as_deref() == Some("True")), 20_100);

    // The Ready condition carries whole seconds (00:00:20), and 30 s of minReadySeconds later the pod is available.
    assert_eq!(moment(&mut cluster, |c| c.available("super-front") == 1), 50_000);
}

#[test]
fn the_liveness_probe_restarts_a_container_that_stops_answering() {
    use seatrial::Behavior;
    use seatrial::kubelet::{Endpoint, Window};
    // The port answers for 170 s and never again; the first life only.
    let endpoint = Endpoint::Port { port: 80, path: None, status: 200 };
    let to = Some(Duration::from_secs(170));
    let window = Window { endpoint, from: Duration::ZERO, to, takes: Duration::ZERO, restarts: Some(0) };
    let behavior = Behavior { healthy: vec![window], ..Behavior::default() };
    let mut cluster = Cluster::builder().behaviors(vec![behavior]).build();
    let manifests = seatrial::manifest::parse_manifests(&manifest(), "deploy.yml").expect("it can be read");
    cluster.apply(&manifests[0].object).expect("the API server takes it");
    let restarts = |c: &Cluster| {
        let pods = c.pods();
        let statuses = pods.first().and_then(|p| p.status.as_ref()).and_then(|s| s.container_statuses.as_ref());
        statuses.map_or(0, |s| s[0].restart_count)
    };
    // Liveness ticks every 20 s from the worker's creation at 0 s. 168 s of initialDelaySeconds have passed at 180 s
    // (the container is 179 whole seconds old); failures at 180, 200 and 220 s make three, and SIGTERM takes 100 ms.
    assert_eq!(moment(&mut cluster, |c| restarts(c) == 1), 220_100);
    // Readiness failed three times before, at 180.1, 200.1 and 220.1 s at the latest: the pod is not ready.
    assert_eq!(condition(&cluster, "Ready").as_deref(), Some("False"));
}
