//! The admission plugins that a real cluster has on by default, in upstream's order.
//!
//! Mirrors plugin/pkg/admission (v1.36). TaintNodesByCondition sits in the strategy of nodes.

mod namespace_lifecycle;
mod pod;
mod resource_quota;
mod storage;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::PodSpec;

pub(crate) use pod::admit_pod_spec;
pub use resource_quota::{QuotaUsage, usage_of_namespace};
pub use storage::{PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER};
pub(crate) use storage::{check_claim_resize, protect_object_in_use, set_default_storage_class};

/// What admission remembers between requests.
#[derive(Debug, Default)]
pub struct AdmissionState {
    /// Shared pod specs by address, with what admission made of them.
    pub(crate) admitted_specs: FxHashMap<usize, (Arc<PodSpec>, Arc<PodSpec>)>,
    /// The version of the priority classes that `admitted_specs` were made with.
    pub(crate) priority_class_version: u64,
}
