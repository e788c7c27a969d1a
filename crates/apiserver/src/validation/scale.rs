//! Validation of the scale subresource.
//!
//! Mirrors pkg/apis/autoscaling/validation (v1.36).

use k8s_openapi::api::autoscaling::v1::Scale;
use seatrial_api::field::{ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;

use super::meta::{Scope, validate_object_meta};
use super::validate_nonnegative_field;

/// A Scale to be written. Mirrors `ValidateScale`.
#[must_use]
pub fn validate_scale(scale: &Scale) -> ErrorList {
    let path = Path::new("metadata");
    let meta = &scale.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &path);
    let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
    validate_nonnegative_field(&mut errs, i64::from(replicas), &Path::new("spec.replicas"));
    errs
}
