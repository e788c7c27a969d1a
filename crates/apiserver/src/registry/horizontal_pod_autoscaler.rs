//! HorizontalPodAutoscalers. Mirrors pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go (v1.36).

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler as Api;
use seatrial_api::HorizontalPodAutoscaler;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for HorizontalPodAutoscaler {
    const HAS_STATUS: bool = true;

    fn prepare_for_create(&mut self) {
        self.body.status = Some(Default::default());
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Namespaced, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
