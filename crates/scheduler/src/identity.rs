//! The labels in which the pods of one StatefulSet or indexed Job differ, and nothing else: hardly anybody asks for them.

use seatrial_api::StrMap;
use seatrial_api::selector::Selector;

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
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    // Both are in the order of their keys: what only one of them has is of identity, or they differ.
    loop {
        let is_first = match (a.peek(), b.peek()) {
            (None, None) => return true,
            (Some((key, _)), Some((other, _))) if is_same(key, other) => {
                if let (Some((key, value)), Some((_, of_other))) = (a.next(), b.next())
                    && !is_same(value, of_other)
                    && !is_of_identity(key)
                {
                    return false;
                }
                continue;
            }
            (Some((key, _)), Some((other, _))) => key < other,
            (key, _) => key.is_some(),
        };
        let only = if is_first { a.next() } else { b.next() };
        if only.is_some_and(|(key, _)| !is_of_identity(key)) {
            return false;
        }
    }
}

/// Whether texts are equal. Siblings have theirs from one template, where they mostly are one text.
fn is_same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
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
