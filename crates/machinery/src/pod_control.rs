//! Creating and deleting a controller's pods, with their events, and which pods go first.
//!
//! Mirrors pkg/controller/controller_utils.go (`RealPodControl`, `slowStartBatch`, `ActivePodsWithRanks`) (v1.36).

use std::cmp::Ordering;
use std::sync::Arc;

use seatrial_api::{
    ApiError, Kind, ObjectKey, ObjectMeta, OwnerReference, Pod, PodPhase, PodStatus, PodTemplateSpec, Str, names,
};
use seatrial_apiserver::DeleteOptions;

use crate::client::Client;
use crate::clock::Clock;
use crate::recorder::{EventText, ObjectRef};

/// The size of the first batch of creations; each batch after it is twice as large.
pub const SLOW_START_INITIAL_BATCH_SIZE: usize = 1;
const REASON_SUCCESSFUL_CREATE: &str = "SuccessfulCreate";
const REASON_FAILED_CREATE: &str = "FailedCreate";
const REASON_SUCCESSFUL_DELETE: &str = "SuccessfulDelete";
const REASON_FAILED_DELETE: &str = "FailedDelete";
/// Pods with a lower cost go first. Mirrors `core.PodDeletionCost`.
const ANNOTATION_POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Makes the pod of a template, without creating it. Mirrors `GetPodFromTemplate`.
pub fn get_pod_from_template(template: &PodTemplateSpec, parent: &ObjectMeta, controller: OwnerReference) -> Pod {
    Pod {
        meta: ObjectMeta {
            generate_name: pods_prefix(&parent.name),
            namespace: parent.namespace.clone(),
            labels: template.labels.clone(),
            annotations: template.annotations.clone(),
            finalizers: template.finalizers().iter().map(Str::from).collect(),
            owner_references: vec![controller].into(),
            ..ObjectMeta::default()
        },
        spec: Arc::clone(&template.spec),
        node_name: Str::default(),
        status: PodStatus::default(),
    }
}

/// The parent's name and a dash, or the name alone where that makes no name. Mirrors `getPodsPrefix`.
fn pods_prefix(parent: &str) -> Str {
    let prefix = format!("{parent}-");
    let valid = names::name_is_dns_subdomain(&prefix, names::NameUse::Prefix).is_empty();
    if valid { prefix.into() } else { parent.into() }
}

/// Creates a pod for a controller and says so in an event. Mirrors `RealPodControl.CreatePods`.
///
/// # Errors
/// What the API server answered.
pub fn create_pod(client: &mut Client<'_>, pod: Pod, about: &ObjectRef<'_>) -> Result<Arc<Pod>, ApiError> {
    if pod.meta.labels.is_empty() {
        return Err(ApiError::unknown("unable to create pods, no labels"));
    }
    match client.create(pod) {
        Ok(pod) => {
            let message = format!("Created pod: {}", pod.meta.name);
            client.event(about, &EventText::normal(REASON_SUCCESSFUL_CREATE, &message));
            Ok(pod)
        }
        Err(error) => {
            // In a namespace on its way out the failure is nobody's news.
            if !error.has_cause("NamespaceTerminating") {
                client.event(about, &EventText::warning(REASON_FAILED_CREATE, &format!("Error creating: {error}")));
            }
            Err(error)
        }
    }
}

/// Deletes a controller's pod and says so in an event. Mirrors `RealPodControl.DeletePod`.
///
/// # Errors
/// What the API server answered; a pod that is gone is reported as such.
pub fn delete_pod(client: &mut Client<'_>, pod: &Pod, about: &ObjectRef<'_>) -> Result<(), ApiError> {
    let key = ObjectKey::new(Kind::Pod, &pod.meta.namespace, &pod.meta.name);
    match client.delete(&key, &DeleteOptions::default()) {
        Ok(()) => {
            let message = format!("Deleted pod: {}", pod.meta.name);
            client.event(about, &EventText::normal(REASON_SUCCESSFUL_DELETE, &message));
            Ok(())
        }
        Err(error) if error.is_not_found() => Err(error),
        Err(error) => {
            client.event(about, &EventText::warning(REASON_FAILED_DELETE, &format!("Error deleting: {error}")));
            Err(ApiError::unknown(format!("unable to delete pods: {error}")))
        }
    }
}

