//! `kubectl rollout status` of every kind that has one.
//!
//! Mirrors k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go (v1.36).

use seatrial_api::{DaemonSet, Object, StatefulSet};

use super::rollout::{RolloutError, rollout_status};

/// kubectl's line about a workload's rollout, and whether it is done.
///
/// # Errors
/// kubectl's refusal of a kind or a strategy that has no rollouts.
pub(crate) fn status_of(object: &Object) -> Result<(String, bool), RolloutError> {
    match object {
        Object::Deployment(deployment) => Ok(rollout_status(deployment)),
        Object::DaemonSet(set) => daemon_set_status(set),
        Object::StatefulSet(set) => stateful_set_status(set),
        other => {
            let kind = other.kind().group_kind();
            Err(RolloutError(format!("no status viewer has been implemented for {kind}")))
        }
    }
}

/// Whether a rollout is done; never for what has none.
pub(crate) fn is_done(object: &Object) -> bool {
    status_of(object).is_ok_and(|(_, done)| done)
}

fn only_rolling() -> RolloutError {
    RolloutError("rollout status is only available for RollingUpdate strategy type".to_owned())
}

/// Mirrors `DaemonSetStatusViewer.Status`.
fn daemon_set_status(set: &DaemonSet) -> Result<(String, bool), RolloutError> {
    let (name, status) = (&set.meta.name, &set.status);
    let strategy = set.spec.update_strategy.as_ref();
    if strategy.and_then(|s| s.type_.as_deref()) != Some("RollingUpdate") {
        return Err(only_rolling());
    }
    if set.meta.generation > status.observed_generation.unwrap_or(0) {
        return Ok(("Waiting for daemon set spec update to be observed...".to_owned(), false));
    }
    let desired = status.desired_number_scheduled;
    let waiting = |what: String| Ok((format!("Waiting for daemon set {name:?} rollout to finish: {what}..."), false));
    let (updated, available) = (status.updated_number_scheduled.unwrap_or(0), status.number_available.unwrap_or(0));
    if updated < desired {
        return waiting(format!("{updated} out of {desired} new pods have been updated"));
    }
    if available < desired {
        return waiting(format!("{available} of {desired} updated pods are available"));
    }
    Ok((format!("daemon set {name:?} successfully rolled out"), true))
}

