//! What the controllers of Endpoints and EndpointSlices share.
//!
//! Mirrors k8s.io/endpointslice/util (v1.36).

mod pods;
mod service_pods;
mod slice_tracker;
#[cfg(test)]
mod tests;
mod trigger_time;

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::{EndpointSlice, Service};

pub(crate) use pods::{find_port, pod_ips, should_pod_be_in_endpoints, should_set_hostname};
pub(crate) use service_pods::{Changed, ServicePods};
pub(crate) use slice_tracker::EndpointSliceTracker;
pub(crate) use trigger_time::{TriggerTimes, set_trigger_time};

/// How often a sync is retried before its key is dropped. Mirrors `maxRetries`.
pub(crate) const MAX_RETRIES: u32 = 15;
/// The first wait of the EndpointSlice controllers' retries. Mirrors `defaultSyncBackOff`.
pub(crate) const DEFAULT_SYNC_BACK_OFF: Duration = Duration::from_secs(1);

/// Mirrors `v1.EndpointsLastChangeTriggerTime`.
pub(crate) const ANNOTATION_LAST_CHANGE_TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// Mirrors `v1.IsHeadlessService`.
pub(crate) const LABEL_HEADLESS: &str = "service.kubernetes.io/headless";
/// Mirrors `discovery.LabelManagedBy`.
pub(crate) const LABEL_MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

const CLUSTER_IP_NONE: &str = "None";
const DNS_SUBDOMAIN_LENGTH_MAX: usize = 253;

/// A Service's spec; one without is as good as an empty one.
pub(crate) fn spec_of(service: &Service) -> &ServiceSpec {
    static EMPTY: std::sync::LazyLock<ServiceSpec> = std::sync::LazyLock::new(ServiceSpec::default);
    service.body.spec.as_ref().unwrap_or(&EMPTY)
}

/// Whether the Service has an address of its own. Mirrors `IsServiceIPSet`.
pub(crate) fn is_service_ip_set(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref().is_some_and(|ip| ip != CLUSTER_IP_NONE && !ip.is_empty())
}

/// Whether `clusterIP` is `None`.
pub(crate) fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some(CLUSTER_IP_NONE)
}

/// The families of the Service's addresses, `IPv4` first where it has both. Mirrors `getAddressTypesForService`.
pub(crate) fn address_types(spec: &ServiceSpec) -> Vec<&'static str> {
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let known = ["IPv4", "IPv6"].into_iter().filter(|family| families.iter().any(|f| f == family));
    let known: Vec<&'static str> = known.collect();
    if !known.is_empty() {
        return known;
    }
    match spec.cluster_ip.as_deref().filter(|_| is_service_ip_set(spec)) {
        Some(ip) if ip.contains(':') => vec!["IPv6"],
        Some(_) => vec!["IPv4"],
        None => vec!["IPv4", "IPv6"],
    }
}

/// What the names of a Service's slices begin with. Mirrors `getEndpointSlicePrefix`.
pub(crate) fn endpoint_slice_prefix(service: &str) -> String {
    if service.len() < DNS_SUBDOMAIN_LENGTH_MAX { format!("{service}-") } else { service.to_owned() }
}

/// Whether a slice is the work of the controller with this name.
pub(crate) fn is_managed_by(slice: &EndpointSlice, controller: &str) -> bool {
    slice.meta.labels.get(LABEL_MANAGED_BY) == Some(controller)
}

/// The message of several errors. Mirrors `utilerrors.NewAggregate`.
pub(crate) fn aggregate(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}
