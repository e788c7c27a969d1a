//! Validation of Jobs.
//!
//! Mirrors `ValidateJob` and `ValidateJobUpdate` in pkg/apis/batch/validation and the options that
//! pkg/registry/batch/job/strategy.go sets (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::field::{BadValue, Error, ErrorList, Path, quote};
use seatrial_api::names::{is_dns1123_label, is_dns1123_subdomain, name_is_dns_subdomain};
use seatrial_api::selector::Selector;
use serde::Serialize;

use super::job_policy::{validate_pod_failure_policy, validate_success_policy};
use super::job_status::is_condition_true;
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_template::{validate_pod_template_spec, validate_template_selected};
use super::selector::{bad_selector, validate_label_selector};
use super::{
    FIELD_IMMUTABLE_ERROR_MSG, invalid_each, semantically_equal, text, validate_nonnegative_field, validate_supported,
};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const MAX_PARALLELISM_FOR_INDEXED_JOB: i32 = 100_000;
const MAX_FAILED_INDEXES_FOR_INDEXED_JOB: i32 = 100_000;
const COMPLETIONS_SOFT_LIMIT: i32 = 100_000;
const PARALLELISM_LIMIT_FOR_HIGH_COMPLETIONS: i32 = 10_000;
const MAX_FAILED_INDEXES_LIMIT_FOR_HIGH_COMPLETIONS: i32 = 10_000;
const MAX_MANAGED_BY_LENGTH: usize = 63;

/// The labels of the Job's name that the API server generates: the one of old, and the one with a domain.
pub(crate) const JOB_NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
/// The same of the Job's uid; the selector has the one with a domain.
pub(crate) const CONTROLLER_UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// A Job to be created. Mirrors `ValidateJob`.
#[must_use]
pub fn validate_job(job: &Job) -> ErrorList {
    validate_job_with(job, true)
}

fn validate_job_with(job: &Job, requires_prefixed_labels: bool) -> ErrorList {
    let mut errs = validate_object_meta(&job.metadata, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let spec = spec_of(job);
    validate_generated_selector(&mut errs, job, &spec, requires_prefixed_labels);
    validate_job_spec(&mut errs, &spec, &SPEC);
    let completions = spec.completions.unwrap_or_default();
    if is_indexed(&spec) && completions > 0 {
        let name = text(&job.metadata.name);
        // The highest index becomes part of a host name.
        let hostname = format!("{name}-{}", completions - 1);
        if !is_dns1123_label(&hostname).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {hostname}");
            errs.push(Error::invalid(&METADATA.child("name"), name, detail));
        }
    }
    errs
}

