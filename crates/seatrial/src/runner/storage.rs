//! Storage as a scenario describes it.

use std::time::Duration;

use seatrial_api::quantity::Quantity;
use seatrial_controllers::{Operation, ProvisionerBehavior, ProvisionerMatch};
use serde_json::{Value, json};

use crate::scenario::model::{
    BindingMode, ClusterSpec, OperationSpec, ProvisionerSpec, ReclaimPolicy, StorageClassSpec, When,
};

/// The storage's behavior as the provisioner takes it.
pub(super) fn provisioner_of(spec: &ProvisionerSpec) -> ProvisionerBehavior {
    ProvisionerBehavior {
        matches: ProvisionerMatch {
            class: spec.class.clone(),
            provisioner: spec.provisioner.clone(),
            claim: spec.claim.clone(),
        },
        is_absent: spec.absent,
        provision: operation_of(&spec.provision),
        delete: operation_of(&spec.delete),
        expand: spec.expand.as_ref().map(operation_of),
        capacity: spec.capacity.as_deref().and_then(|text| Quantity::parse(text).ok()),
        topology: spec.topology.clone(),
    }
}

fn operation_of(spec: &OperationSpec) -> Operation {
    Operation {
        after: match spec.after {
            Some(When::Never) => None,
            Some(When::After(after)) => Some(after),
            None => Some(Duration::ZERO),
        },
        failure: spec.fail.clone(),
        failure_count: spec.fail_times,
    }
}

/// What is said of the storage with the classes holds before what is said of all storage.
pub(super) fn provisioners_of(cluster: &ClusterSpec, all: &[ProvisionerSpec]) -> Vec<ProvisionerBehavior> {
    let own = cluster.storage_classes.iter().filter_map(|class| class.storage.as_ref());
    own.chain(all).map(provisioner_of).collect()
}

/// A StorageClass as it is created.
pub(super) fn storage_class_of(spec: &StorageClassSpec) -> Value {
    let mut metadata = json!({"name": spec.name});
    if spec.is_default {
        metadata["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    }
    let mut class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": metadata,
        "provisioner": spec.provisioner,
        "reclaimPolicy": match spec.reclaim_policy {
            ReclaimPolicy::Delete => "Delete",
            ReclaimPolicy::Retain => "Retain",
        },
        "volumeBindingMode": match spec.binding_mode {
            BindingMode::Immediate => "Immediate",
            BindingMode::WaitForFirstConsumer => "WaitForFirstConsumer",
        },
    });
    if spec.allow_volume_expansion {
        class["allowVolumeExpansion"] = json!(true);
    }
    class
}
