//! Pods. Mirrors pkg/registry/core/pod/strategy.go and storage/storage.go (v1.36).
//!
//! Differs: the defaults and the admission of a pod spec are computed once a shared spec, not once a pod; a ReplicaSet's
//! pods then share the admitted spec as they share their template's.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod as Api, ResourceRequirements};
use seatrial_api::field::ErrorList;
use seatrial_api::{
    ApiError, Condition, ConditionStatus, Kind, Pod, PodPhase, PodSpec, PodStatus, Str, Time, pod_condition,
};

use crate::admission::{
    AdmissionState, AdmittedSpec, LIMIT_RANGER_ANNOTATION, Verdict, admit_default_toleration_seconds, admit_pod_spec,
    check_pod_limits, check_pod_spec, set_pod_limits,
};
use crate::pod_label_keys::names_label_keys;
use crate::server::Subresource;
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

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
        if self.spec.api().scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
            self.status.conditions = self.status.conditions.with_last(gated(self.meta.created()));
        }
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.status.clone_from(&old.status);
        if !self.spec.has_hostname_of(&old.spec) {
            // No write that is accepted changes it; the prefix it may be written in is the stored one.
            self.spec = Arc::new(self.spec.with_hostname_of(&old.spec));
        }
        if self.has_spec_of(old) {
            self.spec = Arc::clone(&old.spec);
        }
        if self.pinned_to == old.pinned_to {
            self.pinned_to.clone_from(&old.pinned_to);
        }
        if !Arc::ptr_eq(&self.spec, &old.spec) || self.pinned_to != old.pinned_to {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.spec = Arc::clone(&old.spec);
        self.node_name.clone_from(&old.node_name);
        self.pinned_to.clone_from(&old.pinned_to);
        self.meta.owner_references.clone_from(&old.meta.owner_references);
        self.status.qos_class = self.status.qos_class.or(old.status.qos_class);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_pod_create(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_pod_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        let mut new = Api { spec: old.spec.clone(), ..new.clone() };
        let class = old.status.as_ref().and_then(|status| status.qos_class.clone());
        new.status.get_or_insert_default().qos_class.get_or_insert_with(|| class.unwrap_or_default());
        validation::validate_pod_status_update(&new, old)
    }

    /// Through a subresource only its own part of the spec is taken.
    fn prepare_for_part_update(&mut self, old: &Self, part: Subresource) {
        let (new_spec, old_spec) = (self.spec.api(), old.spec.api());
        let spec = match part {
            Subresource::Resize => validation::resized_spec(new_spec, old_spec),
            Subresource::EphemeralContainers => validation::debugged_spec(new_spec, old_spec),
            Subresource::Main | Subresource::Status | Subresource::Scale => old_spec.clone(),
        };
        self.meta = seatrial_api::ObjectMeta {
            resource_version: self.meta.resource_version,
            managed_fields: self.meta.managed_fields.clone(),
            ..old.meta.clone()
        };
        self.status.clone_from(&old.status);
        self.node_name.clone_from(&old.node_name);
        self.pinned_to.clone_from(&old.pinned_to);
        if spec == *old_spec {
            self.spec = Arc::clone(&old.spec);
        } else {
            self.spec = Arc::new(PodSpec::new(spec).with_hostname(old.spec.hostname()));
            self.meta.generation += 1;
        }
    }

    fn validate_part_update(new: &Api, old: &Api, part: Subresource) -> ErrorList {
        let none = Default::default();
        let (new_spec, old_spec) = (new.spec.as_ref().unwrap_or(&none), old.spec.as_ref().unwrap_or(&none));
        let of = |spec| Api { metadata: new.metadata.clone(), spec: Some(spec), status: old.status.clone() };
        match part {
            Subresource::Resize => {
                validation::validate_pod_resize(&of(validation::resized_spec(new_spec, old_spec)), old)
            }
            Subresource::EphemeralContainers => {
                let new = of(validation::debugged_spec(new_spec, old_spec));
                validation::validate_pod_ephemeral_containers_update(&new, old)
            }
            Subresource::Main | Subresource::Status | Subresource::Scale => ErrorList::new(),
        }
    }

    fn check_update(&self, old: &Self, store: &Store) -> Result<(), ApiError> {
        if Arc::ptr_eq(&self.spec, &old.spec) || resources_of(&self.spec) == resources_of(&old.spec) {
            return Ok(());
        }
        check_pod_limits(self.spec.api(), &self.meta.namespace, store)
            .map_err(|text| ApiError::forbidden(&Kind::Pod.resource(), &self.meta.name, &text))
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_pod(api)
    }

    fn admit_create(&mut self, store: &Store, state: &mut AdmissionState) -> Result<(), ApiError> {
        let namespace = admission_namespace(self, store, state);
        state.refresh(store);
        if state.admitted(&self.spec, &namespace).is_none() {
            let admitted = admit(self, store, state)?;
            state.remember(&namespace, admitted);
        }
        if let Some(admitted) = state.admitted(&self.spec, &namespace) {
            self.meta.annotations = admitted.annotate(&self.meta.annotations);
            self.spec = Arc::clone(&admitted.spec);
            if admitted.names_label_keys {
                self.spec = state.with_label_keys(&self.spec, &self.meta.labels);
            }
        }
        self.status.qos_class = Some(self.spec.qos_class());
        if !self.node_name.is_empty()
            && let Some(labels) = state.admit_topology_labels(&self.meta.labels, &self.node_name, store)
        {
            self.meta.labels = labels;
        }
        Ok(())
    }

    fn share_parts(&mut self, state: &mut AdmissionState) {
        state.share_conditions(&mut self.status.conditions);
    }

    fn admit_update(&mut self, old: &Self, store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        if Arc::ptr_eq(&self.spec, &old.spec) {
            return Ok(());
        }
        let mut spec = self.spec.api().clone();
        spec.priority = spec.priority.or(old.spec.api().priority);
        spec.preemption_policy = spec.preemption_policy.or_else(|| old.spec.api().preemption_policy.clone());
        admit_default_toleration_seconds(&mut spec);
        if resources_of(&self.spec) != resources_of(&old.spec)
            && let Some(text) = set_pod_limits(&mut spec, &self.meta.namespace, store)
        {
            self.meta.annotations.insert(LIMIT_RANGER_ANNOTATION, text);
        }
        if spec != *self.spec.api() {
            self.spec = Arc::new(PodSpec::new(spec).with_hostname(self.spec.hostname()));
        }
        Ok(())
    }

    fn check_create(&self, _store: &Store, state: &mut AdmissionState) -> Result<(), ApiError> {
        let Some(verdict) = state.verdict(&self.spec) else { return Ok(()) };
        if !verdict.invalid.is_empty() {
            return Err(ApiError::invalid(&Kind::Pod.group_kind(), &self.meta.name, verdict.invalid.clone()));
        }
        match &verdict.refusal {
            Some(text) => Err(ApiError::forbidden(&Kind::Pod.resource(), &self.meta.name, text)),
            None => Ok(()),
        }
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

/// What a pod shows that waits for its gates. Mirrors `applySchedulingGatedCondition`.
fn gated(now: Time) -> Condition {
    let message = "Scheduling is blocked due to non-empty scheduling gates";
    Condition::new(pod_condition::POD_SCHEDULED, ConditionStatus::False, now).because("SchedulingGated", message)
}

/// The namespace that decides what becomes of a pod's spec; the empty one where all are alike.
fn admission_namespace(pod: &Pod, store: &Store, state: &AdmissionState) -> Str {
    let same_everywhere = store.count(Kind::LimitRange) == 0 && !state.service_accounts;
    if same_everywhere { Str::default() } else { pod.meta.namespace.clone() }
}

/// What defaults and admission make of a pod's spec.
fn admit(pod: &Pod, store: &Store, state: &mut AdmissionState) -> Result<AdmittedSpec, ApiError> {
    let mut api = Api { spec: Some(pod.spec.api().clone()), ..Api::default() };
    defaults::set_defaults_pod(&mut api);
    let mut spec = api.spec.unwrap_or_default();
    if let Some(seconds) = spec.termination_grace_period_seconds.filter(|s| *s < 0) {
        // A negative grace period is an old way to ask for the shortest one.
        spec.termination_grace_period_seconds = Some(seconds.max(1));
    }
    let limit_ranger = admit_pod_spec(&mut spec, &pod.meta, store, state)?;
    let refusal = check_pod_spec(&spec, &pod.meta.namespace, store).err();
    let invalid = if limit_ranger.is_some() { invalid_parts(pod, &spec) } else { ErrorList::new() };
    let names_label_keys = names_label_keys(&spec);
    let mut admitted = AdmittedSpec::new(&pod.spec, PodSpec::new(spec).with_hostname(pod.spec.hostname()));
    admitted.names_label_keys = names_label_keys;
    admitted.limit_ranger = limit_ranger.map(Into::into);
    admitted.verdict = Verdict { invalid, refusal: refusal.map(Into::into) };
    Ok(admitted)
}

/// What the containers and the pod as a whole ask for.
fn resources_of(spec: &PodSpec) -> Vec<Option<&ResourceRequirements>> {
    let api = spec.api();
    let containers = api.containers.iter().chain(api.init_containers.iter().flatten());
    containers.map(|container| container.resources.as_ref()).chain([api.resources.as_ref()]).collect()
}

/// What validation says of a spec with what LimitRanger filled in, which may not fit what was there.
fn invalid_parts(pod: &Pod, spec: &k8s_openapi::api::core::v1::PodSpec) -> ErrorList {
    let spec = Arc::new(PodSpec::new(spec.clone()).with_hostname(pod.spec.hostname()));
    let mut api = Pod { spec, ..pod.clone() }.to_api();
    api.metadata.name.get_or_insert_with(|| "x".to_owned());
    api.status = None;
    validation::validate_pod_create(&api)
}
