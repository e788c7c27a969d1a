//! Jobs. Mirrors pkg/registry/batch/job/strategy.go (v1.36).

use k8s_openapi::api::batch::v1::Job as Api;
use k8s_openapi::api::batch::v1::JobSpec;
use seatrial_api::field::ErrorList;
use seatrial_api::{Job, ObjectMeta, StrMap};

use crate::strategy::{DefaultPropagation, Strategy};
use crate::validation::{CONTROLLER_UID_LABELS, JOB_NAME_LABELS};
use crate::{defaults, validation};

impl Strategy for Job {
    const HAS_STATUS: bool = true;
    const DEFAULT_PROPAGATION: DefaultPropagation = DefaultPropagation::Orphan;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_job(api);
    }

    /// A controller's Job comes here without defaults.
    fn prepare_for_create(&mut self) {
        self.body.status = Some(Default::default());
        self.meta.generation = 1;
        let spec = &mut **self.body.spec.get_or_insert_default();
        defaults::set_defaults_job_spec(spec);
        if spec.manual_selector != Some(true) {
            generate_selector(spec, &self.meta);
        }
        default_labels(self);
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        if self.body.spec != old.body.spec {
            self.meta.generation += 1;
        }
        default_labels(self);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
        default_labels(self);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_job(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_job_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_job_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_job(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_job(new, Some(old))
    }
}

/// Makes the Job's pods recognisable: by the labels of old and by those with a domain. Mirrors `generateSelector`.
fn generate_selector(spec: &mut JobSpec, meta: &ObjectMeta) {
    let uid = meta.uid.to_string();
    let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (keys, value) in [(JOB_NAME_LABELS, meta.name.as_str()), (CONTROLLER_UID_LABELS, uid.as_str())] {
        for key in keys {
            labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    let labels = spec.selector.get_or_insert_default().match_labels.get_or_insert_default();
    labels.entry(CONTROLLER_UID_LABELS[1].to_owned()).or_insert(uid);
}

/// A Job without labels has those of its template, the generated ones included: upstream's default and its
/// generator write into one map.
fn default_labels(job: &mut Job) {
    let template = job.body.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    if job.meta.labels.is_empty()
        && let Some(labels) = template.and_then(|meta| meta.labels.as_ref())
    {
        job.meta.labels = StrMap::of_api(labels);
    }
}
