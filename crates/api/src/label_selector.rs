//! A workload's selector: as users wrote it, and compiled.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::StrMap;
use crate::selector::Selector;

/// A label selector that is compiled once and shared by every copy of its object.
#[derive(Clone, Debug)]
pub struct LabelSelector(Arc<(metav1::LabelSelector, Selector)>);

impl LabelSelector {
    /// Compiles a selector; one that does not compile selects nothing, and validation has refused it before.
    pub fn from_api(api: metav1::LabelSelector) -> Self {
        let compiled = Selector::from_label_selector(&api).unwrap_or_else(|_| Selector::nothing());
        Self(Arc::new((api, compiled)))
    }

    /// The selector as k8s-openapi holds it.
    pub fn api(&self) -> &metav1::LabelSelector {
        &self.0.0
    }

    /// The compiled selector.
    pub fn compiled(&self) -> &Selector {
        &self.0.1
    }

    /// Whether `labels` are selected.
    pub fn matches(&self, labels: &StrMap) -> bool {
        self.0.1.matches(labels)
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
