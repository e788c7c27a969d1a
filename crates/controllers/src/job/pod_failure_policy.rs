//! What a pod's failure means for its Job.
//!
//! Mirrors pkg/controller/job/pod_failure_policy.go (v1.36).

use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement as OnExitCodes,
    PodFailurePolicyOnPodConditionsPattern as Pattern, PodFailurePolicyRule,
};
use seatrial_api::{Condition, ContainerStatus, Pod};

/// What becomes of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Count,
    /// It does not count.
    Ignore,
    /// It counts, and its index has failed.
    FailIndex,
    /// It counts, and the Job has failed, for this reason.
    FailJob(String),
}

impl Verdict {
    /// Whether the failure counts towards the limits.
    pub(super) fn counts(&self) -> bool {
        *self != Self::Ignore
    }
}

/// The first rule that matches decides; without one a failure counts. Mirrors `matchPodFailurePolicy`.
pub(super) fn match_pod_failure_policy(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Verdict {
    let rules = policy.map_or(&[][..], |policy| policy.rules.as_slice());
    rules.iter().enumerate().find_map(|(index, rule)| match_rule(rule, index, pod)).unwrap_or(Verdict::Count)
}

fn match_rule(rule: &PodFailurePolicyRule, index: usize, pod: &Pod) -> Option<Verdict> {
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    let what = if let Some(requirement) = &rule.on_exit_codes {
        let status = match_on_exit_codes(pod, requirement)?;
        let code = status.state.terminated().map_or(0, |t| t.exit_code);
        format!("Container {} for pod {namespace}/{name} failed with exit code {code}", status.identity.name)
    } else {
        let condition = match_on_pod_conditions(pod, rule.on_pod_conditions.as_deref()?)?;
        format!("Pod {namespace}/{name} has condition {}", condition.type_)
    };
    match rule.action.as_str() {
        "Ignore" => Some(Verdict::Ignore),
        "FailIndex" => Some(Verdict::FailIndex),
        "Count" => Some(Verdict::Count),
        "FailJob" => Some(Verdict::FailJob(format!("{what} matching FailJob rule at index {index}"))),
        _ => None,
    }
}

/// Containers come before init containers. Mirrors `matchOnExitCodes`.
fn match_on_exit_codes<'p>(pod: &'p Pod, requirement: &OnExitCodes) -> Option<&'p ContainerStatus> {
    let matches = |status: &&ContainerStatus| {
        let Some(ended) = status.state.terminated() else { return false };
        let is_meant = requirement.container_name.as_ref().is_none_or(|name| *name == *status.identity.name);
        is_meant && ended.exit_code != 0 && is_operator_matching(ended.exit_code, requirement)
    };
    let status = &pod.status;
    status.container_statuses.iter().find(matches).or_else(|| status.init_container_statuses.iter().find(matches))
}

/// Mirrors `isOnExitCodesOperatorMatching`.
fn is_operator_matching(code: i32, requirement: &OnExitCodes) -> bool {
    match requirement.operator.as_str() {
        "In" => requirement.values.contains(&code),
        "NotIn" => !requirement.values.contains(&code),
        _ => false,
    }
}

