//! The calls users make: objects as JSON, patches, the scale subresource, bindings.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers (v1.36).

mod patch;

use std::sync::Arc;

use k8s_openapi::Metadata;
use seatrial_api::{
    ApiError, Condition, Kind, Namespace, Object, ObjectKey, ObjectMeta, Pod, Resource, Str, StrMap, Uid,
};
use serde_json::Value;

use crate::admission::scheduled;
use crate::decode::{Body, decode};
use crate::errors;
use crate::managedfields;
use crate::patch::PatchType;
use crate::registry::for_kind;
use crate::server::{ApiServer, RequestInfo, Subresource, Validation, wrap};
use crate::strategy::Strategy;
use patch::patch_typed;

/// What a user's write came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// The object as it is now.
    pub object: Object,
    /// What the server warns of, without the `Warning: 299` round it.
    pub warnings: Vec<String>,
}

impl ApiServer {
    /// POST: creates an object from its JSON, in `namespace` unless the object names the same.
    ///
    /// # Errors
    /// 400 for what does not decode, 422 for what is invalid, and what [`ApiServer::create`] says.
    pub fn create_json(
        &mut self,
        request: &RequestInfo<'_>,
        kind: Kind,
        namespace: &str,
        body: &Body,
    ) -> Result<Written, ApiError> {
        for_kind!(kind, create_typed(self, request, namespace, body))
    }

    /// PUT: replaces an object, or its status, by its JSON.
    ///
    /// # Errors
    /// 400 for what does not decode, 404, 409 for a stale resourceVersion, 422 for what is invalid.
    pub fn update_json(
        &mut self,
        request: &RequestInfo<'_>,
        key: &ObjectKey,
        subresource: Subresource,
        body: &Body,
    ) -> Result<Written, ApiError> {
        for_kind!(key.kind, update_typed(self, request, key, subresource, body))
    }

    /// PATCH of an object or its status.
    ///
    /// # Errors
    /// As PUT, and 422 for a patch that does not apply.
    pub fn patch(
        &mut self,
        request: &RequestInfo<'_>,
        key: &ObjectKey,
        subresource: Subresource,
        (patch_type, patch): (PatchType, &Value),
    ) -> Result<Written, ApiError> {
        self.patch_body(request, key, subresource, (patch_type, &Body::from(patch.clone())))
    }

    /// PATCH by the body of a request, which knows more of its text than a value.
    ///
    /// # Errors
    /// As [`ApiServer::patch`]; 409 for an apply of fields that others own.
    pub fn patch_body(
        &mut self,
        request: &RequestInfo<'_>,
        key: &ObjectKey,
        subresource: Subresource,
        patch: (PatchType, &Body),
    ) -> Result<Written, ApiError> {
        for_kind!(key.kind, patch_typed(self, request, key, subresource, patch))
    }

    /// Replaces an object of whatever kind that a controller changed.
    ///
    /// # Errors
    /// As [`ApiServer::update`].
    pub fn update_object(&mut self, request: &RequestInfo<'_>, object: &Object) -> Result<Object, ApiError> {
        for_kind!(object.kind(), update_object_typed(self, request, object))
    }

    /// The number of replicas that the scale subresource shows.
    ///
    /// # Errors
    /// 404 for kinds without the subresource and objects that are not there.
    pub fn get_scale(&self, key: &ObjectKey) -> Result<Scale, ApiError> {
        for_kind!(key.kind, get_scale_typed(self, key))
    }

    /// Writes the scale subresource: `spec.replicas` and nothing else.
    ///
    /// # Errors
    /// 404 as [`ApiServer::get_scale`], 422 for a negative number.
    pub fn update_scale(
        &mut self,
        request: &RequestInfo<'_>,
        key: &ObjectKey,
        replicas: i32,
    ) -> Result<Written, ApiError> {
        if replicas < 0 {
            self.get_scale(key)?;
            return Err(errors::invalid_scale(&key.name, replicas));
        }
        for_kind!(key.kind, update_scale_typed(self, request, key, replicas))
    }

    /// The binding subresource: gives a pod its node, once.
    ///
    /// # Errors
    /// 404, and 409 for a pod that is deleted, bound or gated.
    pub fn bind(
        &mut self,
        request: &RequestInfo<'_>,
        namespace: &str,
        name: &str,
        binding: &Binding,
    ) -> Result<Arc<Pod>, ApiError> {
        let old = Arc::clone(self.get::<Pod>(namespace, name)?);
        self.bind_stored(request, &old, binding.uid.as_ref(), &binding.node, Some(binding))
    }