/// A Job to be replaced: checked as a new one first. Mirrors the strategy's `ValidateUpdate` and `ValidateJobUpdate`.
#[must_use]
pub fn validate_job_update(new: &Job, old: &Job) -> ErrorList {
    let (new_spec, old_spec) = (spec_of(new), spec_of(old));
    let had = |key: &str| labels_of(&old_spec.template).is_some_and(|labels| labels.contains_key(key));
    let mut errs = validate_job_with(new, had(JOB_NAME_LABELS[1]) && had(CONTROLLER_UID_LABELS[1]));
    errs.extend(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    validate_job_spec(&mut errs, &new_spec, &SPEC);
    validate_completions(&mut errs, &new_spec, &old_spec, &SPEC.child("completions"));
    let selector_path = SPEC.child("selector");
    if !semantically_equal(&new_spec.selector, &old_spec.selector) {
        let value = bad_optional_selector(new_spec.selector.as_ref());
        errs.push(Error::invalid(&selector_path, value, FIELD_IMMUTABLE_ERROR_MSG));
    }
    let old_template = comparable_template(&new_spec.template, &old_spec, old);
    validate_unchanged(&mut errs, &new_spec.template, &old_template, "template");
    validate_unchanged(&mut errs, &new_spec.completion_mode, &old_spec.completion_mode, "completionMode");
    validate_unchanged(&mut errs, &new_spec.pod_failure_policy, &old_spec.pod_failure_policy, "podFailurePolicy");
    let (new_limit, old_limit) = (&new_spec.backoff_limit_per_index, &old_spec.backoff_limit_per_index);
    validate_unchanged(&mut errs, new_limit, old_limit, "backoffLimitPerIndex");
    validate_unchanged(&mut errs, &new_spec.managed_by, &old_spec.managed_by, "managedBy");
    validate_unchanged(&mut errs, &new_spec.success_policy, &old_spec.success_policy, "successPolicy");
    errs
}

pub(super) fn spec_of(job: &Job) -> JobSpec {
    job.spec.clone().unwrap_or_default()
}

pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

fn labels_of(template: &PodTemplateSpec) -> Option<&BTreeMap<String, String>> {
    template.metadata.as_ref()?.labels.as_ref()
}

fn bad_optional_selector(selector: Option<&LabelSelector>) -> BadValue {
    selector.map_or_else(|| BadValue::Bare("null".to_owned()), bad_selector)
}

/// Mirrors `ValidateImmutableField`, which compares semantically.
fn validate_unchanged<T: Serialize>(errs: &mut ErrorList, new: &T, old: &T, field: &str) {
    if !semantically_equal(new, old) {
        let value = match serde_json::to_value(new) {
            Ok(serde_json::Value::String(value)) => BadValue::String(value),
            _ => BadValue::json(new),
        };
        errs.push(Error::invalid(&SPEC.child(field), value, FIELD_IMMUTABLE_ERROR_MSG));
    }
}

/// Mirrors `validateGeneratedSelector`.
fn validate_generated_selector(errs: &mut ErrorList, job: &Job, spec: &JobSpec, requires_prefixed_labels: bool) {
    let Some(label_selector) = spec.selector.as_ref().filter(|_| spec.manual_selector != Some(true)) else { return };
    let (uid, name) = (text(&job.metadata.uid), text(&job.metadata.name));
    if uid.is_empty() {
        errs.push(Error::required(&METADATA.child("uid"), ""));
    }
    let none = BTreeMap::new();
    let labels = labels_of(&spec.template).unwrap_or(&none);
    let mut expected = BTreeMap::new();
    for index in 0..if requires_prefixed_labels { 2 } else { 1 } {
        for (key, value) in [(CONTROLLER_UID_LABELS[index], uid), (JOB_NAME_LABELS[index], name)] {
            validate_has_label(errs, labels, key, value);
            expected.insert(key.to_owned(), value.to_owned());
        }
    }
    if Selector::from_label_selector(label_selector).is_ok_and(|selector| !selector.matches(&expected)) {
        let value = bad_selector(label_selector);
        errs.push(Error::invalid(&SPEC.child("selector"), value, "`selector` not auto-generated"));
    }
}

/// Mirrors `ValidateHasLabel`.
fn validate_has_label(errs: &mut ErrorList, labels: &BTreeMap<String, String>, key: &str, wanted: &str) {
    let metadata = Path::new("spec.template.metadata");
    let labels_path = metadata.child("labels");
    let path = labels_path.key(key);
    let detail = format!("must be '{wanted}'");
    match labels.get(key) {
        None => errs.push(Error::required(&path, detail)),
        Some(value) if value != wanted => errs.push(Error::invalid(&path, BadValue::json(labels), detail)),
        Some(_) => {}
    }
}

/// Mirrors `ValidateJobSpec`.
fn validate_job_spec(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    validate_job_spec_without_selector(errs, spec, path);
    let selector_path = path.child("selector");
    let selector = match &spec.selector {
        None => {
            errs.push(Error::required(&selector_path, ""));
            Some(Selector::nothing())
        }
        Some(selector) => {
            let count = errs.len();
            validate_label_selector(errs, selector, &selector_path);
            Selector::from_label_selector(selector).ok().filter(|_| errs.len() == count)
        }
    };
    if let Some(selector) = selector {
        validate_template_selected(errs, &spec.template, &selector, &path.child("template"));
    }
}

/// Mirrors `validateJobSpec`: what holds for the template of a CronJob, too.
pub(super) fn validate_job_spec_without_selector(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ] {
        validate_nonnegative_field(errs, value.unwrap_or_default(), &path.child(field));
    }
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        errs.push(Error::required(&path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
    }
    if let Some(managed_by) = &spec.managed_by {
        let path = path.child("managedBy");
        validate_domain_prefixed_path(errs, managed_by, &path);
        if managed_by.len() > MAX_MANAGED_BY_LENGTH {
            errs.push(Error::too_long(&path, MAX_MANAGED_BY_LENGTH));
        }
    }
    if let Some(mode) = &spec.completion_mode {
        validate_supported(errs, mode, &["NonIndexed", "Indexed"], &path.child("completionMode"));
    }
    match spec.completion_mode.as_deref() {
        Some("Indexed") => validate_indexed(errs, spec, path),
        None | Some("NonIndexed") => validate_non_indexed(errs, spec, path),
        Some(_) => {}
    }
    if let Some(policy) = &spec.pod_failure_policy {
        validate_pod_failure_policy(errs, policy, spec, &path.child("podFailurePolicy"));
    }
    if let Some(policy) = &spec.success_policy {
        let path = path.child("successPolicy");
        if is_indexed(spec) {
            validate_success_policy(errs, policy, spec.completions.unwrap_or_default(), &path);
        } else {
            errs.push(Error::invalid(&path, BadValue::json(policy), "requires indexed completion mode"));
        }
    }
    validate_pod_replacement_policy(errs, spec, &path.child("podReplacementPolicy"));
    let template_path = path.child("template");
    validate_pod_template_spec(errs, &spec.template, &template_path);
    validate_restart_policy(errs, spec, &template_path.child("spec.restartPolicy"));
}

fn validate_indexed(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    let (parallelism_path, failed_path) = (path.child("parallelism"), path.child("maxFailedIndexes"));
    let (parallelism, max_failed) = (spec.parallelism, spec.max_failed_indexes);
    if spec.completions.is_none() {
        errs.push(Error::required(&path.child("completions"), "when completion mode is Indexed"));
    }
    let rest = " when completion mode is Indexed";
    validate_at_most(errs, parallelism, MAX_PARALLELISM_FOR_INDEXED_JOB, rest, &parallelism_path);
    if let Some(number) = max_failed.filter(|number| spec.completions.is_some_and(|limit| *number > limit)) {
        errs.push(Error::invalid(&failed_path, number, "must be less than or equal to completions"));
    }
    validate_at_most(errs, max_failed, MAX_FAILED_INDEXES_FOR_INDEXED_JOB, "", &failed_path);
    let completions = spec.completions.unwrap_or_default();
    if completions <= COMPLETIONS_SOFT_LIMIT || spec.backoff_limit_per_index.is_none() {
        return;
    }
    if max_failed.is_none() {
        let detail = format!("must be specified when completions is above {COMPLETIONS_SOFT_LIMIT}");
        errs.push(Error::required(&failed_path, detail));
    }
    let rest = format!(" when completions are above {COMPLETIONS_SOFT_LIMIT} and used with backoff limit per index");
    validate_at_most(errs, parallelism, PARALLELISM_LIMIT_FOR_HIGH_COMPLETIONS, &rest, &parallelism_path);
    validate_at_most(errs, max_failed, MAX_FAILED_INDEXES_LIMIT_FOR_HIGH_COMPLETIONS, &rest, &failed_path);
}

/// A number with an upper limit; `rest` says when the limit holds.
fn validate_at_most(errs: &mut ErrorList, value: Option<i32>, limit: i32, rest: &str, path: &Path<'_>) {
    if let Some(value) = value.filter(|value| *value > limit) {
        errs.push(Error::invalid(path, value, format!("must be less than or equal to {limit}{rest}")));
    }
}

fn validate_non_indexed(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    for (field, value) in
        [("backoffLimitPerIndex", spec.backoff_limit_per_index), ("maxFailedIndexes", spec.max_failed_indexes)]
    {
        if let Some(value) = value {
            errs.push(Error::invalid(&path.child(field), value, "requires indexed completion mode"));
        }
    }
}

/// Mirrors `IsDomainPrefixedPath`.
fn validate_domain_prefixed_path(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    if value.is_empty() {
        errs.push(Error::required(path, ""));
        return;
    }
    let Some((host, rest)) = value.split_once('/').filter(|(host, rest)| !host.is_empty() && !rest.is_empty()) else {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errs.push(Error::invalid(path, value, detail));
        return;
    };
    invalid_each(errs, path, host, is_dns1123_subdomain(host));
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    if !rest.bytes().all(is_path_byte) {
        let detail = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        errs.push(Error::invalid(path, rest, detail));
    }
}

/// Mirrors `validatePodReplacementPolicy`: with a failure policy, pods have to have failed for good.
fn validate_pod_replacement_policy(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    let Some(policy) = &spec.pod_replacement_policy else { return };
    let supported: &[&str] =
        if spec.pod_failure_policy.is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    validate_supported(errs, policy, supported, path);
}

/// `Always` is what the template's own default makes of no policy.
fn validate_restart_policy(errs: &mut ErrorList, spec: &JobSpec, path: &Path<'_>) {
    let policy = spec.template.spec.as_ref().map(|spec| text(&spec.restart_policy)).unwrap_or_default();
    match policy {
        "" | "Always" => errs.push(Error::required(path, r#"valid values: "OnFailure", "Never""#)),
        "Never" => {}
        "OnFailure" if spec.pod_failure_policy.is_none() => {}
        "OnFailure" => {
            let detail = format!("only {} is supported when podFailurePolicy is specified", quote("Never"));
            errs.push(Error::invalid(path, policy, detail));
        }
        _ => errs.push(Error::not_supported(path, policy, &["OnFailure", "Never"])),
    }
}

/// An indexed Job can grow and shrink together with its parallelism. Mirrors `validateCompletions`.
fn validate_completions(errs: &mut ErrorList, new: &JobSpec, old: &JobSpec, path: &Path<'_>) {
    if !is_indexed(new) {
        return validate_unchanged(errs, &new.completions, &old.completions, "completions");
    }
    let Some(completions) = new.completions.filter(|_| new.completions != old.completions) else { return };
    if new.parallelism != Some(completions) {
        errs.push(Error::invalid(path, completions, "can only be modified in tandem with spec.parallelism"));
    }
}

/// The old template with what a suspended Job may change taken from the new one. Mirrors `validatePodTemplateUpdate`.
fn comparable_template(new: &PodTemplateSpec, old_spec: &JobSpec, old: &Job) -> PodTemplateSpec {
    let mut template = old_spec.template.clone();
    let status = old.status.clone().unwrap_or_default();
    let is_at_rest = old_spec.suspend == Some(true)
        && status.active.unwrap_or_default() == 0
        && (status.start_time.is_none() || is_condition_true(&status, "Suspended"));
    if !is_at_rest {
        return template;
    }
    let new_meta = new.metadata.clone().unwrap_or_default();
    let meta = template.metadata.get_or_insert_default();
    (meta.labels, meta.annotations) = (new_meta.labels, new_meta.annotations);
    let new_spec = new.spec.clone().unwrap_or_default();
    let spec = template.spec.get_or_insert_default();
    let node_affinity = new_spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    if spec.affinity.is_some() || new_spec.affinity.is_some() {
        spec.affinity.get_or_insert_default().node_affinity = node_affinity;
    }
    if new_spec.affinity.is_none() && spec.affinity.as_ref().is_some_and(|affinity| *affinity == Default::default()) {
        spec.affinity = None;
    }
    spec.node_selector = new_spec.node_selector;
    spec.tolerations = new_spec.tolerations;
    spec.scheduling_gates = new_spec.scheduling_gates;
    for (container, new) in spec.containers.iter_mut().zip(new_spec.containers) {
        container.resources = new.resources;
    }
    let init_containers = spec.init_containers.iter_mut().flatten();
    for (container, new) in init_containers.zip(new_spec.init_containers.into_iter().flatten()) {
        container.resources = new.resources;
    }
    template
}
