//! Creating and deleting a controller's pods, with their events.
//!
//! Mirrors pkg/controller/controller_utils.go (`RealPodControl`, `slowStartBatch`) (v1.36).

use std::collections::VecDeque;
use std::sync::Arc;

use seatrial_api::{ApiError, ObjectMeta, OwnerReference, Pod, PodStatus, PodTemplateSpec, Resource, Str, Uid, names};
use seatrial_apiserver::DeleteOptions;

use crate::client::Client;
use crate::controller_ref_manager::new_controller_ref;
use crate::event_text::{EventText, Piece};
use crate::recorder::ObjectRef;

/// The size of the first batch of creations; each batch after it is twice as large.
pub const SLOW_START_INITIAL_BATCH_SIZE: usize = 1;
/// How many prototypes are kept.
const PROTOTYPES_COUNT_MAX: usize = 16;
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

/// The pods made last from templates. Those of one owner and one template are alike, but for what the API server gives
/// each of them, so that they share what a new pod is made of.
///
/// Invariant: a template is immutable and kept alive here, so that its address stands for it, and what a pod takes over
/// from its owner (kind, name, namespace, uid) stays the same for as long as there is an owner of that uid.
#[derive(Debug, Default)]
pub struct PodPrototypes(VecDeque<Prototype>);

#[derive(Debug)]
struct Prototype {
    template: Arc<PodTemplateSpec>,
    owner: Uid,
    pod: Arc<Pod>,
}

impl PodPrototypes {
    /// The pod of a template and its owner, as [`get_pod_from_template`] makes it.
    pub fn get<Owner: Resource>(&mut self, template: &Arc<PodTemplateSpec>, owner: &Owner) -> Arc<Pod> {
        let uid = &owner.meta().uid;
        if let Some(known) = self.0.iter().find(|p| Arc::ptr_eq(&p.template, template) && p.owner == *uid) {
            return Arc::clone(&known.pod);
        }
        let pod = Arc::new(get_pod_from_template(template, owner.meta(), new_controller_ref(owner)));
        if self.0.len() >= PROTOTYPES_COUNT_MAX {
            self.0.pop_back();
        }
        self.0.push_front(Prototype { template: Arc::clone(template), owner: uid.clone(), pod: Arc::clone(&pod) });
        pod
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
    match client.delete_read(pod, &DeleteOptions::default()) {
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

#[cfg(test)]
mod tests {
    use seatrial_api::ReplicaSet;

    use super::*;

    fn replica_set(name: &str, uid: &str, image: &str) -> ReplicaSet {
        let value = serde_json::json!({"metadata": {"name": name, "namespace": "default", "uid": uid}, "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": image}]}}
        }});
        ReplicaSet::from_api(serde_json::from_value(value).expect("a ReplicaSet")).expect("it converts")
    }

    #[test]
    fn a_prototype_is_the_pod_of_its_own_template_and_owner() {
        let mut prototypes = PodPrototypes::default();
        let mut sets: Vec<ReplicaSet> = (0..3 * PROTOTYPES_COUNT_MAX)
            .map(|n| replica_set(&format!("web-{n}"), &format!("uid-{n}"), "app:1"))
            .collect();
        // The same name with another uid, the same uid with another template, and one template for two owners.
        sets.push(replica_set("web-0", "uid-x", "app:1"));
        sets.push(replica_set("web-0", "uid-0", "app:2"));
        let mut sharer = replica_set("db", "uid-y", "app:1");
        sharer.spec.template = Arc::clone(&sets[0].spec.template);
        sets.push(sharer);
        for rs in sets.iter().chain(&sets).chain(sets.iter().rev()) {
            let made = get_pod_from_template(&rs.spec.template, &rs.meta, new_controller_ref(rs));
            for _ in 0..2 {
                assert_eq!(*prototypes.get(&rs.spec.template, rs), made);
            }
        }
        assert_eq!(prototypes.0.len(), PROTOTYPES_COUNT_MAX);
    }
}
