//! Conditions: one type for the lists of every kind.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DeploymentCondition, ReplicaSetCondition};
use k8s_openapi::api::core::v1::{PodCondition, ReplicationControllerCondition};

use crate::{Str, Time};

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

impl ConditionStatus {
    /// The word in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads the word; anything else is `Unknown`, as validation lets no other word pass.
    pub fn parse(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// One condition. The fields a kind does not have stay `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The type, unique in its list.
    pub type_: Str,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// A CamelCase word, or empty.
    pub reason: Str,
    /// A sentence for people, or empty.
    pub message: Str,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
    /// When the condition was last written (Deployments only).
    pub last_update_time: Option<Time>,
    /// When the condition was last probed (Pods only; never set in practice).
    pub last_probe_time: Option<Time>,
    /// The generation the condition speaks of (Pods only).
    pub observed_generation: Option<i64>,
}

impl Condition {
    /// A condition that changed at `now`; the other times are not set.
    pub fn new(type_: impl Into<Str>, status: ConditionStatus, now: Time) -> Self {
        Self {
            type_: type_.into(),
            status,
            reason: Str::default(),
            message: Str::default(),
            last_transition_time: Some(now),
            last_update_time: None,
            last_probe_time: None,
            observed_generation: None,
        }
    }

    /// The same with a reason and a message.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Str>, message: impl Into<Str>) -> Self {
        self.reason = reason.into();
        self.message = message.into();
        self
    }
}

/// An immutable list of conditions, shared between objects that became equal together.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Option<Arc<List>>);

/// Conditions, and which types may be among them.
#[derive(Debug)]
struct List {
    conditions: Vec<Condition>,
    /// The marks of their types. Most questions are for a condition that is not there.
    types: u32,
}

/// One of 32 bits for a type: other types than those of Kubernetes itself may have the same one.
#[inline]
const fn mark(type_: &str) -> u32 {
    let text = type_.as_bytes();
    let first = if text.is_empty() { 0 } else { text[0] as usize };
    1 << ((first ^ text.len()) % 32)
}

impl Conditions {
    /// The condition of a type.
    #[inline]
    pub fn get(&self, type_: &str) -> Option<&Condition> {
        let list = self.0.as_deref().filter(|list| list.types & mark(type_) != 0)?;
        list.conditions.iter().find(|c| c.type_ == type_)
    }

    /// The status of a type's condition, `None` where there is none.
    pub fn status(&self, type_: &str) -> Option<ConditionStatus> {
        self.get(type_).map(|c| c.status)
    }

    /// Whether a type's condition is True.
    pub fn is_true(&self, type_: &str) -> bool {
        self.status(type_) == Some(ConditionStatus::True)
    }

    /// The list without a type's condition.
    #[must_use]
    pub fn without(&self, type_: &str) -> Self {
        if self.get(type_).is_none() {
            return self.clone();
        }
        self.iter().filter(|c| c.type_ != type_).cloned().collect()
    }

    /// The list without the condition's type, and the condition at the end: how workload controllers write.
    #[must_use]
    pub fn with_last(&self, condition: Condition) -> Self {
        // Many pods that become ready in one second write the same condition: the list stays the shared one.
        if self.last() == Some(&condition) {
            return self.clone();
        }
        let others = self.iter().filter(|c| c.type_ != condition.type_).cloned();
        others.chain([condition.clone()]).collect()
    }
}

impl Conditions {
    /// Whether both are one shared list (or both empty), without looking at the conditions.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl PartialEq for Conditions {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || **self == **other
    }
}

impl std::ops::Deref for Conditions {
    type Target = [Condition];
    #[inline]
    fn deref(&self) -> &[Condition] {
        self.0.as_deref().map_or(&[], |list| &list.conditions)
    }
}

impl FromIterator<Condition> for Conditions {
    fn from_iter<I: IntoIterator<Item = Condition>>(iter: I) -> Self {
        let conditions: Vec<Condition> = iter.into_iter().collect();
        let types = conditions.iter().fold(0, |types, condition| types | mark(&condition.type_));
        Self((!conditions.is_empty()).then(|| Arc::new(List { conditions, types })))
    }
}

macro_rules! condition_conversions {
    ($( $to:ident, $from:ident, $api:ident { $( $own:ident ),* } )*) => {$(
        /// The list as k8s-openapi writes it; `None` when empty.
        pub(crate) fn $to(list: &Conditions) -> Option<Vec<$api>> {
            let one = |c: &Condition| $api {
                type_: c.type_.to_string(),
                status: c.status.as_str().to_owned(),
                reason: (!c.reason.is_empty()).then(|| c.reason.to_string()),
                message: (!c.message.is_empty()).then(|| c.message.to_string()),
                last_transition_time: c.last_transition_time.map(Into::into),
                $( $own: c.$own.map(Into::into), )*
            };
            (!list.is_empty()).then(|| list.iter().map(one).collect())
        }

        /// Reads the list as k8s-openapi holds it.
        pub(crate) fn $from(list: Option<Vec<$api>>) -> Conditions {
            let one = |c: $api| Condition {
                type_: c.type_.into(),
                status: ConditionStatus::parse(&c.status),
                reason: c.reason.unwrap_or_default().into(),
                message: c.message.unwrap_or_default().into(),
                last_transition_time: c.last_transition_time.map(Into::into),
                $( $own: c.$own.map(Into::into), )*
                ..Condition::new("", ConditionStatus::Unknown, Time::default())
            };
            list.into_iter().flatten().map(one).collect()
        }
    )*};
}

condition_conversions! {
    deployment_conditions_to_api, deployment_conditions_from_api, DeploymentCondition { last_update_time }
    replica_set_conditions_to_api, replica_set_conditions_from_api, ReplicaSetCondition { }
    replication_controller_conditions_to_api, replication_controller_conditions_from_api, ReplicationControllerCondition { }
    pod_conditions_to_api, pod_conditions_from_api, PodCondition { last_probe_time, observed_generation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_found_among_types_with_its_mark() {
        let types = ["Ready", "Rally", "", "PodScheduled"];
        assert_eq!(mark("Ready"), mark("Rally"));
        for len in 0..=types.len() {
            let conditions: Conditions = types[..len]
                .iter()
                .map(|type_| Condition::new(*type_, ConditionStatus::True, Time::from_unix(1)))
                .collect();
            for type_ in types.into_iter().chain(["Initialized", "ready"]) {
                assert_eq!(conditions.get(type_), conditions.iter().find(|c| c.type_ == type_), "{type_} of {len}");
                assert_eq!(conditions.without(type_).get(type_), None);
            }
        }
    }
}
