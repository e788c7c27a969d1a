//! CronJobs. Mirrors pkg/registry/batch/cronjob/strategy.go (v1.36).

use k8s_openapi::api::batch::v1::CronJob as Api;
use seatrial_api::CronJob;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for CronJob {
    const HAS_STATUS: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_cron_job(api);
    }

    fn prepare_for_create(&mut self) {
        self.body.status = Some(Default::default());
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
        validation::validate_cron_job(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_cron_job_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_cron_job(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_cron_job(new, Some(old))
    }
}
