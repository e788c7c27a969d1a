//! Tables of the replica calculator: one row a rule. Values are in thousandths.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{Pod, Resource, Str, Time};
use seatrial_machinery::{Clock, SimTime};
use serde_json::{Value, json};

use super::replica_calculator::{
    Groups, Measure, PodMetrics, Tolerances, pod_requests, replicas_for, replicas_for_average, replicas_for_ratio,
};

const TENTH: Tolerances = Tolerances { scale_down: 0.1, scale_up: 0.1 };

fn name(index: usize) -> Str {
    format!("p-{index}").into()
}

/// What is known of a pod: its value if it is ready, or why it does not count.
#[derive(Clone, Copy)]
enum Known {
    Ready(i64),
    Unready,
    Missing,
    Ignored,
}
use Known::{Ignored, Missing, Ready, Unready};

fn grouped(pods: &[Known]) -> (PodMetrics, Groups) {
    let (mut metrics, mut groups) = (PodMetrics::new(), Groups::default());
    for (index, known) in pods.iter().enumerate() {
        match known {
            Ready(value) => {
                metrics.insert(name(index), *value);
                groups.ready_count += 1;
            }
            Unready => {
                metrics.insert(name(index), 9_999);
                groups.unready.insert(name(index));
            }
            Missing => drop(groups.missing.insert(name(index))),
            Ignored => {
                metrics.insert(name(index), 9_999);
                groups.ignored.insert(name(index));
            }
        }
    }
    (metrics, groups)
}

#[test]
fn utilization_of_requests() {
    // Every pod requests a whole core. Current, target percent, pods: the replicas and the percentage that is told.
    let rows: [(i32, i32, &[Known], i32, i32); 19] = [
        (3, 30, &[Ready(300), Ready(500), Ready(700)], 5, 50),
        // Pods that are not ready count as idle where more are asked for.
        (3, 30, &[Unready, Ready(500), Ready(700)], 4, 60),
        (3, 30, &[Unready, Ready(400), Unready], 3, 40),
        // Pods that failed or go do not count.
        (3, 30, &[Ready(400), Ready(500), Ready(700), Ignored], 6, 53),
        (3, 30, &[Ignored, Ready(500), Ready(700)], 4, 60),
        (5, 50, &[Ready(100), Ready(300), Ready(500), Ready(250), Ready(250)], 3, 28),
        // Where fewer are asked for, pods that are not ready are left out.
        (5, 50, &[Ready(100), Ready(300), Ready(500), Unready, Unready], 2, 30),
        // 0.9 and 1.1 are within the tolerance, what is beyond is not.
        (10, 100, &[Ready(900); 10], 10, 90),
        (10, 100, &[Ready(890); 10], 9, 89),
        (10, 100, &[Ready(1_100); 10], 10, 110),
        (10, 100, &[Ready(1_110); 10], 12, 111),
        // The percentage is cut before it is compared.
        (3, 100, &[Ready(1_109); 3], 3, 110),
        // A missing pod uses nothing where more are asked for, and all of its request where fewer are.
        (3, 50, &[Ready(1_000), Ready(1_000), Missing], 4, 100),
        (3, 50, &[Ready(100), Ready(100), Missing], 3, 10),
        (4, 50, &[Ready(100), Ready(400), Missing, Ready(100)], 4, 20),
        // And at least what the target is.
        (3, 200, &[Ready(100), Ready(100), Missing], 2, 10),
        // A recount that points the other way changes nothing.
        (3, 50, &[Ready(1_000), Missing, Missing], 3, 100),
        (2, 100, &[Ready(1_200), Unready, Unready], 2, 120),
        (1, 100, &[Ready(0)], 0, 0),
    ];
    for (index, (current, target, pods, want, percent)) in rows.into_iter().enumerate() {
        let (metrics, groups) = grouped(pods);
        let requests: PodMetrics = (0..pods.len()).map(|index| (name(index), 1_000)).collect();
        let measure = Measure::Utilization { requests: &requests, target };
        let got = replicas_for(current, metrics, &groups, &measure, TENTH).expect("samples");
        assert_eq!((got.count, got.utilization), (want, percent), "row {index}");
    }
}

#[test]
fn averages_of_pods() {
    let rows: [(i32, i64, &[Known], i32, i64); 8] = [
        (3, 15_000, &[Ready(20_000), Ready(10_000), Ready(30_000)], 4, 20_000),
        (3, 15_000, &[Unready, Ready(20_000), Ready(40_000)], 4, 30_000),
        (5, 20_000, &[Ready(12_000); 5], 3, 12_000),
        (3, 20_000, &[Ready(19_000), Ready(21_000), Ready(21_000)], 3, 20_333),
        (3, 10_000, &[Ready(20_000), Ready(20_000), Missing], 4, 20_000),
        (3, 10_000, &[Ready(1_000), Ready(1_000), Missing], 2, 1_000),
        (2, 10_000, &[Ready(9_000), Missing], 2, 9_000),
        (2, 10_000, &[Ready(30_000), Ignored], 3, 30_000),
    ];
    for (index, (current, target, pods, want, average)) in rows.into_iter().enumerate() {
        let (metrics, groups) = grouped(pods);
        let got = replicas_for(current, metrics, &groups, &Measure::Average { target }, TENTH).expect("samples");
        assert_eq!((got.count, got.raw), (want, average), "row {index}");
    }
}

