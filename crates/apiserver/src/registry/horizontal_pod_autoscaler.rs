//! HorizontalPodAutoscalers. Mirrors pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go (v1.36).

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler as Api;
use seatrial_api::HorizontalPodAutoscaler;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for HorizontalPodAutoscaler {
    const HAS_STATUS: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_horizontal_pod_autoscaler(api);
    }

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
        validation::validate_horizontal_pod_autoscaler(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_horizontal_pod_autoscaler_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_horizontal_pod_autoscaler_status_update(new, old)
    }
}
