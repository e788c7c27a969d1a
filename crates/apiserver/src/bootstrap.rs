//! What every cluster has before anybody does anything: its namespaces and the Service of its API server.

use seatrial_api::{ApiError, Kind, Namespace, ObjectMeta, StrMap};
use serde_json::json;

use crate::decode::Body;
use crate::server::{ApiServer, RequestInfo};

/// The namespaces of a new cluster, in the order they are made.
pub const INITIAL_NAMESPACES: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "default"];
const LABEL_METADATA_NAME: &str = "kubernetes.io/metadata.name";

impl ApiServer {
    /// Creates the initial namespaces and the Service `kubernetes`.
    ///
    /// # Errors
    /// 409 on a server that has them already.
    pub fn bootstrap(&mut self, request: &RequestInfo<'_>) -> Result<(), ApiError> {
        for name in INITIAL_NAMESPACES {
            self.create_namespace(request, name)?;
        }
        self.create_kubernetes_service(request)?;
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
