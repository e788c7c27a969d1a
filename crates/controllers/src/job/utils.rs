//! What a Job and its pods say of themselves.
//!
//! Mirrors pkg/controller/job/{job_controller,utils}.go and util/utils.go (the small functions) (v1.36).

use k8s_openapi::api::batch::v1::{JobSpec, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector;
use seatrial_api::selector::Selector;
use seatrial_api::{Job, Pod, PodPhase, StrMap};

/// The finalizer of pods that are not counted yet. Mirrors `batch.JobTrackingFinalizer`.
pub(super) const JOB_TRACKING_FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const JOB_CONTROLLER_NAME: &str = "kubernetes.io/job-controller";
const INDEXED: &str = "Indexed";
const NON_INDEXED: &str = "NonIndexed";
const UNLIMITED: i32 = i32::MAX;

/// The parts of a Job's spec that syncs ask for again and again, the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Whether every pod has an index. Mirrors `isIndexedJob`.
    pub(super) is_indexed: bool,
    /// How many pods have to succeed; none where one success ends the Job.
    pub(super) completions: Option<i32>,
    /// How many pods may run at once.
    pub(super) parallelism: i32,
    /// How many failures are one too many.
    pub(super) backoff_limit: i32,
    /// The same for each index.
    pub(super) backoff_limit_per_index: Option<i32>,
    /// How many indexes may fail.
    pub(super) max_failed_indexes: Option<i32>,
    /// How long the Job may run.
    pub(super) active_deadline_seconds: Option<i64>,
    /// Whether no pods are to run. Mirrors `jobSuspended`.
    pub(super) is_suspended: bool,
    /// Whether a pod is replaced only once it has failed. Mirrors `onlyReplaceFailedPods`.
    pub(super) only_replace_failed: bool,
}

impl Wanted {
    /// Reads a Job's spec.
    pub(super) fn of(spec: &JobSpec) -> Self {
        Self {
            is_indexed: spec.completion_mode.as_deref() == Some(INDEXED),
            completions: spec.completions,
            parallelism: spec.parallelism.unwrap_or(1),
            backoff_limit: spec.backoff_limit.unwrap_or(UNLIMITED),
            backoff_limit_per_index: spec.backoff_limit_per_index,
            max_failed_indexes: spec.max_failed_indexes,
            active_deadline_seconds: spec.active_deadline_seconds,
            is_suspended: spec.suspend == Some(true),
            only_replace_failed: spec.pod_replacement_policy.as_deref() == Some("Failed")
                || spec.pod_failure_policy.is_some(),
        }
    }

    /// Whether a pod counts as failed: it failed, or it is being deleted and will not be waited for. Mirrors
    /// `isPodFailed`.
    pub(super) fn is_pod_failed(&self, pod: &Pod) -> bool {
        pod.status.phase == PodPhase::Failed
            || (!self.only_replace_failed && pod.meta.is_deleting() && pod.status.phase != PodPhase::Succeeded)
    }

    /// Whether an index is one of the Job's.
    pub(super) fn has_index(&self, index: i32) -> bool {
        index >= 0 && self.completions.is_some_and(|n| index < n)
    }

    /// Whether a pod can count at all: in an indexed Job it needs an index.
    pub(super) fn is_valid(&self, index: i32) -> bool {
        !self.is_indexed || self.has_index(index)
    }
}

/// A Job's spec; the API server lets none be without.
pub(super) fn spec_of(job: &Job) -> std::borrow::Cow<'_, JobSpec> {
    match &job.body.spec {
        Some(spec) => std::borrow::Cow::Borrowed(&**spec),
        None => std::borrow::Cow::Owned(JobSpec::default()),
    }
}

/// Whether a Job is over. Mirrors `IsJobFinished`.
pub(crate) fn is_job_finished(job: &Job) -> bool {
    job.body.status.as_ref().is_some_and(|status| has_true(status, "Complete") || has_true(status, "Failed"))
}

fn has_true(status: &JobStatus, type_: &str) -> bool {
    status.conditions.iter().flatten().any(|c| c.type_ == type_ && c.status == "True")
}

