//! Whether a container that ended is started again.
//!
//! Mirrors pkg/api/v1/pod (`ContainerShouldRestart`, `IsContainerRestartable`) (v1.36).

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, PodSpec};

/// The policy of a pod, or of a container that has its own.
fn policy<'a>(spec: &'a PodSpec, container: &'a Container) -> &'a str {
    container.restart_policy.as_deref().or(spec.restart_policy.as_deref()).unwrap_or("Always")
}

/// Whether a container that ended with a code is started again.
pub(crate) fn should_restart(spec: &PodSpec, container: &Container, exit_code: i32) -> bool {
    let rules = container.restart_policy_rules.iter().flatten();
    if container.restart_policy.is_some() && rules.into_iter().any(|rule| matches_exit(rule, exit_code)) {
        return true;
    }
    match policy(spec, container) {
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

/// Whether there is an end after which a container is started again.
pub(crate) fn is_restartable(spec: &PodSpec, container: &Container) -> bool {
    policy(spec, container) != "Never" || container.restart_policy_rules.iter().flatten().next().is_some()
}

fn matches_exit(rule: &ContainerRestartRule, exit_code: i32) -> bool {
    let Some(codes) = rule.exit_codes.as_ref().filter(|_| rule.action == "Restart") else { return false };
    let listed = codes.values.iter().flatten().any(|value| *value == exit_code);
    match codes.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ContainerRestartRuleOnExitCodes;

    /// (pod's policy, container's policy, its rule, the code, whether it is started again).
    #[test]
    fn the_first_rule_that_matches_counts_then_the_container_then_the_pod() {
        let rows = [
            ("Always", None, None, 0, true),
            ("OnFailure", None, None, 0, false),
            ("OnFailure", None, None, 3, true),
            ("Never", None, None, 3, false),
            ("Never", Some("Always"), None, 0, true),
            ("Always", Some("Never"), None, 1, false),
            ("Never", Some("Never"), Some(("In", 42)), 42, true),
            ("Never", Some("Never"), Some(("In", 42)), 41, false),
            ("Never", Some("Never"), Some(("NotIn", 42)), 41, true),
            ("Always", Some("OnFailure"), Some(("In", 42)), 0, false),
        ];
        for (pod, own, rule, code, want) in rows {
            let spec = PodSpec { restart_policy: Some(pod.to_owned()), ..PodSpec::default() };
            let rules = rule.map(|(operator, value): (&str, i32)| {
                let exit_codes =
                    ContainerRestartRuleOnExitCodes { operator: operator.to_owned(), values: Some(vec![value]) };
                vec![ContainerRestartRule { action: "Restart".to_owned(), exit_codes: Some(exit_codes) }]
            });
            let container = Container {
                restart_policy: own.map(str::to_owned),
                restart_policy_rules: rules,
                ..Container::default()
            };
            assert_eq!(should_restart(&spec, &container, code), want, "{pod} {own:?} {rule:?} {code}");
        }
    }
}
