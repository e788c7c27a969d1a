//! Arithmetic and annotations: plain values in, plain values out.
//!
//! Mirrors pkg/controller/deployment/util/deployment_util.go (v1.36).

use std::sync::Arc;

use seatrial_api::int_or_string::resolve_fenceposts;
use seatrial_api::{Deployment, DeploymentSpec, DeploymentStrategy, PodTemplateSpec, ReplicaSet, StrMap};

pub(super) const LABEL_POD_TEMPLATE_HASH: &str = "pod-template-hash";
pub(super) const ANNOTATION_REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const ANNOTATION_REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const ANNOTATION_DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const ANNOTATION_MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const ANNOTATION_LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotations that are the Deployment's own and are never copied to or from a ReplicaSet.
const ANNOTATIONS_NOT_COPIED: [&str; 6] = [
    ANNOTATION_LAST_APPLIED,
    ANNOTATION_REVISION,
    ANNOTATION_REVISION_HISTORY,
    ANNOTATION_DESIRED_REPLICAS,
    ANNOTATION_MAX_REPLICAS,
    super::rollback::ANNOTATION_ROLLBACK_TO,
];
/// The longest revision history, in bytes.
const REVISION_HISTORY_LENGTH_MAX: usize = 2000;
/// A deadline or history limit of this stands for none.
const NO_LIMIT: i32 = i32::MAX;

/// Mirrors `skipCopyAnnotation`.
pub(super) fn skip_copy_annotation(key: &str) -> bool {
    ANNOTATIONS_NOT_COPIED.contains(&key)
}

/// How far the number of pods may be from `replicas` while they are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How many pods may be there beyond `replicas`. Mirrors `MaxSurge`.
    pub(super) max_surge: i32,
    /// How many pods may be missing. Mirrors `MaxUnavailable`.
    pub(super) max_unavailable: i32,
}

impl Bounds {
    /// The bounds of a Deployment; both are nothing for Recreate.
    pub(super) fn of(spec: &DeploymentSpec) -> Self {
        let DeploymentStrategy::RollingUpdate { max_surge, max_unavailable } = &spec.strategy else {
            return Self::default();
        };
        let fenceposts = resolve_fenceposts(max_surge, max_unavailable, spec.replicas);
        let (max_surge, max_unavailable) = fenceposts.unwrap_or((0, 1));
        Self { max_surge, max_unavailable: if spec.replicas == 0 { 0 } else { max_unavailable.min(spec.replicas) } }
    }

    /// The most pods that there may be.
    pub(super) fn max_replicas(self, spec: &DeploymentSpec) -> i32 {
        spec.replicas.saturating_add(self.max_surge)
    }

    /// The fewest pods that have to be available.
    pub(super) fn min_available(self, spec: &DeploymentSpec) -> i32 {
        spec.replicas - self.max_unavailable
    }
}

/// Mirrors `HasProgressDeadline`.
pub(super) fn progress_deadline_seconds(deployment: &Deployment) -> Option<i32> {
    deployment.spec.progress_deadline_seconds.filter(|seconds| *seconds != NO_LIMIT)
}

/// Mirrors `HasRevisionHistoryLimit`.
pub(super) fn revision_history_limit(deployment: &Deployment) -> Option<i32> {
    deployment.spec.revision_history_limit.filter(|limit| *limit != NO_LIMIT)
}

/// The revision in the annotations: missing is 0, anything unreadable is an error. Mirrors `Revision`.
pub(super) fn revision(annotations: &StrMap) -> Result<i64, std::num::ParseIntError> {
    annotations.get(ANNOTATION_REVISION).map_or(Ok(0), str::parse)
}

/// The highest revision; unreadable ones do not count. Mirrors `MaxRevision`.
pub(super) fn max_revision<'a>(replica_sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> i64 {
    replica_sets.filter_map(|rs| revision(&rs.meta.annotations).ok()).max().unwrap_or(0).max(0)
}

/// The second highest revision. Mirrors `LastRevision`.
pub(super) fn last_revision<'a>(replica_sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> i64 {
    let (mut highest, mut second) = (0, 0);
    for revision in replica_sets.filter_map(|rs| revision(&rs.meta.annotations).ok()) {
        if revision >= highest {
            second = highest;
            highest = revision;
        } else if revision > second {
            second = revision;
        }
    }
    second
}

