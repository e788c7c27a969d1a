//! What every cluster has before anybody does anything: its namespaces, the Service of its API server and the priority
//! classes of the system.

use k8s_openapi::api::scheduling::v1::PriorityClass as ApiPriorityClass;
use seatrial_api::{ApiError, Kind, Namespace, ObjectMeta, PriorityClass, StrMap};
use serde_json::json;

use crate::decode::Body;
use crate::server::{ApiServer, RequestInfo};

/// The namespaces of a new cluster, in the order they are made.
pub const INITIAL_NAMESPACES: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "default"];
/// The classes of pods that a cluster or a node cannot be without: name, value, description.
/// Mirrors `SystemPriorityClasses` in pkg/apis/scheduling/v1/helpers.go (v1.36).
pub(crate) const SYSTEM_PRIORITY_CLASSES: [(&str, i32, &str); 2] = [
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
];
const LABEL_METADATA_NAME: &str = "kubernetes.io/metadata.name";

impl ApiServer {
    /// Creates the initial namespaces, the Service `kubernetes` and the priority classes.
    ///
    /// # Errors
    /// 409 on a server that has them already.
    pub fn bootstrap(&mut self, request: &RequestInfo<'_>) -> Result<(), ApiError> {
        for name in INITIAL_NAMESPACES {
            self.create_namespace(request, name)?;
        }
        self.create_kubernetes_service(request)?;
        for (name, value, description) in SYSTEM_PRIORITY_CLASSES {
            let meta = ObjectMeta { name: name.into(), ..ObjectMeta::default() };
            let body = ApiPriorityClass {
                value: Some(value),
                description: Some(description.to_owned()),
                preemption_policy: Some("PreemptLowerPriority".to_owned()),
                ..ApiPriorityClass::default()
            };
            self.create(request, PriorityClass { meta, body })?;
        }
        self.oldest_version = self.store.resource_version();
        Ok(())
    }

    /// The Service by which pods find the API server. Mirrors pkg/controlplane/controller/kubernetesservice.
    fn create_kubernetes_service(&mut self, request: &RequestInfo<'_>) -> Result<(), ApiError> {
        let service = json!({
            "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {
                "clusterIP": "10.96.0.1",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
        });
        self.create_json(request, Kind::Service, "default", &Body::from(service)).map(drop)
    }

    /// Creates a namespace with the label that names it.
    ///
    /// # Errors
    /// 409 where it is there already.
    pub fn create_namespace(&mut self, request: &RequestInfo<'_>, name: &str) -> Result<(), ApiError> {
        let labels = StrMap::from_iter([(LABEL_METADATA_NAME, name)]);
        let meta = ObjectMeta { name: name.into(), labels, ..ObjectMeta::default() };
        self.create(request, Namespace { meta, body: Default::default() }).map(drop)
    }
}
