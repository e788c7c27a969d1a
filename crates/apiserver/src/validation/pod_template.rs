//! Validation of pod templates, and of the ReplicationController, which is little more.
//!
//! Mirrors `ValidatePodTemplateSpec` and `ValidateReplicationController` in
//! pkg/apis/core/validation (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodTemplate, PodTemplateSpec, ReplicationController};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;
use seatrial_api::selector::Selector;

use super::annotations::validate_pod_specific_annotations;
use super::apps::validate_bounds;
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
    if !selector.is_everything() {
        validate_template_selected(errs, template, selector, path);
    }
    validate_pod_template_spec(errs, template, path);
    validate_template_policies(errs, template, kind, path);
}

/// Whoever makes pods has to select them.
pub(super) fn validate_template_selected(
    errs: &mut ErrorList,
    template: &PodTemplateSpec,
    selector: &Selector,
    path: &Path<'_>,
) {
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let none = BTreeMap::new();
    if !selector.matches(labels.unwrap_or(&none)) {
        let detail = "`selector` does not match template `labels`";
        let path = path.child("metadata.labels");
        errs.push(Error::invalid(&path, BadValue::json(&labels), detail));
    }
}

/// The pods of these kinds live until they are deleted.
pub(super) fn validate_template_policies(
    errs: &mut ErrorList,
    template: &PodTemplateSpec,
    kind: &str,
    path: &Path<'_>,
) {
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

/// A ReplicationController to be replaced: checked as a new one first. Mirrors the strategy's `ValidateUpdate` and
/// `ValidateReplicationControllerUpdate`.
#[must_use]
pub fn validate_replication_controller_update(new: &ReplicationController, old: &ReplicationController) -> ErrorList {
    let path = Path::new("metadata");
    let mut errs = validate_replication_controller(new);
    errs.extend(validate_object_meta_update(&new.metadata, &old.metadata, &path));
    validate_replication_controller_spec(&mut errs, new);
    errs
}

/// A ReplicationController whose status is to be replaced. Mirrors `ValidateReplicationControllerStatusUpdate`.
#[must_use]
pub fn validate_replication_controller_status_update(
    new: &ReplicationController,
    old: &ReplicationController,
) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let status = new.status.clone().unwrap_or_default();
    let (replicas, number) = (status.replicas, |value: Option<i32>| value.unwrap_or_default());
    let (labeled, ready) = (number(status.fully_labeled_replicas), number(status.ready_replicas));
    let available = number(status.available_replicas);
    let path = Path::new("status");
    for (field, value) in [
        ("replicas", i64::from(replicas)),
        ("fullyLabeledReplicas", i64::from(labeled)),
        ("readyReplicas", i64::from(ready)),
        ("availableReplicas", i64::from(available)),
        ("observedGeneration", status.observed_generation.unwrap_or_default()),
    ] {
        validate_nonnegative_field(&mut errs, value, &path.child(field));
    }
    let bounds = [
        ("fullyLabeledReplicas", labeled, replicas, "status.replicas"),
        ("readyReplicas", ready, replicas, "status.replicas"),
        ("availableReplicas", available, replicas, "status.replicas"),
        ("availableReplicas", available, ready, "readyReplicas"),
    ];
    validate_bounds(&mut errs, &bounds, &path);
    errs
}

/// A PodTemplate to be created. Mirrors `ValidatePodTemplate`.
#[must_use]
pub fn validate_pod_template(template: &PodTemplate) -> ErrorList {
    let path = Path::new("metadata");
    let mut errs = validate_object_meta(&template.metadata, Scope::Namespaced, name_is_dns_subdomain, &path);
    let spec = template.template.clone().unwrap_or_default();
    validate_pod_template_spec(&mut errs, &spec, &Path::new("template"));
    errs
}

/// A PodTemplate to be replaced. Mirrors `ValidatePodTemplateUpdate`.
#[must_use]
pub fn validate_pod_template_update(new: &PodTemplate, old: &PodTemplate) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let spec = new.template.clone().unwrap_or_default();
    validate_pod_template_spec(&mut errs, &spec, &Path::new("template"));
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
