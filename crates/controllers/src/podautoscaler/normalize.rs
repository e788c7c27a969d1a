//! What was recommended becomes what is done: stabilisation windows, scaling policies, the limits.
//!
//! Mirrors pkg/controller/podautoscaler/horizontal.go (`normalizeDesiredReplicas*`, `stabilizeRecommendation*`,
//! `convertDesiredReplicas*`, `storeScaleEvent`) (v1.36).

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::{HPAScalingRules, HorizontalPodAutoscalerBehavior};
use seatrial_machinery::SimTime;

use super::status::{ABLE_TO_SCALE, SCALING_LIMITED, Work};

/// Mirrors `--horizontal-pod-autoscaler-downscale-stabilization`.
const DOWNSCALE_STABILIZATION_SECONDS: i32 = 300;
const SCALE_UP_LIMIT_FACTOR: i64 = 2;
const SCALE_UP_LIMIT_MINIMUM: i64 = 4;

/// A reason and its message.
type Why = (&'static str, &'static str);

const WITHIN: Why = ("DesiredWithinRange", "the desired count is within the acceptable range");
const TOO_FEW: Why = ("TooFewReplicas", "the desired replica count is less than the minimum replica count");
const TOO_MANY: Why = ("TooManyReplicas", "the desired replica count is more than the maximum replica count");
const UP_LIMIT: Why = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
const DOWN_LIMIT: Why =
    ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate");
const UP_STABILIZED: Why = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const DOWN_STABILIZED: Why = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);

/// A number and when it was.
type Timed = (i32, SimTime);

/// What is remembered of an autoscaler.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// What was recommended, before it was normalised.
    recommendations: Vec<Timed>,
    /// By how much it was scaled up, and down.
    scale_up_events: Vec<Timed>,
    scale_down_events: Vec<Timed>,
}

/// The numbers of one decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) current: i32,
    pub(super) desired: i32,
    pub(super) min: i32,
    pub(super) max: i32,
}

impl History {
    /// The first time an autoscaler is looked at, what is there counts as recommended.
    pub(super) fn record_initial(&mut self, current: i32, now: SimTime) {
        if self.recommendations.is_empty() {
            self.recommendations.push((current, now));
        }
    }

    /// Mirrors `normalizeDesiredReplicas` and `normalizeDesiredReplicasWithBehaviors`.
    pub(super) fn normalize(&mut self, work: &mut Work<'_>, now: SimTime, current: i32, desired: i32) -> i32 {
        let mut numbers = Numbers { current, desired, min: work.min_replicas(), max: work.spec.max_replicas };
        let behavior = work.spec.behavior.clone();
        let (stabilized, why) = match &behavior {
            None => (self.stabilize(desired, now), DOWN_STABILIZED),
            Some(behavior) => self.stabilize_with_behaviors(behavior, numbers, now),
        };
        let (reason, message) =
            if stabilized == desired { ("ReadyForNewScale", "recommended size matches current size") } else { why };
        work.set(ABLE_TO_SCALE, true, reason, message);
        numbers.desired = stabilized;
        let (result, (reason, message)) = match &behavior {
            None => convert_with_rules(numbers),
            Some(behavior) => self.convert_with_behavior_rate(behavior, numbers, now),
        };
        work.set(SCALING_LIMITED, result != stabilized, reason, message);
        result
    }

    /// The highest of what was recommended in the last five minutes.
    fn stabilize(&mut self, desired: i32, now: SimTime) -> i32 {
        let oldest = cutoff(now, DOWNSCALE_STABILIZATION_SECONDS);
        let highest = self.recommendations.iter().filter(|(_, at)| *at >= oldest).map(|(count, _)| *count).max();
        self.remember(desired, now, oldest);
        highest.map_or(desired, |highest| highest.max(desired))
    }

