//! Validation of a Pod's status.
//!
//! Mirrors `ValidatePodStatusUpdate` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition, PodResourceClaim, PodSpec, PodStatus};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{NameUse, is_qualified_name, is_valid_ip, name_is_dns_subdomain};

use super::annotations::validate_pod_specific_annotation_updates;
use super::meta::validate_object_meta_update;
use super::{invalid_each, items, text, validate_immutable_field};

const METADATA: Path<'static> = Path::new("metadata");
const STATUS: Path<'static> = Path::new("status");

/// A Pod whose status is to be replaced. Mirrors `ValidatePodStatusUpdate`.
#[must_use]
pub fn validate_pod_status_update(new: &Pod, old: &Pod) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_pod_specific_annotation_updates(&mut errs, new, old, &METADATA.child("annotations"));
    let (new_status, old_status) = (new.status.clone().unwrap_or_default(), old.status.clone().unwrap_or_default());
    let old_spec = old.spec.clone().unwrap_or_default();
    validate_pod_conditions(&mut errs, items(&new_status.conditions), &METADATA.child("conditions"));
    let node_name = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    if node_name(new) != node_name(old) {
        errs.push(Error::forbidden(&STATUS.child("nodeName"), "may not be changed directly"));
    }
    let nominated = text(&new_status.nominated_node_name);
    if !nominated.is_empty() && nominated != text(&old_status.nominated_node_name) {
        let messages = name_is_dns_subdomain(nominated, NameUse::Name);
        invalid_each(&mut errs, &STATUS.child("nominatedNodeName"), nominated, messages);
    }
    validate_immutable_field(
        &mut errs,
        &text(&new_status.qos_class),
        &text(&old_status.qos_class),
        &STATUS.child("qosClass"),
        |&class| class.into(),
    );
    validate_transitions(&mut errs, &new_status, &old_status, &old_spec);
    validate_claim_statuses(&mut errs, &new_status, items(&new.spec.clone().unwrap_or_default().resource_claims));
    validate_ips(&mut errs, &new_status);
    errs
}

/// Mirrors `validatePodConditions`.
fn validate_pod_conditions(errs: &mut ErrorList, conditions: &[PodCondition], path: &Path<'_>) {
    for (index, condition) in conditions.iter().enumerate() {
        if matches!(condition.type_.as_str(), "PodScheduled" | "Ready" | "Initialized") {
            continue;
        }
        let path = path.index(index);
        invalid_each(errs, &path.child("Type"), &condition.type_, is_qualified_name(&condition.type_));
    }
}

/// What has ended stays so: containers by the pod's policy, sidecars go on, ephemeral ones never do.
fn validate_transitions(errs: &mut ErrorList, new_status: &PodStatus, old_status: &PodStatus, old_spec: &PodSpec) {
    let is_sidecar = |name: &str| {
        let mut init = items(&old_spec.init_containers).iter();
        init.any(|c| c.name == name && text(&c.restart_policy) == "Always")
    };
    let policy = text(&old_spec.restart_policy);
    let transitions = [
        ("containerStatuses", &new_status.container_statuses, &old_status.container_statuses, policy),
        ("initContainerStatuses", &new_status.init_container_statuses, &old_status.init_container_statuses, policy),
        (
            "ephemeralContainerStatuses",
            &new_status.ephemeral_container_statuses,
            &old_status.ephemeral_container_statuses,
            "Never",
        ),
    ];
    for (field, new, old, policy) in transitions {
        let path = STATUS.child(field);
        let old = items(old).iter().enumerate().filter(|(_, status)| !is_sidecar(&status.name));
        for (index, old) in old {
            validate_state_transition(errs, items(new), old, policy, &path.index(index));
        }
    }
}

/// Mirrors `validatePodResourceClaimStatuses`.
fn validate_claim_statuses(errs: &mut ErrorList, status: &PodStatus, claims: &[PodResourceClaim]) {
    let list_path = STATUS.child("resourceClaimStatuses");
    let statuses = items(&status.resource_claim_statuses);
    for (index, claim) in statuses.iter().enumerate() {
        let path = list_path.index(index);
        let name_path = path.child("name");
        if claims.iter().all(|known| known.name != claim.name) {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errs.push(Error::invalid(&name_path, &claim.name, detail));
        }
        if statuses[..index].iter().any(|earlier| earlier.name == claim.name) {
            errs.push(Error::duplicate(&name_path, &claim.name));
        }
        if let Some(name) = &claim.resource_claim_name {
            invalid_each(errs, &name_path, name, name_is_dns_subdomain(name, NameUse::Name));
        }
    }
}

/// Mirrors `validatePodIPs` and `validateHostIPs`.
fn validate_ips(errs: &mut ErrorList, status: &PodStatus) {
    let pod_ips: Vec<&str> = items(&status.pod_ips).iter().map(|ip| ip.ip.as_str()).collect();
    validate_ip_list(errs, &pod_ips, &STATUS.child("podIPs"));
    let host_ips: Vec<&str> = items(&status.host_ips).iter().map(|ip| ip.ip.as_str()).collect();
    let path = STATUS.child("hostIPs");
    if let Some(first) = host_ips.first().filter(|first| **first != text(&status.host_ip)) {
        let first_path = path.index(0);
        errs.push(Error::invalid(&first_path.child("ip"), *first, "must be equal to `hostIP`"));
    }
    validate_ip_list(errs, &host_ips, &path);
}

fn validate_ip_list(errs: &mut ErrorList, ips: &[&str], path: &Path<'_>) {
    for (index, ip) in ips.iter().enumerate() {
        invalid_each(errs, &path.index(index), ip, is_valid_ip(ip));
    }
    if ips.len() < 2 {
        return;
    }
    let versions = [ips.iter().any(|ip| ip.contains(':')), ips.iter().any(|ip| !ip.contains(':'))];
    if versions != [true, true] || ips.len() > 2 {
        let shown: Vec<serde_json::Value> = ips.iter().map(|ip| serde_json::json!({"ip": ip})).collect();
        errs.push(Error::invalid(path, BadValue::json(&shown), "may specify no more than one IP for each IP family"));
    }
    for (index, ip) in ips.iter().enumerate() {
        if ips[..index].contains(ip) {
            errs.push(Error::duplicate(&path.index(index), BadValue::json(&serde_json::json!({"ip": ip}))));
        }
    }
}

/// What has ended stays so, unless the policy restarts it. Mirrors
/// `ValidateContainerStateTransition`.
fn validate_state_transition(
    errs: &mut ErrorList,
    new: &[ContainerStatus],
    old: &ContainerStatus,
    policy: &str,
    path: &Path<'_>,
) {
    let terminated = |status: &ContainerStatus| {
        status.state.as_ref().and_then(|state| state.terminated.as_ref()).map(|t| t.exit_code)
    };
    let Some(exit_code) = terminated(old) else { return };
    if policy == "Always" || (policy == "OnFailure" && exit_code != 0) {
        return;
    }
    if new.iter().any(|status| status.name == old.name && terminated(status).is_none()) {
        let detail = "may not be transitioned to non-terminated state";
        errs.push(Error::forbidden(&path.child("state"), detail));
    }
}
