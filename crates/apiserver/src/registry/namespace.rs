//! Namespaces. Mirrors pkg/registry/core/namespace/strategy.go and storage/storage.go (v1.36).

use k8s_openapi::api::core::v1::{Namespace as Api, NamespaceSpec, NamespaceStatus};
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Kind, Namespace, Time};

use crate::strategy::Strategy;
use crate::{defaults, validation};

/// The finalizer in `spec.finalizers` that the namespace controller takes away.
pub(crate) const FINALIZER_KUBERNETES: &str = "kubernetes";
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

impl Strategy for Namespace {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_namespace(api);
    }

    fn prepare_for_create(&mut self) {
        self.body.status = Some(NamespaceStatus { phase: Some("Active".to_owned()), ..Default::default() });
        let finalizers = self.body.spec.get_or_insert_with(NamespaceSpec::default).finalizers.get_or_insert_default();
        if !finalizers.iter().any(|f| f == FINALIZER_KUBERNETES) {
            finalizers.push(FINALIZER_KUBERNETES.to_owned());
        }
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_namespace(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_namespace_update(new, old)
    }

    fn check_delete(&self) -> Result<(), ApiError> {
        if IMMORTAL.contains(&self.meta.name.as_str()) {
            return Err(ApiError::forbidden(
                &Kind::Namespace.resource(),
                &self.meta.name,
                "this namespace may not be deleted",
            ));
        }
        Ok(())
    }

    fn on_mark_deleted(&mut self, now: Time) {
        let deletion = self
            .meta
            .deletion
            .get_or_insert_with(|| Box::new(seatrial_api::Deletion { timestamp: now, grace_period_seconds: None }));
        deletion.grace_period_seconds = None;
        self.body.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }

    fn is_held(&self) -> bool {
        self.body.spec.as_ref().and_then(|s| s.finalizers.as_ref()).is_some_and(|f| !f.is_empty())
    }
}
