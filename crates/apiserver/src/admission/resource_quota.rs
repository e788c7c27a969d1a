//! ResourceQuota: what a namespace may hold, checked and charged when an object is created.
//!
//! Mirrors pkg/quota/v1/evaluator/core and plugin resourcequota (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodSpec, ResourceQuota as ApiQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::quantity::{Format, Quantity};
use seatrial_api::{ApiError, Kind, Object, PersistentVolumeClaim, Pod, ResourceQuota, Service, Time};

use super::storage::{class_of, requested_storage};
use crate::server::{ApiServer, RequestInfo};
use crate::store::Store;
use crate::strategy::Strategy;

/// What one object costs, by quota resource name.
#[derive(Clone, Debug, Default)]
pub struct QuotaUsage {
    /// Amounts by resource: `pods`, `requests.cpu`, `count/pods` ...
    pub amounts: BTreeMap<String, Quantity>,
    /// What scopes look at; only pods have it.
    pub scopes: Option<PodScopes>,
    /// Containers that do not say how much of a compute resource they need, by resource.
    pub unspecified: BTreeMap<String, Vec<String>>,
}

/// The properties of a pod that quota scopes select by.
#[derive(Clone, Debug)]
pub struct PodScopes {
    terminating: bool,
    best_effort: bool,
    priority_class: String,
}

/// Compute resources that a quota may limit, as `requests.X` and `limits.X`.
const COMPUTE_RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

impl QuotaUsage {
    /// What a pod costs. Mirrors `podEvaluator.Usage`.
    pub fn of_pod(pod: &Pod) -> Self {
        let spec = pod.spec.api();
        let mut usage = Self {
            scopes: Some(PodScopes {
                terminating: spec.active_deadline_seconds.is_some(),
                best_effort: pod.spec.qos_class() == seatrial_api::QosClass::BestEffort,
                priority_class: spec.priority_class_name.clone().unwrap_or_default(),
            }),
            ..Self::default()
        };
        if pod.status.phase.is_terminal() {
            return usage;
        }
        usage.amounts.insert("pods".to_owned(), count(1));
        for resource in COMPUTE_RESOURCES {
            usage.add_compute(spec, resource);
        }
        usage
    }

    /// What a Service costs. Mirrors `serviceEvaluator.Usage`.
    pub fn of_service(service: &Service) -> Self {
        let mut usage = Self::default();
        let spec = service.body.spec.clone().unwrap_or_default();
        let ports = spec.ports.unwrap_or_default();
        let mut add = |name: &str, amount: usize| {
            usage.amounts.insert(name.to_owned(), count(i64::try_from(amount).unwrap_or(i64::MAX)));
        };
        match spec.type_.as_deref() {
            Some("NodePort") => add("services.nodeports", ports.len()),
            Some("LoadBalancer") => {
                add("services.loadbalancers", 1);
                let with_node_port = ports.iter().filter(|port| port.node_port.is_some_and(|number| number != 0));
                let node_ports = match spec.allocate_load_balancer_node_ports {
                    Some(false) => with_node_port.count(),
                    _ => ports.len(),
                };
                add("services.nodeports", node_ports);
            }
            _ => {}
        }
        usage
    }

    /// What a PersistentVolumeClaim costs, also by class. Mirrors `pvcEvaluator.Usage`.
    pub fn of_persistent_volume_claim(claim: &PersistentVolumeClaim) -> Self {
        let mut usage = Self::default();
        let class = class_of(claim);
        let of_class = |name: &str| format!("{class}.storageclass.storage.k8s.io/{name}");
        if !class.is_empty() {
            usage.amounts.insert(of_class("persistentvolumeclaims"), count(1));
        }
        if let Some(size) = claim.body.spec.as_ref().and_then(requested_storage) {
            usage.amounts.insert("requests.storage".to_owned(), size);
            if !class.is_empty() {
                usage.amounts.insert(of_class("requests.storage"), size);
            }
        }
        usage
    }