    /// Mirrors `stabilizeRecommendationWithBehaviors`: what is there stays, unless all of a window ask for more or less.
    fn stabilize_with_behaviors(
        &mut self,
        behavior: &HorizontalPodAutoscalerBehavior,
        numbers: Numbers,
        now: SimTime,
    ) -> (i32, Why) {
        let up_window = window(behavior.scale_up.as_ref(), 0);
        let down_window = window(behavior.scale_down.as_ref(), DOWNSCALE_STABILIZATION_SECONDS);
        let (up_cutoff, down_cutoff) = (cutoff(now, up_window), cutoff(now, down_window));
        let (mut up, mut down) = (numbers.desired, numbers.desired);
        for (count, at) in &self.recommendations {
            if *at > up_cutoff {
                up = up.min(*count);
            }
            if *at > down_cutoff {
                down = down.max(*count);
            }
        }
        let mut stabilized = numbers.current;
        if stabilized < up {
            stabilized = up;
        }
        if stabilized > down {
            stabilized = down;
        }
        self.remember(numbers.desired, now, cutoff(now, up_window.max(down_window)));
        (stabilized, if numbers.desired >= numbers.current { UP_STABILIZED } else { DOWN_STABILIZED })
    }

    fn remember(&mut self, desired: i32, now: SimTime, oldest: SimTime) {
        self.recommendations.retain(|(_, at)| *at >= oldest);
        self.recommendations.push((desired, now));
    }

    /// Mirrors `convertDesiredReplicasWithBehaviorRate`.
    fn convert_with_behavior_rate(
        &self,
        behavior: &HorizontalPodAutoscalerBehavior,
        numbers: Numbers,
        now: SimTime,
    ) -> (i32, Why) {
        let Numbers { current, desired, min, max } = numbers;
        let recent = |seconds| Recent {
            added: changed_since(&self.scale_up_events, now, seconds),
            removed: changed_since(&self.scale_down_events, now, seconds),
        };
        if desired > current {
            let limit = scale_up_limit(behavior.scale_up.as_ref(), current, recent).max(current);
            let (allowed, why) = if max > limit { (limit, UP_LIMIT) } else { (max, TOO_MANY) };
            if desired > allowed {
                return (allowed, why);
            }
        } else if desired < current {
            let limit = scale_down_limit(behavior.scale_down.as_ref(), current, recent).min(current);
            let (allowed, why) = if min < limit { (limit, DOWN_LIMIT) } else { (min, TOO_FEW) };
            if desired < allowed {
                return (allowed, why);
            }
        }
        (desired, WITHIN)
    }

    /// Remembers a change for as long as a policy may count it. Mirrors `storeScaleEvent`.
    pub(super) fn store_scale_event(
        &mut self,
        behavior: &HorizontalPodAutoscalerBehavior,
        now: SimTime,
        before: i32,
        after: i32,
    ) {
        let (events, rules) = if after > before {
            (&mut self.scale_up_events, &behavior.scale_up)
        } else {
            (&mut self.scale_down_events, &behavior.scale_down)
        };
        let policies = rules.iter().flat_map(|rules| rules.policies.iter().flatten());
        let longest = policies.map(|policy| policy.period_seconds).max().unwrap_or(0);
        let oldest = cutoff(now, longest);
        events.retain(|(_, at)| *at >= oldest);
        events.push(((after - before).abs(), now));
    }
}

/// How many replicas came and went in a period.
#[derive(Clone, Copy, Debug)]
struct Recent {
    added: i32,
    removed: i32,
}

/// Mirrors `getReplicasChangePerPeriod`.
fn changed_since(events: &[Timed], now: SimTime, seconds: i32) -> i32 {
    let oldest = cutoff(now, seconds);
    events.iter().filter(|(_, at)| *at > oldest).map(|(change, _)| *change).sum()
}

/// What each policy allows: `allow` is told whether the policy counts pods, how many there were when its period began,
/// and its value.
fn proposals(
    rules: &HPAScalingRules,
    current: i32,
    recent: impl Fn(i32) -> Recent,
    allow: impl Fn(bool, i64, i64) -> i64,
) -> impl Iterator<Item = i32> {
    rules.policies.iter().flatten().map(move |policy| {
        let recent = recent(policy.period_seconds);
        let start = i64::from(current) - i64::from(recent.added) + i64::from(recent.removed);
        clamp(allow(policy.type_ == "Pods", start, i64::from(policy.value)))
    })
}

