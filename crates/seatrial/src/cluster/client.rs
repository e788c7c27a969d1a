//! What a user does to the API server: create, apply, patch, scale, set an image, delete.

use std::borrow::Cow;

use seatrial_api::{ApiError, Kind, Object, ObjectKey};
use seatrial_apiserver::patch::{PatchType, create_three_way_merge_patch};
use seatrial_apiserver::rest::{Request, Response, Watch, to_stored_version};
use seatrial_apiserver::{DeleteOptions, Propagation, RequestInfo, Subresource, type_of};
use serde_json::{Map, Value, json};

use super::reads::{parse_target, target_kind};
use super::rollout::RolloutError;
use super::{Cluster, Error};
use crate::manifest::{Manifest, parse_manifests};

const ANNOTATION_LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a write came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// `deployment.apps/web`
    pub name: String,
    /// The API server's warnings.
    pub warnings: Vec<String>,
}

/// What an apply came to, in kubectl's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The object is new.
    Created,
    /// The object was changed.
    Configured,
    /// The object was as it should be.
    Unchanged,
}

impl Applied {
    /// kubectl's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Cluster {
    pub(crate) fn user_request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.api_time(), "seatrial")
    }

    /// Answers an API request as the API server does, then lets the control plane come to rest.
    pub fn serve(&mut self, request: &Request<'_>) -> Response {
        self.as_user(|cluster| cluster.server.serve(cluster.api_time(), request))
    }

    /// What a watch has to tell since the last time.
    pub fn poll_watch(&mut self, watch: &mut Watch) -> Vec<Value> {
        watch.poll(&self.server, self.api_time())
    }

    /// Creates every object of a YAML or JSON text.
    ///
    /// # Errors
    /// Text that cannot be read, before anything is created; the API server's refusal of the first object it refuses.
    pub fn create_yaml(&mut self, text: &str) -> Result<Vec<Written>, Error> {
        let manifests = parse_manifests(text, "<text>")?;
        manifests.iter().map(|m| self.create(&m.object).map_err(Error::from)).collect()
    }

    /// Applies every object of a YAML or JSON text, as `kubectl apply` does.
    ///
    /// # Errors
    /// As [`Cluster::create_yaml`].
    pub fn apply_yaml(&mut self, text: &str) -> Result<Vec<Applied>, Error> {
        let manifests = parse_manifests(text, "<text>")?;
        manifests
            .iter()
            .map(|m: &Manifest| self.apply(&m.object).map(|(applied, _)| applied).map_err(Error::from))
            .collect()
    }

    /// Creates an object. One that names no namespace goes to the cluster's own.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn create(&mut self, object: &Value) -> Result<Written, ApiError> {
        let object = &*stored(object);
        let (kind, key) = self.identify(object)?;
        // An object of a namespace that is not there is sent to the cluster's own, as a client bound to that one does.
        let there = self.server.get::<seatrial_api::Namespace>("", &key.namespace).is_ok();
        let namespace = if there { key.namespace.to_string() } else { self.namespace().to_owned() };
        self.as_user(|cluster| {
            let request = cluster.user_request();
            let written = cluster.server.create_json(&request, kind, &namespace, &object.clone().into())?;
            Ok(Written { name: written.object.key().to_string(), warnings: written.warnings })
        })
    }

    /// Applies an object as kubectl's client-side apply does: it is created, or patched with what changed since the last
    /// apply.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn apply(&mut self, object: &Value) -> Result<(Applied, Written), ApiError> {
        let (kind, key) = self.identify(&stored(object))?;
        let modified = stored(&with_last_applied(object, &key)).into_owned();
        let Some(live) = self.server.store().get(&key).map(Object::to_json) else {
            return self.create(&modified).map(|written| (Applied::Created, written));
        };
        let ty = type_of(kind).ok_or_else(|| ApiError::internal("no schema"))?;
        let last =
            live.pointer("/metadata/annotations").and_then(|a| a.get(ANNOTATION_LAST_APPLIED)).and_then(Value::as_str);
        let original: Value = last.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let original = stored(&original);
        let patch = create_three_way_merge_patch(&original, &modified, &live, ty);
        if patch.as_object().is_some_and(Map::is_empty) {
            let written = Written { name: key.to_string(), warnings: Vec::new() };
            return Ok((Applied::Unchanged, written));
        }
        let written = self.patch_key(&key, Subresource::Main, (PatchType::Strategic, &patch))?;
        Ok((Applied::Configured, written))
    }

    /// Patches an object, named `kind/name`.
    ///
    /// # Errors
    /// A target that is none; the API server's refusal.
    pub fn patch(&mut self, target: &str, patch_type: PatchType, patch: &Value) -> Result<Written, Error> {
        let key = parse_target(target, self.namespace())?;
        Ok(self.patch_key(&key, Subresource::Main, (patch_type, patch))?)
    }

    pub(crate) fn patch_key(
        &mut self,
        key: &ObjectKey,
        sub: Subresource,
        patch: (PatchType, &Value),
    ) -> Result<Written, ApiError> {
        self.as_user(|cluster| {
            let request = cluster.user_request();
            let written = cluster.server.patch(&request, key, sub, patch)?;
            Ok(Written { name: written.object.key().to_string(), warnings: written.warnings })
        })
    }

    /// Sets the number of replicas through the scale subresource.
    ///
    /// # Errors
    /// A target that is none; the API server's refusal.
    pub fn scale(&mut self, target: &str, replicas: i32) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        Ok(self.scale_key(&key, replicas)?)
    }

    pub(crate) fn scale_key(&mut self, key: &ObjectKey, replicas: i32) -> Result<(), ApiError> {
        self.as_user(|cluster| {
            let request = cluster.user_request();
            cluster.server.update_scale(&request, key, replicas).map(drop)
        })
    }

    /// Sets a container's image, as `kubectl set image` does; `*` stands for all containers.
    ///
    /// # Errors
    /// A target that is none, a kind without a pod template, a container that is not there; the API server's refusal.
    pub fn set_image(&mut self, target: &str, container: &str, image: &str) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        self.set_image_key(&key, container, image)
    }

    pub(crate) fn set_image_key(&mut self, key: &ObjectKey, container: &str, image: &str) -> Result<(), Error> {
        let not_found = || ApiError::not_found(&key.kind.resource(), &key.name);
        let object = self.server.store().get(key).map(Object::to_json).ok_or_else(not_found)?;
        let Some(path) = pod_spec_path(key.kind) else {
            let (info, name) = (key.kind.info(), &key.name);
            let why = "the object is not a pod or does not have a pod template";
            let text = format!("{}/{name} {why}: *{}.{}", info.plural, info.version, info.kind);
            return Err(RolloutError(text).into());
        };
        let spec = object.pointer(path);
        let named = |list: &str| -> Vec<Value> {
            let all = spec.and_then(|spec| spec.get(list)?.as_array()).into_iter().flatten();
            let names = all.filter_map(|c| c["name"].as_str()).filter(|name| container == "*" || *name == container);
            names.map(|name| json!({"name": name, "image": image})).collect()
        };
        let mut patch = Map::new();
        for list in ["initContainers", "containers"] {
            let found = named(list);
            if !found.is_empty() {
                patch.insert(list.to_owned(), found.into());
            }
        }
        if patch.is_empty() {
            return Err(RolloutError(format!("unable to find container named {container:?}")).into());
        }
        let patch = path
            .rsplit('/')
            .filter(|part| !part.is_empty())
            .fold(patch.into(), |inner: Value, part| json!({part: inner}));
        self.patch_key(key, Subresource::Main, (PatchType::Strategic, &patch))?;
        Ok(())
    }

    /// Deletes an object, named `kind/name`, its dependents in the background.
    ///
    /// # Errors
    /// A target that is none; the API server's refusal.
    pub fn delete(&mut self, target: &str) -> Result<(), Error> {
        self.delete_with(target, Propagation::Background)
    }

    /// Deletes an object, named `kind/name`, and says what becomes of its dependents.
    ///
    /// # Errors
    /// As [`Cluster::delete`].
    pub fn delete_with(&mut self, target: &str, propagation: Propagation) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
        Ok(self.delete_key(&key, &options)?)
    }

    pub(crate) fn delete_key(&mut self, key: &ObjectKey, options: &DeleteOptions) -> Result<(), ApiError> {
        self.as_user(|cluster| {
            let request = cluster.user_request();
            cluster.server.delete(&request, key, options).map(drop)
        })
    }

    /// The kind of an object and where it goes. A kind that is not served gets the 404 of its path.
    fn identify(&self, object: &Value) -> Result<(Kind, ObjectKey), ApiError> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = target_kind(text("/apiVersion"), text("/kind"))?;
        let namespace = match text("/metadata/namespace") {
            _ if !kind.info().namespaced => "",
            "" => self.namespace(),
            own => own,
        };
        Ok((kind, ObjectKey::new(kind, namespace, text("/metadata/name"))))
    }
}

