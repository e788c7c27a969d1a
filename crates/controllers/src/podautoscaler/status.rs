//! Conditions, events and the status of an autoscaler.
//!
//! Mirrors pkg/controller/podautoscaler/horizontal.go (`setStatus`, `setCondition`, `updateStatusIfNeeded`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2 as autoscalingv2;
use seatrial_api::{HorizontalPodAutoscaler, Time};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

pub(super) const ABLE_TO_SCALE: &str = "AbleToScale";
pub(super) const SCALING_ACTIVE: &str = "ScalingActive";
pub(super) const SCALING_LIMITED: &str = "ScalingLimited";

/// An autoscaler, and the status it is getting.
pub(super) struct Work<'a> {
    pub(super) hpa: &'a Arc<HorizontalPodAutoscaler>,
    pub(super) spec: &'a autoscalingv2::HorizontalPodAutoscalerSpec,
    pub(super) status: autoscalingv2::HorizontalPodAutoscalerStatus,
    now: Time,
}

/// A condition that is to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) type_: &'static str,
    pub(super) is_true: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        hpa: &'a Arc<HorizontalPodAutoscaler>,
        spec: &'a autoscalingv2::HorizontalPodAutoscalerSpec,
        now: Time,
    ) -> Self {
        Self { hpa, spec, status: hpa.body.status.clone().unwrap_or_default(), now }
    }

    pub(super) fn min_replicas(&self) -> i32 {
        self.spec.min_replicas.unwrap_or(1)
    }

    pub(super) fn set(&mut self, type_: &'static str, is_true: bool, reason: &'static str, message: impl Into<String>) {
        self.set_condition(Condition { type_, is_true, reason, message: message.into() });
    }

    /// The time moves with the condition's status only.
    pub(super) fn set_condition(&mut self, condition: Condition) {
        let status = if condition.is_true { "True" } else { "False" };
        let list = self.status.conditions.get_or_insert_default();
        let place = list.iter().position(|known| known.type_ == condition.type_);
        let index = place.unwrap_or_else(|| {
            list.push(autoscalingv2::HorizontalPodAutoscalerCondition {
                type_: condition.type_.to_owned(),
                ..Default::default()
            });
            list.len() - 1
        });
        let known = &mut list[index];
        if known.status != status {
            known.status = status.to_owned();
            known.last_transition_time = Some(self.now.into());
        }
        known.reason = Some(condition.reason.to_owned());
        known.message = Some(condition.message);
    }

    pub(super) fn warn(&self, cx: &mut SyncContext<'_>, reason: &str, message: &str) {
        cx.client.event(&ObjectRef::of(&**self.hpa), &EventText::warning(reason, message));
    }

    pub(super) fn tell(&self, cx: &mut SyncContext<'_>, reason: &str, message: &str) {
        cx.client.event(&ObjectRef::of(&**self.hpa), &EventText::normal(reason, message));
    }

    /// Mirrors `setStatus`.
    pub(super) fn set_replicas(
        &mut self,
        current: i32,
        desired: i32,
        metrics: Vec<autoscalingv2::MetricStatus>,
        rescaled: bool,
    ) {
        self.status.current_replicas = Some(current);
        self.status.desired_replicas = desired;
        self.status.current_metrics = Some(metrics).filter(|metrics| !metrics.is_empty());
        self.status.observed_generation = None;
        if rescaled {
            self.status.last_scale_time = Some(self.now.into());
        }
    }

    /// Keeps the number that was wanted before. Mirrors `setCurrentReplicasAndMetricsInStatus`.
    pub(super) fn set_current_replicas(&mut self, current: i32, metrics: Vec<autoscalingv2::MetricStatus>) {
        self.set_replicas(current, self.status.desired_replicas, metrics, false);
    }

    /// Writes the status if it differs from what is there.
    pub(super) fn write(self, cx: &mut SyncContext<'_>) -> Result<(), String> {
        if self.hpa.body.status.as_ref() == Some(&self.status) {
            return Ok(());
        }
        let mut updated = HorizontalPodAutoscaler::clone(self.hpa);
        updated.body.status = Some(self.status);
        match cx.client.update_status(updated) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = error.message().to_owned();
                cx.client.event(&ObjectRef::of(&**self.hpa), &EventText::warning("FailedUpdateStatus", &text));
                Err(text)
            }
        }
    }
}