/// A count in an annotation, which has to be a number that is not negative.
pub(super) fn replicas_annotation(annotations: &StrMap, key: &str) -> Option<i32> {
    annotations.get(key)?.parse().ok().filter(|n| *n >= 0)
}

/// Writes the desired and the largest number of pods; returns whether anything changed. Mirrors `SetReplicasAnnotations`.
pub(super) fn set_replicas_annotations(annotations: &mut StrMap, desired: i32, max: i32) -> bool {
    if !replicas_annotations_need_update(annotations, desired, max) {
        return false;
    }
    annotations.insert(ANNOTATION_DESIRED_REPLICAS, desired.to_string());
    annotations.insert(ANNOTATION_MAX_REPLICAS, max.to_string());
    true
}

/// Mirrors `ReplicasAnnotationsNeedUpdate`.
pub(super) fn replicas_annotations_need_update(annotations: &StrMap, desired: i32, max: i32) -> bool {
    let is = |key: &str, n: i32| annotations.get(key).is_some_and(|text| text.parse() == Ok(n));
    !is(ANNOTATION_DESIRED_REPLICAS, desired) || !is(ANNOTATION_MAX_REPLICAS, max)
}

/// Copies the Deployment's annotations, adding and overwriting; returns whether anything changed.
fn copy_deployment_annotations_to_replica_set(deployment: &Deployment, annotations: &mut StrMap) -> bool {
    let mut changed = false;
    for (key, value) in deployment.meta.annotations.iter() {
        if !skip_copy_annotation(key) && annotations.get(key) != Some(value) {
            annotations.insert(key, value);
            changed = true;
        }
    }
    changed
}

/// Whether a ReplicaSet that is annotated exists already, and so keeps its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Yes,
    No(Bounds),
}

/// Gives the new ReplicaSet its annotations; returns whether anything changed. Mirrors `SetNewReplicaSetAnnotations`.
pub(super) fn set_new_replica_set_annotations(
    deployment: &Deployment,
    annotations: &mut StrMap,
    new_revision: i64,
    existing: Existing,
) -> bool {
    let mut changed = copy_deployment_annotations_to_replica_set(deployment, annotations);
    let old_text = annotations.get(ANNOTATION_REVISION).map(seatrial_api::Str::from);
    let old_revision = match old_text.as_deref() {
        None | Some("") => 0,
        Some(text) => match text.parse::<i64>() {
            Ok(revision) => revision,
            Err(_) => return false,
        },
    };
    if old_revision < new_revision {
        annotations.insert(ANNOTATION_REVISION, new_revision.to_string());
        changed = true;
        // The ReplicaSet had a revision before: it is being rolled back to, and remembers the old number.
        if let Some(old) = old_text {
            append_revision_history(annotations, &old);
        }
    }
    if let Existing::No(bounds) = existing {
        let (desired, max) = (deployment.spec.replicas, bounds.max_replicas(&deployment.spec));
        changed |= set_replicas_annotations(annotations, desired, max);
    }
    changed
}

fn append_revision_history(annotations: &mut StrMap, old_revision: &str) {
    let history = annotations.get(ANNOTATION_REVISION_HISTORY).unwrap_or_default().to_owned();
    if history.is_empty() {
        annotations.insert(ANNOTATION_REVISION_HISTORY, old_revision);
        return;
    }
    let mut revisions: Vec<&str> = history.split(',').collect();
    let mut length = history.len() + old_revision.len() + 1;
    while length > REVISION_HISTORY_LENGTH_MAX && !revisions.is_empty() {
        length -= revisions.remove(0).len() + 1;
    }
    if length <= REVISION_HISTORY_LENGTH_MAX {
        revisions.push(old_revision);
        annotations.insert(ANNOTATION_REVISION_HISTORY, revisions.join(","));
    }
}

/// Whether two templates are equal but for the hash label. Mirrors `EqualIgnoreHash`.
pub(super) fn equal_ignore_hash(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    fn labels(template: &PodTemplateSpec) -> impl Iterator<Item = (&str, &str)> {
        template.labels.iter().filter(|(key, _)| *key != LABEL_POD_TEMPLATE_HASH)
    }
    // The spec decides first: it is shared where the ReplicaSet was made from this very template.
    (Arc::ptr_eq(&a.spec, &b.spec) || a.spec == b.spec)
        && a.annotations == b.annotations
        && a.other_meta == b.other_meta
        && a.node_name == b.node_name
        && (a.labels == b.labels || labels(a).eq(labels(b)))
}

