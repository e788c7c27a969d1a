//! What a scenario file says, as plain data.
//!
//! Every value has been checked for its form (fields, types, durations, targets, CEL syntax); whether an
//! object or a node exists is known only when the scenario runs.

mod behavior;
mod check;
mod cluster;
mod print;
mod provisioner;
mod step;
mod target;

pub use behavior::{Behavior, Endpoint, Exit, LogEntry, Match, Pull, Start, Terminate, Usage, When, Window};
pub use check::{Cel, Expectation, Invariant, Subject, Wait, WaitFor};
pub use cluster::{BindingMode, ClusterSpec, Controllers, NodeSpec, ReclaimPolicy, StorageClassSpec, Taint};
pub use print::Print;
pub use provisioner::{OperationSpec, ProvisionerSpec};
pub use step::{
    Annotate, Call, Delete, Drain, Evict, Exec, ExecExpect, Fault, FaultKind, Label, NodeAction, NodeFault,
    NodeFaultKind, NodeStep, Patch, PatchType, Propagation, Rollout, RolloutAction, Scale, SetImage, Settle, Step,
    Verb,
};
pub use target::{Query, Target};

use chrono::{DateTime, Utc};

/// A scenario: a cluster, how its pods behave, what must always hold, and what happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// `metadata.name`; the file's name without its ending if there is none.
    pub name: String,
    /// The file as the user named it, for messages.
    pub file: String,
    /// `spec.seed`: the root of all randomness. 0 if not given.
    pub seed: u64,
    /// `spec.start`: the wall clock at which virtual time begins. 2024-01-01T00:00:00Z if not given.
    pub start: DateTime<Utc>,
    /// `spec.cluster`.
    pub cluster: ClusterSpec,
    /// `spec.behaviors`: the first that matches a container holds.
    pub behaviors: Vec<Behavior>,
    /// `spec.provisioners`: the first that matches a class holds.
    pub provisioners: Vec<ProvisionerSpec>,
    /// `spec.always`: checked after every write.
    pub always: Vec<Invariant>,
    /// `spec.steps`, in order.
    pub steps: Vec<Step>,
    /// `spec.fromFullMinute`: the steps begin when the clock's seconds are at 0.
    pub from_full_minute: bool,
    /// `spec.exclusive`: the case was recorded alone; no meaning when it runs.
    pub exclusive: bool,
    /// What the user should know although the scenario can run: removed API versions that were converted.
    pub warnings: Vec<String>,
}
