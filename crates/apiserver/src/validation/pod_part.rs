//! Validation of what is written through the subresources `resize` and `ephemeralcontainers` of pods.
//!
//! Mirrors `ValidatePodResize` and `ValidatePodEphemeralContainersUpdate` in pkg/apis/core/validation, and the parts of the
//! strategies in pkg/registry/core/pod that drop all other changes (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::QosClass;
use seatrial_api::field::{Error, ErrorList, Path};

use super::annotations::{MIRROR_POD_ANNOTATION, validate_pod_specific_annotation_updates};
use super::meta::validate_object_meta_update;
use super::pod::validate_pod_metadata_and_spec;
use super::{items, semantically_equal, text};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const ONLY_CPU_AND_MEMORY: &str = "only cpu and memory resources are mutable";

/// The old spec with the new one's resources: nothing else is taken. Mirrors `dropNonResizeUpdates`.
#[must_use]
pub fn resized_spec(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut spec = old.clone();
    let take = |containers: &mut [Container], from: &[Container]| {
        for new in from {
            if let Some(container) = containers.iter_mut().find(|container| container.name == new.name) {
                container.resources.clone_from(&new.resources);
                container.resize_policy.clone_from(&new.resize_policy);
            }
        }
    };
    take(&mut spec.containers, &new.containers);
    take(spec.init_containers.as_deref_mut().unwrap_or_default(), items(&new.init_containers));
    spec.resources.clone_from(&new.resources);
    spec
}

/// The old spec with the new one's ephemeral containers. Mirrors `dropNonEphemeralContainerUpdates`.
#[must_use]
pub fn debugged_spec(new: &PodSpec, old: &PodSpec) -> PodSpec {
    PodSpec { ephemeral_containers: new.ephemeral_containers.clone(), ..old.clone() }
}

fn is_mirror_pod(pod: &Pod) -> bool {
    pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(MIRROR_POD_ANNOTATION))
}

/// A Pod with other ephemeral containers. Mirrors `ValidatePodEphemeralContainersUpdate`.
#[must_use]
pub fn validate_pod_ephemeral_containers_update(new: &Pod, old: &Pod) -> ErrorList {
    let (none, none_too) = (PodSpec::default(), PodSpec::default());
    let (new_spec, old_spec) = (new.spec.as_ref().unwrap_or(&none), old.spec.as_ref().unwrap_or(&none_too));
    if is_mirror_pod(old) {
        return vec![Error::forbidden(&Path::new(""), "static pods do not support ephemeral containers")];
    }
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_pod_metadata_and_spec(new, new_spec));
    validate_pod_specific_annotation_updates(&mut errs, new, old, &METADATA.child("annotations"));
    let path = SPEC.child("ephemeralContainers");
    for before in items(&old_spec.ephemeral_containers) {
        let quoted = seatrial_api::field::quote(&before.name);
        let after = items(&new_spec.ephemeral_containers).iter().rev().find(|container| container.name == before.name);
        match after {
            None => {
                let detail = format!("existing ephemeral containers {quoted} may not be removed\n");
                errs.push(Error::forbidden(&path, detail));
            }
            Some(after) if !semantically_equal(after, before) => {
                // Upstream's text goes on with a dump of Go values.
                let detail = format!("existing ephemeral containers {quoted} may not be changed");
                errs.push(Error::forbidden(&path, detail));
            }
            Some(_) => {}
        }
    }
    errs
}

/// A Pod with other resources. Mirrors `ValidatePodResize`.
#[must_use]
pub fn validate_pod_resize(new: &Pod, old: &Pod) -> ErrorList {
    let (none, none_too) = (PodSpec::default(), PodSpec::default());
    let (new_spec, old_spec) = (new.spec.as_ref().unwrap_or(&none), old.spec.as_ref().unwrap_or(&none_too));
    let whole = |detail: &str| vec![Error::forbidden(&Path::new(""), detail)];
    if is_mirror_pod(old) {
        return whole("static pods cannot be resized");
    }
    if old_spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return whole("windows pods cannot be resized");
    }
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_pod_metadata_and_spec(new, new_spec));
    let old_class = old.status.as_ref().map(|status| text(&status.qos_class)).unwrap_or_default();
    let old_class = if old_class.is_empty() { QosClass::of(old_spec).as_str() } else { old_class };
    if old_class != QosClass::of(new_spec).as_str() {
        errs.push(Error::invalid(&SPEC, old_class, "Pod QOS Class may not change as a result of resizing"));
    }
    if !is_pod_resize_request_supported(old) {
        errs.push(Error::forbidden(&SPEC, "Pod running on node without support for resize"));
    }
    validate_nothing_removed(&mut errs, new_spec, old_spec);
    validate_only_cpu_and_memory_changed(&mut errs, new_spec, old_spec);
    errs
}

