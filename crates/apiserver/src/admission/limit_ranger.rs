//! LimitRanger: what a container gets that asks for nothing, and what one object may ask for.
//!
//! Mirrors plugin/pkg/admission/limitranger (v1.36). Differs: resources are looked at in the order of their names, where
//! upstream has the order of a Go map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, LimitRangeItem, PersistentVolumeClaimSpec, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Kind, LimitRange};

use crate::pod_resources::{Amounts, Part, of_spec, parse};
use crate::store::Store;

/// The annotation that tells what was filled in.
pub(crate) const LIMIT_RANGER_ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The limits of a namespace, in the order of their objects' names.
pub(crate) fn limit_ranges<'a>(store: &'a Store, namespace: &str) -> Vec<&'a Arc<LimitRange>> {
    if store.count(Kind::LimitRange) == 0 {
        return Vec::new();
    }
    store.list_as::<LimitRange>(Some(namespace))
}

fn items(range: &LimitRange) -> impl Iterator<Item = &LimitRangeItem> {
    range.body.spec.iter().flat_map(|spec| &spec.limits)
}

/// Fills in the requests and limits that containers leave open; returns the annotation that says which.
/// Mirrors `PodMutateLimitFunc`.
pub(crate) fn set_default_resources(spec: &mut PodSpec, ranges: &[&Arc<LimitRange>]) -> Option<String> {
    let mut annotation = None;
    for range in ranges {
        let mut defaults = Defaults::default();
        for item in items(range).filter(|item| item.type_ == "Container") {
            defaults.requests.extend(item.default_request.clone().unwrap_or_default());
            defaults.limits.extend(item.default.clone().unwrap_or_default());
        }
        let mut done = Vec::new();
        for container in &mut spec.containers {
            defaults.merge_into(container, "container", &mut done);
        }
        for container in spec.init_containers.iter_mut().flatten() {
            defaults.merge_into(container, "init container", &mut done);
        }
        if !done.is_empty() {
            annotation = Some(format!("LimitRanger plugin set: {}", done.join("; ")));
        }
    }
    annotation
}

/// What one LimitRange gives to containers.
#[derive(Default)]
struct Defaults {
    requests: BTreeMap<String, ApiQuantity>,
    limits: BTreeMap<String, ApiQuantity>,
}

impl Defaults {
    /// Mirrors `mergeContainerResources`.
    fn merge_into(&self, container: &mut Container, what: &str, done: &mut Vec<String>) {
        if self.requests.is_empty() && self.limits.is_empty() {
            return;
        }
        let resources = container.resources.get_or_insert_default();
        for (part, list, defaults) in
            [("request", &mut resources.requests, &self.requests), ("limit", &mut resources.limits, &self.limits)]
        {
            let missing: BTreeSet<&String> =
                defaults.keys().filter(|name| list.as_ref().is_none_or(|list| !list.contains_key(*name))).collect();
            if missing.is_empty() {
                continue;
            }
            let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
            done.push(format!("{} {part} for {what} {}", names.join(", "), container.name));
            let given = missing.into_iter().map(|name| (name.clone(), defaults[name].clone()));
            list.get_or_insert_default().extend(given.collect::<Vec<_>>());
        }
    }
}

/// What a pod's spec breaks of the first LimitRange it does not obey. Mirrors `PodValidateLimitFunc`.
pub(crate) fn validate_pod_limits(spec: &PodSpec, ranges: &[&Arc<LimitRange>]) -> Result<(), String> {
    for range in ranges {
        let mut errs = Vec::new();
        for item in items(range) {
            match item.type_.as_str() {
                "Container" => {
                    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
                        let (requests, limits) =
                            (Part::Requests.of_container(container), Part::Limits.of_container(container));
                        check_item(&mut errs, item, &requests, &limits);
                    }
                }
                "Pod" => check_item(&mut errs, item, &of_spec(spec, Part::Requests), &of_spec(spec, Part::Limits)),
                _ => {}
            }
        }
        aggregate(errs)?;
    }
    Ok(())
}

/// Refuses a claim that asks for too much or too little.
pub(crate) fn check_claim(claim: &seatrial_api::PersistentVolumeClaim, store: &Store) -> Result<(), ApiError> {
    let meta = &claim.meta;
    let ranges = limit_ranges(store, &meta.namespace);
    if ranges.is_empty() {
        return Ok(());
    }
    validate_claim_limits(claim.body.spec.api(), &ranges)
        .map_err(|text| ApiError::forbidden(&Kind::PersistentVolumeClaim.resource(), &meta.name, &text))
}

