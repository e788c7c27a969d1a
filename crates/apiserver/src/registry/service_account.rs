//! ServiceAccounts. Mirrors pkg/registry/core/serviceaccount/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ServiceAccount as Api;
use seatrial_api::ServiceAccount;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation_pending as validation;

impl Strategy for ServiceAccount {
    const RETURN_DELETED_OBJECT: bool = true;

    fn validate(api: &Api) -> ErrorList {
        validation::validate_service_account(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_service_account_update(new, old)
    }
}