    fn add_compute(&mut self, spec: &PodSpec, resource: &str) {
        for (part, list) in [("requests", 0), ("limits", 1)] {
            let of = |c: &k8s_openapi::api::core::v1::Container| {
                let resources = c.resources.as_ref()?;
                let list = if list == 0 { &resources.requests } else { &resources.limits };
                Quantity::parse(&list.as_ref()?.get(resource)?.0).ok()
            };
            let mut total = spec
                .containers
                .iter()
                .filter_map(of)
                .fold(None, |sum: Option<Quantity>, q| Some(sum.map_or(q, |s| s.add(&q))));
            let peak = spec.init_containers.iter().flatten().filter_map(of).max_by(Quantity::cmp_value);
            if let Some(peak) = peak.filter(|p| total.as_ref().is_none_or(|t| p.cmp_value(t).is_gt())) {
                total = Some(peak);
            }
            if let Some(total) = total {
                self.amounts.insert(format!("{part}.{resource}"), total);
                if part == "requests" {
                    self.amounts.insert(resource.to_owned(), total);
                }
            }
            let silent: Vec<String> =
                spec.containers.iter().filter(|c| of(c).is_none()).map(|c| c.name.clone()).collect();
            if !silent.is_empty() {
                self.unspecified.insert(format!("{part}.{resource}"), silent);
            }
        }
    }
}

fn count(n: i64) -> Quantity {
    Quantity::from_i64(n, Format::DecimalSi)
}

/// What everything of a kind in a namespace costs now, by resource of `quota`. Mirrors `quota.CalculateUsage`.
pub fn usage_of_namespace(
    store: &Store,
    quota: &ApiQuota,
    namespace: &str,
    now: Time,
) -> BTreeMap<String, ApiQuantity> {
    let hard = quota.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
    let mut used: BTreeMap<String, Quantity> = hard.keys().map(|k| (k.clone(), count(0))).collect();
    for kind in Kind::ALL.iter().copied().filter(|k| k.info().namespaced) {
        if !hard.keys().any(|k| counts_kind(k, kind)) {
            continue;
        }
        for object in store.list(kind, Some(namespace)) {
            let usage = usage_of(object, now);
            if selects(quota, &usage) {
                add_matching(&mut used, &usage);
            }
        }
    }
    used.into_iter().map(|(k, v)| (k, ApiQuantity(v.to_string()))).collect()
}

/// Whether a resource name of a quota speaks of a kind.
fn counts_kind(resource: &str, kind: Kind) -> bool {
    resource == object_count_name(kind)
        || resource == kind.info().plural
        || match kind {
            Kind::Pod => {
                resource.starts_with("requests.")
                    || resource.starts_with("limits.")
                    || COMPUTE_RESOURCES.contains(&resource)
            }
            Kind::Service => resource.starts_with("services."),
            Kind::PersistentVolumeClaim => {
                resource == "requests.storage" || resource.contains(".storageclass.storage.k8s.io/")
            }
            _ => false,
        }
}

/// `count/deployments.apps`
fn object_count_name(kind: Kind) -> String {
    format!("count/{}", kind.resource())
}

fn usage_of(object: &Object, now: Time) -> QuotaUsage {
    let mut usage = match object {
        Object::Pod(pod) => {
            let past_grace = pod.meta.deletion.as_deref().is_some_and(|d| d.timestamp <= now);
            if past_grace {
                QuotaUsage { scopes: QuotaUsage::of_pod(pod).scopes, ..QuotaUsage::default() }
            } else {
                QuotaUsage::of_pod(pod)
            }
        }
        Object::Service(service) => QuotaUsage::of_service(service),
        Object::PersistentVolumeClaim(claim) => QuotaUsage::of_persistent_volume_claim(claim),
        _ => QuotaUsage::default(),
    };
    add_object_count(&mut usage, object.kind());
    usage
}

fn add_object_count(usage: &mut QuotaUsage, kind: Kind) {
    usage.amounts.insert(object_count_name(kind), count(1));
    let has_short_name = matches!(
        kind,
        Kind::ConfigMap
            | Kind::Secret
            | Kind::ResourceQuota
            | Kind::Service
            | Kind::PersistentVolumeClaim
            | Kind::ReplicationController
    );
    if has_short_name {
        usage.amounts.insert(kind.info().plural.to_owned(), count(1));
    }
}

fn add_matching(used: &mut BTreeMap<String, Quantity>, usage: &QuotaUsage) {
    for (name, amount) in &usage.amounts {
        if let Some(total) = used.get_mut(name) {
            *total = total.add(amount);
        }
    }
}

/// Whether a quota's scopes select an object.
fn selects(quota: &ApiQuota, usage: &QuotaUsage) -> bool {
    let Some(spec) = &quota.spec else { return false };
    let named = spec.scopes.iter().flatten().all(|scope| in_scope(scope, "Exists", &[], usage));
    let terms = spec.scope_selector.iter().flat_map(|s| s.match_expressions.iter().flatten());
    named
        && terms
            .into_iter()
            .all(|t| in_scope(&t.scope_name, &t.operator, t.values.as_deref().unwrap_or_default(), usage))
}

