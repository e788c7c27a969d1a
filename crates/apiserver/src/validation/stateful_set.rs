//! Validation of StatefulSets.
//!
//! Mirrors `ValidateStatefulSet` and what it calls in pkg/apis/apps/validation (v1.36).

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetStatus, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_dns1123_label, name_is_dns_label};
use seatrial_api::selector::Selector;
use serde::Serialize;

use super::annotations::validate_pod_specific_annotations;
use super::apps::{
    int_or_percent_value, is_not_more_than_100_percent, validate_bounds, validate_not_decremented,
    validate_positive_int_or_percent,
};
use super::meta::{Scope, validate_annotations, validate_labels, validate_object_meta, validate_object_meta_update};
use super::persistent_volume_claim::validate_persistent_volume_claim_spec;
use super::pod_template::{validate_pod_template_spec, validate_template_policies, validate_template_selected};
use super::selector::{bad_selector, is_absent, is_empty, validate_label_selector};
use super::{invalid_each, items, semantically_equal, text, validate_nonnegative_field, validate_supported};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const STATUS: Path<'static> = Path::new("status");

/// What an update does not check again. Mirrors `StatefulSetValidationOptions`.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    allow_invalid_service_name: bool,
    skip_pod_template: bool,
    skip_claim_templates: bool,
}

/// A StatefulSet to be created. Mirrors `ValidateStatefulSet`.
#[must_use]
pub fn validate_stateful_set(set: &StatefulSet) -> ErrorList {
    let mut errs = validate_object_meta(&set.metadata, Scope::Namespaced, name_is_dns_label, &METADATA);
    validate_stateful_set_spec(&mut errs, &spec_of(set), Options::default(), &SPEC);
    errs
}

/// A StatefulSet to be replaced. Mirrors `ValidateStatefulSetUpdate`.
#[must_use]
pub fn validate_stateful_set_update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let (new_spec, old_spec) = (spec_of(new), spec_of(old));
    let mut options =
        Options { allow_invalid_service_name: true, skip_claim_templates: true, skip_pod_template: false };
    let mut old_errs = ErrorList::new();
    validate_stateful_set_spec(&mut old_errs, &old_spec, options, &SPEC);
    options.skip_pod_template = !old_errs.is_empty();
    validate_stateful_set_spec(&mut errs, &new_spec, options, &SPEC);
    let unchanged = StatefulSetSpec {
        replicas: old_spec.replicas,
        template: old_spec.template.clone(),
        update_strategy: old_spec.update_strategy.clone(),
        min_ready_seconds: old_spec.min_ready_seconds,
        ordinals: old_spec.ordinals.clone(),
        revision_history_limit: old_spec.revision_history_limit,
        persistent_volume_claim_retention_policy: old_spec.persistent_volume_claim_retention_policy.clone(),
        ..new_spec
    };
    if !semantically_equal(&unchanged, &old_spec) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden";
        errs.push(Error::forbidden(&SPEC, detail));
    }
    errs
}

/// A StatefulSet whose status is to be replaced. Mirrors `ValidateStatefulSetStatusUpdate`.
#[must_use]
pub fn validate_stateful_set_status_update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errs = ErrorList::new();
    let status = new.status.clone().unwrap_or_default();
    validate_stateful_set_status(&mut errs, &status, &STATUS);
    errs.extend(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    let old_count = old.status.as_ref().and_then(|status| status.collision_count);
    validate_not_decremented(&mut errs, status.collision_count, old_count);
    errs
}

fn spec_of(set: &StatefulSet) -> StatefulSetSpec {
    set.spec.clone().unwrap_or_default()
}

