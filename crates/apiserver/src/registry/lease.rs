//! Leases. Mirrors pkg/registry/coordination/lease/strategy.go (v1.36).

use k8s_openapi::api::coordination::v1::Lease as Api;
use seatrial_api::Lease;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for Lease {
    const ALLOW_CREATE_ON_UPDATE: bool = true;
    const ALLOW_UNCONDITIONAL_UPDATE: bool = false;

    /// The feature CoordinatedLeaderElection is off: its fields are dropped.
    fn set_defaults(api: &mut Api) {
        if let Some(spec) = &mut api.spec {
            spec.strategy = None;
            spec.preferred_holder = None;
        }
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_lease(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_lease_update(new, old)
    }
}
