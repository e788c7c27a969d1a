//! Pods. Mirrors pkg/registry/core/pod/strategy.go and storage/storage.go (v1.36).
//!
//! Differs: the defaults and the admission of a pod spec are computed once a shared spec, not once a pod; a ReplicaSet's
//! pods then share the admitted spec as they share their template's.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as Api;
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Kind, Pod, PodPhase, PodSpec, PodStatus};

use crate::admission::{AdmissionState, QuotaUsage, admit_pod_spec};
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

/// How many different shared specs are remembered with what admission made of them.
const ADMITTED_COUNT_MAX: usize = 4096;

impl Strategy for Pod {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_pod(api);
    }

    fn prepare_for_create(&mut self) {
        self.meta.generation = 1;
        self.status =
            PodStatus { phase: PodPhase::Pending, qos_class: Some(self.spec.qos_class()), ..PodStatus::default() };
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.status.clone_from(&old.status);
        if *self.spec == *old.spec {
            self.spec = Arc::clone(&old.spec);
        } else {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.spec = Arc::clone(&old.spec);
        self.node_name.clone_from(&old.node_name);
        self.meta.owner_references.clone_from(&old.meta.owner_references);
        self.status.qos_class = old.status.qos_class;
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_pod_create(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_pod_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_pod_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_pod(api)
    }

    fn admit_create(&mut self, store: &Store, state: &mut AdmissionState) -> Result<(), ApiError> {
        self.spec = admitted_spec(self, store, state)?;
        self.status.qos_class = Some(self.spec.qos_class());
        Ok(())
    }

    fn quota_usage(&self) -> QuotaUsage {
        QuotaUsage::of_pod(self)
    }

    /// Mirrors `podStrategy.CheckGracefulDelete`.
    fn grace_period_seconds(&self, requested: Option<i64>) -> Option<i64> {
        if self.node_name.is_empty() || self.status.phase.is_terminal() {
            return Some(0);
        }
        let seconds = requested.unwrap_or_else(|| self.spec.termination_grace_period_seconds());
        Some(if seconds < 0 { 1 } else { seconds })
    }
}

/// What defaults and admission make of a pod's spec.
fn admitted_spec(pod: &Pod, store: &Store, state: &mut AdmissionState) -> Result<Arc<PodSpec>, ApiError> {
    let version = store.kind_version(Kind::PriorityClass);
    if state.priority_class_version != version {
        state.admitted_specs.clear();
        state.priority_class_version = version;
    }
    let address = Arc::as_ptr(&pod.spec) as usize;
    if let Some((_, admitted)) = state.admitted_specs.get(&address) {
        return Ok(Arc::clone(admitted));
    }
    let mut api = Api { spec: Some(pod.spec.api().clone()), ..Api::default() };
    defaults::set_defaults_pod(&mut api);
    let mut spec = api.spec.unwrap_or_default();
    if let Some(seconds) = spec.termination_grace_period_seconds.filter(|s| *s < 0) {
        // A negative grace period is an old way to ask for the shortest one.
        spec.termination_grace_period_seconds = Some(seconds.max(1));
    }
    admit_pod_spec(&mut spec, &pod.meta.name, store)?;
    let admitted = Arc::new(PodSpec::new(spec));
    if state.admitted_specs.len() >= ADMITTED_COUNT_MAX {
        state.admitted_specs.clear();
    }
    // The key is the address of the spec that was asked about, so that spec is kept alive beside the answer.
    state.admitted_specs.insert(address, (Arc::clone(&pod.spec), Arc::clone(&admitted)));
    Ok(admitted)
}