    /// The same for a pod that was read here, which is found without a search.
    ///
    /// # Errors
    /// See [`ApiServer::bind`].
    pub fn bind_read(&mut self, request: &RequestInfo<'_>, pod: &Pod, node: &Str) -> Result<Arc<Pod>, ApiError> {
        let old = self.store.stored::<Pod>(&pod.meta).ok_or_else(|| errors::not_found(Kind::Pod, &pod.meta.name))?;
        let old = Arc::clone(old);
        self.bind_stored(request, &old, Some(&pod.meta.uid), node, None)
    }

    fn bind_stored(
        &mut self,
        request: &RequestInfo<'_>,
        old: &Pod,
        uid: Option<&Uid>,
        node: &Str,
        sent: Option<&Binding>,
    ) -> Result<Arc<Pod>, ApiError> {
        let name = &old.meta.name;
        let conflict = |text: String| Err(errors::conflict_binding(name, &text));
        if let Some(uid) = uid.filter(|uid| **uid != old.meta.uid) {
            let why = errors::uids(uid, &old.meta.uid);
            return Err(errors::precondition(Kind::Pod, &old.meta.namespace, name, &why));
        }
        let (version, actual) = (sent.map_or("", |sent| &sent.resource_version), old.meta.resource_version);
        if !version.is_empty() && version != actual.to_string() {
            let why = format!("ResourceVersion in precondition: {version}, ResourceVersion in object meta: {actual}");
            return Err(errors::precondition(Kind::Pod, &old.meta.namespace, name, &why));
        }
        if old.meta.is_deleting() {
            return conflict(format!("pod {name} is being deleted, cannot be assigned to a host"));
        }
        if !old.node_name.is_empty() {
            return conflict(format!("pod {name} is already assigned to node {:?}", old.node_name.as_str()));
        }
        if old.spec.api().scheduling_gates.as_ref().is_some_and(|g| !g.is_empty()) {
            return conflict(format!("pod {name} has non-empty .spec.schedulingGates"));
        }
        let mut pod = old.clone();
        pod.node_name.clone_from(node);
        if let Some(sent) = sent {
            sent.annotations.iter().for_each(|(key, value)| pod.meta.annotations.insert(key, value));
            sent.labels.iter().for_each(|(key, value)| pod.meta.labels.insert(key, value));
        }
        if let Some(labels) = self.admission.admit_topology_labels(&pod.meta.labels, node, &self.store) {
            pod.meta.labels = labels;
        }
        pod.status.nominated_node_name = Default::default();
        if pod.status.conditions.is_empty() {
            pod.status.conditions = self.admission.scheduled(request.now);
        } else {
            pod.status.conditions = set_pod_condition(&pod.status.conditions, scheduled(request.now));
            self.admission.share_conditions(&mut pod.status.conditions);
        }
        if request.dry_run {
            return Ok(Arc::new(pod));
        }
        Ok(self.store.replace(old.meta.slot, pod))
    }

    /// The `/finalize` subresource of namespaces: replaces `spec.finalizers`; the namespace goes when nothing holds it.
    ///
    /// # Errors
    /// 404, 409.
    pub fn finalize_namespace(&mut self, name: &str, finalizers: Vec<String>) -> Result<Arc<Namespace>, ApiError> {
        let mut namespace = Namespace::clone(self.get::<Namespace>("", name)?);
        namespace.body.spec.get_or_insert_default().finalizers = (!finalizers.is_empty()).then_some(finalizers);
        let gone = namespace.meta.is_deleting() && namespace.meta.finalizers.is_empty() && !namespace.is_held();
        if gone {
            self.store.remove(&namespace.key());
            return Ok(Arc::new(namespace));
        }
        Ok(self.store.put(namespace))
    }
}

/// What is sent to the binding subresource: which node a pod is to have, and what it gets with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The pod that is meant, if any one of the name will not do.
    pub uid: Option<Uid>,
    /// The version of the pod that is meant; none if empty.
    pub resource_version: Str,
    /// The name of the node.
    pub node: Str,
    /// Annotations to be the pod's.
    pub annotations: StrMap,
    /// Labels to be the pod's.
    pub labels: StrMap,
}

/// What the scale subresource shows. Mirrors `autoscalingv1.Scale`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// `spec.replicas`
    pub replicas: i32,
    /// `status.replicas`
    pub status_replicas: i32,
    /// `status.selector`
    pub selector: String,
}

/// A pod's conditions with one set: replaced in place, or put at the end. Mirrors `podutil.UpdatePodCondition`.
pub fn set_pod_condition(list: &seatrial_api::Conditions, mut condition: Condition) -> seatrial_api::Conditions {
    let Some(old) = list.get(&condition.type_) else {
        return list.with_last(condition);
    };
    if old.status == condition.status {
        condition.last_transition_time = old.last_transition_time;
    }
    list.iter().map(|c| if c.type_ == condition.type_ { condition.clone() } else { c.clone() }).collect()
}

fn update_object_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    object: &Object,
) -> Result<Object, ApiError> {
    let typed = R::unwrap(object).ok_or_else(|| ApiError::internal("the object is of another kind"))?;
    server.update(request, R::clone(typed)).map(R::wrap)
}