/// The same for a claim, of which only the request counts. Mirrors `PersistentVolumeClaimValidateLimitFunc`.
fn validate_claim_limits(spec: &PersistentVolumeClaimSpec, ranges: &[&Arc<LimitRange>]) -> Result<(), String> {
    let resources = spec.resources.as_ref();
    let requests = parse(resources.and_then(|resources| resources.requests.as_ref()));
    for range in ranges {
        let mut errs = Vec::new();
        for item in items(range).filter(|item| item.type_ == "PersistentVolumeClaim") {
            for (name, min) in parse(item.min.as_ref()) {
                errs.extend(min_constraint(&item.type_, &name, &min, requests.get(&name), None));
            }
            for (name, max) in parse(item.max.as_ref()) {
                errs.extend(max_request_constraint(&item.type_, &name, &max, requests.get(&name)));
            }
        }
        aggregate(errs)?;
    }
    Ok(())
}

fn check_item(errs: &mut Vec<String>, item: &LimitRangeItem, requests: &Amounts, limits: &Amounts) {
    let kind = item.type_.as_str();
    for (name, min) in parse(item.min.as_ref()) {
        errs.extend(min_constraint(kind, &name, &min, requests.get(&name), limits.get(&name)));
    }
    for (name, max) in parse(item.max.as_ref()) {
        errs.extend(max_constraint(kind, &name, &max, requests.get(&name), limits.get(&name)));
    }
    for (name, ratio) in parse(item.max_limit_request_ratio.as_ref()) {
        errs.extend(limit_request_ratio_constraint(kind, &name, &ratio, requests.get(&name), limits.get(&name)));
    }
}

/// Mirrors `minConstraint`.
fn min_constraint(
    kind: &str,
    name: &str,
    min: &Quantity,
    request: Option<&Quantity>,
    limit: Option<&Quantity>,
) -> Option<String> {
    let rule = format!("minimum {name} usage per {kind} is {min}");
    let Some(request) = request else { return Some(format!("{rule}.  No request is specified")) };
    if request.cmp_value(min).is_lt() {
        return Some(format!("{rule}, but request is {request}"));
    }
    let limit = limit.filter(|limit| limit.cmp_value(min).is_lt())?;
    Some(format!("{rule}, but limit is {limit}"))
}

/// Mirrors `maxRequestConstraint`.
fn max_request_constraint(kind: &str, name: &str, max: &Quantity, request: Option<&Quantity>) -> Option<String> {
    let rule = format!("maximum {name} usage per {kind} is {max}");
    let Some(request) = request else { return Some(format!("{rule}.  No request is specified")) };
    request.cmp_value(max).is_gt().then(|| format!("{rule}, but request is {request}"))
}

/// Mirrors `maxConstraint`.
fn max_constraint(
    kind: &str,
    name: &str,
    max: &Quantity,
    request: Option<&Quantity>,
    limit: Option<&Quantity>,
) -> Option<String> {
    let rule = format!("maximum {name} usage per {kind} is {max}");
    let Some(limit) = limit else { return Some(format!("{rule}.  No limit is specified")) };
    if limit.cmp_value(max).is_gt() {
        return Some(format!("{rule}, but limit is {limit}"));
    }
    let request = request.filter(|request| request.cmp_value(max).is_gt())?;
    Some(format!("{rule}, but request is {request}"))
}

/// Mirrors `limitRequestRatioConstraint`.
fn limit_request_ratio_constraint(
    kind: &str,
    name: &str,
    max: &Quantity,
    request: Option<&Quantity>,
    limit: Option<&Quantity>,
) -> Option<String> {
    let rule = format!("{name} max limit to request ratio per {kind} is {max}");
    let Some(request) = request.filter(|request| !request.is_zero()) else {
        return Some(format!("{rule}, but no request is specified or request is 0"));
    };
    let Some(limit) = limit.filter(|limit| !limit.is_zero()) else {
        return Some(format!("{rule}, but no limit is specified or limit is 0"));
    };
    // Thousandths, as upstream counts what is small enough; what is larger differs only beyond a double's precision.
    let ratio = limit.milli_value() as f64 / request.milli_value() as f64;
    (ratio * 1000.0 > max.milli_value() as f64).then(|| format!("{rule}, but provided ratio is {ratio:.6}"))
}

