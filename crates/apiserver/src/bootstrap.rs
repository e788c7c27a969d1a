//! What every cluster has before anybody does anything: its namespaces.

use seatrial_api::{ApiError, Namespace, ObjectMeta, StrMap};

use crate::server::{ApiServer, RequestInfo};

/// The namespaces of a new cluster, in the order they are made.
pub const INITIAL_NAMESPACES: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "default"];
const LABEL_METADATA_NAME: &str = "kubernetes.io/metadata.name";

impl ApiServer {
    /// Creates the initial namespaces.
    ///
    /// # Errors
    /// 409 on a server that has them already.
    pub fn bootstrap(&mut self, request: &RequestInfo<'_>) -> Result<(), ApiError> {
        for name in INITIAL_NAMESPACES {
            self.create_namespace(request, name)?;
        }
        self.oldest_version = self.store.resource_version();
        Ok(())
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
