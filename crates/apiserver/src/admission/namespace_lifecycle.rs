//! NamespaceLifecycle: objects are created only in namespaces that exist and are not going away.
//!
//! Mirrors plugin/pkg/admission/namespace/lifecycle (v1.36).

use seatrial_api::{ApiError, Kind, Namespace, ObjectMeta, Resource};

use crate::server::ApiServer;

impl ApiServer {
    /// Whether an object may be created where its metadata says.
    pub(crate) fn check_namespace_for_create<R: Resource>(&self, meta: &ObjectMeta) -> Result<(), ApiError> {
        if !R::KIND.info().namespaced {
            return Ok(());
        }
        let Some(namespace) = self.store.get_as::<Namespace>("", &meta.namespace) else {
            return Err(ApiError::not_found(&Kind::Namespace.resource(), &meta.namespace));
        };
        // Upstream lets Events and Leases of a terminating namespace pass no more than anything else.
        if namespace.meta.is_deleting() {
            let shown = if meta.name.is_empty() { &meta.generate_name } else { &meta.name };
            return Err(ApiError::namespace_terminating(&R::KIND.resource(), shown, &meta.namespace));
        }
        Ok(())
    }
}
