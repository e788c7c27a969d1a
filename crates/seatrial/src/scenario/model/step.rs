//! The steps of a scenario: one verb each.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Behavior, Expectation, Print, Taint, Target, Wait};
use crate::manifest::{Manifest, Position};

/// A step and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub verb: Verb,
    /// Where it is written.
    pub position: Position,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// POST of each object.
    Create(Vec<Manifest>),
    /// kubectl's client-side apply of each object.
    Apply(Vec<Manifest>),
    /// PATCH.
    Patch(Patch),
    /// The scale subresource.
    Scale(Scale),
    /// A strategic merge patch of a pod template's image.
    SetImage(SetImage),
    /// DELETE.
    Delete(Delete),
    /// `kubectl rollout`.
    Rollout(Rollout),
    /// What happens to a node.
    Node(NodeStep),
    /// Behaviors to put in front of the list.
    Behave(Vec<Behavior>),
    /// Puts behaviors of storage in front of the list.
    Provisioners(Vec<super::ProvisionerSpec>),
    /// Time passes until nothing changes any more.
    Settle(Settle),
    /// Time passes.
    Advance(Duration),
    /// Record every object under a name.
    Snapshot(String),
    /// A raw API request.
    Call(Call),
    /// What must hold now.
    Expect(Vec<Expectation>),
    /// Time passes until something holds.
    Wait(Wait),
    /// `kubectl label`.
    Label(Label),
    /// `kubectl annotate`.
    Annotate(Annotate),
    /// The eviction subresource of pods.
    Evict(Evict),
    /// `kubectl drain`.
    Drain(Drain),
    /// A fault of the control plane.
    Fault(Fault),
    /// A fault of a node.
    NodeFault(NodeFault),
    /// `kubectl exec`.
    Exec(Exec),
    /// Show something.
    Print(Vec<Print>),
}

/// `patch`.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Which objects.
    pub target: Target,
    /// The kind of patch.
    pub patch_type: PatchType,
    /// The patch itself.
    pub patch: Value,
    /// The subresource it goes to.
    pub subresource: Option<String>,
}

/// `patch.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatchType {
    /// `application/strategic-merge-patch+json`.
    #[default]
    Strategic,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/json-patch+json`.
    Json,
}

/// `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Which objects.
    pub target: Target,
    /// The wanted number; the API server judges it.
    pub replicas: i64,
}

/// `setImage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetImage {
    /// Which object.
    pub target: Target,
    /// Which container of its template.
    pub container: String,
    /// The new image.
    pub image: String,
}

/// `delete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Which objects.
    pub target: Target,
    /// What happens to dependents.
    pub propagation: Propagation,
    /// The grace period, if not the object's own.
    pub grace_period: Option<Duration>,
}

/// `delete.propagation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The object goes at once, its dependents after it.
    #[default]
    Background,
    /// The dependents go first.
    Foreground,
    /// The dependents stay.
    Orphan,
}

/// `rollout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Which action.
    pub action: RolloutAction,
    /// Which object.
    pub target: Target,
    /// `undo`: to which revision; the one before if not given.
    pub to_revision: Option<i64>,
}

/// `rollout.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutAction {
    /// Back to an earlier revision.
    Undo,
    /// A new revision of the same template.
    Restart,
    /// Stop.
    Pause,
    /// Go on.
    Resume,
}

/// `node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStep {
    /// Which node.
    pub name: String,
    /// What happens to it.
    pub action: NodeAction,
}

/// `node.action` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAction {
    /// A node joins.
    Add {
        /// Its capacity.
        capacity: BTreeMap<String, String>,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// Its taints.
        taints: Vec<Taint>,
    },
    /// The Node is deleted, and its kubelet stops.
    Remove,
    /// The kubelet and its heartbeats stop.
    Fail,
    /// They go on.
    Recover,
    /// `spec.unschedulable: true`.
    Cordon,
    /// `spec.unschedulable: false`.
    Uncordon,
    /// The taints are set to these.
    Taint(Vec<Taint>),
    /// The labels are merged; `None` removes one.
    Label(BTreeMap<String, Option<String>>),
}