/// Mirrors `StatefulSetStatusViewer.Status`.
fn stateful_set_status(set: &StatefulSet) -> Result<(String, bool), RolloutError> {
    let (no_spec, none) = Default::default();
    let (spec, status) = (set.body.spec.as_deref().unwrap_or(&no_spec), set.body.status.as_deref().unwrap_or(&none));
    let strategy = spec.update_strategy.as_ref();
    if strategy.and_then(|s| s.type_.as_deref()) != Some("RollingUpdate") {
        return Err(only_rolling());
    }
    let observed = status.observed_generation.unwrap_or(0);
    if observed == 0 || set.meta.generation > observed {
        return Ok(("Waiting for statefulset spec update to be observed...".to_owned(), false));
    }
    let (wanted, ready) = (spec.replicas.unwrap_or(1), status.ready_replicas.unwrap_or(0));
    if ready < wanted {
        return Ok((format!("Waiting for {} pods to be ready...", wanted - ready), false));
    }
    let updated = status.updated_replicas.unwrap_or(0);
    if let Some(partition) = strategy.and_then(|s| s.rolling_update.as_ref()).and_then(|r| r.partition) {
        let new = wanted - partition;
        if updated < new {
            let text = format!(
                "Waiting for partitioned roll out to finish: {updated} out of {new} new pods have been updated..."
            );
            return Ok((text, false));
        }
        return Ok((format!("partitioned roll out complete: {updated} new pods have been updated..."), true));
    }
    let (current, update) = (status.current_revision.as_deref(), status.update_revision.as_deref());
    if current != update {
        let at = update.unwrap_or_default();
        let text = format!("waiting for statefulset rolling update to complete {updated} pods at revision {at}...");
        return Ok((text, false));
    }
    let (pods, at) = (status.current_replicas.unwrap_or(0), current.unwrap_or_default());
    Ok((format!("statefulset rolling update complete {pods} pods at revision {at}..."), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_api::Resource;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn said<R: Resource>(object: Value) -> (String, bool) {
        let api: R::Api = serde_json::from_value(object).expect("the JSON is of the kind");
        let object = R::wrap(Arc::new(R::from_api_object(api).expect("it converts")));
        status_of(&object).unwrap_or_else(|error| (error.to_string(), false))
    }

    #[test]
    fn daemon_sets() {
        let of = |strategy: &str, status: Value| {
            said::<DaemonSet>(
                json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a", "generation": 2},
                "spec": {"selector": {}, "template": {}, "updateStrategy": {"type": strategy}}, "status": status}),
            )
        };
        let status = |observed: i64, updated: i32, available: i32| {
            json!({"observedGeneration": observed, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberMisscheduled": 0,
                "numberReady": 3, "updatedNumberScheduled": updated, "numberAvailable": available})
        };
        let rows = [
            (status(1, 3, 3), "Waiting for daemon set spec update to be observed...", false),
            (
                status(2, 1, 2),
                "Waiting for daemon set \"a\" rollout to finish: 1 out of 3 new pods have been updated...",
                false,
            ),
            (
                status(2, 3, 2),
                "Waiting for daemon set \"a\" rollout to finish: 2 of 3 updated pods are available...",
                false,
            ),
            (status(2, 3, 3), "daemon set \"a\" successfully rolled out", true),
        ];
        for (status, text, done) in rows {
            assert_eq!(of("RollingUpdate", status), (text.to_owned(), done));
        }
        let text = "error: rollout status is only available for RollingUpdate strategy type";
        assert_eq!(of("OnDelete", status(2, 3, 3)), (text.to_owned(), false));
    }

    #[test]
    fn stateful_sets() {
        let of = |strategy: Value, status: Value| {
            said::<StatefulSet>(
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "generation": 2},
                "spec": {"replicas": 3, "selector": {}, "template": {}, "serviceName": "", "updateStrategy": strategy}, "status": status}),
            )
        };
        let status = |observed: i64, ready: i32, updated: i32, current: &str| {
            json!({"observedGeneration": observed, "replicas": 3, "readyReplicas": ready, "updatedReplicas": updated, "availableReplicas": ready,
                "currentReplicas": 3, "currentRevision": current, "updateRevision": "a-2"})
        };
        let (plain, partition) =
            (json!({"type": "RollingUpdate"}), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}));
        let rows = [
            (&plain, status(0, 3, 3, "a-2"), "Waiting for statefulset spec update to be observed...", false),
            (&plain, status(1, 3, 3, "a-2"), "Waiting for statefulset spec update to be observed...", false),
            (&plain, status(2, 1, 3, "a-2"), "Waiting for 2 pods to be ready...", false),
            (
                &plain,
                status(2, 3, 1, "a-1"),
                "waiting for statefulset rolling update to complete 1 pods at revision a-2...",
                false,
            ),
            (&plain, status(2, 3, 3, "a-2"), "statefulset rolling update complete 3 pods at revision a-2...", true),
            (
                &partition,
                status(2, 3, 1, "a-1"),
                "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
                false,
            ),
            (
                &partition,
                status(2, 3, 2, "a-1"),
                "partitioned roll out complete: 2 new pods have been updated...",
                true,
            ),
        ];
        for (strategy, status, text, done) in rows {
            assert_eq!(of(strategy.clone(), status), (text.to_owned(), done));
        }
    }

    #[test]
    fn other_kinds_have_none() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}});
        assert_eq!(said::<seatrial_api::Pod>(pod).0, "error: no status viewer has been implemented for Pod");
    }
}
