//! What wakes the controller, and the sync of a Service.
//!
//! Mirrors k8s.io/cloud-provider/controllers/service/controller.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus};
use seatrial_api::{ApiError, Kind, NamespacedName, Object, Resource, Service, Str};
use seatrial_machinery::{Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext};

use super::provider::Provider;
use super::update::{FINALIZER, needs_cleanup, needs_update, wants_load_balancer};
use crate::endpoint_util::spec_of;

/// Mirrors `minRetryDelay`.
const MIN_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Mirrors `maxRetryDelay`.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(300);

/// The service controller. It does nothing unless the cluster has load balancers.
#[derive(Debug)]
pub struct ServiceLbController {
    queue: Queue,
    /// How long it takes to make a load balancer; `None` in a cluster that has none.
    delay: Option<Duration>,
    provider: Provider,
    /// What there is to say about changes, with the next sync of the Service.
    news: Vec<(NamespacedName, &'static str, String)>,
}

impl Default for ServiceLbController {
    fn default() -> Self {
        let queue = Queue::with_retry_delays(MIN_RETRY_DELAY, MAX_RETRY_DELAY);
        Self { queue, delay: None, provider: Provider::default(), news: Vec::new() }
    }
}

impl Controller for ServiceLbController {
    const NAME: &'static str = "service-controller";
    const WATCHES: &'static [Kind] = &[Kind::Service];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        if self.delay.is_none() {
            return;
        }
        let Some(Object::Service(service)) = delivery.object() else { return };
        let key = service.namespaced_name();
        let wakes = match (delivery.old_as::<Service>(), delivery.new_as::<Service>()) {
            (None, Some(new)) => wants_load_balancer(new) || needs_cleanup(new),
            (Some(old), Some(new)) => {
                let (differs, news) = needs_update(old, new);
                self.news.extend(news.map(|(reason, message)| (key.clone(), reason, message)));
                differs || needs_cleanup(new)
            }
            _ => false,
        };
        if wakes {
            self.queue.add(key, cx.cause);
        } else if delivery.new.is_none() {
            // One without the finalizer went at once.
            self.provider.delete(&key);
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(service) = cx.informers.services.get(&key.namespace, &key.name).cloned() else { return Ok(()) };
        self.tell_news(cx, key, &service);
        let synced = if !wants_load_balancer(&service) || needs_cleanup(&service) {
            self.delete_load_balancer(cx, key, &service)
        } else {
            self.ensure_load_balancer(cx, key, &service)
        };
        synced.inspect_err(|error| {
            let text = format!("Error syncing load balancer: {}", error.message());
            tell(cx, &service, &EventText::warning("SyncLoadBalancerFailed", &text));
        })
    }
}

fn tell(cx: &mut SyncContext<'_>, service: &Service, text: &EventText<'_>) {
    cx.client.event(&ObjectRef::of(service), text);
}

impl ServiceLbController {
    /// From now on the cluster has load balancers, which are there after so long.
    pub fn enable(&mut self, delay: Duration) {
        self.delay = Some(delay);
    }

    fn tell_news(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName, service: &Service) {
        let (own, others) = std::mem::take(&mut self.news).into_iter().partition(|(of, ..)| of == key);
        self.news = others;
        let own: Vec<(NamespacedName, &str, String)> = own;
        for (_, reason, message) in own {
            tell(cx, service, &EventText::normal(reason, &message));
        }
    }

