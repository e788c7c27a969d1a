//! Which templates were found to be equal: a rollout compares the same few with each sync.

use std::collections::VecDeque;
use std::sync::Arc;

use seatrial_api::PodTemplateSpec;

use super::util::equal_ignore_hash;

/// How many comparisons are remembered.
const REMEMBERED_COUNT_MAX: usize = 8;

/// The comparisons made last. The templates are immutable and kept alive, so that their addresses stand for them.
#[derive(Debug, Default)]
pub(super) struct TemplateComparisons(VecDeque<Comparison>);

#[derive(Debug)]
struct Comparison {
    a: Arc<PodTemplateSpec>,
    b: Arc<PodTemplateSpec>,
    is_equal: bool,
}

impl TemplateComparisons {
    /// Whether two templates are equal but for the hash label. Mirrors `EqualIgnoreHash`.
    pub(super) fn equal_ignore_hash(&mut self, a: &Arc<PodTemplateSpec>, b: &Arc<PodTemplateSpec>) -> bool {
        if let Some(known) = self.0.iter().find(|c| Arc::ptr_eq(&c.a, a) && Arc::ptr_eq(&c.b, b)) {
            return known.is_equal;
        }
        let is_equal = equal_ignore_hash(a, b);
        if self.0.len() >= REMEMBERED_COUNT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Comparison { a: Arc::clone(a), b: Arc::clone(b), is_equal });
        is_equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_found() {
        let template = |app: usize, hash: usize| {
            let value = serde_json::json!({"metadata": {"labels": {"app": app.to_string(), "pod-template-hash": hash.to_string()}}});
            Arc::new(PodTemplateSpec::from_api(serde_json::from_value(value).expect("a template")))
        };
        let templates: Vec<_> = (0..12).map(|n| template(n / 3, n)).collect();
        let mut comparisons = TemplateComparisons::default();
        for _ in 0..2 {
            for (i, a) in templates.iter().enumerate() {
                for (j, b) in templates.iter().enumerate() {
                    assert_eq!(comparisons.equal_ignore_hash(a, b), i / 3 == j / 3, "{i} {j}");
                    assert_eq!(comparisons.equal_ignore_hash(a, b), i / 3 == j / 3, "{i} {j}");
                }
            }
        }
        assert_eq!(comparisons.0.len(), REMEMBERED_COUNT_MAX);
    }
}
