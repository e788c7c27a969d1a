//! A workload's selector: as users wrote it, and compiled.

use std::sync::{Arc, OnceLock};

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::StrMap;
use crate::selector::Selector;

/// A label selector that is compiled once and shared by every copy of its object.
#[derive(Clone, Debug)]
pub struct LabelSelector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: metav1::LabelSelector,
    compiled: Selector,
    /// The first sets of labels that were selected: those of a workload's revisions or pods, which share theirs, so that
    /// nearly all later questions are answered by a pointer.
    selected: [OnceLock<StrMap>; 2],
}

impl LabelSelector {
    /// Compiles a selector; one that does not compile selects nothing, and validation has refused it before.
    pub fn from_api(api: metav1::LabelSelector) -> Self {
        let compiled = Selector::from_label_selector(&api).unwrap_or_else(|_| Selector::nothing());
        Self(Arc::new(Inner { api, compiled, selected: Default::default() }))
    }

    /// The selector as k8s-openapi holds it.
    pub fn api(&self) -> &metav1::LabelSelector {
        &self.0.api
    }

    /// The compiled selector.
    pub fn compiled(&self) -> &Selector {
        &self.0.compiled
    }

    /// Whether `labels` are selected.
    pub fn matches(&self, labels: &StrMap) -> bool {
        let inner = &*self.0;
        if inner.selected.iter().any(|known| known.get().is_some_and(|known| known.ptr_eq(labels))) {
            return true;
        }
        let matches = inner.compiled.matches(labels);
        if matches && let Some(free) = inner.selected.iter().find(|known| known.get().is_none()) {
            // The labels are kept alive, so that no others can come to lie where they are.
            free.get_or_init(|| labels.clone());
        }
        matches
    }

    /// Whether the selector is `{}`, which controllers refuse to act on.
    pub fn is_empty(&self) -> bool {
        let api = self.api();
        api.match_labels.as_ref().is_none_or(|m| m.is_empty())
            && api.match_expressions.as_ref().is_none_or(|m| m.is_empty())
    }
}

impl PartialEq for LabelSelector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.api() == other.api()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_selected_before_is_known_again_and_nothing_else() {
        let api = serde_json::from_value(serde_json::json!({"matchLabels": {"app": "web"}})).expect("a selector");
        let selector = LabelSelector::from_api(api);
        let labels = |app: &str, n: usize| -> StrMap {
            [("app".to_owned(), app.to_owned()), ("n".to_owned(), n.to_string())].into_iter().collect()
        };
        let (mine, others): (Vec<StrMap>, Vec<StrMap>) = (0..4).map(|n| (labels("web", n), labels("db", n))).unzip();
        for _ in 0..3 {
            for (mine, other) in mine.iter().zip(&others) {
                assert!(selector.matches(mine) && selector.matches(&labels("web", 9)) && !selector.matches(other));
            }
            assert!(!selector.matches(&StrMap::EMPTY));
        }
    }
}
