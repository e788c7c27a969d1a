//! PodDisruptionBudgets. Mirrors pkg/registry/policy/poddisruptionbudget/strategy.go (v1.36).

use k8s_openapi::api::policy::v1::PodDisruptionBudget as Api;
use seatrial_api::PodDisruptionBudget;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for PodDisruptionBudget {
    const HAS_STATUS: bool = true;
    const ALLOW_UNCONDITIONAL_UPDATE: bool = false;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_pod_disruption_budget(api);
    }

    fn prepare_for_create(&mut self) {
        let mut empty = Api::default();
        defaults::set_defaults_pod_disruption_budget(&mut empty);
        self.body.status = empty.status;
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        if self.body.spec != old.body.spec {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_pod_disruption_budget(api)
    }

    fn validate_update(new: &Api, _old: &Api) -> ErrorList {
        validation::validate_pod_disruption_budget_update(new)
    }

    fn validate_status_update(new: &Api, _old: &Api) -> ErrorList {
        validation::validate_pod_disruption_budget_status_update(new)
    }
}