/// Mirrors `ValidateStatefulSetSpec`.
fn validate_stateful_set_spec(errs: &mut ErrorList, spec: &StatefulSetSpec, options: Options, path: &Path<'_>) {
    let number = |value: Option<i32>| i64::from(value.unwrap_or_default());
    validate_pod_management_policy(errs, text(&spec.pod_management_policy), &path.child("podManagementPolicy"));
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    validate_update_strategy(errs, &strategy, &path.child("updateStrategy"));
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let path = path.child("persistentVolumeClaimRetentionPolicy");
        for (field, value) in [("whenDeleted", &policy.when_deleted), ("whenScaled", &policy.when_scaled)] {
            validate_supported(errs, text(value), &["Retain", "Delete"], &path.child(field));
        }
    }
    if !options.skip_claim_templates {
        let path = path.child("volumeClaimTemplates");
        for (index, claim) in items(&spec.volume_claim_templates).iter().enumerate() {
            let claim_spec = claim.spec.clone().unwrap_or_default();
            validate_persistent_volume_claim_spec(errs, &claim_spec, &path.index(index).child("spec"));
        }
    }
    validate_nonnegative_field(errs, number(spec.replicas), &path.child("replicas"));
    validate_nonnegative_field(errs, number(spec.min_ready_seconds), &path.child("minReadySeconds"));
    if let Some(ordinals) = &spec.ordinals {
        validate_nonnegative_field(errs, number(ordinals.start), &path.child("ordinals.start"));
    }
    let service_name = text(&spec.service_name);
    if !options.allow_invalid_service_name && !service_name.is_empty() {
        invalid_each(errs, &path.child("serviceName"), service_name, is_dns1123_label(service_name));
    }
    validate_selector_and_template(errs, spec, options, path);
    validate_template_policies(errs, &spec.template, "StatefulSet", &path.child("template"));
}

fn validate_pod_management_policy(errs: &mut ErrorList, policy: &str, path: &Path<'_>) {
    match policy {
        "" => errs.push(Error::required(path, "")),
        "OrderedReady" | "Parallel" => {}
        other => errs.push(Error::invalid(path, other, "must be 'OrderedReady' or 'Parallel'")),
    }
}

fn validate_update_strategy(errs: &mut ErrorList, strategy: &StatefulSetUpdateStrategy, path: &Path<'_>) {
    let rolling_path = path.child("rollingUpdate");
    match (text(&strategy.type_), &strategy.rolling_update) {
        ("", _) => errs.push(Error::required(path, "")),
        ("OnDelete", Some(update)) => {
            let value = BadValue::json(&InternalRollingUpdate::from(update));
            errs.push(Error::invalid(&rolling_path, value, "only allowed for updateStrategy 'RollingUpdate'"));
        }
        ("RollingUpdate", Some(update)) => validate_rolling_update(errs, update, &rolling_path),
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => {
            let value = BadValue::json(&InternalStrategy {
                r#type: text(&strategy.type_),
                rolling_update: strategy.rolling_update.as_ref().map(InternalRollingUpdate::from),
            });
            errs.push(Error::invalid(path, value, "must be 'RollingUpdate' or 'OnDelete'"));
        }
    }
}

/// The strategy as upstream's internal type prints itself.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InternalStrategy<'a> {
    r#type: &'a str,
    rolling_update: Option<InternalRollingUpdate<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InternalRollingUpdate<'a> {
    partition: i32,
    max_unavailable: Option<&'a IntOrString>,
}

impl<'a> From<&'a RollingUpdateStatefulSetStrategy> for InternalRollingUpdate<'a> {
    fn from(update: &'a RollingUpdateStatefulSetStrategy) -> Self {
        Self { partition: update.partition.unwrap_or_default(), max_unavailable: update.max_unavailable.as_ref() }
    }
}

/// Mirrors `validateRollingUpdateStatefulSet`.
fn validate_rolling_update(errs: &mut ErrorList, update: &RollingUpdateStatefulSetStrategy, path: &Path<'_>) {
    let partition = i64::from(update.partition.unwrap_or_default());
    validate_nonnegative_field(errs, partition, &path.child("partition"));
    if let Some(max_unavailable) = &update.max_unavailable {
        let path = path.child("maxUnavailable");
        validate_positive_int_or_percent(errs, max_unavailable, &path);
        if int_or_percent_value(max_unavailable) == 0 {
            errs.push(Error::invalid(&path, BadValue::json(max_unavailable), "cannot be 0"));
        }
        is_not_more_than_100_percent(errs, max_unavailable, &path);
    }
}

