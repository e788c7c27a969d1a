//! ResourceQuotas. Mirrors pkg/registry/core/resourcequota/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ResourceQuota as Api;
use seatrial_api::ResourceQuota;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for ResourceQuota {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;

    fn prepare_for_create(&mut self) {
        self.body.status = Some(k8s_openapi::api::core::v1::ResourceQuotaStatus::default());
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_resource_quota(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_resource_quota_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_resource_quota_status_update(new, old)
    }
}
