//! One look at an autoscaler: the target's scale, what the metrics ask for, and the new scale.
//!
//! Mirrors pkg/controller/podautoscaler/horizontal.go (`reconcileAutoscaler`, `computeReplicasForMetrics`) (v1.36).

use std::cmp::Ordering;
use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2::MetricStatus;
use seatrial_api::selector::Selector;
use seatrial_api::{HorizontalPodAutoscaler, Kind, NamespacedName, ObjectKey, Pod, Resource};
use seatrial_machinery::SyncContext;

use super::controller::HorizontalController;
use super::metrics::{Proposal, Target, compute_replicas_for_metric};
use super::status::{ABLE_TO_SCALE, SCALING_ACTIVE, Work};

/// How many replicas there should be, and why.
struct Decision {
    desired: i32,
    reason: String,
    statuses: Vec<MetricStatus>,
    partial_failure: Option<String>,
}

/// What all metrics together ask for.
struct Computed {
    replicas: i32,
    metric: String,
    statuses: Vec<MetricStatus>,
    /// Some metrics failed, and the others ask for more.
    partial_failure: Option<String>,
}

/// What the status tells of the metrics when nothing came of them (nothing of one that failed), and the error.
type Failure = (Vec<MetricStatus>, String);

impl HorizontalController {
    /// Mirrors `reconcileAutoscaler`; the error is for the log.
    pub(super) fn reconcile_autoscaler(
        &mut self,
        cx: &mut SyncContext<'_>,
        hpa: &Arc<HorizontalPodAutoscaler>,
    ) -> Result<(), String> {
        let mut work = Work::new(hpa, &hpa.body.spec, cx.clock().time());
        let key = hpa.namespaced_name();
        let found = target_of(&work).and_then(|target| Ok((get_scale(cx, &target)?, target)));
        let (scale, target) = match found {
            Ok(found) => found,
            Err(error) => {
                work.warn(cx, "FailedGetScale", &error);
                let text = format!("the HPA controller was unable to get the target's current scale: {error}");
                work.set(ABLE_TO_SCALE, false, "FailedGetScale", text);
                work.write(cx)?;
                return Err(error);
            }
        };
        let text = "the HPA controller was able to get the target's current scale";
        work.set(ABLE_TO_SCALE, true, "SucceededGetScale", text);
        self.histories.entry(key.clone()).or_default().record_initial(scale.replicas, cx.clock().now());
        let decision = match self.decide(cx, &mut work, &scale, &key) {
            Ok(decision) => decision,
            Err((statuses, error)) => {
                work.set_current_replicas(scale.replicas, statuses);
                work.warn(cx, "FailedComputeMetricsReplicas", &error);
                work.write(cx)?;
                return Err(error);
            }
        };
        let is_rescaled = decision.desired != scale.replicas;
        if is_rescaled && let Err(error) = self.rescale(cx, &mut work, &target, (&scale, &decision)) {
            work.set_current_replicas(scale.replicas, decision.statuses);
            work.write(cx)?;
            return Err(error);
        }
        work.set_replicas(scale.replicas, decision.desired, decision.statuses, is_rescaled);
        work.write(cx)?;
        decision.partial_failure.map_or(Ok(()), Err)
    }

    /// How many replicas there should be, and why.
    fn decide(
        &mut self,
        cx: &mut SyncContext<'_>,
        work: &mut Work<'_>,
        scale: &Scale,
        key: &NamespacedName,
    ) -> Result<Decision, Failure> {
        let (current, min, max) = (scale.replicas, work.min_replicas(), work.spec.max_replicas);
        let without_metrics = |desired, reason: &str| Decision {
            desired,
            reason: reason.to_owned(),
            statuses: Vec::new(),
            partial_failure: None,
        };
        if current == 0 && min != 0 {
            let text = "scaling is disabled since the replica count of the target is zero";
            work.set(SCALING_ACTIVE, false, "ScalingDisabled", text);
            return Ok(without_metrics(0, ""));
        }
        if current > max {
            return Ok(without_metrics(max, "Current number of replicas above Spec.MaxReplicas"));
        }
        if current < min {
            return Ok(without_metrics(min, "Current number of replicas below Spec.MinReplicas"));
        }
        let Computed { replicas, metric, statuses, partial_failure } =
            self.compute_replicas_for_metrics(cx, work, scale, key)?;
        let proposed = replicas.max(0);
        let reason = match proposed.cmp(&current) {
            Ordering::Greater => format!("{metric} above target"),
            Ordering::Less => "All metrics below target".to_owned(),
            Ordering::Equal => String::new(),
        };
        let history = self.histories.entry(key.clone()).or_default();
        let desired = history.normalize(work, cx.clock().now(), current, proposed);
        Ok(Decision { desired, reason, statuses, partial_failure })
    }

    fn rescale(
        &mut self,
        cx: &mut SyncContext<'_>,
        work: &mut Work<'_>,
        target: &ObjectKey,
        (scale, decision): (&Scale, &Decision),
    ) -> Result<(), String> {
        let Decision { desired, reason, .. } = decision;
        if let Err(error) = update_scale(cx, target, *desired) {
            work.warn(cx, "FailedRescale", &format!("New size: {desired}; reason: {reason}; error: {error}"));
            let text = format!("the HPA controller was unable to update the target scale: {error}");
            work.set(ABLE_TO_SCALE, false, "FailedUpdateScale", text);
            return Err(error);
        }
        let text = format!("the HPA controller was able to update the target scale to {desired}");
        work.set(ABLE_TO_SCALE, true, "SucceededRescale", text);
        work.tell(cx, "SuccessfulRescale", &format!("New size: {desired}; reason: {reason}"));
        if let Some(behavior) = &work.spec.behavior {
            let history = self.histories.entry(work.hpa.namespaced_name()).or_default();
            history.store_scale_event(behavior, cx.clock().now(), scale.replicas, *desired);
        }
        Ok(())
    }

