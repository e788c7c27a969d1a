//! Validation of the annotations that mean something on pods.
//!
//! Mirrors `ValidatePodSpecificAnnotations` and `ValidatePodSpecificAnnotationUpdates` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, SeccompProfile};
use seatrial_api::field::{Error, ErrorList, Path, quote};

use super::volume::validate_local_descending_path;
use super::{items, text};

/// The annotation of pods that a kubelet has from a file of its own.
pub(super) const MIRROR_POD_ANNOTATION: &str = "kubernetes.io/config.mirror";
const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
/// How the value of a seccomp or AppArmor annotation starts that names a profile of the node.
const LOCALHOST_PREFIX: &str = "localhost/";

/// Mirrors `ValidatePodSpecificAnnotations`.
pub(super) fn validate_pod_specific_annotations(
    errs: &mut ErrorList,
    annotations: Option<&BTreeMap<String, String>>,
    spec: &PodSpec,
    path: &Path<'_>,
) {
    let Some(annotations) = annotations else { return };
    if let Some(value) = annotations.get(MIRROR_POD_ANNOTATION)
        && text(&spec.node_name).is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errs.push(Error::invalid(&path.key(MIRROR_POD_ANNOTATION), value, detail));
    }
    if let Some(value) = annotations.get(POD_DELETION_COST)
        && !is_deletion_cost(value)
    {
        let detail = "must be a 32bit integer";
        errs.push(Error::invalid(&path.key(POD_DELETION_COST), value, detail));
    }
    for (key, value) in annotations {
        if key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER_PREFIX) {
            validate_seccomp_profile(errs, value, &path.child(key));
        }
    }
    for (key, value) in annotations {
        let Some(name) = key.strip_prefix(APP_ARMOR_PREFIX) else { continue };
        if all_containers(spec).all(|(_, container)| container.name != name) {
            errs.push(Error::invalid(&path.key(key), name, "container not found"));
        }
        if !matches!(value.as_str(), "" | "runtime/default" | "unconfined") && !value.starts_with(LOCALHOST_PREFIX) {
            let detail = format!("invalid AppArmor profile name: {}", quote(value));
            errs.push(Error::invalid(&path.key(key), value, detail));
        }
    }
}

/// Mirrors `ValidateSeccompProfile`.
fn validate_seccomp_profile(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    if matches!(value, "runtime/default" | "docker/default" | "unconfined") {
        return;
    }
    match value.strip_prefix(LOCALHOST_PREFIX) {
        Some(profile) => validate_local_descending_path(errs, profile, path),
        None => errs.push(Error::invalid(path, value, "must be a valid seccomp profile")),
    }
}