/// Whether somebody else looks after the Job. Mirrors `managedByExternalController`.
pub(super) fn is_managed_externally(job: &Job) -> bool {
    let managed_by = job.body.spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
    managed_by.is_some_and(|name| name != JOB_CONTROLLER_NAME)
}

/// Whether the controller knows the completion mode.
pub(super) fn has_known_mode(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref().is_none_or(|mode| mode == INDEXED || mode == NON_INDEXED)
}

/// Whether a pod is not counted yet. Mirrors `hasJobTrackingFinalizer`.
pub(super) fn has_tracking_finalizer(pod: &Pod) -> bool {
    pod.meta.has_finalizer(JOB_TRACKING_FINALIZER)
}

/// Whether a Job's selector selects labels.
pub(super) fn selects(job: &Job, labels: &StrMap) -> bool {
    let Some(selector) = job.body.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else { return false };
    if is_plain(selector) {
        let wanted = selector.match_labels.iter().flatten();
        // The selector that the API server makes has one label, which need not be compiled.
        return wanted.into_iter().all(|(key, value)| labels.get(key) == Some(value));
    }
    Selector::from_label_selector(selector).is_ok_and(|s| !s.is_everything() && s.matches(labels))
}

fn is_plain(selector: &ApiSelector) -> bool {
    selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
        && selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
}

#[cfg(test)]
mod tests {
    use seatrial_api::Resource;
    use serde_json::{Value, json};

    use super::*;
    use crate::job::test_pods::{job, pod};

    #[test]
    fn pods_are_failed_by_phase_or_by_deletion() {
        let (either, failed) = (json!({}), json!({"podReplacementPolicy": "Failed"}));
        let policy = json!({"podFailurePolicy": {"rules": []}});
        let deleting = |phase: &str| json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}, "status": {"phase": phase}});
        let rows: [(&Value, Value, bool); 8] = [
            (&either, json!({"status": {"phase": "Failed"}}), true),
            (&either, json!({"status": {"phase": "Running"}}), false),
            (&either, deleting("Running"), true),
            (&either, deleting("Pending"), true),
            (&either, deleting("Succeeded"), false),
            (&failed, deleting("Running"), false),
            (&failed, deleting("Failed"), true),
            (&policy, deleting("Running"), false),
        ];
        for (spec, body, want) in rows {
            let wanted = Wanted::of(&spec_of(&job(spec)));
            assert_eq!(wanted.is_pod_failed(&pod("p", &body)), want, "{spec} {body}");
        }
    }

    #[test]
    fn jobs_of_other_controllers_are_left_alone() {
        let rows = [
            (json!({}), false),
            (json!({"managedBy": "kubernetes.io/job-controller"}), false),
            (json!({"managedBy": "acme.io/queue"}), true),
        ];
        for (spec, want) in rows {
            assert_eq!(is_managed_externally(&job(&spec)), want, "{spec}");
        }
    }

    #[test]
    fn terminal_conditions_finish_a_job() {
        let rows = [("Complete", "True", true), ("Failed", "True", true), ("Failed", "False", false)];
        let others = [("FailureTarget", "True", false), ("SuccessCriteriaMet", "True", false)];
        for (type_, status, want) in rows.into_iter().chain(others) {
            let mut api = job(&json!({})).to_api_object();
            let condition = json!({"type": type_, "status": status});
            let condition = serde_json::from_value(condition).expect("a condition");
            api.status.get_or_insert_default().conditions = Some(vec![condition]);
            let job = Job::from_api_object(api).expect("a job");
            assert_eq!(is_job_finished(&job), want, "{type_} {status}");
        }
    }

    #[test]
    fn selectors_select_by_labels_and_by_expressions() {
        let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<StrMap>();
        let expression = json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]});
        let rows = [
            (json!({"matchLabels": {"a": "1"}}), labels(&[("a", "1"), ("b", "2")]), true),
            (json!({"matchLabels": {"a": "1"}}), labels(&[("a", "2")]), false),
            (expression.clone(), labels(&[("a", "2")]), true),
            (expression, labels(&[("a", "3")]), false),
            (json!({}), labels(&[("a", "1")]), false),
        ];
        for (selector, labels, want) in rows {
            assert_eq!(selects(&job(&json!({"selector": selector})), &labels), want, "{selector} {labels:?}");
        }
    }
}