fn validate_selector_and_template(errs: &mut ErrorList, spec: &StatefulSetSpec, options: Options, path: &Path<'_>) {
    let selector_path = path.child("selector");
    let template_path = path.child("template");
    let count = errs.len();
    let selector = if is_absent(&spec.selector) {
        errs.push(Error::required(&selector_path, ""));
        Some(Selector::nothing())
    } else {
        validate_label_selector(errs, &spec.selector, &selector_path);
        let is_valid = errs.len() == count;
        if is_empty(&spec.selector) {
            let detail = "empty selector is invalid for statefulset";
            errs.push(Error::invalid(&selector_path, bad_selector(&spec.selector), detail));
        }
        Selector::from_label_selector(&spec.selector).ok().filter(|_| is_valid)
    };
    let Some(selector) = selector else {
        errs.push(Error::invalid(&selector_path, bad_selector(&spec.selector), ""));
        return;
    };
    if options.skip_pod_template {
        return;
    }
    let template = &spec.template;
    if !selector.is_everything() {
        validate_template_selected(errs, template, &selector, &template_path);
    }
    let (no_meta, no_spec) = Default::default();
    let meta = template.metadata.as_ref().unwrap_or(&no_meta);
    validate_labels(errs, meta.labels.as_ref(), &template_path.child("labels"));
    let annotations_path = template_path.child("annotations");
    validate_annotations(errs, meta.annotations.as_ref(), &annotations_path);
    let pod_spec = template.spec.as_ref().unwrap_or(&no_spec);
    validate_pod_specific_annotations(errs, meta.annotations.as_ref(), pod_spec, &annotations_path);
    validate_pod_template_spec(errs, &with_claims_as_volumes(spec), &template_path);
}

/// The template with the volumes that its pods will have: the claims first, which hide volumes of their names.
fn with_claims_as_volumes(spec: &StatefulSetSpec) -> PodTemplateSpec {
    let claims = items(&spec.volume_claim_templates);
    let mut template = spec.template.clone();
    if claims.is_empty() {
        return template;
    }
    let names: Vec<&str> = claims.iter().map(|claim| text(&claim.metadata.name)).collect();
    let pod_spec = template.spec.get_or_insert_default();
    let own = pod_spec.volumes.take().unwrap_or_default();
    let of_claims = names.iter().map(|name| Volume {
        name: (*name).to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: (*name).to_owned(),
            read_only: None,
        }),
        ..Volume::default()
    });
    let own = own.into_iter().filter(|volume| !names.contains(&volume.name.as_str()));
    pod_spec.volumes = Some(of_claims.chain(own).collect());
    template
}

/// Mirrors `ValidateStatefulSetStatus`.
fn validate_stateful_set_status(errs: &mut ErrorList, status: &StatefulSetStatus, path: &Path<'_>) {
    let number = |value: Option<i32>| value.unwrap_or_default();
    let (replicas, ready) = (status.replicas, number(status.ready_replicas));
    let (current, updated) = (number(status.current_replicas), number(status.updated_replicas));
    let available = number(status.available_replicas);
    for (field, value) in [
        ("replicas", i64::from(replicas)),
        ("readyReplicas", i64::from(ready)),
        ("currentReplicas", i64::from(current)),
        ("updatedReplicas", i64::from(updated)),
        ("availableReplicas", i64::from(available)),
        ("observedGeneration", status.observed_generation.unwrap_or_default()),
        ("collisionCount", i64::from(number(status.collision_count))),
    ] {
        validate_nonnegative_field(errs, value, &path.child(field));
    }
    let bounds = [
        ("readyReplicas", ready, replicas, "status.replicas"),
        ("currentReplicas", current, replicas, "status.replicas"),
        ("updatedReplicas", updated, replicas, "status.replicas"),
        ("availableReplicas", available, replicas, "status.replicas"),
        ("availableReplicas", available, ready, "status.readyReplicas"),
    ];
    validate_bounds(errs, &bounds, path);
}
