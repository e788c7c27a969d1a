//! PodTemplates. Mirrors pkg/registry/core/podtemplate/strategy.go (v1.36).

use k8s_openapi::api::core::v1::PodTemplate as Api;
use seatrial_api::PodTemplate;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for PodTemplate {
    const RETURN_DELETED_OBJECT: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_pod_template(api.template.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        if self.body.template != old.body.template {
            self.meta.generation += 1;
        }
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_pod_template(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_pod_template_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_pod_template(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_pod_template(new, Some(old))
    }
}
