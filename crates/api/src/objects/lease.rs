//! Leases: the time of renewal apart from the rest, so that a heartbeat copies no text.

use k8s_openapi::api::coordination::v1 as coordinationv1;

use crate::objects::plain::Plain;
use crate::objects::shared::Shared;
use crate::{ApiError, MicroTime, ObjectMeta};

/// What a Lease holds beside its metadata. Mirrors `coordinationv1.Lease`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaseBody {
    /// Who holds it, and for how long; without the time of renewal.
    pub spec: Option<Shared<coordinationv1::LeaseSpec>>,
    /// `spec.renewTime`
    pub renew_time: Option<MicroTime>,
}

impl Plain<LeaseBody> {
    /// Reads a Lease as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(mut lease: coordinationv1::Lease) -> Result<Self, ApiError> {
        let renew_time = lease.spec.as_mut().and_then(|spec| spec.renew_time.take());
        let renew_time = renew_time.as_ref().map(MicroTime::from);
        let body = LeaseBody { spec: lease.spec.map(Shared::new), renew_time };
        Ok(Self { meta: ObjectMeta::from_api(lease.metadata)?, body })
    }

    /// The Lease as k8s-openapi holds it.
    pub fn to_api(&self) -> coordinationv1::Lease {
        let mut spec = self.body.spec.as_deref().cloned();
        if let Some(time) = self.body.renew_time {
            spec.get_or_insert_default().renew_time = Some(time.into());
        }
        coordinationv1::Lease { metadata: self.meta.to_api(), spec }
    }
}
