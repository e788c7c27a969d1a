//! Services. Mirrors pkg/registry/core/service/strategy.go and storage/storage.go (v1.36).

use k8s_openapi::api::core::v1::Service as Api;
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Kind, ObjectKey, Service};

use crate::delete::DeleteOptions;
use crate::server::{ApiServer, RequestInfo};
use crate::service::{ServiceAllocators, allocate_create, allocate_update, drop_type_dependent_fields};
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for Service {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;
    const ALLOW_CREATE_ON_UPDATE: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_service(api);
    }

    fn begin_create(
        &mut self,
        store: &Store,
        allocators: &mut ServiceAllocators,
        dry_run: bool,
    ) -> Result<(), ApiError> {
        allocators.sync(store);
        allocate_create(self, allocators, dry_run)
    }

    fn begin_update(
        &mut self,
        old: &Self,
        store: &Store,
        allocators: &mut ServiceAllocators,
        dry_run: bool,
    ) -> Result<(), ApiError> {
        allocators.sync(store);
        allocate_update(self, old, allocators, dry_run)
    }

    fn after_write(&self, old: Option<&Self>, allocators: &mut ServiceAllocators) {
        allocators.stored(self, old);
    }

    /// The Endpoints of the Service go with it; its EndpointSlices are left to the garbage collector.
    fn after_delete(&self, server: &mut ApiServer, request: &RequestInfo<'_>) {
        let key = ObjectKey::new(Kind::Endpoints, self.meta.namespace.clone(), self.meta.name.clone());
        // A Service without Endpoints is as good as one whose Endpoints are gone.
        drop(server.delete(request, &key, &DeleteOptions::default()));
    }

    fn prepare_for_create(&mut self) {
        self.body.status = Some(Default::default());
        self.body.status.get_or_insert_default().load_balancer.get_or_insert_default();
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        if let (Some(new_spec), Some(old_spec)) = (&mut self.body.spec, &old.body.spec) {
            drop_type_dependent_fields(new_spec, old_spec);
            if new_spec.type_.as_deref() != Some("LoadBalancer") {
                let status = self.body.status.get_or_insert_default();
                status.load_balancer = Some(Default::default());
            }
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_service(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_service_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_service_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_service(api)
    }

    fn warnings_on_update(new: &Api, _old: &Api) -> Vec<String> {
        validation::warnings_for_service(new)
    }
}