/// Init containers and containers with the names of their lists and their places, as `VisitContainersWithPath` visits them.
fn all_containers(spec: &PodSpec) -> impl Iterator<Item = ((&'static str, usize), &Container)> {
    let init = items(&spec.init_containers).iter().enumerate().map(|(index, c)| (("initContainers", index), c));
    init.chain(spec.containers.iter().enumerate().map(|(index, c)| (("containers", index), c)))
}

/// Old annotations and the fields that took their place have to agree. Mirrors `validateSeccompAnnotationsAndFields` and
/// `validateAppArmorAnnotationsAndFieldsMatchOnCreate`.
pub(super) fn validate_annotations_match_fields(errs: &mut ErrorList, pod: &Pod, spec: &PodSpec, path: &Path<'_>) {
    let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(key));
    let security = spec.security_context.as_ref();
    if let Some((profile, value)) = security.and_then(|s| s.seccomp_profile.as_ref()).zip(annotation(SECCOMP_POD)) {
        let path = path.child("securityContext");
        validate_seccomp_matches(errs, value, profile, &path.child("seccompProfile"));
    }
    for ((field, index), container) in all_containers(spec) {
        let profile = container.security_context.as_ref().and_then(|s| s.seccomp_profile.as_ref());
        let value = annotation(&format!("{SECCOMP_CONTAINER_PREFIX}{}", container.name));
        if let Some((profile, value)) = profile.zip(value) {
            let list_path = path.child(field);
            let container_path = list_path.index(index);
            let path = container_path.child("securityContext");
            validate_seccomp_matches(errs, value, profile, &path.child("seccompProfile"));
        }
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return;
    }
    for ((field, index), container) in all_containers(spec) {
        let own = container.security_context.as_ref().and_then(|s| s.app_armor_profile.as_ref());
        let profile = own.or_else(|| security.and_then(|s| s.app_armor_profile.as_ref()));
        let value = annotation(&format!("{APP_ARMOR_PREFIX}{}", container.name));
        let Some((profile, value)) = profile.zip(value) else { continue };
        let list_path = path.child(field);
        let container_path = list_path.index(index);
        let security_path = container_path.child("securityContext");
        let path = security_path.child("appArmorProfile");
        let name = profile.localhost_profile.as_deref();
        if let Some(part) = mismatch(value, &profile.type_, name, &["runtime/default"]) {
            let what = if part == "type" { "type" } else { "profile" };
            errs.push(Error::forbidden(
                &path.child(part),
                format!("apparmor {what} in annotation and field must match"),
            ));
        }
    }
}

fn validate_seccomp_matches(errs: &mut ErrorList, value: &str, profile: &SeccompProfile, path: &Path<'_>) {
    let name = profile.localhost_profile.as_deref();
    if let Some(part) = mismatch(value, &profile.type_, name, &["runtime/default", "docker/default"]) {
        let what = if part == "type" { "type" } else { "profile" };
        errs.push(Error::forbidden(&path.child(part), format!("seccomp {what} in annotation and field must match")));
    }
}

/// The part of a profile that an annotation contradicts.
fn mismatch(value: &str, type_: &str, name: Option<&str>, defaults: &[&str]) -> Option<&'static str> {
    match type_ {
        "Unconfined" if value != "unconfined" => Some("type"),
        "RuntimeDefault" if !defaults.contains(&value) => Some("type"),
        "Localhost" => match value.strip_prefix(LOCALHOST_PREFIX) {
            None => Some("type"),
            Some(profile) if name != Some(profile) => Some("localhostProfile"),
            Some(_) => None,
        },
        _ => None,
    }
}

/// A cost has no plus sign and no leading zero.
fn is_deletion_cost(value: &str) -> bool {
    let first_is_valid = value == "0" || !value.starts_with(['+', '0']);
    first_is_valid && value.parse::<i32>().is_ok()
}

/// Mirrors `ValidatePodSpecificAnnotationUpdates`.
pub(super) fn validate_pod_specific_annotation_updates(errs: &mut ErrorList, new: &Pod, old: &Pod, path: &Path<'_>) {
    let none = BTreeMap::new();
    let (new_map, old_map) =
        (new.metadata.annotations.as_ref().unwrap_or(&none), old.metadata.annotations.as_ref().unwrap_or(&none));
    let mut check = |key: &str, verb: &str| {
        if key.starts_with(APP_ARMOR_PREFIX) {
            errs.push(Error::forbidden(&path.key(key), format!("may not {verb} AppArmor annotations")));
        }
        if key == MIRROR_POD_ANNOTATION {
            errs.push(Error::forbidden(&path.key(key), format!("may not {verb} mirror pod annotation")));
        }
    };
    for (key, _) in old_map.iter().filter(|(key, value)| new_map.get(*key) != Some(value)) {
        check(key, "remove or update");
    }
    for key in new_map.keys().filter(|key| !old_map.contains_key(*key)) {
        check(key, "add");
    }
    let spec = new.spec.clone().unwrap_or_default();
    validate_pod_specific_annotations(errs, new.metadata.annotations.as_ref(), &spec, path);
}
