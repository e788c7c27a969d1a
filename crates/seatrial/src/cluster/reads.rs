//! Reading: objects as the types users know.

use k8s_openapi::api::apps::v1 as appsv1;
use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ApiError, Kind, Object, ObjectKey, Resource};
use serde_json::Value;

use super::{Cluster, Error};

/// A target that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The text is not `kind/name`.
    #[error("`{0}` is no target: wanted `kind/name`, as in `deployment/web`")]
    NoTarget(String),
    /// No such kind is served. kubectl's words.
    #[error("the server doesn't have a resource type \"{0}\"")]
    NoKind(String),
}

/// Reads `kind/name`; objects of namespaced kinds are looked for in `namespace`.
pub(crate) fn parse_target(target: &str, namespace: &str) -> Result<ObjectKey, ReadError> {
    let (kind, name) = target.split_once('/').ok_or_else(|| ReadError::NoTarget(target.to_owned()))?;
    if kind.is_empty() || name.is_empty() {
        return Err(ReadError::NoTarget(target.to_owned()));
    }
    let kind = kind_named(kind)?;
    let namespace = if kind.info().namespaced { namespace } else { "" };
    Ok(ObjectKey::new(kind, namespace, name))
}

/// The kind that a user spells `deploy` or `deployments.apps`.
pub(crate) fn kind_named(text: &str) -> Result<Kind, ReadError> {
    Kind::from_user_text(text).ok_or_else(|| ReadError::NoKind(text.to_owned()))
}

/// The kind of an object's `apiVersion` and `kind`.
pub(crate) fn target_kind(api_version: &str, kind: &str) -> Result<Kind, ApiError> {
    Kind::of(api_version, kind).ok_or_else(ApiError::path_not_found)
}

impl Cluster {
    /// Reads an object as its k8s-openapi type. Cluster-scoped kinds take an empty namespace.
    ///
    /// # Errors
    /// 404.
    pub fn get<R: Resource>(&self, namespace: &str, name: &str) -> Result<R::Api, Error> {
        Ok(self.server.get::<R>(namespace, name)?.to_api_object())
    }

    /// Reads a Deployment of the cluster's namespace.
    ///
    /// # Errors
    /// 404.
    pub fn deployment(&self, name: &str) -> Result<appsv1::Deployment, Error> {
        self.get::<seatrial_api::Deployment>(self.namespace(), name)
    }

    /// Reads a ReplicaSet of the cluster's namespace.
    ///
    /// # Errors
    /// 404.
    pub fn replica_set(&self, name: &str) -> Result<appsv1::ReplicaSet, Error> {
        self.get::<seatrial_api::ReplicaSet>(self.namespace(), name)
    }

    /// Reads a Pod of the cluster's namespace.
    ///
    /// # Errors
    /// 404.
    pub fn pod(&self, name: &str) -> Result<corev1::Pod, Error> {
        self.get::<seatrial_api::Pod>(self.namespace(), name)
    }

    /// The objects of a kind in the cluster's namespace (all of a cluster-scoped kind), by name.
    pub fn list<R: Resource>(&self) -> Vec<R::Api> {
        let namespace = R::KIND.info().namespaced.then_some(self.namespace());
        self.server.store().list_as::<R>(namespace).into_iter().map(|o| o.to_api_object()).collect()
    }

    /// The pods of the cluster's namespace, by name.
    pub fn pods(&self) -> Vec<corev1::Pod> {
        self.list::<seatrial_api::Pod>()
    }

    /// The events of the cluster's namespace, by name.
    pub fn events(&self) -> Vec<corev1::Event> {
        self.list::<seatrial_api::Event>()
    }

    /// An object, named `kind/name`, as JSON.
    ///
    /// # Errors
    /// A target that is none; 404.
    pub fn get_json(&self, target: &str) -> Result<Value, Error> {
        let key = parse_target(target, self.namespace())?;
        let object = self.server.store().get(&key);
        Ok(object.map(Object::to_json).ok_or_else(|| ApiError::not_found(&key.kind.resource(), &key.name))?)
    }

    /// How many pods of a Deployment are available; 0 where there is no such Deployment.
    pub fn available(&self, deployment: &str) -> i32 {
        self.server
            .get::<seatrial_api::Deployment>(self.namespace(), deployment)
            .map_or(0, |d| d.status.available_replicas)
    }

    /// Whether a Deployment's rollout is done, as `kubectl rollout status` judges it.
    pub fn rolled_out(&self, deployment: &str) -> bool {
        self.server
            .get::<seatrial_api::Deployment>(self.namespace(), deployment)
            .is_ok_and(|d| super::rollout::is_rolled_out(d))
    }

    /// Everything of the cluster's namespace and the cluster-scoped objects, as `kubectl get -o json` lists them.
    pub fn snapshot(&self) -> Value {
        let mut items = Vec::new();
        for kind in Kind::ALL.iter().copied().filter(|k| *k != Kind::Lease) {
            let namespace = kind.info().namespaced.then_some(self.namespace());
            items.extend(self.server.store().list(kind, namespace).into_iter().map(Object::to_json));
        }
        serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    /// The key that `kind/name` means.
    ///
    /// # Errors
    /// A text that is no target, or a kind that is not served.
    pub fn resolve(&self, target: &str) -> Result<ObjectKey, ReadError> {
        parse_target(target, self.namespace())
    }

    /// What an object is waiting for, where the simulator knows: a rollout's own words, a pod's conditions.
    pub fn waiting_on(&self, key: &ObjectKey) -> Vec<String> {
        match self.server.store().get(key) {
            Some(Object::Deployment(d)) if !super::rollout::is_rolled_out(d) => {
                vec![super::rollout::rollout_status(d).0]
            }
            Some(object @ (Object::DaemonSet(_) | Object::StatefulSet(_))) => {
                let status = super::rollout_status::status_of(object);
                status.into_iter().filter(|(_, done)| !done).map(|(text, _)| text).collect()
            }
            Some(Object::Pod(pod)) => {
                let conditions =
                    pod.status.conditions.iter().filter(|c| c.status != seatrial_api::ConditionStatus::True);
                conditions
                    .map(|c| format!("{} is {} ({}) {}", c.type_, c.status.as_str(), c.reason, c.message))
                    .collect()
            }
            Some(Object::ReplicaSet(rs)) if rs.status.available_replicas < rs.spec.replicas => {
                vec![format!("{} of {} replicas are available", rs.status.available_replicas, rs.spec.replicas)]
            }
            _ => Vec::new(),
        }
    }

    /// What is not done yet, for messages of waits that were in vain.
    pub(super) fn unfinished(&self) -> String {
        let store = self.server.store();
        let kinds = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];
        let objects = kinds.into_iter().flat_map(|kind| store.list(kind, Some(self.namespace())));
        let line = |object: &Object| {
            let (text, done) = super::rollout_status::status_of(object).ok()?;
            (!done).then(|| format!("{}: {text}", object.key()))
        };
        let waiting: Vec<String> = objects.filter_map(line).collect();
        if waiting.is_empty() { "the condition did not come true".to_owned() } else { waiting.join("; ") }
    }
}
