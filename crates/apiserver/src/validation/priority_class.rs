//! Validation of PriorityClasses.
//!
//! Mirrors pkg/apis/scheduling/validation (v1.36).

use k8s_openapi::api::scheduling::v1::PriorityClass;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;

use crate::bootstrap::SYSTEM_PRIORITY_CLASSES;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_spec::validate_preemption_policy;
use super::{text, validate_immutable_field};

const METADATA: Path<'static> = Path::new("metadata");
const SYSTEM_PRIORITY_CLASS_PREFIX: &str = "system-";
const HIGHEST_USER_DEFINABLE_PRIORITY: i32 = 1_000_000_000;

/// A PriorityClass to be created. Mirrors `ValidatePriorityClass`.
#[must_use]
pub fn validate_priority_class(class: &PriorityClass) -> ErrorList {
    let meta = &class.metadata;
    let mut errs = validate_object_meta(meta, Scope::Cluster, name_is_dns_subdomain, &METADATA);
    if text(&meta.name).starts_with(SYSTEM_PRIORITY_CLASS_PREFIX) {
        if let Err(error) = is_known_system_priority_class(class) {
            let detail = format!(
                "priority class names with '{SYSTEM_PRIORITY_CLASS_PREFIX}' prefix are reserved \
                 for system use only. error: {error}"
            );
            errs.push(Error::forbidden(&METADATA.child("name"), detail));
        }
    } else if class.value.unwrap_or_default() > HIGHEST_USER_DEFINABLE_PRIORITY {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_DEFINABLE_PRIORITY}");
        errs.push(Error::forbidden(&Path::new("value"), detail));
    }
    if let Some(policy) = &class.preemption_policy {
        validate_preemption_policy(&mut errs, policy, &Path::new("preemptionPolicy"));
    }
    errs
}

/// Mirrors `IsKnownSystemPriorityClass`.
fn is_known_system_priority_class(class: &PriorityClass) -> Result<(), String> {
    let name = text(&class.metadata.name);
    let Some((_, value, _)) = SYSTEM_PRIORITY_CLASSES.iter().find(|(known, ..)| *known == name) else {
        return Err(format!("{name} is not a known system priority class"));
    };
    if class.value.unwrap_or_default() != *value {
        return Err(format!("value of {name} PriorityClass must be {value}"));
    }
    if class.global_default == Some(true) {
        return Err(format!("globalDefault of {name} PriorityClass must be false"));
    }
    Ok(())
}

/// A PriorityClass to be replaced. Mirrors `ValidatePriorityClassUpdate`.
#[must_use]
pub fn validate_priority_class_update(new: &PriorityClass, old: &PriorityClass) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    if new.value != old.value {
        let detail = "may not be changed in an update.";
        errs.push(Error::forbidden(&Path::new("value"), detail));
    }
    validate_immutable_field(
        &mut errs,
        &text(&new.preemption_policy),
        &text(&old.preemption_policy),
        &Path::new("preemptionPolicy"),
        |&policy| policy.into(),
    );
    errs
}