/// Mirrors `matchOnPodConditions`.
fn match_on_pod_conditions<'p>(pod: &'p Pod, patterns: &[Pattern]) -> Option<&'p Condition> {
    pod.status.conditions.iter().find(|condition| {
        let matches = |p: &Pattern| {
            p.type_ == *condition.type_ && p.status.as_deref().unwrap_or("True") == condition.status.as_str()
        };
        patterns.iter().any(matches)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::job::test_pods::pod;

    fn container(name: &str, code: Option<i32>) -> Value {
        let state = code.map_or(json!({"running": {}}), |code| json!({"terminated": {"exitCode": code}}));
        json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state})
    }

    fn verdict(rules: &Value, status: &Value) -> Verdict {
        let policy: PodFailurePolicy = serde_json::from_value(json!({"rules": rules})).expect("a policy");
        match_pod_failure_policy(Some(&policy), &pod("p", &json!({"status": status})))
    }

    fn exit_rule(action: &str, operator: &str, values: &[i32], name: Option<&str>) -> Value {
        let mut codes = json!({"operator": operator, "values": values});
        if let Some(name) = name {
            codes["containerName"] = json!(name);
        }
        json!({"action": action, "onExitCodes": codes})
    }

    #[test]
    fn exit_codes_match_by_container_operator_and_value() {
        let failed = |code| {
            Verdict::FailJob(format!(
                "Container main for pod default/p failed with exit code {code} matching FailJob rule at index 0"
            ))
        };
        let one = |code| json!({"containerStatuses": [container("main", code)]});
        let rows = [
            ("in", exit_rule("FailJob", "In", &[40, 42], None), one(Some(42)), failed(42)),
            ("not in the list", exit_rule("FailJob", "In", &[40, 42], None), one(Some(41)), Verdict::Count),
            ("not in", exit_rule("FailJob", "NotIn", &[40, 42], None), one(Some(41)), failed(41)),
            ("not in, but it is", exit_rule("FailJob", "NotIn", &[40, 42], None), one(Some(42)), Verdict::Count),
            ("success is no failure", exit_rule("FailJob", "NotIn", &[1], None), one(Some(0)), Verdict::Count),
            ("it runs", exit_rule("FailJob", "NotIn", &[1], None), one(None), Verdict::Count),
            ("by name", exit_rule("FailJob", "In", &[42], Some("main")), one(Some(42)), failed(42)),
            ("another's name", exit_rule("FailJob", "In", &[42], Some("other")), one(Some(42)), Verdict::Count),
            ("ignore", exit_rule("Ignore", "In", &[3], None), one(Some(3)), Verdict::Ignore),
            ("fail index", exit_rule("FailIndex", "In", &[3], None), one(Some(3)), Verdict::FailIndex),
            ("count", exit_rule("Count", "In", &[3], None), one(Some(3)), Verdict::Count),
        ];
        for (name, rule, status, want) in rows {
            assert_eq!(verdict(&json!([rule]), &status), want, "{name}");
        }
    }

    #[test]
    fn containers_come_before_init_containers() {
        let status = json!({"initContainerStatuses": [container("init", Some(7))], "containerStatuses": [container("main", Some(9))]});
        let rows = [(&[7, 9][..], "main", 9), (&[7][..], "init", 7)];
        for (values, container, code) in rows {
            let want = format!(
                "Container {container} for pod default/p failed with exit code {code} matching FailJob rule at index 0"
            );
            let got = verdict(&json!([exit_rule("FailJob", "In", values, None)]), &status);
            assert_eq!(got, Verdict::FailJob(want), "{values:?}");
        }
    }

    #[test]
    fn conditions_match_by_type_and_status() {
        let rule = |type_: &str, status: Option<&str>| {
            let mut pattern = json!({"type": type_});
            if let Some(status) = status {
                pattern["status"] = json!(status);
            }
            json!({"action": "FailJob", "onPodConditions": [pattern]})
        };
        let status = json!({"conditions": [{"type": "DisruptionTarget", "status": "True"}, {"type": "Ready", "status": "False"}]});
        let failed = |type_: &str| {
            Verdict::FailJob(format!("Pod default/p has condition {type_} matching FailJob rule at index 0"))
        };
        let rows = [
            (rule("DisruptionTarget", None), failed("DisruptionTarget")),
            (rule("DisruptionTarget", Some("True")), failed("DisruptionTarget")),
            (rule("DisruptionTarget", Some("False")), Verdict::Count),
            (rule("Ready", Some("False")), failed("Ready")),
            (rule("ConfigIssue", Some("True")), Verdict::Count),
        ];
        for (rule, want) in rows {
            assert_eq!(verdict(&json!([rule]), &status), want, "{rule}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = json!([
            exit_rule("Ignore", "In", &[3], None),
            {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            exit_rule("FailJob", "NotIn", &[5], None),
        ]);
        let disrupted = json!([{"type": "DisruptionTarget", "status": "True"}]);
        let message = "Container main for pod default/p failed with exit code 4 matching FailJob rule at index 2";
        let rows = [
            (json!({"containerStatuses": [container("main", Some(3))], "conditions": disrupted}), Verdict::Ignore),
            (json!({"containerStatuses": [container("main", Some(4))], "conditions": disrupted}), Verdict::Count),
            (json!({"containerStatuses": [container("main", Some(4))]}), Verdict::FailJob(message.to_owned())),
            (json!({"containerStatuses": [container("main", Some(5))]}), Verdict::Count),
        ];
        for (status, want) in rows {
            assert_eq!(verdict(&rules, &status), want, "{status}");
        }
        assert_eq!(match_pod_failure_policy(None, &pod("p", &json!({}))), Verdict::Count);
    }
}
