//! The labels in which the pods of one StatefulSet or indexed Job differ, and nothing else: hardly anybody asks for them.

use seatrial_api::selector::Selector;
use seatrial_api::{Str, StrMap};

/// The labels that tell a pod from its siblings.
const LABELS_OF_IDENTITY: [&str; 3] =
    ["statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index"];

/// Whether a label tells a pod from its siblings.
pub(crate) fn is_of_identity(key: &str) -> bool {
    LABELS_OF_IDENTITY.contains(&key)
}

/// Whether a selector asks who a pod is.
pub(crate) fn asks_who(selector: &Selector) -> bool {
    selector.requirements().iter().any(|requirement| is_of_identity(&requirement.key))
}

/// Whether labels are the same but for those that tell the pods of a set apart.
pub(crate) fn are_siblings(a: &StrMap, b: &StrMap) -> bool {
    if a.ptr_eq(b) {
        return true;
    }
    // Siblings have the same keys in the same order, and most texts from one template, where they are one text.
    let is_same = |((key, value), (other, of_other)): (&(Str, Str), &(Str, Str))| {
        key == other && (value == of_other || is_of_identity(key))
    };
    if a.len() == b.len() && a.as_slice().iter().zip(b.as_slice()).all(is_same) {
        return true;
    }
    let is_shared = |(key, _): &(&str, &str)| !is_of_identity(key);
    a.iter().filter(is_shared).eq(b.iter().filter(is_shared))
}

/// Labels without those that tell a pod from its siblings.
pub(crate) fn shared_labels(labels: &StrMap) -> StrMap {
    if !labels.iter().any(|(key, _)| is_of_identity(key)) {
        return labels.clone();
    }
    labels.as_slice().iter().filter(|(key, _)| !is_of_identity(key)).map(|(key, value)| (key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_differ_in_who_they_are_alone() {
        let labels = |rows: &[(&str, &str)]| rows.iter().copied().collect::<StrMap>();
        let own = labels(&[("app", "db"), ("apps.kubernetes.io/pod-index", "1"), (LABELS_OF_IDENTITY[0], "db-1")]);
        let rows = [
            (labels(&[("app", "db"), ("apps.kubernetes.io/pod-index", "2"), (LABELS_OF_IDENTITY[0], "db-2")]), true),
            (labels(&[("app", "db")]), true),
            (labels(&[("app", "web"), ("apps.kubernetes.io/pod-index", "1"), (LABELS_OF_IDENTITY[0], "db-1")]), false),
            (labels(&[("app", "db"), ("more", "x"), (LABELS_OF_IDENTITY[0], "db-1")]), false),
            (labels(&[("a", ""), ("app", "db")]), false),
            (labels(&[("app", "db"), ("z", "")]), false),
            (labels(&[("app", "db"), (LABELS_OF_IDENTITY[2], "3")]), true),
            (labels(&[(LABELS_OF_IDENTITY[2], "3")]), false),
            (labels(&[]), false),
        ];
        for (other, want) in rows {
            assert_eq!(are_siblings(&other, &own), want, "{other:?}");
            assert_eq!(are_siblings(&own, &other), want, "{other:?}");
            assert_eq!(shared_labels(&own) == shared_labels(&other), want, "{other:?}");
        }
        let app = labels(&[("app", "db")]);
        assert!(shared_labels(&app).ptr_eq(&app), "nothing is left out");
    }

    #[test]
    fn selectors_that_name_such_a_label_ask_who_a_pod_is() {
        let rows = [
            ("app=db", false),
            ("", false),
            ("app=db,apps.kubernetes.io/pod-index=1", true),
            ("!statefulset.kubernetes.io/pod-name", true),
            ("batch.kubernetes.io/job-completion-index in (1,2)", true),
        ];
        for (text, want) in rows {
            assert_eq!(asks_who(&Selector::parse(text).expect(text)), want, "{text}");
        }
    }
}
