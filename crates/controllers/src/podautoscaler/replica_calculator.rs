//! How many replicas one metric asks for.
//!
//! Mirrors pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go (v1.36).
//! Ratios are floating point as upstream's: a rounded one would cross a tolerance elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ConditionStatus, Pod, PodPhase, Str};
use seatrial_machinery::Clock;

/// Mirrors `--horizontal-pod-autoscaler-cpu-initialization-period`.
const CPU_INITIALIZATION_PERIOD_SECONDS: i64 = 300;
/// Mirrors `--horizontal-pod-autoscaler-initial-readiness-delay`.
const DELAY_OF_INITIAL_READINESS_STATUS_SECONDS: i64 = 30;
/// Mirrors `--horizontal-pod-autoscaler-tolerance`.
pub(super) const TOLERANCE: f64 = 0.1;
/// Missing pods count as using at least all of their request where fewer replicas are asked for.
const FALLBACK_UTILIZATION_MIN: i64 = 100;
/// How long the kubelet measures for one sample: the resolution of the metrics server.
pub(super) const METRIC_WINDOW: Duration = Duration::from_secs(15);

/// A value of each pod by its name, in thousandths.
pub(super) type PodMetrics = BTreeMap<Str, i64>;

/// By how much a ratio may differ from 1 without anything being done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerances {
    pub(super) scale_down: f64,
    pub(super) scale_up: f64,
}

impl Tolerances {
    /// Both ends belong to it.
    pub(super) fn is_within(self, ratio: f64) -> bool {
        (1.0 - self.scale_down) <= ratio && ratio <= (1.0 + self.scale_up)
    }
}

/// What a calculation comes to: the replicas, and what the status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replicas {
    pub(super) count: i32,
    /// Percent of the requests.
    pub(super) utilization: i32,
    /// The average of a pod, in thousandths.
    pub(super) raw: i64,
}

/// Pods by what is known of them. Mirrors `groupPods`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) ready_count: usize,
    pub(super) unready: BTreeSet<Str>,
    pub(super) missing: BTreeSet<Str>,
    pub(super) ignored: BTreeSet<Str>,
}

impl Groups {
    pub(super) fn of(pods: &[Arc<Pod>], metrics: &PodMetrics, is_cpu: bool, clock: Clock) -> Self {
        let mut groups = Self::default();
        for pod in pods {
            let name = pod.meta.name.clone();
            if pod.meta.is_deleting() || pod.status.phase == PodPhase::Failed {
                groups.ignored.insert(name);
            } else if pod.status.phase == PodPhase::Pending {
                groups.unready.insert(name);
            } else if !metrics.contains_key(&name) {
                groups.missing.insert(name);
            } else if is_cpu && is_unready(pod, clock) {
                groups.unready.insert(name);
            } else {
                groups.ready_count += 1;
            }
        }
        groups
    }
}

/// Whether a pod's cpu says nothing yet: it starts up, or was never ready.
fn is_unready(pod: &Pod, clock: Clock) -> bool {
    let ready = pod.status.conditions.iter().find(|condition| condition.type_.as_str() == "Ready");
    let (Some(ready), Some(start)) = (ready, pod.status.start_time) else { return true };
    let is_false = ready.status == ConditionStatus::False;
    let since = ready.last_transition_time.unwrap_or_default();
    if clock.nanos_since(start.plus_seconds(CPU_INITIALIZATION_PERIOD_SECONDS)) < 0 {
        let window = i64::try_from(METRIC_WINDOW.as_nanos()).unwrap_or(i64::MAX);
        return is_false || clock.nanos_since(since) < window;
    }
    is_false && start.plus_seconds(DELAY_OF_INITIAL_READINESS_STATUS_SECONDS) > since
}

/// Mirrors `calculatePodRequests`: of one container, or of all that run on.
pub(super) fn pod_requests(pods: &[Arc<Pod>], container: Option<&str>, resource: &str) -> Result<PodMetrics, String> {
    let mut requests = PodMetrics::new();
    for pod in pods {
        let spec = pod.spec.api();
        let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
        let mut sum = 0_i64;
        for c in spec.containers.iter().chain(sidecars).filter(|c| container.is_none_or(|name| name == c.name)) {
            let request = c.resources.as_ref().and_then(|r| r.requests.as_ref()?.get(resource));
            let request = request.and_then(|quantity| seatrial_api::quantity::Quantity::parse(&quantity.0).ok());
            let Some(request) = request else {
                let (container, pod) = (&c.name, &pod.meta.name);
                return Err(format!("missing request for {resource} in container {container} of Pod {pod}"));
            };
            sum = sum.saturating_add(request.milli_value());
        }
        requests.insert(pod.meta.name.clone(), sum);
    }
    Ok(requests)
}

/// The ratio to the target, percent of the requests, and the average. Mirrors `GetResourceUtilizationRatio`.
fn utilization_ratio(metrics: &PodMetrics, requests: &PodMetrics, target: i32) -> Result<(f64, i32, i64), String> {
    let (mut used, mut requested, mut count) = (0_i64, 0_i64, 0_i64);
    for (name, value) in metrics {
        let Some(request) = requests.get(name) else { continue };
        (used, requested, count) = (used.saturating_add(*value), requested.saturating_add(*request), count + 1);
    }
    if requested == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let utilization = i32::try_from(used.saturating_mul(100) / requested).unwrap_or(i32::MAX);
    Ok((f64::from(utilization) / f64::from(target), utilization, used / count.max(1)))
}