/// Mirrors `isPodResizeRequestSupported`: the first running container tells whether its node reports resources.
fn is_pod_resize_request_supported(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().map(|status| items(&status.container_statuses)).unwrap_or_default();
    let running = statuses.iter().find(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()));
    running.is_none_or(|status| status.resources.is_some())
}

fn is_sidecar(container: &Container) -> bool {
    text(&container.restart_policy) == "Always"
}

/// Mirrors `validateContainerResize`.
fn validate_nothing_removed(errs: &mut ErrorList, new: &PodSpec, old: &PodSpec) {
    let removed = |new: Option<&BTreeMap<String, ApiQuantity>>, old: Option<&BTreeMap<String, ApiQuantity>>| {
        old.into_iter().flatten().any(|(name, _)| new.is_none_or(|new| !new.contains_key(name)))
    };
    let lists = [
        ("initContainers", items(&new.init_containers), items(&old.init_containers)),
        ("containers", new.containers.as_slice(), old.containers.as_slice()),
    ];
    let none = ResourceRequirements::default();
    for (field, new, old) in lists {
        let list_path = SPEC.child(field);
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            if field == "initContainers" && !is_sidecar(old) {
                continue;
            }
            let container_path = list_path.index(index);
            let path = container_path.child("resources");
            let (new, old) = (new.resources.as_ref().unwrap_or(&none), old.resources.as_ref().unwrap_or(&none));
            if removed(new.requests.as_ref(), old.requests.as_ref()) {
                errs.push(Error::forbidden(&path.child("requests"), "resource requests cannot be removed"));
            }
            if removed(new.limits.as_ref(), old.limits.as_ref()) {
                errs.push(Error::forbidden(&path.child("limits"), "resource limits cannot be removed"));
            }
        }
    }
}

fn validate_only_cpu_and_memory_changed(errs: &mut ErrorList, new: &PodSpec, old: &PodSpec) {
    let mut munged = new.clone();
    for (container, old) in munged.containers.iter_mut().zip(&old.containers) {
        put_back_cpu_and_memory(container, old);
        if !semantically_equal(container, old) {
            errs.push(Error::forbidden(&SPEC, ONLY_CPU_AND_MEMORY));
        }
    }
    for (container, old) in munged.init_containers.iter_mut().flatten().zip(items(&old.init_containers)) {
        if is_sidecar(container) {
            put_back_cpu_and_memory(container, old);
            if !semantically_equal(container, old) {
                let detail = "only cpu and memory resources for sidecar containers are mutable";
                errs.push(Error::forbidden(&SPEC, detail));
            }
        } else if !semantically_equal(container, old) {
            errs.push(Error::forbidden(&SPEC, "resources for non-sidecar init containers are immutable"));
        }
    }
    munged.resources.clone_from(&old.resources);
    if errs.is_empty() && !semantically_equal(&munged, old) {
        errs.push(Error::forbidden(&SPEC, ONLY_CPU_AND_MEMORY));
    }
}

/// Mirrors `dropCPUMemoryResourcesFromContainer`.
fn put_back_cpu_and_memory(container: &mut Container, old: &Container) {
    let none = ResourceRequirements::default();
    let old = old.resources.as_ref().unwrap_or(&none);
    let resources = container.resources.get_or_insert_default();
    for (list, old) in [(&mut resources.limits, &old.limits), (&mut resources.requests, &old.requests)] {
        let Some(old) = old else {
            *list = None;
            continue;
        };
        let list = list.get_or_insert_default();
        for name in ["cpu", "memory"] {
            match old.get(name) {
                Some(quantity) => drop(list.insert(name.to_owned(), quantity.clone())),
                None => drop(list.remove(name)),
            }
        }
    }
    container.resources.get_or_insert_default().claims = None;
}
