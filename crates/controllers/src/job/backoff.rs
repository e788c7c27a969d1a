//! How long a Job waits before it makes pods anew: 10 s, twice as long after each failure, at most 10 minutes.
//!
//! Mirrors pkg/controller/job/backoff_utils.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ConditionStatus, ContainerStatus, Pod, Time, pod_condition};
use seatrial_machinery::Clock;

use super::indexed::index_absolute_failure_count;

/// Mirrors `DefaultJobPodFailureBackOff`.
const POD_FAILURE_BACKOFF: Duration = Duration::from_secs(10);
/// Mirrors `MaxJobPodFailureBackOff`.
const POD_FAILURE_BACKOFF_MAX: Duration = Duration::from_secs(600);

/// The failures of a Job since a pod last succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BackoffRecord {
    failures_after_last_success: i32,
    last_failure: Option<Time>,
}

impl BackoffRecord {
    /// The record after more pods have ended. Mirrors `newBackoffRecord`.
    pub(super) fn with(self, succeeded: &[Arc<Pod>], failed: &[Arc<Pod>]) -> Self {
        let latest = |pods: &[Arc<Pod>]| pods.iter().map(|p| finished_time(p)).max();
        let Some(last_success) = latest(succeeded) else {
            return match latest(failed) {
                None => self,
                Some(last) => Self {
                    failures_after_last_success: self
                        .failures_after_last_success
                        .saturating_add(i32::try_from(failed.len()).unwrap_or(i32::MAX)),
                    last_failure: Some(last),
                },
            };
        };
        let later = failed.iter().map(|p| finished_time(p)).filter(|t| *t > last_success);
        let count = i32::try_from(later.clone().count()).unwrap_or(i32::MAX);
        Self { failures_after_last_success: count, last_failure: later.max() }
    }

    /// How long it is until pods may be made. Mirrors `getRemainingTime`.
    pub(super) fn remaining_time(&self, clock: Clock) -> Duration {
        match self.last_failure {
            Some(last) => remaining_time_after(self.failures_after_last_success, last, clock),
            None => Duration::ZERO,
        }
    }
}

/// How long it is until an index may have a pod again, after the failure of its last one. Mirrors
/// `getRemainingTimePerIndex`.
pub(super) fn remaining_time_per_index(last_failed: Option<&Arc<Pod>>, clock: Clock) -> Duration {
    let Some(pod) = last_failed else { return Duration::ZERO };
    remaining_time_after(index_absolute_failure_count(pod).saturating_add(1), finished_time(pod), clock)
}

/// Mirrors `getRemainingTimeForFailuresCount`.
fn remaining_time_after(failures: i32, last: Time, clock: Clock) -> Duration {
    if failures <= 0 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let backoff = POD_FAILURE_BACKOFF.saturating_mul(factor).min(POD_FAILURE_BACKOFF_MAX);
    let backoff = i64::try_from(backoff.as_nanos()).unwrap_or(i64::MAX);
    let left = backoff.saturating_sub(clock.nanos_since(last));
    Duration::from_nanos(u64::try_from(left).unwrap_or(0))
}

/// When a pod ended, as well as that can be told. Mirrors `getFinishedTime`.
pub(super) fn finished_time(pod: &Pod) -> Time {
    finish_time_from_containers(pod)
        .or_else(|| finish_time_from_ready_condition(pod))
        .or_else(|| {
            let deletion = pod.meta.deletion.as_deref()?;
            Some(deletion.timestamp.plus_seconds(-deletion.grace_period_seconds.unwrap_or(0)))
        })
        .unwrap_or_else(|| pod.meta.created())
}

/// The latest end where all containers that run beside each other have ended.
fn finish_time_from_containers(pod: &Pod) -> Option<Time> {
    let mut latest = None;
    let is_sidecar = |status: &&ContainerStatus| {
        let mut init_containers = pod.spec.api().init_containers.iter().flatten();
        init_containers.any(|c| c.name == *status.identity.name && c.restart_policy.as_deref() == Some("Always"))
    };
    let sidecars = pod.status.init_container_statuses.iter().filter(is_sidecar);
    for status in pod.status.container_statuses.iter().chain(sidecars) {
        let finished = status.state.terminated()?.finished_at?;
        latest = latest.max(Some(finished));
    }
    latest
}

fn finish_time_from_ready_condition(pod: &Pod) -> Option<Time> {
    let ready = pod.status.conditions.get(pod_condition::READY)?;
    ready.last_transition_time.filter(|_| ready.status == ConditionStatus::False)
}

#[cfg(test)]
mod tests {
    use seatrial_machinery::SimTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::job::test_pods::pod;

    fn time(seconds: i64) -> Value {
        json!(Time::from_unix(seconds).to_string())
    }

    fn ended(name: &str, at: i64) -> Arc<Pod> {
        let state = json!({"terminated": {"exitCode": 1, "finishedAt": time(at)}});
        let status =
            json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        Arc::new(pod(name, &json!({"status": {"phase": "Failed", "containerStatuses": [status]}})))
    }

    fn clock(nanos: u64) -> Clock {
        Clock::starting_at(Time::from_unix(0)).at(SimTime::from_millis(nanos / 1_000_000))
    }

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes() {
        let rows = [
            (0, 0),
            (1, 10),
            (2, 20),
            (3, 40),
            (4, 80),
            (5, 160),
            (6, 320),
            (7, 600),
            (8, 600),
            (40, 600),
            (i32::MAX, 600),
        ];
        for (failures, seconds) in rows {
            let record =
                BackoffRecord { failures_after_last_success: failures, last_failure: Some(Time::from_unix(0)) };
            assert_eq!(record.remaining_time(clock(0)), Duration::from_secs(seconds), "{failures} failures");
        }
    }