/// One error as it is, several in brackets, each once. Mirrors `utilerrors.NewAggregate`.
fn aggregate(errs: Vec<String>) -> Result<(), String> {
    let mut unique: Vec<String> = Vec::with_capacity(errs.len());
    for err in errs {
        if !unique.contains(&err) {
            unique.push(err);
        }
    }
    match unique.len() {
        0 => Ok(()),
        1 => Err(unique.remove(0)),
        _ => Err(format!("[{}]", unique.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_api::Resource;
    use serde_json::{Value, json};

    fn range(limits: Value) -> Arc<LimitRange> {
        let object = json!({"metadata": {"name": "l", "namespace": "d"}, "spec": {"limits": limits}});
        Arc::new(LimitRange::from_api_object(serde_json::from_value(object).expect("a LimitRange")).expect("valid"))
    }

    fn spec(containers: Value) -> PodSpec {
        serde_json::from_value(json!({"containers": containers})).expect("a spec")
    }

    #[test]
    fn what_is_filled_in_is_told_container_by_container() {
        let range = range(
            json!([{"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "1"}}]),
        );
        let mut pod = spec(json!([{"name": "a"}, {"name": "b", "resources": {"limits": {"cpu": "3"}}}]));
        pod.init_containers = Some(spec(json!([{"name": "i", "resources": {"requests": {"cpu": "1"}}}])).containers);
        let told = set_default_resources(&mut pod, &[&range]);
        let want = "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; cpu request for \
                    container b; memory limit for container b; cpu, memory limit for init container i";
        assert_eq!(told.as_deref(), Some(want));
        let limits = pod.containers[1].resources.as_ref().and_then(|r| r.limits.as_ref()).expect("limits");
        assert_eq!(limits["cpu"].0, "3");
        assert_eq!(set_default_resources(&mut pod, &[&range]), None);
    }

    #[test]
    fn constraints_have_upstreams_words() {
        let rows = [
            (
                json!({"type": "Container", "min": {"cpu": "100m"}}),
                json!({}),
                "minimum cpu usage per Container is 100m.  No request is specified",
            ),
            (
                json!({"type": "Container", "max": {"cpu": "1"}}),
                json!({}),
                "maximum cpu usage per Container is 1.  No limit is specified",
            ),
            (
                json!({"type": "Container", "min": {"cpu": "1"}}),
                json!({"requests": {"cpu": "1"}, "limits": {"cpu": "500m"}}),
                "minimum cpu usage per Container is 1, but limit is 500m",
            ),
            (
                json!({"type": "Pod", "max": {"cpu": "1"}}),
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
                "maximum cpu usage per Pod is 1, but request is 2",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"requests": {"cpu": "1"}, "limits": {"cpu": "4"}}),
                "cpu max limit to request ratio per Pod is 2, but provided ratio is 4.000000",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"limits": {"cpu": "4"}}),
                "cpu max limit to request ratio per Pod is 2, but no request is specified or request is 0",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"requests": {"cpu": "4"}}),
                "cpu max limit to request ratio per Pod is 2, but no limit is specified or limit is 0",
            ),
            (
                json!({"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "10Mi"}}),
                json!({"requests": {"memory": "5Mi"}, "limits": {"cpu": "2"}}),
                "[minimum memory usage per Container is 10Mi, but request is 5Mi, maximum cpu usage per Container is 1, but limit is 2]",
            ),
            (json!({"type": "Container", "max": {"cpu": "1"}}), json!({"limits": {"cpu": "1"}}), ""),
        ];
        for (limit, resources, want) in rows {
            let pod = spec(json!([{"name": "c", "resources": resources}]));
            let told = validate_pod_limits(&pod, &[&range(json!([limit]))]);
            assert_eq!(told.err().unwrap_or_default(), want, "{limit}");
        }
    }

    #[test]
    fn a_claims_request_is_held_against_minimum_and_maximum() {
        let range =
            range(json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}]));
        for (request, want) in [
            ("1Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"),
            ("6Gi", "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi"),
            ("2Gi", ""),
        ] {
            let spec = json!({"resources": {"requests": {"storage": request}}});
            let spec = serde_json::from_value(spec).expect("a spec");
            assert_eq!(validate_claim_limits(&spec, &[&range]).err().unwrap_or_default(), want);
        }
    }
}
