//! CronJobs: the spec is shared, so that a write of the status copies the status alone.

use k8s_openapi::api::batch::v1 as batchv1;

use crate::objects::plain::Plain;
use crate::objects::shared::Shared;
use crate::{ApiError, ObjectMeta};

/// What a CronJob holds beside its metadata. Mirrors `batchv1.CronJob`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CronJobBody {
    /// What is wanted.
    pub spec: Shared<batchv1::CronJobSpec>,
    /// What the controller found.
    pub status: Option<batchv1::CronJobStatus>,
}

impl Plain<CronJobBody> {
    /// Reads a CronJob as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(cron_job: batchv1::CronJob) -> Result<Self, ApiError> {
        let body = CronJobBody { spec: Shared::new(cron_job.spec), status: cron_job.status };
        Ok(Self { meta: ObjectMeta::from_api(cron_job.metadata)?, body })
    }

    /// The CronJob as k8s-openapi holds it.
    pub fn to_api(&self) -> batchv1::CronJob {
        batchv1::CronJob {
            metadata: self.meta.to_api(),
            spec: batchv1::CronJobSpec::clone(&self.body.spec),
            status: self.body.status.clone(),
        }
    }
}