    #[test]
    fn the_wait_began_when_the_pod_ended() {
        let record = BackoffRecord::default().with(&[], &[ended("a", 5)]);
        // (now in milliseconds, what is left in milliseconds)
        let rows = [(5_000, 10_000), (6_700, 8_300), (14_999, 1), (15_000, 0), (90_000, 0)];
        for (now, left) in rows {
            let got = record.remaining_time(clock(now * 1_000_000));
            assert_eq!(got, Duration::from_millis(left), "at {now} ms");
        }
    }

    /// Rows as upstream's `TestNewBackoffRecord` has them: (before, succeeded, failed, count, last failure).
    #[test]
    fn failures_count_since_the_last_success() {
        type Row<'a> = ((i32, Option<i64>), &'a [i64], &'a [i64], (i32, Option<i64>));
        let rows: [Row<'_>; 9] = [
            ((0, None), &[], &[], (0, None)),
            ((0, None), &[], &[10], (1, Some(10))),
            ((0, None), &[], &[12, 10, 11], (3, Some(12))),
            ((2, Some(5)), &[], &[], (2, Some(5))),
            ((2, Some(5)), &[], &[10, 9], (4, Some(10))),
            ((2, Some(5)), &[10], &[], (0, None)),
            ((2, Some(5)), &[10], &[9, 10], (0, None)),
            ((2, Some(5)), &[10], &[9, 11, 12], (2, Some(12))),
            ((2, Some(5)), &[10, 20], &[11, 21], (1, Some(21))),
        ];
        for (before, succeeded, failed, want) in rows {
            let pods = |times: &[i64]| times.iter().map(|t| ended("p", *t)).collect::<Vec<_>>();
            let record = |(count, last): (i32, Option<i64>)| BackoffRecord {
                failures_after_last_success: count,
                last_failure: last.map(Time::from_unix),
            };
            let got = record(before).with(&pods(succeeded), &pods(failed));
            assert_eq!(got, record(want), "{before:?} {succeeded:?} {failed:?}");
        }
    }

    fn container(name: &str, state: &Value) -> Value {
        json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state})
    }

    #[test]
    fn a_pods_end_is_its_containers_or_its_readiness_or_its_deletion() {
        let at = |seconds: i64| json!({"terminated": {"exitCode": 1, "finishedAt": time(seconds)}});
        let running = json!({"running": {}});
        let not_ready = json!([{"type": "Ready", "status": "False", "lastTransitionTime": time(7)}]);
        let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": time(7)}]);
        let meta = json!({"creationTimestamp": time(1)});
        let deleting =
            json!({"creationTimestamp": time(1), "deletionTimestamp": time(40), "deletionGracePeriodSeconds": 30});
        let two = |a: &Value, b: &Value| json!([container("a", a), container("b", b)]);
        let sidecar = json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}],
            "initContainers": [{"name": "side", "image": "i", "restartPolicy": "Always"}, {"name": "init", "image": "i"}]});
        let rows = [
            ("the last container", json!({"metadata": meta, "status": {"containerStatuses": two(&at(3), &at(5))}}), 5),
            (
                "one runs",
                json!({"metadata": meta, "status": {"containerStatuses": two(&at(3), &running), "conditions": not_ready}}),
                7,
            ),
            (
                "no end is told",
                json!({"metadata": meta, "status": {"containerStatuses": [container("a", &json!({"terminated": {"exitCode": 1}}))], "conditions": not_ready}}),
                7,
            ),
            (
                "ready is no end",
                json!({"metadata": deleting, "status": {"containerStatuses": two(&running, &running), "conditions": ready}}),
                10,
            ),
            ("no containers", json!({"metadata": deleting, "status": {}}), 10),
            ("nothing is known", json!({"metadata": meta, "status": {}}), 1),
            (
                "a sidecar ends last",
                json!({"metadata": meta, "spec": sidecar, "status": {"containerStatuses": two(&at(3), &at(5)), "initContainerStatuses": [container("side", &at(9)), container("init", &at(20))]}}),
                9,
            ),
            (
                "a sidecar runs",
                json!({"metadata": meta, "spec": sidecar, "status": {"containerStatuses": two(&at(3), &at(5)), "initContainerStatuses": [container("side", &running)], "conditions": not_ready}}),
                7,
            ),
        ];
        for (name, body, want) in rows {
            assert_eq!(finished_time(&pod("p", &body)), Time::from_unix(want), "{name}");
        }
    }

    #[test]
    fn an_index_waits_by_the_counts_of_its_last_pod() {
        let with_counts = |failures: &str, ignored: Option<&str>| {
            let mut pod = Pod::clone(&ended("p", 0));
            pod.meta.annotations.insert("batch.kubernetes.io/job-index-failure-count", failures);
            if let Some(ignored) = ignored {
                pod.meta.annotations.insert("batch.kubernetes.io/job-index-ignored-failure-count", ignored);
            }
            Arc::new(pod)
        };
        let rows = [
            ("0", None, 10),
            ("1", None, 20),
            ("1", Some("1"), 40),
            ("0", Some("3"), 80),
            ("9", None, 600),
            ("x", None, 10),
        ];
        for (failures, ignored, seconds) in rows {
            let left = remaining_time_per_index(Some(&with_counts(failures, ignored)), clock(0));
            assert_eq!(left, Duration::from_secs(seconds), "{failures} {ignored:?}");
        }
        assert_eq!(remaining_time_per_index(None, clock(0)), Duration::ZERO);
    }
}
