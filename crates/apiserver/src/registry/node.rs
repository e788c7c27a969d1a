//! Nodes. Mirrors pkg/registry/core/node/strategy.go (v1.36).

use k8s_openapi::api::core::v1::{Node as Api, Taint};
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Node};

use crate::admission::AdmissionState;
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

const TAINT_NODE_NOT_READY: &str = "node.kubernetes.io/not-ready";

impl Strategy for Node {
    const HAS_STATUS: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_node(api);
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_node(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_node_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        let new = Api { spec: old.spec.clone(), ..new.clone() };
        validation::validate_node_update(&new, old)
    }

    /// TaintNodesByCondition: a new node is not ready until somebody says so.
    fn admit_create(&mut self, _store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        let taints = self.body.spec.get_or_insert_default().taints.get_or_insert_default();
        if !taints.iter().any(|t| t.key == TAINT_NODE_NOT_READY && t.effect == "NoSchedule") {
            let effect = "NoSchedule".to_owned();
            taints.push(Taint { key: TAINT_NODE_NOT_READY.to_owned(), effect, time_added: None, value: None });
        }
        Ok(())
    }
}
