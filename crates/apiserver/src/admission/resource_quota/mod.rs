//! ResourceQuota: what a namespace may hold, checked and charged when an object is created or grows.
//!
//! Mirrors k8s.io/apiserver/pkg/admission/plugin/resourcequota and pkg/quota/v1 (v1.36).

mod charge;
mod scopes;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceQuota as ApiQuota;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::quantity::Quantity;
use seatrial_api::{Kind, Time};

use crate::store::Store;

pub use usage::QuotaUsage;

use usage::{count, matches_resource};

/// What everything of a kind in a namespace costs now, by resource of `quota`. Mirrors `quota.CalculateUsage`.
///
/// Resources that no kind is counted by are left out, as upstream leaves them.
pub fn usage_of_namespace(
    store: &Store,
    quota: &ApiQuota,
    namespace: &str,
    now: Time,
) -> BTreeMap<String, ApiQuantity> {
    let hard = quota.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
    let kinds = || Kind::ALL.iter().copied().filter(|kind| kind.info().namespaced);
    let is_counted = |name: &str| name.starts_with("count/") || kinds().any(|kind| matches_resource(kind, name));
    let mut used: BTreeMap<String, Quantity> =
        hard.keys().filter(|name| is_counted(name)).map(|name| (name.clone(), count(0))).collect();
    for kind in kinds().filter(|kind| hard.keys().any(|name| matches_resource(*kind, name))) {
        for object in store.list(kind, Some(namespace)) {
            let usage = QuotaUsage::of(object, now);
            if !scopes::select(quota, &usage) {
                continue;
            }
            for (name, amount) in usage.amounts {
                if let Some(total) = used.get_mut(&name) {
                    *total = total.add(&amount);
                }
            }
        }
    }
    used.into_iter().map(|(name, amount)| (name, ApiQuantity(amount.to_string()))).collect()
}
