//! Validation of LimitRanges.
//!
//! Mirrors `ValidateLimitRange` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{is_qualified_name, name_is_dns_subdomain};
use seatrial_api::quantity::{Format, Quantity};

use super::invalid_each;
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::resources::{ResourceList, is_overcommit_allowed, parsed, validate_resource_name};

const METADATA: Path<'static> = Path::new("metadata");

/// A LimitRange to be created. Mirrors `ValidateLimitRange`.
#[must_use]
pub fn validate_limit_range(range: &LimitRange) -> ErrorList {
    let meta = &range.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_items(&mut errs, range);
    errs
}

/// A LimitRange to be replaced.
#[must_use]
pub fn validate_limit_range_update(new: &LimitRange, old: &LimitRange) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_items(&mut errs, new);
    errs
}

fn validate_items(errs: &mut ErrorList, range: &LimitRange) {
    let path = Path::new("spec.limits");
    let mut types = BTreeSet::new();
    for (index, item) in range.spec.iter().flat_map(|spec| &spec.limits).enumerate() {
        let path = path.index(index);
        let type_path = path.child("type");
        let messages = is_qualified_name(&item.type_);
        let is_standard = matches!(item.type_.as_str(), "Pod" | "Container" | "PersistentVolumeClaim");
        if messages.is_empty() && !item.type_.contains('/') && !is_standard {
            let detail = "must be a standard limit type or fully qualified";
            errs.push(Error::invalid(&type_path, &item.type_, detail));
        }
        invalid_each(errs, &type_path, &item.type_, messages);
        if !types.insert(item.type_.as_str()) {
            errs.push(Error::duplicate(&type_path, &item.type_));
        }
        validate_item_lists(errs, item, &path);
        for name in names(item) {
            validate_item_order(errs, item, name, &path);
        }
    }
}

/// The lists of an item under their names, in upstream's order.
fn lists(item: &LimitRangeItem) -> [(&'static str, Option<&ResourceList>); 5] {
    [
        ("max", item.max.as_ref()),
        ("min", item.min.as_ref()),
        ("default", item.default.as_ref()),
        ("defaultRequest", item.default_request.as_ref()),
        ("maxLimitRequestRatio", item.max_limit_request_ratio.as_ref()),
    ]
}

/// All resources of an item.
fn names(item: &LimitRangeItem) -> BTreeSet<&str> {
    lists(item).into_iter().flat_map(|(_, list)| parsed(list)).map(|(name, _)| name).collect()
}

fn validate_item_lists(errs: &mut ErrorList, item: &LimitRangeItem, path: &Path<'_>) {
    for (field, list) in lists(item) {
        let is_default = field.starts_with("default");
        if item.type_ == "Pod" && is_default {
            if list.is_some_and(|list| !list.is_empty()) {
                let detail = "may not be specified when `type` is 'Pod'";
                errs.push(Error::forbidden(&path.child(field), detail));
            }
            continue;
        }
        let list_path = path.child(field);
        for (name, _) in parsed(list) {
            validate_resource_name(errs, name, &list_path.key(name));
        }
        let has_storage = |list: Option<&ResourceList>| list.is_some_and(|list| list.contains_key("storage"));
        let is_claim = item.type_ == "PersistentVolumeClaim" && field == "defaultRequest";
        if is_claim && !has_storage(item.min.as_ref()) && !has_storage(item.max.as_ref()) {
            let detail = "either minimum or maximum storage value is required, but neither was provided";
            errs.push(Error::required(&path.child("limits"), detail));
        }
    }
}

/// How the numbers of one resource have to lie to each other.
fn validate_item_order(errs: &mut ErrorList, item: &LimitRangeItem, name: &str, path: &Path<'_>) {
    let find = |list: Option<&ResourceList>| parsed(list).find(|(other, _)| *other == name).map(|(_, q)| q);
    let min = find(item.min.as_ref());
    let max = find(item.max.as_ref());
    let default = find(item.default.as_ref());
    let request = find(item.default_request.as_ref());
    // Of each pair the first may not be greater; the third column is the value the message shows.
    let pairs = [
        ("min", min, max, min, "min value", "max value"),
        ("defaultRequest", min, request, request, "min value", "default request value"),
        ("defaultRequest", request, max, request, "default request value", "max value"),
        ("defaultRequest", request, default, request, "default request value", "default limit value"),
        ("default", min, default, min, "min value", "default value"),
        ("default", default, max, max, "default value", "max value"),
    ];
    for (field, low, high, shown, low_name, high_name) in pairs {
        let (Some(low), Some(high), Some(shown)) = (low, high, shown) else { continue };
        if low.cmp_value(&high).is_gt() {
            let detail = format!("{low_name} {low} is greater than {high_name} {high}");
            let list_path = path.child(field);
            errs.push(Error::invalid(&list_path.key(name), shown.to_string(), detail));
        }
    }
    let ratio = find(item.max_limit_request_ratio.as_ref());
    let one = Quantity::from_i64(1, Format::DecimalSi);
    if let Some(ratio) = ratio.filter(|ratio| ratio.cmp_value(&one).is_lt()) {
        let list_path = path.child("maxLimitRequestRatio");
        let detail = format!("ratio {ratio} is less than 1");
        errs.push(Error::invalid(&list_path.key(name), ratio.to_string(), detail));
    }
    if let (Some(default), Some(request)) = (default, request)
        && !is_overcommit_allowed(name)
        && default.cmp_value(&request).is_ne()
    {
        let detail = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        let list_path = path.child("defaultRequest");
        errs.push(Error::invalid(&list_path.key(name), request.to_string(), detail));
    }
}
