//! Checks an object against the quotas of its namespace, and charges it to them.
//!
//! Mirrors `CheckRequest` in k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go (v1.36). Differs: no kind is
//! limited without a quota, as by upstream's default configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Kind, ResourceQuota};

use super::scopes::select;
use super::usage::{QuotaUsage, count, matches_resource};
use crate::server::{ApiServer, RequestInfo};
use crate::strategy::Strategy;

impl ApiServer {
    /// Checks a new or changed object against the quotas of its namespace and charges to them what it costs more than before.
    ///
    /// # Errors
    /// 403 with the exceeded quota's numbers.
    pub(crate) fn charge_quota<R: Strategy>(
        &mut self,
        request: &RequestInfo<'_>,
        object: &Arc<R>,
        old: Option<&Arc<R>>,
    ) -> Result<(), ApiError> {
        if self.store.count(Kind::ResourceQuota) == 0 || !R::KIND.info().namespaced {
            return Ok(());
        }
        let meta = object.meta();
        let usage = QuotaUsage::of(&R::wrap(Arc::clone(object)), request.now);
        let mut delta = usage.amounts.clone();
        if let Some(old) = old {
            for (name, before) in QuotaUsage::of(&R::wrap(Arc::clone(old)), request.now).amounts {
                delta.entry(name).and_modify(|amount| *amount = amount.sub(&before));
            }
        }
        delta.retain(|_, amount| amount.sign() > 0);
        let quotas: Vec<Arc<ResourceQuota>> =
            self.store.list_as::<ResourceQuota>(Some(&meta.namespace)).into_iter().cloned().collect();
        let forbidden = |text: String| ApiError::forbidden(&R::KIND.resource(), &meta.name, &text);
        let mut pertinent = Vec::new();
        for quota in quotas.iter().filter(|quota| select(&quota.body, &usage)) {
            if is_pertinent(quota, R::KIND, &usage).map_err(forbidden)? {
                pertinent.push(quota);
            }
        }
        let mut charged = Vec::new();
        for quota in pertinent {
            charged.extend(charge(quota, &delta).map_err(forbidden)?);
        }
        if !request.dry_run {
            for quota in charged {
                self.store.put(quota);
            }
        }
        Ok(())
    }
}

/// Whether a quota limits anything of a kind; refuses what it cannot count.
fn is_pertinent(quota: &ResourceQuota, kind: Kind, usage: &QuotaUsage) -> Result<bool, String> {
    let name = &quota.meta.name;
    let Some(status) = &quota.body.status else { return Ok(false) };
    let restricted: Vec<&str> = status
        .hard
        .iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| matches_resource(kind, name))
        .collect();
    let missing: Vec<String> = usage
        .unspecified
        .iter()
        .filter(|(resource, _)| restricted.contains(resource))
        .map(|(resource, names)| {
            format!("{resource} for: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(","))
        })
        .collect();
    if !missing.is_empty() {
        return Err(format!("failed quota: {name}: must specify {}", missing.join("; ")));
    }
    let is_known = |resource: &&str| status.used.as_ref().is_some_and(|used| used.contains_key(*resource));
    if !restricted.iter().all(is_known) {
        return Err(format!("status unknown for quota: {name}, resources: {}", restricted.join(",")));
    }
    Ok(!restricted.is_empty())
}

/// The quota with an object charged to it, `None` where it limits nothing of the object, or the text of the refusal.
fn charge(quota: &ResourceQuota, delta: &BTreeMap<String, Quantity>) -> Result<Option<ResourceQuota>, String> {
    let status = quota.body.status.clone().unwrap_or_default();
    let hard = status.hard.unwrap_or_default();
    let mut used = status.used.unwrap_or_default();
    let parse = |q: Option<&ApiQuantity>| q.and_then(|q| Quantity::try_from(q).ok()).unwrap_or_else(|| count(0));
    let mut over = [Vec::new(), Vec::new(), Vec::new()];
    let mut is_changed = false;
    for (resource, amount) in delta.iter().filter(|(resource, _)| hard.contains_key(*resource)) {
        let (limit, before) = (parse(hard.get(resource)), parse(used.get(resource)));
        let after = before.add(amount);
        if after.cmp_value(&limit).is_gt() {
            for (list, value) in over.iter_mut().zip([amount, &before, &limit]) {
                list.push(format!("{resource}={value}"));
            }
        }
        used.insert(resource.clone(), ApiQuantity(after.to_string()));
        is_changed = true;
    }
    if !over[0].is_empty() {
        let [requested, before, limit] = over.map(|list| list.join(","));
        let name = &quota.meta.name;
        return Err(format!("exceeded quota: {name}, requested: {requested}, used: {before}, limited: {limit}"));
    }
    let mut new = quota.clone();
    new.body.status.get_or_insert_default().used = Some(used);
    Ok(is_changed.then_some(new))
}
