//! What a pod of one operating system may not say.
//!
//! Mirrors `validateOS`, `validateLinux` and `validateWindows` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{PodSpec, SecurityContext};
use seatrial_api::field::{Error, ErrorList, Path};

use super::items;

const NOT_FOR_LINUX: &str = "windows options cannot be set for a linux pod";
const NOT_FOR_WINDOWS: &str = "cannot be set for a windows pod";

/// The operating system, and what does not go with it.
pub(super) fn validate_os(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let Some(os) = &spec.os else { return };
    let os_path = path.child("os");
    match os.name.as_str() {
        "" => errs.push(Error::required(&os_path.child("name"), "cannot be empty")),
        "linux" => validate_linux(errs, spec, path),
        "windows" => validate_windows(errs, spec, path),
        other => errs.push(Error::not_supported(&os_path, other, &["linux", "windows"])),
    }
}

/// Calls for the security context of every container of every list.
fn visit(spec: &PodSpec, path: &Path<'_>, mut visitor: impl FnMut(&SecurityContext, &Path<'_>)) {
    let of = |context: &Option<SecurityContext>| context.clone();
    let lists = [
        ("initContainers", items(&spec.init_containers).iter().map(|c| of(&c.security_context)).collect::<Vec<_>>()),
        ("containers", spec.containers.iter().map(|c| of(&c.security_context)).collect()),
        ("ephemeralContainers", items(&spec.ephemeral_containers).iter().map(|c| of(&c.security_context)).collect()),
    ];
    for (field, contexts) in lists {
        let list_path = path.child(field);
        for (index, context) in contexts.iter().enumerate() {
            let container_path = list_path.index(index);
            if let Some(context) = context {
                visitor(context, &container_path.child("securityContext"));
            }
        }
    }
}

fn validate_linux(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    if spec.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
        let path = path.child("securityContext");
        errs.push(Error::forbidden(&path.child("windowsOptions"), NOT_FOR_LINUX));
    }
    visit(spec, path, |context, path| {
        if context.windows_options.is_some() {
            errs.push(Error::forbidden(&path.child("windowsOptions"), NOT_FOR_LINUX));
        }
    });
}

fn validate_windows(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let security_path = path.child("securityContext");
    let none = Default::default();
    let context = spec.security_context.as_ref().unwrap_or(&none);
    let (in_context, in_spec) = (true, false);
    for (inside, field, is_set) in [
        (in_context, "appArmorProfile", context.app_armor_profile.is_some()),
        (in_context, "seLinuxOptions", context.se_linux_options.is_some()),
        (in_spec, "hostUsers", spec.host_users.is_some()),
        (in_spec, "hostPID", spec.host_pid == Some(true)),
        (in_spec, "hostIPC", spec.host_ipc == Some(true)),
        (in_context, "seccompProfile", context.seccomp_profile.is_some()),
        (in_context, "fsGroup", context.fs_group.is_some()),
        (in_context, "fsGroupChangePolicy", context.fs_group_change_policy.is_some()),
        (in_context, "sysctls", !items(&context.sysctls).is_empty()),
        (in_spec, "shareProcessNamespace", spec.share_process_namespace.is_some()),
        (in_context, "runAsUser", context.run_as_user.is_some()),
        (in_context, "runAsGroup", context.run_as_group.is_some()),
        (in_context, "supplementalGroups", context.supplemental_groups.is_some()),
        (in_context, "supplementalGroupsPolicy", context.supplemental_groups_policy.is_some()),
        (in_context, "seLinuxChangePolicy", context.se_linux_change_policy.is_some()),
    ] {
        if is_set {
            let parent = if inside { &security_path } else { path };
            errs.push(Error::forbidden(&parent.child(field), NOT_FOR_WINDOWS));
        }
    }
    visit(spec, path, |context, path| {
        for (field, is_set) in [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("capabilities", context.capabilities.is_some()),
            ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
            ("privileged", context.privileged.is_some()),
            ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
            ("procMount", context.proc_mount.is_some()),
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
        ] {
            if is_set {
                errs.push(Error::forbidden(&path.child(field), NOT_FOR_WINDOWS));
            }
        }
    });
}
