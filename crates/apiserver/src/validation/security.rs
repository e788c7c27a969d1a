//! Validation of security contexts.
//!
//! Mirrors `validatePodSpecSecurityContext` and `ValidateSecurityContext` in
//! pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::is_in_range;

use super::volume::validate_local_descending_path;
use super::{invalid_number_each, items, validate_required_supported, validate_supported};

/// The longest path of a profile on a node.
const LOCALHOST_PROFILE_LENGTH_MAX: usize = 4095;

/// User and group ids are checked alike. Mirrors `IsValidUserID` and `IsValidGroupID`.
fn validate_id(errs: &mut ErrorList, id: Option<i64>, path: &Path<'_>) {
    if let Some(id) = id {
        invalid_number_each(errs, path, id, is_in_range(id, 0, i64::from(i32::MAX)));
    }
}

/// Mirrors `validatePodSpecSecurityContext`.
pub(super) fn validate_pod_spec_security_context(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let Some(security) = &spec.security_context else { return };
    validate_id(errs, security.fs_group, &path.child("fsGroup"));
    validate_id(errs, security.run_as_user, &path.child("runAsUser"));
    validate_id(errs, security.run_as_group, &path.child("runAsGroup"));
    let groups_path = path.child("supplementalGroups");
    for (index, group) in items(&security.supplemental_groups).iter().enumerate() {
        validate_id(errs, Some(*group), &groups_path.index(index));
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errs.push(Error::invalid(&path.child("shareProcessNamespace"), true, detail));
    }
    validate_sysctls(errs, security, &path.child("sysctls"));
    if let Some(policy) = &security.fs_group_change_policy {
        let policies = ["Always", "OnRootMismatch"];
        validate_supported(errs, policy, &policies, &path.child("fsGroupChangePolicy"));
    }
    let seccomp = security.seccomp_profile.as_ref();
    validate_seccomp_profile_field(errs, seccomp, &path.child("seccompProfile"));
    let app_armor = security.app_armor_profile.as_ref();
    validate_app_armor_profile_field(errs, app_armor, &path.child("appArmorProfile"));
    if let Some(policy) = &security.supplemental_groups_policy {
        let policies = ["Merge", "Strict"];
        validate_supported(errs, policy, &policies, &path.child("supplementalGroupsPolicy"));
    }
    if let Some(policy) = &security.se_linux_change_policy {
        // MountOption waits for the feature gate SELinuxMount, which is off in v1.36.
        let policies = ["Recursive"];
        validate_supported(errs, policy, &policies, &path.child("seLinuxChangePolicy"));
    }
}

/// Mirrors `validateSysctls`.
fn validate_sysctls(errs: &mut ErrorList, security: &PodSecurityContext, path: &Path<'_>) {
    let mut names = BTreeSet::new();
    for (index, sysctl) in items(&security.sysctls).iter().enumerate() {
        let path = path.index(index);
        let name_path = path.child("name");
        let is_new = names.insert(sysctl.name.as_str());
        if sysctl.name.is_empty() {
            errs.push(Error::required(&name_path, ""));
        } else if !is_valid_sysctl_name(&sysctl.name) {
            let detail = "must have at most 253 characters and match regex \
                          ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errs.push(Error::invalid(&name_path, &sysctl.name, detail));
        } else if !is_new {
            errs.push(Error::duplicate(&name_path, &sysctl.name));
        }
    }
}