/// `settle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settle {
    /// Until no object has changed for this long; 4s if not given.
    pub quiet: Duration,
    /// But not longer than this; 240s if not given.
    pub timeout: Duration,
}

/// `call`: a raw API request.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query parameters.
    pub query: BTreeMap<String, String>,
    /// The media type of the body; `application/json` if not given.
    pub content_type: String,
    /// Other headers, `Accept` mostly.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON text: it may hold numbers that no `Value` can.
    pub body: Option<String>,
    /// The body, sent as it is.
    pub raw: Option<String>,
}

/// `label`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which objects.
    pub target: Target,
    /// The labels; `None` removes one.
    pub labels: BTreeMap<String, Option<String>>,
}

/// `annotate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotate {
    /// Which objects.
    pub target: Target,
    /// The annotations; `None` removes one.
    pub annotations: BTreeMap<String, Option<String>>,
}

/// `evict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evict {
    /// Which pods.
    pub target: Target,
    /// The grace period, if not the pod's own.
    pub grace_period: Option<Duration>,
}

/// `drain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Which node.
    pub name: String,
    /// The pods' grace period, if not their own.
    pub grace_period: Option<Duration>,
    /// How long to retry evictions that a budget refuses; for ever if not given.
    pub timeout: Option<Duration>,
    /// Delete pods that no controller manages too.
    pub force: bool,
    /// Go on although there are DaemonSet pods. On by default, as a drain without it does nothing.
    pub ignore_daemon_sets: bool,
    /// Delete pods with emptyDir volumes too.
    pub delete_empty_dir_data: bool,
}

/// `fault`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// For which controller; all, if not given.
    pub controller: Option<String>,
    /// For objects of which kind; all, if not given.
    pub object_kind: Option<String>,
    /// `lag`, `latency`: by how much.
    pub delay: Option<Duration>,
    /// How long the fault lasts; until the end of the scenario if not given.
    pub lasts: Option<Duration>,
    /// How many times it happens at most.
    pub count: Option<u32>,
    /// In how many of 100 cases it happens; always if not given.
    pub percent: u8,
}

/// `fault` with `node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFault {
    /// Which nodes: a name, with `*`.
    pub node: String,
    /// What goes wrong.
    pub kind: NodeFaultKind,
    /// How long it lasts; until the end of the scenario, or until the node recovers, if not given.
    pub lasts: Option<Duration>,
}

/// `fault.type` with `node`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFaultKind {
    /// The machine is off: containers end, and start anew when it is on again.
    Down,
    /// The machine has no contact: containers go on, and are reported when it has.
    Partition,
    /// The kubelet starts anew: containers go on.
    Restart,
    /// What went wrong is over.
    Recover,
}

/// `fault.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The informers see changes late.
    Lag,
    /// The informers miss changes until their next list.
    Drop,
    /// The informers see changes of different objects in another order.
    Reorder,
    /// Writes are answered with 409.
    Conflict,
    /// Writes are answered with 500.
    Error,
    /// API calls take time.
    Latency,
    /// The controller starts anew, with empty caches and expectations.
    Crash,
}

/// `exec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Which pod.
    pub target: Target,
    /// Which container; the pod's first if not given.
    pub container: Option<String>,
    /// The command.
    pub command: Vec<String>,
    /// What must come of it.
    pub expect: Option<ExecExpect>,
    /// Where the step is written.
    pub position: Position,
}

/// What must come of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecExpect {
    /// A pattern of what it writes to standard output, the last line's end left out.
    pub stdout: Option<String>,
    /// The same of standard error.
    pub stderr: Option<String>,
    /// Its exit code; 0 if not given.
    pub exit_code: i32,
}