    /// The largest of what the metrics ask for. Mirrors `computeReplicasForMetrics`.
    fn compute_replicas_for_metrics(
        &mut self,
        cx: &mut SyncContext<'_>,
        work: &mut Work<'_>,
        scale: &Scale,
        key: &NamespacedName,
    ) -> Result<Computed, Failure> {
        let pods = self.pods_to_scale(cx, work, scale, key).map_err(|error| (Vec::new(), error))?;
        let target = Target { spec_replicas: scale.replicas, status_replicas: scale.status_replicas, pods: &pods };
        let metrics = work.spec.metrics.clone().unwrap_or_default();
        let mut computed = Computed { replicas: 0, metric: String::new(), statuses: Vec::new(), partial_failure: None };
        let (mut invalid, mut first) = (0, None);
        for metric in &metrics {
            let Proposal { replicas, name, status } = match compute_replicas_for_metric(cx, work, metric, &target) {
                Ok(proposal) => proposal,
                Err(failure) => {
                    invalid += 1;
                    first.get_or_insert(failure);
                    computed.statuses.push(MetricStatus::default());
                    continue;
                }
            };
            computed.statuses.push(status);
            if computed.replicas == 0 || replicas > computed.replicas {
                (computed.replicas, computed.metric) = (replicas, name);
            }
        }
        if let Some((condition, error)) = first {
            let text = format!("invalid metrics ({invalid} invalid out of {}), first error is: {error}", metrics.len());
            if invalid >= metrics.len() || computed.replicas < scale.replicas {
                work.set_condition(condition);
                return Err((computed.statuses, text));
            }
            computed.partial_failure = Some(text);
        }
        let text = format!("the HPA was able to successfully calculate a replica count from {}", computed.metric);
        work.set(SCALING_ACTIVE, true, "ValidMetricFound", text);
        Ok(computed)
    }

    /// The pods of the target; nobody else may scale them. Mirrors `validateAndParseSelector`.
    fn pods_to_scale(
        &mut self,
        cx: &mut SyncContext<'_>,
        work: &mut Work<'_>,
        scale: &Scale,
        key: &NamespacedName,
    ) -> Result<Vec<Arc<Pod>>, String> {
        if scale.selector.is_empty() {
            let text = "selector is required";
            work.warn(cx, "SelectorRequired", text);
            work.set(SCALING_ACTIVE, false, "InvalidSelector", "the HPA target's scale is missing a selector");
            return Err(text.to_owned());
        }
        let selector = match Selector::parse(&scale.selector) {
            Ok(selector) => selector,
            Err(error) => {
                let text = format!("couldn't convert selector into a corresponding internal selector object: {error}");
                work.warn(cx, "InvalidSelector", &text);
                work.set(SCALING_ACTIVE, false, "InvalidSelector", text.clone());
                return Err(text);
            }
        };
        self.selectors.insert(key.clone(), selector.clone());
        let of_namespace = cx.informers.pods.list(Some(&key.namespace));
        let pods: Vec<Arc<Pod>> =
            of_namespace.into_iter().filter(|pod| selector.matches(&pod.meta.labels)).cloned().collect();
        let selects = |other: &Selector| pods.iter().any(|pod| other.matches(&pod.meta.labels));
        let others: Vec<String> = self
            .selectors
            .iter()
            .filter(|(other, selector)| other.namespace == key.namespace && (*other == key || selects(selector)))
            .map(|(other, _)| other.to_string())
            .collect();
        if others.len() > 1 && !pods.is_empty() {
            let text =
                format!("pods by selector {} are controlled by multiple HPAs: [{}]", scale.selector, others.join(" "));
            work.warn(cx, "AmbiguousSelector", &text);
            work.set(SCALING_ACTIVE, false, "AmbiguousSelector", text.clone());
            return Err(text);
        }
        Ok(pods)
    }
}

/// What a target's `/scale` says.
struct Scale {
    replicas: i32,
    status_replicas: i32,
    selector: String,
}

/// Mirrors the RESTMapper's part of `reconcileAutoscaler`.
fn target_of(work: &Work<'_>) -> Result<ObjectKey, String> {
    let reference = &work.spec.scale_target_ref;
    let version = reference.api_version.as_deref().unwrap_or_default();
    if version.matches('/').count() > 1 {
        return Err(format!("unexpected GroupVersion string: {version}"));
    }
    let group = version.split_once('/').map_or("", |(group, _)| group);
    // The version does not matter: a mapping is looked for by group and kind.
    let is_meant = |kind: &&Kind| kind.info().kind == reference.kind && kind.info().group == group;
    let kind = Kind::ALL.iter().find(is_meant);
    let kind = kind.ok_or_else(|| format!("no matches for kind {:?} in group {group:?}", reference.kind))?;
    Ok(ObjectKey::new(*kind, work.hpa.meta.namespace.clone(), reference.name.as_str()))
}

fn get_scale(cx: &SyncContext<'_>, target: &ObjectKey) -> Result<Scale, String> {
    let scale = cx.client.server().get_scale(target).map_err(|error| error.message().to_owned())?;
    Ok(Scale { replicas: scale.replicas, status_replicas: scale.status_replicas, selector: scale.selector })
}

fn update_scale(cx: &mut SyncContext<'_>, target: &ObjectKey, replicas: i32) -> Result<(), String> {
    let written = cx.client.counted(|server, request| server.update_scale(request, target, replicas));
    written.map(drop).map_err(|error| error.message().to_owned())
}
