//! IP families of Services on a cluster that has IPv4 only.
//!
//! Mirrors `initIPFamilyFields` in pkg/registry/core/service/storage/alloc.go (v1.36).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::ApiError;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};

use super::alloc::invalid;
use super::{is_headless, items, needs_cluster_ip};
use crate::validation::{CLUSTER_IP_NONE, parse_ip_sloppy, validate_service_cluster_ips_related_fields};

const SPEC: Path<'static> = Path::new("spec");
const IPV4: &str = "IPv4";
const IPV6: &str = "IPv6";
const SINGLE_STACK: &str = "SingleStack";
const PREFER_DUAL_STACK: &str = "PreferDualStack";
const REQUIRE_DUAL_STACK: &str = "RequireDualStack";

/// Whether neither policy nor addresses change of a Service that takes what the cluster has.
pub(super) fn is_matching_prefer_dual_stack(new: &ServiceSpec, old: &ServiceSpec) -> bool {
    let prefers = |policy: &Option<String>| policy.as_deref() == Some(PREFER_DUAL_STACK);
    new.type_ == old.type_
        && needs_cluster_ip(new)
        && prefers(&new.ip_family_policy)
        && (old.ip_family_policy.is_none() || prefers(&old.ip_family_policy))
        && items(&new.cluster_ips) == items(&old.cluster_ips)
        && items(&new.ip_families) == items(&old.ip_families)
}

fn policy_error(spec: &ServiceSpec, detail: &str) -> Error {
    let value = spec.ip_family_policy.as_ref().map_or(BadValue::Null, BadValue::from);
    Error::invalid(&SPEC.child("ipFamilyPolicy"), value, detail)
}

/// Fills in policy and families, or refuses those that the cluster does not have.
///
/// # Errors
/// 422 with what is wrong.
pub(super) fn init_ip_family_fields(
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    name: &str,
) -> Result<(), ApiError> {
    if !needs_cluster_ip(spec) || old.is_some_and(|old| is_matching_prefer_dual_stack(spec, old)) {
        return Ok(());
    }
    let is_headless_without_selector =
        is_headless(spec) && spec.selector.as_ref().is_none_or(|selector| selector.is_empty());
    if spec.ip_family_policy.is_none() {
        let default = if is_headless_without_selector { REQUIRE_DUAL_STACK } else { SINGLE_STACK };
        let kept = old.and_then(|old| old.ip_family_policy.clone());
        spec.ip_family_policy = kept.or_else(|| Some(default.to_owned()));
    }
    let mut errs = ErrorList::new();
    validate_service_cluster_ips_related_fields(&mut errs, spec);
    refuse_if_any(errs, name)?;
    let is_single = spec.ip_family_policy.as_deref() == Some(SINGLE_STACK);
    let mut errs = ErrorList::new();
    if let Some(old) = old {
        release_second_family(&mut errs, spec, old, is_single);
    }
    if is_single {
        for (list, what) in [(&spec.cluster_ips, "cluster IPs"), (&spec.ip_families, "IP families")] {
            if items(list).len() == 2 {
                let detail =
                    format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
                errs.push(policy_error(spec, &detail));
            }
        }
    }
    infer_families(&mut errs, spec);
    refuse_if_any(errs, name)?;
    let families = spec.ip_families.get_or_insert_default();
    if is_headless_without_selector {
        if families.is_empty() {
            families.push(IPV4.to_owned());
        }
        if families.len() < 2 && !is_single {
            let other = if families[0] == IPV4 { IPV6 } else { IPV4 };
            families.push(other.to_owned());
        }
        return Ok(());
    }
    let mut errs = ErrorList::new();
    let families_path = SPEC.child("ipFamilies");
    for (index, family) in families.iter().enumerate().filter(|(_, family)| *family != IPV4) {
        errs.push(Error::invalid(&families_path.index(index), family, "not configured on this cluster"));
    }
    if families.is_empty() {
        families.push(IPV4.to_owned());
    }
    if spec.ip_family_policy.as_deref() == Some(REQUIRE_DUAL_STACK) {
        errs.insert(0, policy_error(spec, "this cluster is not configured for dual-stack services"));
    }
    refuse_if_any(errs, name)
}

fn refuse_if_any(errs: ErrorList, name: &str) -> Result<(), ApiError> {
    if errs.is_empty() { Ok(()) } else { Err(invalid(name, errs)) }
}

/// A change to single-stack drops what is second; any other policy may not lose it.
fn release_second_family(errs: &mut ErrorList, spec: &mut ServiceSpec, old: &ServiceSpec, is_single: bool) {
    let (ips, old_ips) = (items(&spec.cluster_ips).len(), items(&old.cluster_ips));
    let (families, old_families) = (items(&spec.ip_families).len(), items(&old.ip_families));
    if is_single {
        if items(&spec.cluster_ips) == old_ips
            && let Some(list) = &mut spec.cluster_ips
        {
            list.truncate(1);
        }
        if items(&spec.ip_families) == old_families
            && let Some(list) = &mut spec.ip_families
        {
            list.truncate(1);
        }
        return;
    }
    if ips > 0 && ips < old_ips.len() {
        errs.push(policy_error(spec, "must be 'SingleStack' to release the secondary cluster IP"));
    }
    if families > 0 && families < old_families.len() {
        errs.push(policy_error(spec, "must be 'SingleStack' to release the secondary IP family"));
    }
}

/// An address says its family.
fn infer_families(errs: &mut ErrorList, spec: &mut ServiceSpec) {
    let ips = spec.cluster_ips.clone().unwrap_or_default();
    let path = SPEC.child("clusterIPs");
    for (index, ip) in ips.iter().enumerate().take_while(|(_, ip)| *ip != CLUSTER_IP_NONE) {
        if index < items(&spec.ip_families).len() {
            continue;
        }
        match parse_ip_sloppy(ip) {
            Some(IpAddr::V6(_)) => {
                let detail = format!("{IPV6} is not configured on this cluster");
                errs.push(Error::invalid(&path.index(index), BadValue::json(&ips), detail));
            }
            _ => spec.ip_families.get_or_insert_default().push(IPV4.to_owned()),
        }
    }
}