/// ReplicaSets that want pods. Mirrors `controller.FilterActiveReplicaSets`.
pub(super) fn active<'a>(replica_sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> Vec<Arc<ReplicaSet>> {
    replica_sets.filter(|rs| rs.spec.replicas > 0).map(Arc::clone).collect()
}

/// The sum of what ReplicaSets want. Mirrors `GetReplicaCountForReplicaSets`.
pub(super) fn replica_count<'a>(replica_sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> i32 {
    replica_sets.map(|rs| rs.spec.replicas).sum()
}

/// What the new ReplicaSet should want in a rolling update, where all sets want `current`. Mirrors `NewRSNewReplicas`.
pub(super) fn new_rs_new_replicas(spec: &DeploymentSpec, bounds: Bounds, current: i32, new_rs_replicas: i32) -> i32 {
    match spec.strategy {
        DeploymentStrategy::Recreate => spec.replicas,
        DeploymentStrategy::RollingUpdate { .. } => {
            let limit = bounds.max_replicas(spec);
            if current >= limit {
                return new_rs_replicas;
            }
            new_rs_replicas + (limit - current).min(spec.replicas - new_rs_replicas)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: i32, strategy: serde_json::Value) -> Deployment {
        let template = serde_json::json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        let value = serde_json::json!({
            "metadata": {"name": "d"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "strategy": strategy, "template": template}
        });
        let api = serde_json::from_value(value).expect("a Deployment");
        Deployment::from_api(api).expect("it converts")
    }

    #[test]
    fn surge_rounds_up_unavailability_down_and_one_of_them_is_left() {
        let rolling = |surge: &str, unavailable: &str| {
            let value = |t: &str| t.parse::<i32>().map_or_else(|_| serde_json::json!(t), |n| serde_json::json!(n));
            serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": value(surge), "maxUnavailable": value(unavailable)}})
        };
        let rows = [
            (10, rolling("25%", "25%"), 3, 2),
            (4, rolling("25%", "25%"), 1, 1),
            (3, rolling("25%", "25%"), 1, 0),
            (1, rolling("0", "25%"), 0, 1),
            (0, rolling("25%", "25%"), 0, 0),
            (2, rolling("0", "5"), 0, 2),
            (5, serde_json::json!({"type": "Recreate"}), 0, 0),
        ];
        for (replicas, strategy, surge, unavailable) in rows {
            let d = deployment(replicas, strategy.clone());
            let want = Bounds { max_surge: surge, max_unavailable: unavailable };
            assert_eq!(Bounds::of(&d.spec), want, "{replicas} {strategy}");
        }
    }

    #[test]
    fn the_revision_history_stays_short() {
        let mut annotations: StrMap = [(ANNOTATION_REVISION_HISTORY, "1,2")].into_iter().collect();
        append_revision_history(&mut annotations, "3");
        assert_eq!(annotations.get(ANNOTATION_REVISION_HISTORY), Some("1,2,3"));
        let long: Vec<String> = (1000..1399).map(|n| n.to_string()).collect();
        annotations.insert(ANNOTATION_REVISION_HISTORY, long.join(","));
        append_revision_history(&mut annotations, "1399");
        append_revision_history(&mut annotations, "1400");
        let text = annotations.get(ANNOTATION_REVISION_HISTORY).unwrap_or_default();
        assert!(text.len() <= REVISION_HISTORY_LENGTH_MAX && text.ends_with("1399,1400") && !text.starts_with("1000,"));
    }

    #[test]
    fn annotations_that_are_the_deployments_own_are_not_copied() {
        let mut d = deployment(2, serde_json::json!({}));
        d.meta.annotations =
            [("team", "blue"), (ANNOTATION_REVISION, "7"), (ANNOTATION_LAST_APPLIED, "{}")].into_iter().collect();
        let mut annotations = StrMap::EMPTY;
        let existing = Existing::No(Bounds::of(&d.spec));
        assert!(set_new_replica_set_annotations(&d, &mut annotations, 1, existing));
        let want = [
            (ANNOTATION_DESIRED_REPLICAS, "2"),
            (ANNOTATION_MAX_REPLICAS, "3"),
            (ANNOTATION_REVISION, "1"),
            ("team", "blue"),
        ];
        assert_eq!(annotations.iter().collect::<Vec<_>>(), want);
        assert!(
            !set_new_replica_set_annotations(&d, &mut annotations, 1, Existing::Yes),
            "the second time nothing changes"
        );
    }
}