fn get_scale_typed<R: Strategy>(server: &ApiServer, key: &ObjectKey) -> Result<Scale, ApiError> {
    if !R::HAS_SCALE {
        return Err(ApiError::path_not_found());
    }
    Ok(server.get::<R>(&key.namespace, &key.name)?.scale())
}

fn update_scale_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    key: &ObjectKey,
    replicas: i32,
) -> Result<Written, ApiError> {
    if !R::HAS_SCALE {
        return Err(ApiError::path_not_found());
    }
    let mut object = R::clone(server.get::<R>(&key.namespace, &key.name)?);
    let changed = object.scale().replicas != replicas;
    managedfields::after_scale(request, R::KIND, object.meta_mut(), changed);
    object.set_replicas(replicas);
    Ok(Written { object: wrap(server.update(request, object)?), warnings: Vec::new() })
}

fn create_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    namespace: &str,
    body: &Body,
) -> Result<Written, ApiError> {
    let (mut api, mut warnings) = decode::<R>(body, request.field_validation)?;
    R::set_defaults(&mut api);
    // Some warnings are about the name, which may be made up only now.
    let unnamed = api.metadata().name.as_deref().is_none_or(str::is_empty).then(|| api.clone());
    if unnamed.is_none() {
        warnings.extend(R::warnings_on_create(&api));
    }
    let mut object = R::from_api_object(api.clone())?;
    let meta = object.meta_mut();
    if R::KIND.info().namespaced {
        if meta.namespace.is_empty() {
            meta.namespace = namespace.into();
        } else if meta.namespace != namespace {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    let reset = managedfields::is_reset(&body.value);
    object.meta_mut().managed_fields = managedfields::after_update::<R>(request, Subresource::Main, None, &api, reset)?;
    let object = server.create_with(request, object, Validation::Full(api))?;
    if let Some(mut api) = unnamed {
        api.metadata_mut().name = Some(object.meta().name.to_string());
        warnings.extend(R::warnings_on_create(&api));
    }
    Ok(Written { object: R::wrap(object), warnings })
}

/// The name and namespace of an object have to be those of the path. Mirrors `checkName`.
fn check_name(meta: &ObjectMeta, key: &ObjectKey) -> Result<(), ApiError> {
    if meta.name.is_empty() {
        let name = &key.name;
        let text = format!("the name of the object ({name} based on URL) was undeterminable: name must be provided");
        return Err(ApiError::bad_request(text));
    }
    if meta.name != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            meta.name, key.name
        )));
    }
    if meta.namespace != key.namespace {
        return Err(ApiError::bad_request(format!(
            "the namespace of the object ({}) does not match the namespace on the request ({})",
            meta.namespace, key.namespace
        )));
    }
    Ok(())
}

fn update_typed<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    key: &ObjectKey,
    subresource: Subresource,
    body: &Body,
) -> Result<Written, ApiError> {
    let (mut api, mut warnings) = decode::<R>(body, request.field_validation)?;
    R::set_defaults(&mut api);
    let mut object = R::from_api_object(api.clone())?;
    let meta = object.meta_mut();
    if meta.namespace.is_empty() {
        meta.namespace = key.namespace.clone();
    }
    check_name(meta, key)?;
    let live = server.get::<R>(&key.namespace, &key.name).ok().cloned();
    let reset = managedfields::is_reset(&body.value);
    let entries = managedfields::after_update::<R>(request, subresource, live.as_deref(), &api, reset)?;
    object.meta_mut().managed_fields = entries;
    if live.is_none() && R::ALLOW_CREATE_ON_UPDATE {
        let meta = object.meta_mut();
        if !meta.uid.is_nil() {
            let why = errors::uids(&meta.uid, &Uid::default());
            return Err(errors::precondition(R::KIND, &key.namespace, &key.name, &why));
        }
        meta.resource_version = 0; // the store forgets it
        let on_create = R::warnings_on_create(&api);
        let object = server.create_with(request, object, Validation::Full(api))?;
        warnings.extend(on_create);
        return Ok(Written { object: R::wrap(object), warnings });
    }
    let old = Arc::clone(server.get::<R>(&key.namespace, &key.name)?);
    let object = server.update_with(request, object, subresource, Validation::Full(api))?;
    warnings.extend(warnings_on_update(&*object, &*old, subresource));
    Ok(Written { object: R::wrap(object), warnings })
}

/// What a write of the object itself warns of; writes of its parts warn of nothing.
fn warnings_on_update<R: Strategy>(new: &R, old: &R, subresource: Subresource) -> Vec<String> {
    match subresource {
        Subresource::Main => R::warnings_on_update(&new.to_api_object(), &old.to_api_object()),
        _ => Vec::new(),
    }
}
