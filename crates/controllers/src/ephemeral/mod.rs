//! The ephemeral volume controller: makes the claims of volumes that live as long as their pods.
//!
//! Mirrors pkg/controller/volume/ephemeral/controller.go (v1.36).

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{
    ApiError, ClaimBody, ClaimSpec, Kind, NamespacedName, ObjectMeta, PersistentVolumeClaim, Plain, Pod, Resource,
    StrMap,
};
use seatrial_machinery::{
    Aspects, Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext, new_controller_ref,
};

/// The ephemeral volume controller.
#[derive(Debug, Default)]
pub struct EphemeralVolumeController {
    queue: Queue,
}

impl Controller for EphemeralVolumeController {
    const NAME: &'static str = "ephemeral_volume";
    const WATCHES: &'static [Kind] = &[Kind::Pod];
    const WATCHES_PRESENCE: &'static [Kind] = &[Kind::PersistentVolumeClaim];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match (delivery.old_as::<Pod>(), delivery.new_as::<Pod>()) {
            // The volumes of a pod never change.
            (None, Some(pod)) if pod.spec.has_own_claims() && !pod.meta.is_deleting() => {
                return self.queue.add_object(&**pod, cx.cause);
            }
            (None, None) if delivery.new.is_none() => {}
            _ => return,
        }
        // A claim is gone: those who had it want another one.
        let Some(claim) = delivery.old_as::<PersistentVolumeClaim>() else { return };
        for pod in cx.informers.pods_with_claim(&claim.meta.namespace, &claim.meta.name) {
            if pod.spec.has_own_claims() {
                self.queue.add_object(&**pod, cx.cause);
            }
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::OWN_CLAIMS
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let informers = cx.informers;
        let pod = informers.pods.get(&key.namespace, &key.name).filter(|pod| !pod.meta.is_deleting());
        let Some(pod) = pod else { return Ok(()) };
        for volume in pod.spec.api().volumes.iter().flatten() {
            let Some(source) = &volume.ephemeral else { continue };
            if let Err(why) = handle_volume(cx, pod, volume, source) {
                let text = format!("ephemeral volume {}: {why}", volume.name);
                cx.client.event(&ObjectRef::of(&**pod), &EventText::warning("FailedBinding", &text));
                return Err(ApiError::unknown(format!("pod {key}, {text}")));
            }
        }
        Ok(())
    }
}

/// Makes a volume's claim, unless it is there. Mirrors `handleVolume`.
fn handle_volume(
    cx: &mut SyncContext<'_>,
    pod: &Pod,
    volume: &corev1::Volume,
    source: &corev1::EphemeralVolumeSource,
) -> Result<(), String> {
    let Some((name, _)) = pod.claim_of(volume) else { return Ok(()) };
    let namespace = &pod.meta.namespace;
    if let Some(claim) = cx.informers.persistent_volume_claims.get(namespace, &name) {
        if claim.meta.is_controlled_by(&pod.meta.uid) {
            return Ok(());
        }
        let pod = pod.namespaced_name();
        return Err(format!("PVC {namespace}/{name} was not created for pod {pod} (pod is not owner)"));
    }
    let template = source.volume_claim_template.clone().unwrap_or_default();
    let of_template = template.metadata.unwrap_or_default();
    let meta = ObjectMeta {
        name: name.clone(),
        namespace: namespace.clone(),
        labels: StrMap::from_api(of_template.labels),
        annotations: StrMap::from_api(of_template.annotations),
        owner_references: [new_controller_ref(pod)].into_iter().collect(),
        ..ObjectMeta::default()
    };
    let volume_name = template.spec.volume_name.as_deref().unwrap_or_default().into();
    let spec = ClaimSpec::new(template.spec).into();
    let claim: PersistentVolumeClaim = Plain { meta, body: ClaimBody { spec, volume_name, ..ClaimBody::default() } };
    cx.client.create(claim).map(drop).map_err(|error| format!("create PVC {name}: {error}"))
}