/// An object in the version it is stored in.
fn stored(object: &Value) -> Cow<'_, Value> {
    to_stored_version(object).map_or(Cow::Borrowed(object), Cow::Owned)
}

/// Where an object of a kind has the spec of pods. Mirrors `updatePodSpecForObject`.
fn pod_spec_path(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Pod => Some("/spec"),
        Kind::CronJob => Some("/spec/jobTemplate/spec/template/spec"),
        Kind::Deployment
        | Kind::ReplicaSet
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::ReplicationController
        | Kind::Job => Some("/spec/template/spec"),
        _ => None,
    }
}

/// The object with the annotation that the next apply compares with.
fn with_last_applied(object: &Value, key: &ObjectKey) -> Value {
    let mut modified = object.clone();
    if let Some(meta) = modified.get_mut("metadata").and_then(Value::as_object_mut) {
        if !key.namespace.is_empty() {
            meta.entry("namespace").or_insert_with(|| json!(key.namespace.as_str()));
        }
        let annotations = meta.entry("annotations").or_insert_with(|| json!({}));
        if annotations.is_null() {
            *annotations = json!({});
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.remove(ANNOTATION_LAST_APPLIED);
        }
    }
    let text = format!("{modified}\n");
    if let Some(annotations) = modified.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(ANNOTATION_LAST_APPLIED.to_owned(), json!(text));
    }
    modified
}
