//! Laws over random CronJobs: Forbid never overlaps, Replace leaves at most one, history limits hold, schedules only go on.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use seatrial::Behavior;
use seatrial::Cluster;
use seatrial::kubelet::{Exit, When};
use serde_json::{Value, json};

const SCHEDULES: [&str; 6] =
    ["* * * * *", "*/2 * * * *", "1-59/3 * * * *", "0,10,11,40 * * * *", "@every 90s", "*/5 * * * *"];
const ZONES: [Option<&str>; 3] = [None, Some("America/New_York"), Some("Asia/Kathmandu")];

/// A CronJob and what its Jobs do.
#[derive(Clone, Debug)]
struct Case {
    schedule: &'static str,
    zone: Option<&'static str>,
    policy: &'static str,
    deadline: Option<i64>,
    limits: (i32, i32),
    backoff_limit: i32,
    takes: u64,
    code: i32,
    seed: u64,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Op {
    Advance(u64),
    Suspend(bool),
    Schedule(&'static str),
    DeleteJob(usize),
    Behave(u64, i32),
}

fn case() -> impl Strategy<Value = Case> {
    let spec = (
        prop::sample::select(&SCHEDULES[..]),
        prop::sample::select(&ZONES[..]),
        prop::sample::select(&["Allow", "Forbid", "Replace"][..]),
        prop::option::of(prop::sample::select(&[0_i64, 5, 30, 200][..])),
    );
    let jobs = ((0..3_i32, 0..3_i32), 0..2_i32, prop::sample::select(&[0_u64, 1, 20, 59, 61, 150][..]), 0..2_i32);
    (spec, jobs, any::<u64>()).prop_map(
        |((schedule, zone, policy, deadline), (limits, backoff_limit, takes, code), seed)| Case {
            schedule,
            zone,
            policy,
            deadline,
            limits,
            backoff_limit,
            takes,
            code,
            seed,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (1..90_u64).prop_map(Op::Advance),
        (100..1200_u64).prop_map(Op::Advance),
        any::<bool>().prop_map(Op::Suspend),
        prop::sample::select(&SCHEDULES[..]).prop_map(Op::Schedule),
        (0..4_usize).prop_map(Op::DeleteJob),
        (0..200_u64, 0..2_i32).prop_map(|(takes, code)| Op::Behave(takes, code)),
    ]
}

fn behavior(takes: u64, code: i32) -> Behavior {
    Behavior { exit: vec![Exit { after: When::After(Duration::from_secs(takes)), code }], ..Behavior::default() }
}

fn cluster(case: &Case) -> Cluster {
    let mut cluster = Cluster::builder().seed(case.seed).behaviors(vec![behavior(case.takes, case.code)]).build();
    let mut object = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {
        "schedule": case.schedule, "concurrencyPolicy": case.policy,
        "successfulJobsHistoryLimit": case.limits.0, "failedJobsHistoryLimit": case.limits.1,
        "jobTemplate": {"spec": {"backoffLimit": case.backoff_limit, "template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "work:1"}]}}}}}});
    if let Some(zone) = case.zone {
        object["spec"]["timeZone"] = json!(zone);
    }
    if let Some(deadline) = case.deadline {
        object["spec"]["startingDeadlineSeconds"] = json!(deadline);
    }
    if case.policy != "Allow" {
        cluster.always("one Job at a time", |cluster| unfinished(cluster) <= 1);
    }
    cluster.create(&object).expect("a valid CronJob");
    cluster
}

fn jobs(cluster: &Cluster) -> Vec<Value> {
    let jobs = cluster.list::<seatrial::api::Job>();
    jobs.iter().map(|job| serde_json::to_value(job).expect("a Job is JSON")).collect()
}

fn has(job: &Value, condition: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.is_some_and(|list| list.iter().any(|c| c["type"] == condition && c["status"] == "True"))
}

fn unfinished(cluster: &Cluster) -> usize {
    jobs(cluster).iter().filter(|job| !has(job, "Complete") && !has(job, "Failed")).count()
}

fn apply(cluster: &mut Cluster, op: &Op) {
    let patch = |cluster: &mut Cluster, spec: Value| {
        let body = json!({"spec": spec});
        cluster.patch("cronjob/c", seatrial::PatchType::Merge, &body).expect("a valid patch");
    };
    match op {
        Op::Advance(seconds) => cluster.advance(Duration::from_secs(*seconds)).expect("the laws hold"),
        Op::Suspend(suspend) => patch(cluster, json!({"suspend": suspend})),
        Op::Schedule(schedule) => patch(cluster, json!({"schedule": schedule})),
        Op::Behave(takes, code) => cluster.behave(vec![behavior(*takes, *code)]),
        Op::DeleteJob(index) => {
            let all = jobs(cluster);
            let Some(job) = all.get(index % all.len().max(1)) else { return };
            let target = format!("job/{}", job["metadata"]["name"].as_str().unwrap_or_default());
            cluster.delete(&target).expect("the Job is there");
        }
    }
}

/// What was seen of the schedule so far.
#[derive(Default)]
struct Seen {
    last: String,
    minutes: BTreeSet<i64>,
}

fn check(cluster: &Cluster, case: &Case, seen: &mut Seen) {
    let all = jobs(cluster);
    let count = |condition| all.iter().filter(|job| has(job, condition)).count();
    let limits = (case.limits.0.unsigned_abs() as usize, case.limits.1.unsigned_abs() as usize);
    assert!(count("Complete") <= limits.0 && count("Failed") <= limits.1, "history: {all:?}");
    let status = cluster.get_json("cronjob/c").expect("the CronJob")["status"].clone();
    let last = status["lastScheduleTime"].as_str().unwrap_or_default().to_owned();
    assert!(last >= seen.last, "the schedule went back from {} to {last}", seen.last);
    seen.last = last;
    // Every Job is for a minute of its own, and none for one that was passed over.
    let newest = seen.minutes.last().copied();
    for job in &all {
        let name = job["metadata"]["name"].as_str().unwrap_or_default();
        let minute: i64 = name.trim_start_matches("c-").parse().expect("a minute");
        assert!(
            seen.minutes.contains(&minute) || newest.is_none_or(|newest| minute > newest),
            "{name} after {newest:?}"
        );
    }
    seen.minutes.extend(all.iter().filter_map(|job| {
        job["metadata"]["name"].as_str().unwrap_or_default().trim_start_matches("c-").parse::<i64>().ok()
    }));
    // What is active is there and unfinished.
    let active: Vec<&str> =
        status["active"].as_array().into_iter().flatten().filter_map(|r| r["name"].as_str()).collect();
    for name in &active {
        let job = all.iter().find(|job| job["metadata"]["name"] == **name).expect("an active Job is there");
        assert!(!has(job, "Complete") && !has(job, "Failed"), "{name} is active and finished");
    }
    assert_eq!(active.len(), unfinished(cluster), "every unfinished Job is active");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn policies_history_and_schedules_are_kept(case in case(), ops in prop::collection::vec(op(), 1..20)) {
        let mut cluster = cluster(&case);
        let mut seen = Seen::default();
        for op in &ops {
            apply(&mut cluster, op);
            check(&cluster, &case, &mut seen);
        }
    }
}