/// Mirrors `calculateScaleUpLimitWithScalingRules`.
fn scale_up_limit(rules: Option<&HPAScalingRules>, current: i32, recent: impl Fn(i32) -> Recent) -> i32 {
    let Some(rules) = rules else { return i32::MAX };
    let select = rules.select_policy.as_deref().unwrap_or("Max");
    if select == "Disabled" {
        return current;
    }
    let proposals = proposals(rules, current, recent, |in_pods, start, value| match in_pods {
        true => start + value,
        false => percent_of(start, 100 + value, true),
    });
    (if select == "Min" { proposals.min() } else { proposals.max() }).unwrap_or(0)
}

/// Mirrors `calculateScaleDownLimitWithBehaviors`.
fn scale_down_limit(rules: Option<&HPAScalingRules>, current: i32, recent: impl Fn(i32) -> Recent) -> i32 {
    let Some(rules) = rules else { return 0 };
    let select = rules.select_policy.as_deref().unwrap_or("Max");
    if select == "Disabled" {
        return current;
    }
    let proposals = proposals(rules, current, recent, |in_pods, start, value| match in_pods {
        true => start - value,
        false => percent_of(start, 100 - value, false),
    });
    (if select == "Min" { proposals.max() } else { proposals.min() }).unwrap_or(i32::MAX)
}

/// Towards the larger change upwards, and towards zero downwards.
fn percent_of(count: i64, percent: i64, rounds_up: bool) -> i64 {
    let hundredfold = count.saturating_mul(percent);
    if rounds_up {
        hundredfold.div_euclid(100) + i64::from(hundredfold.rem_euclid(100) != 0)
    } else {
        hundredfold / 100
    }
}

fn clamp(count: i64) -> i32 {
    i32::try_from(count.clamp(i64::from(i32::MIN), i64::from(i32::MAX))).unwrap_or_default()
}

/// Without a behavior: twice as many at most, or four. Mirrors `convertDesiredReplicasWithRules`.
fn convert_with_rules(Numbers { current, desired, min, max }: Numbers) -> (i32, Why) {
    let limit = clamp((SCALE_UP_LIMIT_FACTOR * i64::from(current)).max(SCALE_UP_LIMIT_MINIMUM));
    let (allowed, why) = if max > limit { (limit, UP_LIMIT) } else { (max, TOO_MANY) };
    if desired < min {
        (min, TOO_FEW)
    } else if desired > allowed {
        (allowed, why)
    } else {
        (desired, WITHIN)
    }
}

fn window(rules: Option<&HPAScalingRules>, default: i32) -> i32 {
    rules.and_then(|rules| rules.stabilization_window_seconds).unwrap_or(default)
}

