//! Defaults of the smaller kinds of the core group.
//!
//! Mirrors pkg/apis/core/v1/defaults.go and conversion.go (v1.36).

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    Event, LimitRange, LimitRangeItem, Namespace, Node, NodeSpec, ReplicationController, ResourceQuota, Secret,
};

use super::resources::{fill_resource_list, set_defaults_resource_list};
use super::{default_text, set_defaults_pod_template};

/// The label by which selectors find a namespace.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Mirrors `SetDefaults_Namespace` and `SetDefaults_NamespaceStatus`.
pub fn set_defaults_namespace(namespace: &mut Namespace) {
    if let Some(name) = namespace.metadata.name.as_ref().filter(|name| !name.is_empty()) {
        let labels = namespace.metadata.labels.get_or_insert_default();
        labels.insert(NAMESPACE_NAME_LABEL.to_owned(), name.clone());
    }
    namespace.spec.get_or_insert_default();
    default_text(&mut namespace.status.get_or_insert_default().phase, "Active");
}

/// Mirrors `SetDefaults_NodeStatus`, and the conversion of `podCIDR`.
pub fn set_defaults_node(node: &mut Node) {
    mirror_pod_cidr(node.spec.get_or_insert_default());
    let status = node.status.get_or_insert_default();
    if status.allocatable.is_none() && status.capacity.as_ref().is_some_and(|c| !c.is_empty()) {
        status.allocatable.clone_from(&status.capacity);
    }
    set_defaults_resource_list(status.capacity.as_mut());
    set_defaults_resource_list(status.allocatable.as_mut());
    let endpoints = status.daemon_endpoints.get_or_insert_default();
    endpoints.kubelet_endpoint.get_or_insert_default();
    status.node_info.get_or_insert_default();
}

/// `podCIDR` is the first of `podCIDRs`.
fn mirror_pod_cidr(spec: &mut NodeSpec) {
    let single = spec.pod_cidr.clone().filter(|cidr| !cidr.is_empty());
    let cidrs = spec.pod_cidrs.get_or_insert_default();
    match (single, cidrs.first_mut()) {
        (Some(single), Some(first)) => *first = single,
        (Some(single), None) => cidrs.push(single),
        (None, _) => {}
    }
    spec.pod_cidr = cidrs.first().cloned();
    if cidrs.is_empty() {
        spec.pod_cidrs = None;
    }
}

/// Mirrors `SetDefaults_Secret`; `stringData` goes into `data`, where it wins.
pub fn set_defaults_secret(secret: &mut Secret) {
    default_text(&mut secret.type_, "Opaque");
    if let Some(texts) = secret.string_data.take().filter(|texts| !texts.is_empty()) {
        let data = secret.data.get_or_insert_default();
        data.extend(texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes()))));
    }
}

/// Mirrors `SetObjectDefaults_ReplicationController`: selector and labels come from the template.
pub fn set_defaults_replication_controller(controller: &mut ReplicationController) {
    let spec = controller.spec.get_or_insert_default();
    let labels = spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref())
        .and_then(|metadata| metadata.labels.clone())
        .filter(|labels| !labels.is_empty());
    if let Some(labels) = labels {
        if spec.selector.as_ref().is_none_or(|selector| selector.is_empty()) {
            spec.selector = Some(labels.clone());
        }
        if controller.metadata.labels.as_ref().is_none_or(|own| own.is_empty()) {
            controller.metadata.labels = Some(labels);
        }
    }
    spec.replicas.get_or_insert(1);
    spec.template.as_mut().map(set_defaults_pod_template);
    controller.status.get_or_insert_default();
}

/// No field has a default, but the quantities are rounded and `status` is printed.
pub fn set_defaults_resource_quota(quota: &mut ResourceQuota) {
    set_defaults_resource_list(quota.spec.get_or_insert_default().hard.as_mut());
    let status = quota.status.get_or_insert_default();
    set_defaults_resource_list(status.hard.as_mut());
    set_defaults_resource_list(status.used.as_mut());
}

/// Mirrors `SetDefaults_LimitRangeItem` for each item.
pub fn set_defaults_limit_range(range: &mut LimitRange) {
    for item in range.spec.iter_mut().flat_map(|spec| &mut spec.limits) {
        set_defaults_limit_range_item(item);
        let lists = [
            &mut item.max,
            &mut item.min,
            &mut item.default,
            &mut item.default_request,
            &mut item.max_limit_request_ratio,
        ];
        lists.into_iter().flatten().for_each(|list| set_defaults_resource_list(Some(list)));
    }
}

/// For containers: default limits come from the maximum, default requests from the default limits,
/// then from the minimum.
fn set_defaults_limit_range_item(item: &mut LimitRangeItem) {
    if item.type_ != "Container" {
        return;
    }
    fill_resource_list(&mut item.default, item.max.as_ref());
    fill_resource_list(&mut item.default_request, item.default.as_ref());
    fill_resource_list(&mut item.default_request, item.min.as_ref());
}

/// No field has a default, but these are always printed.
pub fn set_defaults_event(event: &mut Event) {
    event.source.get_or_insert_default();
    event.reporting_component.get_or_insert_default();
    event.reporting_instance.get_or_insert_default();
}
