//! Creating and deleting a controller's pods, with their events.
//!
//! Mirrors pkg/controller/controller_utils.go (`RealPodControl`, `slowStartBatch`) (v1.36).

use std::sync::Arc;

use seatrial_api::{
    ApiError, Kind, ObjectKey, ObjectMeta, OwnerReference, Pod, PodStatus, PodTemplateSpec, Str, names,
};
use seatrial_apiserver::DeleteOptions;

use crate::client::Client;
use crate::event_text::{EventText, Piece};
use crate::recorder::ObjectRef;

/// The size of the first batch of creations; each batch after it is twice as large.
pub const SLOW_START_INITIAL_BATCH_SIZE: usize = 1;
const REASON_SUCCESSFUL_CREATE: &str = "SuccessfulCreate";
const REASON_FAILED_CREATE: &str = "FailedCreate";
const REASON_SUCCESSFUL_DELETE: &str = "SuccessfulDelete";
const REASON_FAILED_DELETE: &str = "FailedDelete";

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
        node_name: template.node_name.clone(),
        pinned_to: None,
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
            let pieces = [Piece::Text("Created pod: "), Piece::Arg(&pod.meta.name)];
            client.event(about, &EventText::normal_pieces(REASON_SUCCESSFUL_CREATE, &pieces));
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
            let pieces = [Piece::Text("Deleted pod: "), Piece::Arg(&pod.meta.name)];
            client.event(about, &EventText::normal_pieces(REASON_SUCCESSFUL_DELETE, &pieces));
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
