//! Cluster IPs and IP families of Services.
//!
//! Mirrors `ValidateServiceClusterIPsRelatedFields` and `validateUpgradeDowngrade*` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};

use super::{CLUSTER_IP_NONE, is_headless_service};
use crate::validation::ip::{parse_ip_sloppy, validate_ip};
use crate::validation::{items, text, validate_supported};

const SPEC: Path<'static> = Path::new("spec");
const IP_FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const IP_FAMILY_POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const MAY_NOT_CHANGE: &str = "may not change once set";

/// Mirrors `ValidateServiceClusterIPsRelatedFields`; allocation asks it before it looks at the fields itself.
pub(crate) fn validate_service_cluster_ips_related_fields(errs: &mut ErrorList, spec: &ServiceSpec) {
    if text(&spec.type_) == "ExternalName" {
        return;
    }
    let cluster_ips = items(&spec.cluster_ips);
    let ips_path = SPEC.child("clusterIPs");
    let first = text(&spec.cluster_ip);
    let all = || BadValue::json(&cluster_ips);
    match (first.is_empty(), cluster_ips.first()) {
        (false, None) => errs.push(Error::required(&ips_path, "")),
        (false, Some(ip)) if ip != first => {
            errs.push(Error::invalid(&ips_path, all(), "first value must match `clusterIP`"));
        }
        (true, Some(_)) => {
            errs.push(Error::invalid(&ips_path, all(), "must be empty when `clusterIP` is not specified"));
        }
        _ => {}
    }
    validate_ip_families(errs, spec);
    let count = errs.len();
    for (index, ip) in cluster_ips.iter().enumerate() {
        if index > 0 || ip != CLUSTER_IP_NONE {
            validate_ip(errs, ip, &ips_path.index(index));
        } else if cluster_ips.len() > 1 {
            errs.push(Error::invalid(&ips_path, all(), "'None' must be the first and only value"));
        }
    }
    let has_invalid_ips = errs.len() > count;
    if cluster_ips.len() > 2 {
        errs.push(Error::invalid(&ips_path, all(), "may only hold up to 2 values"));
    }
    if has_invalid_ips {
        return;
    }
    if cluster_ips.len() > 1 {
        let families: BTreeSet<bool> = cluster_ips.iter().map(|ip| is_ipv6(ip)).collect();
        if families.len() < 2 {
            let detail = "may specify no more than one IP for each IP family";
            errs.push(Error::invalid(&ips_path, all(), detail));
        }
    }
    if !is_headless_service(spec) {
        validate_ips_are_of_their_families(errs, spec, &ips_path);
    }
}

fn validate_ip_families(errs: &mut ErrorList, spec: &ServiceSpec) {
    let families_path = SPEC.child("ipFamilies");
    let mut seen = BTreeSet::new();
    for (index, family) in items(&spec.ip_families).iter().enumerate() {
        let path = families_path.index(index);
        validate_supported(errs, family, &IP_FAMILIES, &path);
        if !seen.insert(family) {
            errs.push(Error::duplicate(&path, family));
        }
    }
    if let Some(policy) = &spec.ip_family_policy {
        validate_supported(errs, policy, &IP_FAMILY_POLICIES, &SPEC.child("ipFamilyPolicy"));
    }
}

fn is_ipv6(ip: &str) -> bool {
    matches!(parse_ip_sloppy(ip), Some(IpAddr::V6(_)))
}

fn validate_ips_are_of_their_families(errs: &mut ErrorList, spec: &ServiceSpec, path: &Path<'_>) {
    for (index, (ip, family)) in items(&spec.cluster_ips).iter().zip(items(&spec.ip_families)).enumerate() {
        if IP_FAMILIES.contains(&family.as_str()) && is_ipv6(ip) != (family == "IPv6") {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errs.push(Error::invalid(&path.index(index), ip, detail));
        }
    }
}

/// The family policy as a bad value.
fn policy(spec: &ServiceSpec) -> BadValue {
    spec.ip_family_policy.as_ref().map_or(BadValue::Null, BadValue::from)
}

fn is_external_name(spec: &ServiceSpec) -> bool {
    text(&spec.type_) == "ExternalName"
}

/// A cluster IP stays; only a second one may come and go. Mirrors `validateUpgradeDowngradeClusterIPs`.
pub(super) fn validate_upgrade_downgrade_cluster_ips(errs: &mut ErrorList, new: &ServiceSpec, old: &ServiceSpec) {
    if is_external_name(new) || is_external_name(old) || (is_headless_service(new) && is_headless_service(old)) {
        return;
    }
    let (new_ips, old_ips) = (items(&new.cluster_ips), items(&old.cluster_ips));
    let path = SPEC.child("clusterIPs");
    let all = || BadValue::json(&new_ips);
    if new_ips.len() == old_ips.len() {
        for (index, _) in new_ips.iter().zip(old_ips).enumerate().filter(|(_, (new, old))| new != old) {
            errs.push(Error::invalid(&path.index(index), all(), MAY_NOT_CHANGE));
        }
        return;
    }
    if new_ips.is_empty() {
        errs.push(Error::invalid(&path.index(0), all(), "primary clusterIP can not be unset"));
    }
    if let (Some(new_ip), Some(old_ip)) = (new_ips.first(), old_ips.first())
        && new_ip != old_ip
    {
        errs.push(Error::invalid(&path.index(0), all(), MAY_NOT_CHANGE));
    }
    if new_ips.len() == 1 && old_ips.len() > 1 && new.ip_family_policy.as_deref() != Some("SingleStack") {
        let detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
        errs.push(Error::invalid(&SPEC.child("ipFamilyPolicy"), policy(new), detail));
    }
}

/// The same for the families. Mirrors `validateUpgradeDowngradeIPFamilies`.
pub(super) fn validate_upgrade_downgrade_ip_families(errs: &mut ErrorList, new: &ServiceSpec, old: &ServiceSpec) {
    if is_external_name(new) || is_external_name(old) || is_headless_service(new) || is_headless_service(old) {
        return;
    }
    let (new_families, old_families) = (items(&new.ip_families), items(&old.ip_families));
    let path = SPEC.child("ipFamilies");
    let path = path.index(0);
    if new_families.len() == old_families.len() {
        for _ in new_families.iter().zip(old_families).filter(|(new, old)| new != old) {
            errs.push(Error::invalid(&path, BadValue::json(&new_families), MAY_NOT_CHANGE));
        }
        return;
    }
    let is_downgrade = new_families.len() < old_families.len();
    if is_downgrade && items(&new.cluster_ips).is_empty() {
        let detail = "primary ipFamily can not be unset";
        errs.push(Error::invalid(&path, BadValue::json(&new_families), detail));
    }
    if let (Some(new_family), Some(old_family)) = (new_families.first(), old_families.first())
        && new_family != old_family
    {
        errs.push(Error::invalid(&path, BadValue::json(&items(&new.cluster_ips)), MAY_NOT_CHANGE));
    }
    if is_downgrade && new_families.len() == 1 && new.ip_family_policy.as_deref() != Some("SingleStack") {
        let detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
        errs.push(Error::invalid(&SPEC.child("ipFamilyPolicy"), policy(new), detail));
    }
}
