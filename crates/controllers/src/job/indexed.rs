//! Pods with an index: their names and annotations, and what an index has been through.
//!
//! Mirrors pkg/controller/job/indexed_job_utils.go (v1.36).

use k8s_openapi::api::batch::v1::PodFailurePolicy;
use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{Pod, Str, StrMap};
use seatrial_machinery::with_decimal;

use super::pod_failure_policy::{Verdict, match_pod_failure_policy};
use super::utils::Wanted;

/// The annotation and the label of a pod's index. Mirrors `batch.JobCompletionIndexAnnotation`.
pub(super) const JOB_COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
const JOB_INDEX_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-failure-count";
const JOB_INDEX_IGNORED_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const COMPLETION_INDEX_ENV_NAME: &str = "JOB_COMPLETION_INDEX";
const COMPLETION_INDEX_FIELD_PATH: &str = "metadata.labels['batch.kubernetes.io/job-completion-index']";
/// The index of a pod that has none.
pub(super) const UNKNOWN_COMPLETION_INDEX: i32 = -1;
/// The longest prefix that leaves room for five letters. Mirrors `names.MaxGeneratedNameLength`.
const GENERATED_NAME_LENGTH_MAX: usize = 58;

/// A pod's index, or -1. Mirrors `getCompletionIndex`.
pub(super) fn completion_index(pod: &Pod) -> i32 {
    let index = pod.meta.annotations.get(JOB_COMPLETION_INDEX).and_then(|text| text.parse::<i32>().ok());
    index.filter(|i| *i >= 0).unwrap_or(UNKNOWN_COMPLETION_INDEX)
}

fn count_in(annotations: &StrMap, key: &str) -> i32 {
    annotations.get(key).and_then(|text| text.parse::<i32>().ok()).filter(|n| *n >= 0).unwrap_or(0)
}

/// How many failures of its index came before the pod and counted. Mirrors `getIndexFailureCount`.
fn index_failure_count(pod: &Pod) -> i32 {
    count_in(&pod.meta.annotations, JOB_INDEX_FAILURE_COUNT)
}

/// How many failures of its index came before the pod. Mirrors `getIndexAbsoluteFailureCount`.
pub(super) fn index_absolute_failure_count(pod: &Pod) -> i32 {
    index_failure_count(pod).saturating_add(count_in(&pod.meta.annotations, JOB_INDEX_IGNORED_FAILURE_COUNT))
}

/// Whether a pod's failure is the one too many for its index. Mirrors `isIndexFailed`.
pub(super) fn is_index_failed(wanted: &Wanted, policy: Option<&PodFailurePolicy>, pod: &Pod) -> bool {
    let Some(limit) = wanted.backoff_limit_per_index.filter(|_| wanted.is_pod_failed(pod)) else { return false };
    match match_pod_failure_policy(policy, pod) {
        Verdict::FailIndex => true,
        verdict => verdict.counts() && index_failure_count(pod) >= limit,
    }
}

/// The counts of an index's next pod: those that counted, and those that were ignored. Mirrors
/// `getNewIndexFailureCounts`.
fn new_index_failure_counts(policy: Option<&PodFailurePolicy>, replaced: Option<&Pod>) -> (i32, i32) {
    let Some(pod) = replaced else { return (0, 0) };
    let counted = index_failure_count(pod);
    let ignored = count_in(&pod.meta.annotations, JOB_INDEX_IGNORED_FAILURE_COUNT);
    if match_pod_failure_policy(policy, pod).counts() {
        (counted.saturating_add(1), ignored)
    } else {
        (counted, ignored.saturating_add(1))
    }
}

/// Notes on a pod how often its index has failed. Mirrors `addIndexFailureCountAnnotation`.
pub(super) fn add_index_failure_count_annotation(
    annotations: &mut StrMap,
    policy: Option<&PodFailurePolicy>,
    replaced: Option<&Pod>,
) {
    let (counted, ignored) = new_index_failure_counts(policy, replaced);
    annotations.insert(Str::new_static(JOB_INDEX_FAILURE_COUNT), counted.to_string());
    if ignored > 0 {
        annotations.insert(Str::new_static(JOB_INDEX_IGNORED_FAILURE_COUNT), ignored.to_string());
    }
}

/// The prefix of the names of an index's pods; a long Job's name is cut. Mirrors `podGenerateNameWithIndex`.
pub(super) fn pod_generate_name_with_index(job: &str, index: &str) -> Str {
    let suffix_length = index.len() + "--".len();
    let mut end = job.len().min(GENERATED_NAME_LENGTH_MAX.saturating_sub(suffix_length));
    while !job.is_char_boundary(end) {
        end -= 1;
    }
    let parts = [&job[..end], "-", index, "-"];
    let mut buffer = [0; GENERATED_NAME_LENGTH_MAX];
    let mut length = 0;
    for part in parts {
        let Some(room) = buffer.get_mut(length..length + part.len()) else { return parts.concat().into() };
        room.copy_from_slice(part.as_bytes());
        length += part.len();
    }
    std::str::from_utf8(&buffer[..length]).unwrap_or_default().into()
}

/// An index as text; short enough to need no allocation.
pub(super) fn decimal(index: i32) -> Str {
    with_decimal(index, |text| text.into())
}

