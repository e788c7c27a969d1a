//! RuntimeClass: pods name no class, since there is none, and so set no overhead of their own.
//!
//! Mirrors plugin/pkg/admission/runtimeclass (v1.36). Differs: the kind RuntimeClass is not served, so every name is unknown.

use k8s_openapi::api::core::v1::PodSpec;

/// Refuses a class that is not there. Mirrors `prepareObjects`.
pub(crate) fn check_runtime_class(spec: &PodSpec) -> Result<(), String> {
    match &spec.runtime_class_name {
        Some(name) => Err(format!("pod rejected: RuntimeClass {} not found", seatrial_api::field::quote(name))),
        None => Ok(()),
    }
}

/// Refuses an overhead that no class asks for. Mirrors `validateOverhead`.
pub(crate) fn check_overhead(spec: &PodSpec) -> Result<(), String> {
    match &spec.overhead {
        Some(_) => Err("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned()),
        None => Ok(()),
    }
}