/// The ratio to the target, and the average. Mirrors `GetMetricUsageRatio`.
fn usage_ratio(metrics: &PodMetrics, target: i64) -> (f64, i64) {
    let sum = metrics.values().fold(0_i64, |sum, value| sum.saturating_add(*value));
    let average = sum / i64::try_from(metrics.len()).unwrap_or(i64::MAX).max(1);
    (as_f64(average) / as_f64(target), average)
}

/// What is measured and how a ratio comes of it.
pub(super) enum Measure<'a> {
    /// Percent of the requests.
    Utilization { requests: &'a PodMetrics, target: i32 },
    /// The average of a pod.
    Average { target: i64 },
}

impl Measure<'_> {
    fn ratio(&self, metrics: &PodMetrics) -> Result<(f64, i32, i64), String> {
        match self {
            Self::Utilization { requests, target } => utilization_ratio(metrics, requests, *target),
            Self::Average { target } => {
                let (ratio, average) = usage_ratio(metrics, *target);
                Ok((ratio, 0, average))
            }
        }
    }

    /// What a pod without a sample is taken to use where fewer replicas are asked for.
    fn fallback(&self, name: &Str) -> i64 {
        match self {
            Self::Utilization { requests, target } => {
                let percent = FALLBACK_UTILIZATION_MIN.max(i64::from(*target));
                requests.get(name).copied().unwrap_or(0).saturating_mul(percent) / 100
            }
            Self::Average { target } => *target,
        }
    }
}

/// Mirrors `GetResourceReplicas` and `calcPlainMetricReplicas`.
pub(super) fn replicas_for(
    current: i32,
    mut metrics: PodMetrics,
    groups: &Groups,
    measure: &Measure<'_>,
    tolerances: Tolerances,
) -> Result<Replicas, String> {
    metrics.retain(|name, _| !groups.ignored.contains(name) && !groups.unready.contains(name));
    if metrics.is_empty() {
        return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
    }
    let (ratio, utilization, raw) = measure.ratio(&metrics)?;
    let stay = |count| Ok(Replicas { count, utilization, raw });
    let counts_unready = !groups.unready.is_empty() && ratio > 1.0;
    if !counts_unready && groups.missing.is_empty() {
        if tolerances.is_within(ratio) {
            return stay(current);
        }
        return stay(ceil(ratio * as_f64_count(groups.ready_count)));
    }
    // Pods of which nothing is known are taken for what makes the change smaller.
    for name in &groups.missing {
        if ratio < 1.0 {
            metrics.insert(name.clone(), measure.fallback(name));
        } else if ratio > 1.0 || matches!(measure, Measure::Average { .. }) {
            metrics.insert(name.clone(), 0);
        }
    }
    if counts_unready {
        metrics.extend(groups.unready.iter().map(|name| (name.clone(), 0)));
    }
    let (new_ratio, ..) = measure.ratio(&metrics)?;
    let turns = (ratio < 1.0 && new_ratio > 1.0) || (ratio > 1.0 && new_ratio < 1.0);
    if tolerances.is_within(new_ratio) || turns {
        return stay(current);
    }
    let count = ceil(new_ratio * as_f64_count(metrics.len()));
    let contradicts = (new_ratio < 1.0 && count > current) || (new_ratio > 1.0 && count < current);
    stay(if contradicts { current } else { count })
}

/// Mirrors `getUsageRatioReplicaCount`: a value of one object for all pods.
pub(super) fn replicas_for_ratio(
    current: i32,
    ratio: f64,
    pods: &[Arc<Pod>],
    tolerances: Tolerances,
) -> Result<i32, String> {
    if current == 0 {
        return Ok(ceil(ratio));
    }
    if tolerances.is_within(ratio) {
        return Ok(current);
    }
    if pods.is_empty() {
        let text = "no pods returned by selector while calculating replica count";
        return Err(format!("unable to calculate ready pods: {text}"));
    }
    let ready = pods.iter().filter(|pod| pod.status.phase == PodPhase::Running && pod.is_ready()).count();
    Ok(ceil(ratio * as_f64_count(ready)))
}

/// Mirrors `GetObjectPerPodMetricReplicas` and `GetExternalPerPodMetricReplicas`; the replicas and the average.
pub(super) fn replicas_for_average(
    status_replicas: i32,
    value: i64,
    target: i64,
    tolerances: Tolerances,
) -> (i32, i64) {
    let ratio = as_f64(value) / (as_f64(target) * f64::from(status_replicas));
    let count = if tolerances.is_within(ratio) { status_replicas } else { ceil(as_f64(value) / as_f64(target)) };
    let average = (as_f64(value) / f64::from(status_replicas)).ceil();
    (count, to_i64(average))
}

pub(super) fn as_f64(value: i64) -> f64 {
    value as f64
}

fn as_f64_count(count: usize) -> f64 {
    count as f64
}

fn to_i64(value: f64) -> i64 {
    value as i64
}

fn ceil(value: f64) -> i32 {
    value.ceil() as i32
}