fn in_scope(scope: &str, operator: &str, values: &[String], usage: &QuotaUsage) -> bool {
    let Some(pod) = &usage.scopes else { return false };
    match scope {
        "Terminating" => pod.terminating,
        "NotTerminating" => !pod.terminating,
        "BestEffort" => pod.best_effort,
        "NotBestEffort" => !pod.best_effort,
        "PriorityClass" => match operator {
            "In" => values.contains(&pod.priority_class),
            "NotIn" => !values.contains(&pod.priority_class),
            "DoesNotExist" => pod.priority_class.is_empty(),
            _ => !pod.priority_class.is_empty(),
        },
        _ => false,
    }
}

impl ApiServer {
    /// Checks a new object against the quotas of its namespace and charges it to them.
    ///
    /// # Errors
    /// 403 with the exceeded quota's numbers.
    pub(crate) fn charge_quota<R: Strategy>(&mut self, request: &RequestInfo<'_>, object: &R) -> Result<(), ApiError> {
        if self.store.count(Kind::ResourceQuota) == 0 || !R::KIND.info().namespaced {
            return Ok(());
        }
        let meta = object.meta();
        let mut usage = object.quota_usage();
        add_object_count(&mut usage, R::KIND);
        let quotas: Vec<Arc<ResourceQuota>> =
            self.store.list_as::<ResourceQuota>(Some(&meta.namespace)).into_iter().cloned().collect();
        let mut charged = Vec::new();
        for quota in quotas.iter().filter(|q| selects(&q.body, &usage)) {
            match charge(quota, &usage) {
                Ok(None) => {}
                Ok(Some(new)) => charged.push(new),
                Err(text) => return Err(ApiError::forbidden(&R::KIND.resource(), &meta.name, &text)),
            }
        }
        if !request.dry_run {
            for quota in charged {
                self.store.put(quota);
            }
        }
        Ok(())
    }
}

/// The quota with an object charged to it, `None` where it counts nothing of the object, or the text of the refusal.
fn charge(quota: &ResourceQuota, usage: &QuotaUsage) -> Result<Option<ResourceQuota>, String> {
    let name = &quota.meta.name;
    let spec_hard = quota.body.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
    let status = quota.body.status.clone().unwrap_or_default();
    let hard = status.hard.unwrap_or_default();
    let mut used = status.used.unwrap_or_default();
    let silent: Vec<String> = usage
        .unspecified
        .iter()
        .filter(|(resource, _)| {
            spec_hard.contains_key(*resource)
                || resource.strip_prefix("requests.").is_some_and(|r| spec_hard.contains_key(r))
        })
        .map(|(resource, containers)| {
            let shown =
                if spec_hard.contains_key(resource) { resource } else { resource.trim_start_matches("requests.") };
            format!("{shown} for: {}", containers.join(","))
        })
        .collect();
    if !silent.is_empty() {
        return Err(format!("failed quota: {name}: must specify {}", silent.join("; ")));
    }
    let counted: Vec<(&String, &Quantity)> = usage.amounts.iter().filter(|(r, _)| spec_hard.contains_key(*r)).collect();
    let unknown: Vec<&str> = counted.iter().filter(|(r, _)| !hard.contains_key(*r)).map(|(r, _)| r.as_str()).collect();
    if !unknown.is_empty() {
        return Err(format!("status unknown for quota: {name}, resources: {}", unknown.join(",")));
    }
    if counted.is_empty() {
        return Ok(None);
    }
    let parse = |q: Option<&ApiQuantity>| q.and_then(|q| Quantity::parse(&q.0).ok()).unwrap_or_else(|| count(0));
    let mut over = [Vec::new(), Vec::new(), Vec::new()];
    for (resource, amount) in counted {
        let (limit, before) = (parse(hard.get(resource)), parse(used.get(resource)));
        let after = before.add(amount);
        if after.cmp_value(&limit).is_gt() {
            for (list, value) in over.iter_mut().zip([amount, &before, &limit]) {
                list.push(format!("{resource}={value}"));
            }
        }
        used.insert(resource.clone(), ApiQuantity(after.to_string()));
    }
    if !over[0].is_empty() {
        let [requested, before, limit] = over.map(|list| list.join(","));
        return Err(format!("exceeded quota: {name}, requested: {requested}, used: {before}, limited: {limit}"));
    }
    let mut new = quota.clone();
    new.body.status.get_or_insert_default().used = Some(used);
    Ok(Some(new))
}
