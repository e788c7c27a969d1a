//! Kubernetes objects as the simulator holds them, and how they are read from and written to JSON.

pub mod condition;
pub mod cron_schedule;
pub mod error;
pub mod field;
pub mod group;
pub mod int_or_string;
pub mod json;
mod kinds;
mod label_selector;
mod meta;
pub mod names;
mod object_map;
mod objects;
mod pod_template;
pub mod quantity;
mod rare_str;
mod resources;
pub mod scheduling;
pub mod schema;
pub mod selector;
mod short_hash;
mod slot;
mod str;
mod str_map;
mod time;
mod uid;

pub use condition::{Condition, ConditionStatus, Conditions};
pub use error::ApiError;
pub use group::{GroupKind, GroupResource};
pub use kinds::*;
pub use label_selector::LabelSelector;
pub use meta::{Deletion, Finalizers, ObjectMeta, OwnerReference, OwnerReferences, SharedList};
pub use object_map::{Named, NamespacedName, ObjectMap};
pub use objects::container_status::{
    ContainerId, ContainerIdentity, ContainerState, ContainerStatus, ContainerTerminated,
};
pub use objects::cron_job::CronJobBody;
pub use objects::deployment::{DeploymentSpec, DeploymentStatus, DeploymentStrategy};
pub use objects::endpoints::EndpointSubset;
pub use objects::event::{BriefEvent, EventBody, EventSource, EventTemplate, NewEvent, ObjectReference};
pub use objects::lease::LeaseBody;
pub use objects::parts::Parts;
pub use objects::plain::Plain;
pub use objects::pod::{PodPhase, PodStatus, condition_type as pod_condition, own_claim_name};
pub use objects::replica_set::{ReplicaSetSpec, ReplicaSetStatus};
pub use objects::shared::Shared;
pub use pod_template::{PodHostname, PodSpec, PodTemplateSpec};
pub use rare_str::RareStr;
pub use resources::{PodRequests, QosClass, ResourceAmounts};
pub use short_hash::{fold_hash, spread_hash};
pub use slot::{Slot, SlotMap};
pub use str::Str;
pub use str_map::StrMap;
pub use time::{MicroTime, Time};
pub use uid::Uid;