fn cutoff(now: SimTime, seconds: i32) -> SimTime {
    now.saturating_sub(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn behavior(value: Value) -> HorizontalPodAutoscalerBehavior {
        serde_json::from_value(value).expect("a behavior")
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(1_000 + seconds)
    }

    #[test]
    fn without_a_behavior_four_or_twice_as_many() {
        // Current, desired, min, max: the result.
        let rows = [
            ((1, 10, 1, 20), 4, UP_LIMIT),
            ((3, 10, 1, 20), 6, UP_LIMIT),
            ((3, 10, 1, 5), 5, TOO_MANY),
            ((3, 10, 1, 6), 6, TOO_MANY),
            ((3, 6, 1, 6), 6, WITHIN),
            ((3, 0, 1, 6), 1, TOO_FEW),
            ((3, 1, 1, 6), 1, WITHIN),
            ((3, 1, 2, 6), 2, TOO_FEW),
            ((i32::MAX, i32::MAX, 1, i32::MAX), i32::MAX, WITHIN),
        ];
        for ((current, desired, min, max), want, why) in rows {
            let got = convert_with_rules(Numbers { current, desired, min, max });
            assert_eq!(got, (want, why), "{current} {desired} {min} {max}");
        }
    }

    #[test]
    fn policies_limit_what_a_period_may_bring() {
        let policies = |select: &str| {
            let list = json!([{"type": "Pods", "value": 4, "periodSeconds": 60}, {"type": "Percent", "value": 50, "periodSeconds": 60}]);
            json!({"stabilizationWindowSeconds": 0, "selectPolicy": select, "policies": list})
        };
        // Policy, current, desired, added and removed in the minute: the result.
        let rows = [
            ("Max", 10, 100, (0, 0), 15, UP_LIMIT),
            ("Max", 5, 100, (0, 0), 9, UP_LIMIT),
            ("Min", 10, 100, (0, 0), 14, UP_LIMIT),
            ("Min", 5, 100, (0, 0), 8, UP_LIMIT),
            ("Disabled", 5, 100, (0, 0), 5, UP_LIMIT),
            ("Max", 10, 100, (4, 0), 10, UP_LIMIT),
            ("Max", 10, 100, (3, 0), 11, UP_LIMIT),
            ("Max", 10, 100, (0, 2), 18, UP_LIMIT),
            ("Max", 10, 11, (0, 0), 11, WITHIN),
            ("Max", 19, 100, (0, 0), 20, TOO_MANY),
            ("Max", 11, 1, (0, 0), 5, DOWN_LIMIT),
            ("Max", 7, 1, (0, 0), 3, DOWN_LIMIT),
            ("Min", 11, 1, (0, 0), 7, DOWN_LIMIT),
            ("Disabled", 11, 1, (0, 0), 11, DOWN_LIMIT),
            ("Max", 11, 1, (0, 6), 8, DOWN_LIMIT),
            ("Max", 4, 1, (0, 0), 2, TOO_FEW),
        ];
        for (select, current, desired, (added, removed), want, why) in rows {
            let rules = behavior(json!({"scaleUp": policies(select), "scaleDown": policies(select)}));
            let mut history = History::default();
            history.scale_up_events.push((added, at(0)));
            history.scale_down_events.push((removed, at(0)));
            let numbers = Numbers { current, desired, min: 2, max: 20 };
            let got = history.convert_with_behavior_rate(&rules, numbers, at(30));
            assert_eq!(got, (want, why), "{select} {current} {desired} {added} {removed}");
            // A minute later nothing of it counts.
            let later = history.convert_with_behavior_rate(&rules, numbers, at(60));
            let fresh = History::default().convert_with_behavior_rate(&rules, numbers, at(60));
            assert_eq!(later, fresh);
        }
    }

    #[test]
    fn the_highest_of_five_minutes_is_kept() {
        let mut history = History::default();
        history.record_initial(5, at(0));
        let rows = [(0, 2, 5), (15, 7, 7), (300, 3, 7), (315, 3, 7), (316, 3, 3), (330, 1, 3)];
        for (seconds, desired, want) in rows {
            assert_eq!(history.stabilize(desired, at(seconds)), want, "{desired} at {seconds}");
        }
        assert!(history.recommendations.len() <= 6);
    }

    #[test]
    fn windows_look_both_ways() {
        type Before = &'static [(i32, u64)];
        let rules = behavior(json!({
            "scaleUp": {"stabilizationWindowSeconds": 60}, "scaleDown": {"stabilizationWindowSeconds": 120}}));
        // Recommendations so far, current, desired: the result at second 100.
        let rows: [(Before, i32, i32, i32, Why); 7] = [
            (&[], 5, 8, 8, UP_STABILIZED),
            (&[(6, 50)], 5, 8, 6, UP_STABILIZED),
            (&[(4, 50)], 5, 8, 5, UP_STABILIZED),
            (&[(4, 40)], 5, 8, 8, UP_STABILIZED),
            (&[(6, 10)], 5, 2, 5, DOWN_STABILIZED),
            (&[(4, 10)], 5, 2, 4, DOWN_STABILIZED),
            (&[], 5, 5, 5, UP_STABILIZED),
        ];
        for (before, current, desired, want, why) in rows {
            let mut history = History::default();
            history.recommendations.extend(before.iter().map(|(count, seconds)| (*count, at(*seconds))));
            let numbers = Numbers { current, desired, min: 1, max: 20 };
            assert_eq!(history.stabilize_with_behaviors(&rules, numbers, at(100)), (want, why), "{before:?} {desired}");
        }
    }
}