/// Tells every container its index. Mirrors `addCompletionIndexEnvVariables`.
pub(super) fn add_completion_index_env_variables(spec: &mut corev1::PodSpec) {
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        let env = container.env.get_or_insert_default();
        if env.iter().any(|v| v.name == COMPLETION_INDEX_ENV_NAME) {
            continue;
        }
        env.push(corev1::EnvVar {
            name: COMPLETION_INDEX_ENV_NAME.to_owned(),
            value_from: Some(corev1::EnvVarSource {
                field_ref: Some(corev1::ObjectFieldSelector {
                    api_version: None,
                    field_path: COMPLETION_INDEX_FIELD_PATH.to_owned(),
                }),
                ..corev1::EnvVarSource::default()
            }),
            ..corev1::EnvVar::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::job::test_pods::{job, pod};
    use crate::job::utils::spec_of;

    fn with(annotations: &Value) -> Pod {
        pod("p", &json!({"metadata": {"annotations": annotations}, "status": {"phase": "Failed"}}))
    }

    #[test]
    fn indexes_are_numbers_from_zero() {
        let key = JOB_COMPLETION_INDEX;
        let rows = [
            (json!({}), -1),
            (json!({key: "0"}), 0),
            (json!({key: "7"}), 7),
            (json!({key: "-3"}), -1),
            (json!({key: "x"}), -1),
            (json!({key: ""}), -1),
            (json!({key: "99999999999"}), -1),
        ];
        for (annotations, want) in rows {
            assert_eq!(completion_index(&with(&annotations)), want, "{annotations}");
        }
    }

    #[test]
    fn names_keep_their_index_and_have_room_for_letters() {
        let rows = [
            ("work", 0, "work-0-".to_owned()),
            ("work", 12_345, "work-12345-".to_owned()),
            (&"a".repeat(55), 7, format!("{}-7-", "a".repeat(55))),
            (&"a".repeat(56), 7, format!("{}-7-", "a".repeat(55))),
            (&"a".repeat(63), 99_999, format!("{}-99999-", "a".repeat(51))),
        ];
        for (job, index, want) in rows {
            assert_eq!(pod_generate_name_with_index(job, &decimal(index)), want);
            assert!(want.len() <= GENERATED_NAME_LENGTH_MAX, "{want}");
        }
    }

    /// (annotations of the pod that failed, exit code, the counts of the next pod)
    #[test]
    fn the_next_pod_of_an_index_knows_the_failures_before() {
        let policy = json!({"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]});
        let policy: PodFailurePolicy = serde_json::from_value(policy).expect("a policy");
        let (counted, ignored) = (JOB_INDEX_FAILURE_COUNT, JOB_INDEX_IGNORED_FAILURE_COUNT);
        let rows = [
            (json!({}), 1, (1, 0)),
            (json!({counted: "0"}), 1, (1, 0)),
            (json!({counted: "4"}), 1, (5, 0)),
            (json!({counted: "4"}), 3, (4, 1)),
            (json!({counted: "1", ignored: "2"}), 3, (1, 3)),
            (json!({counted: "1", ignored: "2"}), 1, (2, 2)),
            (json!({counted: "x", ignored: "-2"}), 1, (1, 0)),
        ];
        for (annotations, code, want) in rows {
            let mut failed = with(&annotations);
            let status = json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": code}}});
            failed.status = pod("p", &json!({"status": {"phase": "Failed", "containerStatuses": [status]}})).status;
            assert_eq!(new_index_failure_counts(Some(&policy), Some(&failed)), want, "{annotations} {code}");
        }
        assert_eq!(new_index_failure_counts(None, None), (0, 0));
        let mut annotations = StrMap::EMPTY;
        add_index_failure_count_annotation(&mut annotations, None, None);
        assert_eq!(annotations.iter().collect::<Vec<_>>(), [(counted, "0")]);
    }

    #[test]
    fn an_index_fails_at_its_limit_or_by_policy() {
        let policy = json!({"rules": [
            {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [4]}},
        ]});
        let policy: PodFailurePolicy = serde_json::from_value(policy).expect("a policy");
        // (limit, failures before, exit code, failed)
        let rows =
            [(0, 0, 1, true), (1, 0, 1, false), (1, 1, 1, true), (2, 1, 1, false), (0, 0, 3, false), (9, 0, 4, true)];
        for (limit, before, code, want) in rows {
            let wanted = Wanted::of(&spec_of(&job(
                &json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": limit}),
            )));
            let status = json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": code}}});
            let body = json!({"metadata": {"annotations": {JOB_INDEX_FAILURE_COUNT: before.to_string()}},
                "status": {"phase": "Failed", "containerStatuses": [status]}});
            assert_eq!(is_index_failed(&wanted, Some(&policy), &pod("p", &body)), want, "{limit} {before} {code}");
        }
        let wanted = Wanted::of(&spec_of(&job(
            &json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 0}),
        )));
        assert!(!is_index_failed(&wanted, None, &pod("p", &json!({"status": {"phase": "Running"}}))));
    }

    #[test]
    fn containers_learn_their_index_unless_they_say_otherwise() {
        let spec = json!({"restartPolicy": "Never",
            "initContainers": [{"name": "i", "image": "i"}],
            "containers": [{"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}]},
                {"name": "b", "image": "i", "env": [{"name": "JOB_COMPLETION_INDEX", "value": "mine"}]}]});
        let mut spec: corev1::PodSpec = serde_json::from_value(spec).expect("a spec");
        add_completion_index_env_variables(&mut spec);
        let own = json!({"name": "JOB_COMPLETION_INDEX",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}}});
        let spec = serde_json::to_value(&spec).expect("JSON");
        assert_eq!(spec["initContainers"][0]["env"], json!([own]));
        assert_eq!(spec["containers"][0]["env"], json!([{"name": "X", "value": "1"}, own]));
        assert_eq!(spec["containers"][1]["env"], json!([{"name": "JOB_COMPLETION_INDEX", "value": "mine"}]));
    }
}
