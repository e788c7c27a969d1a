//! Laws over random loads: an autoscaler stays within its limits and its policies, and rests where the load does.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use seatrial::kubelet::{Behavior, Usage};
use seatrial::{Cluster, PatchType};
use serde_json::json;

const LOOK: Duration = Duration::from_secs(15);
const TARGET_MILLI: i64 = 10_000;

/// An autoscaler with one policy each way, of so many pods a minute.
#[derive(Clone, Copy, Debug)]
struct Case {
    min: i32,
    max: i32,
    start: i32,
    up: i32,
    down: i32,
    windows: (i32, i32),
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let numbers = (1..5_i32, 0..12_i32, 1..14_i32, 2..5_i32, 2..5_i32);
    (numbers, (0..2_i32, 0..2_i32), any::<u64>()).prop_map(|((min, more, start, up, down), (w, v), seed)| Case {
        min,
        max: min + more,
        start,
        up,
        down,
        windows: (w * 45, v * 90),
        seed,
    })
}

fn cluster(case: Case, loads: &[i64]) -> Cluster {
    let milli = |load: i64| BTreeMap::from([("requests".to_owned(), load)]);
    let usage = loads.iter().enumerate().map(|(index, load)| Usage {
        from: Duration::from_secs(120 * index as u64),
        shared: true,
        milli: milli(*load),
    });
    let behavior = Behavior { usage: usage.collect(), ..Behavior::default() };
    let mut cluster = Cluster::builder().seed(case.seed).behaviors(vec![behavior]).build();
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": case.start, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}}});
    let rules = |pods: i32, window: i32| json!({"stabilizationWindowSeconds": window, "policies": [{"type": "Pods", "value": pods, "periodSeconds": 60}]});
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": {
        "minReplicas": case.min, "maxReplicas": case.max,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [{"type": "Pods", "pods": {"metric": {"name": "requests"},
            "target": {"type": "AverageValue", "averageValue": format!("{TARGET_MILLI}m")}}}],
        "behavior": {"scaleUp": rules(case.up, case.windows.0), "scaleDown": rules(case.down, case.windows.1)}}});
    for object in [deployment, hpa] {
        cluster.create(&object).expect("the API server takes it");
    }
    cluster
}

fn replicas(cluster: &Cluster) -> i32 {
    cluster.deployment("web").expect("it is there").spec.and_then(|s| s.replicas).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn limits_and_policies_are_kept(case in case(), loads in prop::collection::vec(0..200_000_i64, 1..6)) {
        let mut cluster = cluster(case, &loads);
        let mut seen = vec![replicas(&cluster)];
        for _ in 0..loads.len() * 8 + 40 {
            cluster.advance(LOOK).expect("time passes");
            seen.push(replicas(&cluster));
        }
        // Whatever was there at first, the first look brings it between the limits.
        for count in &seen[2..] {
            prop_assert!((case.min..=case.max).contains(count), "{count} of {}..={}: {seen:?}", case.min, case.max);
        }
        // In a minute, which is four looks, no policy lets more come or go. What went in the minute before a change may come
        // back with it, and the other way round: a policy counts from what was there when its period began.
        for looks in seen[2..].windows(9) {
            let changes = |looks: &[i32]| looks.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
            let sum = |changes: &[i32], sign: i32| changes.iter().map(|d| (d * sign).max(0)).sum::<i32>();
            let (before, minute) = (changes(looks), changes(&looks[4..]));
            let (added, removed) = (sum(&minute, 1), sum(&minute, -1));
            prop_assert!(added <= case.up + sum(&before, -1) && removed <= case.down + sum(&before, 1), "{looks:?}: {case:?}");
        }
        // The last load holds for ten minutes: it is met, within the tolerance and the limits.
        let load = loads.last().copied().expect("a load");
        let (last, average) = (*seen.last().expect("a number"), |count: i32| load / i64::from(count));
        let is_met = average(last) <= TARGET_MILLI * 11 / 10 || last == case.max;
        let is_needed = last == case.min || average(last) >= TARGET_MILLI * 9 / 10 || average(last - 1) >= TARGET_MILLI;
        prop_assert!(is_met && is_needed, "{last} pods for {load}: {seen:?} {case:?}");
        // And it rests there.
        let end = &seen[seen.len() - 4..];
        prop_assert_eq!(end.iter().min(), end.iter().max());
    }

    /// Somebody who scales by hand, or turns the target off, is corrected, or left alone.
    #[test]
    fn scaling_by_hand_is_corrected(case in case(), by_hand in 0..30_i32) {
        let mut cluster = cluster(case, &[TARGET_MILLI * 3]);
        cluster.advance(Duration::from_secs(600)).expect("time passes");
        let body = json!({"spec": {"replicas": by_hand}});
        cluster.patch("deployment/web", PatchType::Merge, &body).expect("a valid patch");
        cluster.advance(LOOK * 2).expect("time passes");
        let now = replicas(&cluster);
        match by_hand {
            0 => prop_assert_eq!(now, 0, "zero turns the autoscaler off"),
            _ => prop_assert!((case.min..=case.max).contains(&now), "{now}"),
        }
    }
}
