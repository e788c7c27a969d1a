//! When a Job has succeeded although not every index has.
//!
//! Mirrors pkg/controller/job/success_policy.go (v1.36).

use k8s_openapi::api::batch::v1::SuccessPolicy;

use super::indexes::OrderedIntervals;

/// The message of the first rule that holds. Mirrors `matchSuccessPolicy`.
pub(super) fn match_success_policy(
    policy: Option<&SuccessPolicy>,
    completions: i32,
    succeeded: &OrderedIntervals,
) -> Option<String> {
    let policy = policy.filter(|_| !succeeded.is_empty())?;
    let matches = policy.rules.iter().position(|rule| match &rule.succeeded_indexes {
        Some(indexes) => {
            let wanted = OrderedIntervals::parse(indexes, completions);
            let common = wanted.common_with(succeeded);
            !wanted.is_empty() && (common == wanted.total() || rule.succeeded_count.is_some_and(|n| common >= n))
        }
        None => rule.succeeded_count.is_some_and(|n| succeeded.total() >= n),
    })?;
    Some(format!("Matched rules at index {matches}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Rows as upstream's `TestMatchSuccessPolicy` has them: (rules, succeeded, the rule that holds).
    #[test]
    fn the_first_rule_that_holds_decides() {
        let indexes = |text: &str| json!({"succeededIndexes": text});
        let count = |n: i32| json!({"succeededCount": n});
        let both = |text: &str, n: i32| json!({"succeededIndexes": text, "succeededCount": n});
        let rows: [(Value, &str, Option<usize>); 13] = [
            (json!([count(1)]), "", None),
            (json!([count(2)]), "0", None),
            (json!([count(2)]), "0,5", Some(0)),
            (json!([indexes("0-2")]), "0,1", None),
            (json!([indexes("0-2")]), "0-2", Some(0)),
            (json!([indexes("0-2")]), "0-9", Some(0)),
            (json!([indexes("1,3,5")]), "0-5", Some(0)),
            (json!([both("1-3", 2)]), "2,3", Some(0)),
            (json!([both("1-3", 2)]), "0,3,4", None),
            (json!([indexes("9"), count(1)]), "0", Some(1)),
            (json!([indexes("0"), count(1)]), "0", Some(0)),
            (json!([indexes("20"), count(9)]), "0-7", None),
            (json!([indexes("x")]), "0-9", None),
        ];
        for (rules, succeeded, want) in rows {
            let policy: SuccessPolicy = serde_json::from_value(json!({"rules": rules})).expect("a policy");
            let got = match_success_policy(Some(&policy), 10, &OrderedIntervals::parse(succeeded, 10));
            assert_eq!(got, want.map(|i| format!("Matched rules at index {i}")), "{rules} of {succeeded}");
        }
        assert_eq!(match_success_policy(None, 10, &OrderedIntervals::parse("0-9", 10)), None);
    }
}
