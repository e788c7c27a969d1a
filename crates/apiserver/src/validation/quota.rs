//! Validation of ResourceQuotas.
//!
//! Mirrors `ValidateResourceQuota` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec};
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
    for pair in [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] {
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