/// Calls `call` up to `count` times in batches of 1, 2, 4 ...; the first batch with an error is the last one.
///
/// Returns how many calls succeeded, and the first error. Mirrors `slowStartBatch`.
pub fn slow_start_batch(
    count: usize,
    initial_batch_size: usize,
    mut call: impl FnMut() -> Result<(), ApiError>,
) -> (usize, Result<(), ApiError>) {
    let (mut remaining, mut successes, mut batch_size) = (count, 0, initial_batch_size.min(count));
    while batch_size > 0 {
        let mut first_error = None;
        for _ in 0..batch_size {
            match call() {
                Ok(()) => successes += 1,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if let Some(error) = first_error {
            return (successes, Err(error));
        }
        remaining -= batch_size;
        batch_size = (2 * batch_size).min(remaining);
    }
    (successes, Ok(()))
}

/// A pod and how crowded its node is with pods like it.
#[derive(Clone, Debug)]
pub struct RankedPod {
    /// The pod.
    pub pod: Arc<Pod>,
    /// How many active pods of the same workload are on the same node.
    pub rank: usize,
}

/// The order in which pods are deleted: what comes first goes first. Mirrors `ActivePodsWithRanks.Less`.
pub fn compare_for_deletion(a: &RankedPod, b: &RankedPod, clock: Clock) -> Ordering {
    let (p, q) = (&a.pod, &b.pod);
    p.node_name
        .is_empty()
        .cmp(&q.node_name.is_empty())
        .reverse()
        .then_with(|| phase_order(p.status.phase).cmp(&phase_order(q.status.phase)))
        .then_with(|| p.is_ready().cmp(&q.is_ready()))
        .then_with(|| deletion_cost(p).cmp(&deletion_cost(q)))
        .then_with(|| b.rank.cmp(&a.rank))
        .then_with(|| match (p.ready_since(), q.ready_since()) {
            (Some(s), Some(t)) if s != t => compare_ages(clock.nanos_since(s), clock.nanos_since(t), p, q),
            _ => max_restarts(p).cmp(&max_restarts(q)).reverse().then_with(|| {
                let (s, t) = (p.meta.created(), q.meta.created());
                if s == t { Ordering::Equal } else { compare_ages(clock.nanos_since(s), clock.nanos_since(t), p, q) }
            }),
        })
}

/// The younger first, by powers of two of their ages; within one power the smaller uid, which is as good as chance.
fn compare_ages(age: i64, other: i64, p: &Pod, q: &Pod) -> Ordering {
    log2_bucket(age).cmp(&log2_bucket(other)).then_with(|| p.meta.uid.to_string().cmp(&q.meta.uid.to_string()))
}

fn log2_bucket(age_nanos: i64) -> i32 {
    if age_nanos <= 0 { -1 } else { age_nanos.ilog2() as i32 }
}

fn phase_order(phase: PodPhase) -> u8 {
    match phase {
        PodPhase::Unknown => 1,
        PodPhase::Running => 2,
        _ => 0,
    }
}

/// The cost in the annotation; what is no canonical int32 counts as 0. Mirrors `helper.GetDeletionCostFromPodAnnotations`.
fn deletion_cost(pod: &Pod) -> i32 {
    let Some(text) = pod.meta.annotations.get(ANNOTATION_POD_DELETION_COST) else { return 0 };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if leading_zero || text.starts_with('+') || text == "-0" { 0 } else { text.parse().unwrap_or(0) }
}

fn max_restarts(pod: &Pod) -> (i32, i32) {
    let most = |statuses: &[seatrial_api::ContainerStatus]| statuses.iter().map(|s| s.restart_count).max().unwrap_or(0);
    let sidecars =
        pod.spec.api().init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let of_sidecars = sidecars
        .filter_map(|c| pod.status.init_container_statuses.iter().find(|s| s.identity.name == *c.name))
        .map(|s| s.restart_count)
        .max();
    (most(&pod.status.container_statuses), of_sidecars.unwrap_or(0))
}
