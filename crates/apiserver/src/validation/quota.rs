//! Validation of ResourceQuotas.
//!
//! Mirrors `ValidateResourceQuota` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec, ScopeSelector};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::resources::{
    ResourceList, is_standard_quota_resource_name, parsed, validate_resource_name, validate_resource_quantity_value,
};
use super::{FIELD_IMMUTABLE_ERROR_MSG, items};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const SCOPES: [&str; 6] =
    ["BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating"];

const CONFLICTING_SCOPES: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];
/// Scopes that a pod is in or not.
const ONLY_EXISTS: [&str; 5] =
    ["BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "Terminating"];
const ONLY_EXISTS_DETAIL: &str = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, \
    ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or \
    ResourceQuotaScopeCrossNamespacePodAffinity";

/// A ResourceQuota to be created. Mirrors `ValidateResourceQuota`.
#[must_use]
pub fn validate_resource_quota(quota: &ResourceQuota) -> ErrorList {
    let meta = &quota.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_resource_quota_spec(&mut errs, &quota.spec.clone().unwrap_or_default(), &SPEC);
    errs
}

/// A ResourceQuota to be replaced. Mirrors `ValidateResourceQuotaUpdate`.
#[must_use]
pub fn validate_resource_quota_update(new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let new_spec = new.spec.clone().unwrap_or_default();
    let old_spec = old.spec.clone().unwrap_or_default();
    validate_resource_quota_spec(&mut errs, &new_spec, &SPEC);
    let scopes = |spec: &ResourceQuotaSpec| -> BTreeSet<String> { items(&spec.scopes).iter().cloned().collect() };
    if scopes(&new_spec) != scopes(&old_spec) {
        let value = BadValue::json(&items(&new_spec.scopes));
        errs.push(Error::invalid(&SPEC.child("scopes"), value, FIELD_IMMUTABLE_ERROR_MSG));
    }
    errs
}

fn validate_resource_quota_spec(errs: &mut ErrorList, spec: &ResourceQuotaSpec, path: &Path<'_>) {
    validate_quota_resources(errs, spec.hard.as_ref(), &path.child("hard"));
    validate_resource_quota_scopes(errs, spec, &path.child("scopes"));
    if let Some(selector) = &spec.scope_selector {
        validate_scope_selector(errs, spec, selector, &path.child("scopeSelector"));
    }
}

/// Mirrors `validateScopedResourceSelectorRequirement`; upstream's paths have no index.
fn validate_scope_selector(errs: &mut ErrorList, spec: &ResourceQuotaSpec, selector: &ScopeSelector, path: &Path<'_>) {
    let path = path.child("matchExpressions");
    let terms = items(&selector.match_expressions);
    for term in terms {
        let scope = term.scope_name.as_str();
        if !SCOPES.contains(&scope) {
            errs.push(Error::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        }
        let hard = spec.hard.iter().flatten().map(|(name, _)| name.as_str());
        for _ in hard.filter(|name| is_standard_quota_resource_name(name) && !is_scope_valid_for_resource(scope, name))
        {
            errs.push(Error::invalid(&path, BadValue::json(selector), "unsupported scope applied to resource"));
        }
        let operator = term.operator.as_str();
        if ONLY_EXISTS.contains(&scope) && operator != "Exists" {
            errs.push(Error::invalid(&path.child("operator"), operator, ONLY_EXISTS_DETAIL));
        }
        let values = items(&term.values);
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errs.push(Error::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errs.push(Error::invalid(&path.child("values"), BadValue::json(&values), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errs.push(Error::invalid(&path.child("operator"), other, "not a valid selector operator")),
        }
    }
    for pair in CONFLICTING_SCOPES {
        if pair.iter().all(|wanted| terms.iter().any(|term| term.scope_name == *wanted)) {
            errs.push(Error::invalid(&path, BadValue::json(&items(&spec.scopes)), "conflicting scopes"));
        }
    }
}

/// A ResourceQuota whose status is to be replaced. Mirrors `ValidateResourceQuotaStatusUpdate`.
#[must_use]
pub fn validate_resource_quota_status_update(new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let status = new.status.clone().unwrap_or_default();
    let path = Path::new("status");
    validate_quota_resources(&mut errs, status.hard.as_ref(), &path.child("hard"));
    validate_quota_resources(&mut errs, status.used.as_ref(), &path.child("used"));
    errs
}

fn validate_quota_resources(errs: &mut ErrorList, list: Option<&ResourceList>, path: &Path<'_>) {
    for (name, quantity) in parsed(list) {
        let path = path.key(name);
        let is_standard = name.contains('/') || is_standard_quota_resource_name(name);
        validate_resource_name(errs, name, &path);
        if !is_standard {
            errs.push(Error::invalid(&path, name, "must be a standard resource for quota"));
        }
        validate_resource_quantity_value(errs, name, quantity, &path);
    }
}

/// Mirrors `validateResourceQuotaScopes`.
fn validate_resource_quota_scopes(errs: &mut ErrorList, spec: &ResourceQuotaSpec, path: &Path<'_>) {
    let scopes = items(&spec.scopes);
    for scope in scopes {
        if !SCOPES.contains(&scope.as_str()) {
            let detail = "unsupported scope";
            errs.push(Error::invalid(path, BadValue::json(&scopes), detail));
        }
        let hard = spec.hard.iter().flatten().map(|(name, _)| name.as_str());
        for name in hard.filter(|name| is_standard_quota_resource_name(name)) {
            if !is_scope_valid_for_resource(scope, name) {
                let detail = "unsupported scope applied to resource";
                errs.push(Error::invalid(path, BadValue::json(&scopes), detail));
            }
        }
    }
    for pair in CONFLICTING_SCOPES {
        if pair.iter().all(|wanted| scopes.iter().any(|scope| scope == wanted)) {
            errs.push(Error::invalid(path, BadValue::json(&scopes), "conflicting scopes"));
        }
    }
}

/// Mirrors `IsResourceQuotaScopeValidForResource`.
fn is_scope_valid_for_resource(scope: &str, name: &str) -> bool {
    let is_compute = ["cpu", "memory", "ephemeral-storage"]
        .iter()
        .any(|kind| name.trim_start_matches("requests.").trim_start_matches("limits.") == *kind);
    match scope {
        "BestEffort" => name == "pods",
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            name == "pods" || is_compute
        }
        _ => true,
    }
}
