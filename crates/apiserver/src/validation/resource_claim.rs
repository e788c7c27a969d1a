//! Validation of a pod's claims for devices.
//!
//! Mirrors `validatePodResourceClaims` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodResourceClaim;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{NameUse, is_dns1123_label, name_is_dns_subdomain};

use super::invalid_each;

/// Mirrors `validatePodResourceClaims`.
pub(super) fn validate_pod_resource_claims(errs: &mut ErrorList, claims: &[PodResourceClaim], path: &Path<'_>) {
    let mut names = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        let name_path = path.child("name");
        if claim.name.is_empty() {
            errs.push(Error::required(&name_path, ""));
        } else if !names.insert(claim.name.as_str()) {
            errs.push(Error::duplicate(&name_path, &claim.name));
        } else {
            invalid_each(errs, &name_path, &claim.name, is_dns1123_label(&claim.name));
        }
        let detail = match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(_), Some(_)) => {
                Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
            }
            (None, None) => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            _ => None,
        };
        errs.extend(detail.map(|detail| Error::invalid(&path, BadValue::json(claim), detail)));
        for (field, name) in [
            ("resourceClaimName", &claim.resource_claim_name),
            ("resourceClaimTemplateName", &claim.resource_claim_template_name),
        ] {
            if let Some(name) = name {
                invalid_each(errs, &path.child(field), name, name_is_dns_subdomain(name, NameUse::Name));
            }
        }
    }
}
