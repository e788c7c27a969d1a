//! Validation of Leases.
//!
//! Mirrors pkg/apis/coordination/validation (v1.36).

use k8s_openapi::api::coordination::v1::Lease;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::validate_nonnegative_field;

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");

/// A Lease to be created. Mirrors `ValidateLease`.
#[must_use]
pub fn validate_lease(lease: &Lease) -> ErrorList {
    let meta = &lease.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_lease_spec(&mut errs, lease);
    errs
}

/// A Lease to be replaced. Mirrors `ValidateLeaseUpdate`.
#[must_use]
pub fn validate_lease_update(new: &Lease, old: &Lease) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_lease_spec(&mut errs, new);
    errs
}

fn validate_lease_spec(errs: &mut ErrorList, lease: &Lease) {
    let Some(spec) = &lease.spec else { return };
    if let Some(seconds) = spec.lease_duration_seconds.filter(|&seconds| seconds <= 0) {
        let path = SPEC.child("leaseDurationSeconds");
        errs.push(Error::invalid(&path, seconds, "must be greater than 0"));
    }
    let transitions = i64::from(spec.lease_transitions.unwrap_or_default());
    validate_nonnegative_field(errs, transitions, &SPEC.child("leaseTransitions"));
}
