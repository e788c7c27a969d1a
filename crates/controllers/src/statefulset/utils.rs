//! Names, identities and states of a set's pods.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_utils.go (v1.36).

use std::borrow::Cow;
use std::sync::LazyLock;

use k8s_openapi::api::apps::v1::StatefulSetSpec;
use seatrial_api::{Pod, PodPhase, StatefulSet, Str, Time};

/// The label with the pod's own name. Mirrors `StatefulSetPodNameLabel`.
pub(super) const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
/// The label with the pod's ordinal. Mirrors `PodIndexLabel`.
pub(super) const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";
/// The label with the name of the pod's revision. Mirrors `StatefulSetRevisionLabel`.
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

/// The spec of a set that has none, as the API server lets none be.
static NO_SPEC: LazyLock<StatefulSetSpec> = LazyLock::new(StatefulSetSpec::default);

/// A set's spec.
pub(super) fn spec_of(set: &StatefulSet) -> &StatefulSetSpec {
    set.body.spec.as_deref().unwrap_or_else(|| &NO_SPEC)
}

/// How many pods a set wants.
pub(super) fn replicas_of(set: &StatefulSet) -> i32 {
    set.body.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1)
}

/// The ordinal of a set's first pod. Mirrors `getStartOrdinal`.
pub(super) fn start_ordinal(set: &StatefulSet) -> i32 {
    set.body.spec.as_ref().and_then(|s| s.ordinals.as_ref()).and_then(|o| o.start).unwrap_or(0)
}

/// The ordinal of a set's last pod; before its first where it wants none. Mirrors `getEndOrdinal`.
pub(super) fn end_ordinal(set: &StatefulSet) -> i32 {
    start_ordinal(set).saturating_add(replicas_of(set)).saturating_sub(1)
}

/// Whether pods are made and taken one after the other.
pub(super) fn is_monotonic(set: &StatefulSet) -> bool {
    set.body.spec.as_ref().and_then(|s| s.pod_management_policy.as_deref()) != Some("Parallel")
}

/// How long a pod has to be ready to count as available, in seconds.
pub(super) fn min_ready_seconds(set: &StatefulSet) -> i32 {
    set.body.spec.as_ref().and_then(|s| s.min_ready_seconds).unwrap_or(0)
}

/// The name of the pod of a set with an ordinal. Mirrors `getPodName`.
pub(super) fn pod_name(set: &StatefulSet, ordinal: &str) -> Str {
    Str::concat(&[&set.meta.name, "-", ordinal])
}

/// The set's name and the ordinal in a pod's name. Mirrors `getParentNameAndOrdinal`.
pub(super) fn parent_name_and_ordinal(pod: &str) -> Option<(&str, i32)> {
    // From the last digit on: a digit that makes the number too large counts for as much as any that does.
    let (mut ordinal, mut weight, mut start) = (0u64, 1u64, pod.len());
    for byte in pod.bytes().rev() {
        if !byte.is_ascii_digit() {
            let is_split = byte == b'-' && start < pod.len();
            return is_split.then(|| Some((&pod[..start - 1], i32::try_from(ordinal).ok()?))).flatten();
        }
        ordinal = ordinal.saturating_add(weight.saturating_mul(u64::from(byte - b'0')));
        weight = weight.saturating_mul(10);
        start -= 1;
    }
    None
}

/// The ordinal of a pod, if its name is one of the set's. Mirrors `getOrdinal` and `isMemberOf`.
#[inline]
pub(super) fn member_ordinal(set: &str, pod: &str) -> Option<i32> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-').filter(|digits| !digits.is_empty())?;
    digits.bytes().try_fold(0i32, |ordinal, byte| {
        let digit = byte.is_ascii_digit().then(|| i32::from(byte - b'0'))?;
        ordinal.checked_mul(10)?.checked_add(digit)
    })
}

/// The name of the pod that has the ordinal in a pod's name: its own, unless it was made by hand with zeros before it.
pub(super) fn identity_name<'a>(set: &str, pod: &'a str) -> Option<Cow<'a, str>> {
    let ordinal = member_ordinal(set, pod)?;
    let digits = &pod[set.len() + 1..];
    let is_own = digits.len() == 1 || !digits.starts_with('0');
    Some(if is_own { pod.into() } else { format!("{set}-{ordinal}").into() })
}

/// Mirrors `identityMatches`: the name is the set's, and the label tells it.
pub(super) fn identity_matches(set: &StatefulSet, pod: &Pod) -> bool {
    member_ordinal(&set.meta.name, &pod.meta.name).is_some()
        && pod.meta.namespace == set.meta.namespace
        && pod.meta.labels.get(POD_NAME_LABEL) == Some(pod.meta.name.as_str())
}

/// The name of the revision a pod was made from, or empty. Mirrors `getPodRevision`.
pub(super) fn pod_revision(pod: &Pod) -> &str {
    pod.meta.labels.get(REVISION_LABEL).unwrap_or_default()
}

/// Mirrors `isRunningAndReady`.
pub(super) fn is_running_and_ready(pod: &Pod) -> bool {
    pod.status.phase == PodPhase::Running && pod.is_ready()
}

/// Mirrors `isRunningAndAvailable`.
pub(super) fn is_running_and_available(pod: &Pod, min_ready_seconds: i32, now: Time) -> bool {
    pod.status.phase == PodPhase::Running
        && pod
            .ready_since()
            .is_some_and(|since| min_ready_seconds <= 0 || since.plus_seconds(i64::from(min_ready_seconds)) <= now)
}

/// Mirrors `isUnavailable`: not available, or on its way out.
pub(super) fn is_unavailable(pod: &Pod, min_ready_seconds: i32, now: Time) -> bool {
    pod.meta.is_deleting() || !is_running_and_available(pod, min_ready_seconds, now)
}

#[cfg(test)]
mod tests {
    use super::{identity_name, member_ordinal, parent_name_and_ordinal};

    #[test]
    fn names_are_split_at_their_last_number() {
        let rows = [
            ("web-0", Some(("web", 0))),
            ("my-web-12", Some(("my-web", 12))),
            ("web", None),
            ("web-", None),
            ("web-1a", None),
            ("web-99999999999", None),
            ("web-2147483647", Some(("web", i32::MAX))),
            ("web-2147483648", None),
            ("web-000000000000000000000000000001", Some(("web", 1))),
            ("web-100000000000000000000000000000", None),
            ("web--1", Some(("web-", 1))),
            ("-1", Some(("", 1))),
            ("12", None),
            ("", None),
        ];
        for (name, want) in rows {
            assert_eq!(parent_name_and_ordinal(name), want, "{name}");
            for set in ["web", "my-web", "web-", "we", "", "web-0"] {
                let own = want.filter(|(parent, _)| *parent == set).map(|(_, ordinal)| ordinal);
                assert_eq!(member_ordinal(set, name), own, "{name} of {set}");
            }
        }
    }

    #[test]
    fn a_pod_stands_for_its_ordinal() {
        let rows = [
            ("web-0", Some("web-0")),
            ("web-10", Some("web-10")),
            ("web-01", Some("web-1")),
            ("web-00", Some("web-0")),
            ("api-1", None),
        ];
        for (name, want) in rows {
            assert_eq!(identity_name("web", name).as_deref(), want, "{name}");
        }
    }
}