#[test]
fn tolerances_of_either_direction() {
    let own = Tolerances { scale_down: 0.5, scale_up: 0.0 };
    for (value, want) in [(500, 4), (490, 2), (1_000, 4), (1_010, 5)] {
        let (metrics, groups) = grouped(&[Ready(value); 4]);
        let got = replicas_for(4, metrics, &groups, &Measure::Average { target: 1_000 }, own).expect("samples");
        assert_eq!(got.count, want, "{value}");
    }
}

#[test]
fn samples_that_say_nothing() {
    for pods in [&[][..], &[Unready, Unready], &[Ignored], &[Missing]] {
        let (metrics, groups) = grouped(pods);
        let error = replicas_for(3, metrics, &groups, &Measure::Average { target: 1 }, TENTH).expect_err("no samples");
        assert_eq!(error, "did not receive metrics for targeted pods (pods might be unready)");
    }
    let (metrics, groups) = grouped(&[Ready(5)]);
    let requests = PodMetrics::new();
    let measure = Measure::Utilization { requests: &requests, target: 50 };
    let error = replicas_for(3, metrics, &groups, &measure, TENTH).expect_err("no requests");
    assert_eq!(error, "no metrics returned matched known pods");
}

#[test]
fn one_value_for_all_pods() {
    let now = 1_000;
    let pods: Vec<Arc<Pod>> = (0..4).map(|index| pod(index, json!({}), (index < 3).then_some(100), now)).collect();
    // Replicas, ratio: the result; three pods are ready.
    for (current, ratio, want) in [(4, 1.05, 4), (4, 2.0, 6), (4, 0.5, 2), (0, 2.5, 3), (0, 0.0, 0)] {
        assert_eq!(replicas_for_ratio(current, ratio, &pods, TENTH), Ok(want), "{current} {ratio}");
    }
    let error = "unable to calculate ready pods: no pods returned by selector while calculating replica count";
    assert_eq!(replicas_for_ratio(4, 2.0, &[], TENTH), Err(error.to_owned()));
    // Replicas, value, target of each: the result and what each has.
    for (replicas, value, target, want) in [
        (4, 40_000, 10_000, (4, 10_000)),
        (4, 43_000, 10_000, (4, 10_750)),
        (4, 50_000, 10_000, (5, 12_500)),
        (3, 10_000, 10_000, (1, 3_334)),
    ] {
        assert_eq!(replicas_for_average(replicas, value, target, TENTH), want, "{value}");
    }
}

/// A running pod that started at second 0 and became ready, or unready, at a second.
fn pod(index: usize, containers: Value, ready_at: Option<i64>, not_ready_at: i64) -> Arc<Pod> {
    let containers = if containers.is_array() { containers } else { json!([{"name": "c", "image": "i"}]) };
    let (status, since) = ready_at.map_or(("False", not_ready_at), |at| ("True", at));
    let api: corev1::Pod = serde_json::from_value(json!({
        "metadata": {"name": name(index).as_str(), "namespace": "default"},
        "spec": {"containers": containers},
        "status": {"phase": "Running", "startTime": Time::from_unix(0).to_string(),
            "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": Time::from_unix(since).to_string()}]}}))
    .expect("a pod");
    Arc::new(Pod::from_api_object(api).expect("a pod"))
}

#[test]
fn cpu_of_pods_that_start_up_says_nothing() {
    // Ready at, not ready since, now: whether its cpu counts.
    let rows = [
        (Some(10), 0, 20, false),
        (Some(10), 0, 25, true),
        (None, 10, 100, false),
        (Some(290), 0, 299, false),
        (Some(290), 0, 300, true),
        // Later: only a pod that was never ready is left out.
        (None, 10, 400, false),
        (None, 29, 400, false),
        (None, 30, 400, true),
        (None, 200, 400, true),
    ];
    for (ready_at, not_ready_at, now, counts) in rows {
        let pods = [pod(0, json!({}), ready_at, not_ready_at)];
        let metrics = PodMetrics::from([(name(0), 100)]);
        let clock = Clock::starting_at(Time::from_unix(0)).at(SimTime::from_secs(now));
        let groups = Groups::of(&pods, &metrics, true, clock);
        assert_eq!(groups.ready_count == 1, counts, "{ready_at:?} {not_ready_at} {now}");
        assert_eq!(groups.unready.len(), usize::from(!counts));
        // Other metrics count at once.
        assert_eq!(Groups::of(&pods, &metrics, false, clock).ready_count, 1);
    }
}

#[test]
fn requests_of_containers_and_sidecars() {
    let request = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let containers = json!([{"name": "a", "image": "i", "resources": request("250m")}, {"name": "b", "image": "i", "resources": request("1")}]);
    let pods = [pod(0, containers, Some(0), 0)];
    assert_eq!(pod_requests(&pods, None, "cpu").map(|r| r[&name(0)]), Ok(1_250));
    assert_eq!(pod_requests(&pods, Some("b"), "cpu").map(|r| r[&name(0)]), Ok(1_000));
    let error = "missing request for memory in container a of Pod p-0";
    assert_eq!(pod_requests(&pods, None, "memory"), Err(error.to_owned()));
}