    /// Mirrors the second half of `syncLoadBalancerIfNeeded`.
    fn ensure_load_balancer(
        &mut self,
        cx: &mut SyncContext<'_>,
        key: &NamespacedName,
        service: &Arc<Service>,
    ) -> Result<(), ApiError> {
        let now = cx.clock().now();
        let known = self.provider.get(key).filter(|balancer| balancer.uid == service.meta.uid).cloned();
        let is_shown = known.as_ref().is_some_and(|b| b.ready_at <= now && shows(service, &b.ip));
        if known.is_none() || is_shown {
            tell(cx, service, &EventText::normal("EnsuringLoadBalancer", "Ensuring load balancer"));
            let service = add_finalizer(cx, service)?;
            if is_shown {
                tell(cx, &service, &EventText::normal("EnsuredLoadBalancer", "Ensured load balancer"));
                return Ok(());
            }
            warn_without_nodes(cx, &service);
            let delay = self.delay.unwrap_or_default();
            let wanted = spec_of(&service).load_balancer_ip.clone().filter(|ip| !ip.is_empty());
            self.provider.create(key, &service.meta.uid, wanted.as_deref(), now + delay);
        }
        let Some(balancer) = self.provider.get(key).cloned() else { return Ok(()) };
        if balancer.ready_at > now {
            self.queue.add_after(key.clone(), balancer.ready_at - now, now);
            return Ok(());
        }
        tell(cx, service, &EventText::normal("EnsuredLoadBalancer", "Ensured load balancer"));
        let ingress = LoadBalancerIngress {
            ip: Some(balancer.ip),
            ip_mode: Some("VIP".to_owned()),
            ..LoadBalancerIngress::default()
        };
        patch_status(cx, key, LoadBalancerStatus { ingress: Some(vec![ingress]) })
    }

    /// Mirrors the first half of `syncLoadBalancerIfNeeded`.
    fn delete_load_balancer(
        &mut self,
        cx: &mut SyncContext<'_>,
        key: &NamespacedName,
        service: &Arc<Service>,
    ) -> Result<(), ApiError> {
        if self.provider.delete(key) {
            tell(cx, service, &EventText::normal("DeletingLoadBalancer", "Deleting load balancer"));
        }
        if service.meta.has_finalizer(FINALIZER) {
            let mut new = Service::clone(service);
            new.meta.finalizers = service.meta.finalizers.iter().filter(|f| **f != FINALIZER).cloned().collect();
            cx.client.update(new)?;
        }
        tell(cx, service, &EventText::normal("DeletedLoadBalancer", "Deleted load balancer"));
        match patch_status(cx, key, LoadBalancerStatus::default()) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}

/// Whether the Service shows an address.
fn shows(service: &Service, ip: &str) -> bool {
    let status = service.body.status.as_ref().and_then(|s| s.load_balancer.as_ref());
    status.iter().flat_map(|s| s.ingress.iter().flatten()).any(|i| i.ip.as_deref() == Some(ip))
}

fn add_finalizer(cx: &mut SyncContext<'_>, service: &Arc<Service>) -> Result<Arc<Service>, ApiError> {
    if service.meta.has_finalizer(FINALIZER) {
        return Ok(Arc::clone(service));
    }
    let mut new = Service::clone(service);
    let finalizers = service.meta.finalizers.iter().cloned();
    new.meta.finalizers = finalizers.chain([Str::new_static(FINALIZER)]).collect();
    cx.client.update(new)
}

fn warn_without_nodes(cx: &mut SyncContext<'_>, service: &Service) {
    if cx.informers.nodes.is_empty() {
        let text = "There are no available nodes for LoadBalancer";
        tell(cx, service, &EventText::warning("UnAvailableLoadBalancer", text));
    }
}

/// Mirrors `patchStatus`: nothing is written where nothing differs.
fn patch_status(cx: &mut SyncContext<'_>, key: &NamespacedName, status: LoadBalancerStatus) -> Result<(), ApiError> {
    let service = cx.client.get_live::<Service>(&key.namespace, &key.name)?;
    let current = service.body.status.as_ref().and_then(|s| s.load_balancer.clone()).unwrap_or_default();
    if current == status {
        return Ok(());
    }
    let mut new = Service::clone(&service);
    new.body.status.get_or_insert_default().load_balancer = Some(status);
    cx.client.update_status(new).map(drop)
}
