//! Validation of pod templates, and of the ReplicationController, which is little more.
//!
//! Mirrors `ValidatePodTemplateSpec` and `ValidateReplicationController` in
//! pkg/apis/core/validation (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationController};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;
use seatrial_api::selector::Selector;

use super::annotations::validate_pod_specific_annotations;
use super::meta::{Scope, validate_annotations, validate_labels, validate_object_meta, validate_object_meta_update};
use super::pod_spec::{PodValidationOptions, validate_pod_spec};
use super::{items, text, validate_nonnegative_field};

/// The template of any kind that has one. Mirrors `ValidatePodTemplateSpec`.
pub fn validate_pod_template_spec(errs: &mut ErrorList, template: &PodTemplateSpec, path: &Path<'_>) {
    let (no_meta, no_spec) = Default::default();
    let meta = template.metadata.as_ref().unwrap_or(&no_meta);
    let spec = template.spec.as_ref().unwrap_or(&no_spec);
    validate_labels(errs, meta.labels.as_ref(), &path.child("labels"));
    let annotations_path = path.child("annotations");
    validate_annotations(errs, meta.annotations.as_ref(), &annotations_path);
    validate_pod_specific_annotations(errs, meta.annotations.as_ref(), spec, &annotations_path);
    let spec_path = path.child("spec");
    validate_pod_spec(errs, spec, &PodValidationOptions::for_template(), &spec_path);
    if !items(&spec.ephemeral_containers).is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errs.push(Error::forbidden(&spec_path.child("ephemeralContainers"), detail));
    }
}

/// Mirrors `ValidatePodTemplateSpecForReplicaSet`.
pub(super) fn validate_pod_template_spec_for_replica_set(
    errs: &mut ErrorList,
    template: Option<&PodTemplateSpec>,
    selector: &Selector,
    path: &Path<'_>,
) {
    validate_template_for(errs, template, selector, "ReplicaSet", path);
}

fn validate_template_for(
    errs: &mut ErrorList,
    template: Option<&PodTemplateSpec>,
    selector: &Selector,
    kind: &str,
    path: &Path<'_>,
) {
    let Some(template) = template else {
        errs.push(Error::required(path, ""));
        return;
    };
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let none = BTreeMap::new();
    if !selector.is_everything() && !selector.matches(labels.unwrap_or(&none)) {
        let detail = "`selector` does not match template `labels`";
        let path = path.child("metadata.labels");
        errs.push(Error::invalid(&path, BadValue::json(&labels), detail));
    }
    validate_pod_template_spec(errs, template, path);
    let Some(spec) = &template.spec else { return };
    let spec_path = path.child("spec");
    if text(&spec.restart_policy) != "Always" {
        let path = spec_path.child("restartPolicy");
        errs.push(Error::not_supported(&path, text(&spec.restart_policy), &["Always"]));
    }
    if spec.active_deadline_seconds.is_some() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errs.push(Error::forbidden(&spec_path.child("activeDeadlineSeconds"), detail));
    }
}

/// A ReplicationController to be created. Mirrors `ValidateReplicationController`.
#[must_use]
pub fn validate_replication_controller(controller: &ReplicationController) -> ErrorList {
    let meta = &controller.metadata;
    let path = Path::new("metadata");
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &path);
    validate_replication_controller_spec(&mut errs, controller);
    errs
}

/// A ReplicationController to be replaced. Mirrors `ValidateReplicationControllerUpdate`.
#[must_use]
pub fn validate_replication_controller_update(new: &ReplicationController, old: &ReplicationController) -> ErrorList {
    let path = Path::new("metadata");
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &path);
    validate_replication_controller_spec(&mut errs, new);
    errs
}

fn validate_replication_controller_spec(errs: &mut ErrorList, controller: &ReplicationController) {
    let path = Path::new("spec");
    let spec = controller.spec.clone().unwrap_or_default();
    let min_ready_seconds = i64::from(spec.min_ready_seconds.unwrap_or_default());
    validate_nonnegative_field(errs, min_ready_seconds, &path.child("minReadySeconds"));
    let labels = spec.selector.clone().unwrap_or_default();
    if labels.is_empty() {
        errs.push(Error::required(&path.child("selector"), ""));
    }
    let replicas = i64::from(spec.replicas.unwrap_or_default());
    validate_nonnegative_field(errs, replicas, &path.child("replicas"));
    let label_selector = k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector {
        match_labels: Some(labels),
        match_expressions: None,
    };
    let Ok(selector) = Selector::from_label_selector(&label_selector) else { return };
    let template = spec.template.as_ref();
    validate_template_for(errs, template, &selector, "ReplicationController", &path.child("template"));
}