fn is_valid_sysctl_name(name: &str) -> bool {
    let is_alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_segment = |segment: &str| {
        let bytes = segment.as_bytes();
        bytes.first().is_some_and(|&byte| is_alnum(byte))
            && bytes.last().is_some_and(|&byte| is_alnum(byte))
            && bytes.iter().all(|&byte| is_alnum(byte) || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_segment)
}

/// Mirrors `validateSeccompProfileField`.
fn validate_seccomp_profile_field(errs: &mut ErrorList, profile: Option<&SeccompProfile>, path: &Path<'_>) {
    let Some(profile) = profile else { return };
    if profile.type_.is_empty() {
        let detail = "type is required when seccompProfile is set";
        errs.push(Error::required(&path.child("type"), detail));
    } else {
        let types = ["Localhost", "RuntimeDefault", "Unconfined"];
        validate_supported(errs, &profile.type_, &types, &path.child("type"));
    }
    let localhost_path = path.child("localhostProfile");
    match (&profile.localhost_profile, profile.type_ == "Localhost") {
        (None, true) => {
            let detail = "must be set when seccomp type is Localhost";
            errs.push(Error::required(&localhost_path, detail));
        }
        (Some(profile), true) => validate_local_descending_path(errs, profile, &localhost_path),
        (Some(_), false) => {
            let detail = "can only be set when seccomp type is Localhost";
            errs.push(Error::invalid(&localhost_path, BadValue::json(profile), detail));
        }
        (None, false) => {}
    }
}

/// Mirrors `ValidateAppArmorProfileField`.
fn validate_app_armor_profile_field(errs: &mut ErrorList, profile: Option<&AppArmorProfile>, path: &Path<'_>) {
    let Some(profile) = profile else { return };
    let localhost_path = path.child("localhostProfile");
    match (profile.type_.as_str(), profile.localhost_profile.as_deref()) {
        ("Localhost", None | Some("")) => {
            let detail = "must be set when AppArmor type is Localhost";
            errs.push(Error::required(&localhost_path, detail));
        }
        ("Localhost", Some(name)) if name.len() > LOCALHOST_PROFILE_LENGTH_MAX => {
            errs.push(Error::too_long(&localhost_path, LOCALHOST_PROFILE_LENGTH_MAX));
        }
        ("Localhost", Some(name)) if name.trim() != name => {
            let detail = "must not be padded with whitespace";
            errs.push(Error::invalid(&localhost_path, name, detail));
        }
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            let detail = "can only be set when AppArmor type is Localhost";
            errs.push(Error::invalid(&localhost_path, name, detail));
        }
        ("Localhost" | "RuntimeDefault" | "Unconfined", _) => {}
        ("", _) => {
            let detail = "type is required when appArmorProfile is set";
            errs.push(Error::required(&path.child("type"), detail));
        }
        (other, _) => {
            let types = ["Localhost", "RuntimeDefault", "Unconfined"];
            validate_required_supported(errs, other, &types, &path.child("type"));
        }
    }
}

/// Mirrors `ValidateSecurityContext`.
pub(super) fn validate_security_context(
    errs: &mut ErrorList,
    security: Option<&SecurityContext>,
    host_users: bool,
    path: &Path<'_>,
) {
    let Some(security) = security else { return };
    validate_id(errs, security.run_as_user, &path.child("runAsUser"));
    validate_id(errs, security.run_as_group, &path.child("runAsGroup"));
    if let Some(mount) = &security.proc_mount {
        validate_supported(errs, mount, &["Default", "Unmasked"], &path.child("procMount"));
        if host_users && mount == "Unmasked" {
            let detail = "`hostUsers` must be false to use `Unmasked`";
            errs.push(Error::invalid(&path.child("procMount"), mount, detail));
        }
    }
    let seccomp = security.seccomp_profile.as_ref();
    validate_seccomp_profile_field(errs, seccomp, &path.child("seccompProfile"));
    if security.allow_privilege_escalation == Some(false) {
        validate_no_escalation(errs, security, &path.child("allowPrivilegeEscalation"));
    }
    let app_armor = security.app_armor_profile.as_ref();
    validate_app_armor_profile_field(errs, app_armor, &path.child("appArmorProfile"));
}

fn validate_no_escalation(errs: &mut ErrorList, security: &SecurityContext, path: &Path<'_>) {
    if security.privileged == Some(true) {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errs.push(Error::invalid(path, false, detail));
    }
    let added = security.capabilities.as_ref().map(|c| items(&c.add)).unwrap_or_default();
    if added.iter().any(|capability| capability == "CAP_SYS_ADMIN") {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` \
                      CAP_SYS_ADMIN";
        errs.push(Error::invalid(path, false, detail));
    }
}

/// Mirrors `validateHostUsers`.
pub(super) fn validate_host_users(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    if spec.host_users != Some(false) {
        return;
    }
    let detail = "when `hostUsers` is false";
    for (field, value) in [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)] {
        if value == Some(true) {
            errs.push(Error::forbidden(&path.child(field), detail));
        }
    }
}
