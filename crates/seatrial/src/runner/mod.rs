//! Running a scenario: its steps one by one, and a report of what came of them.

mod call;
mod cel;
mod exec;
mod expect;
mod journal;
mod nodes;
mod print;
mod steps;
mod storage;
mod targets;

use std::time::Duration;

use seatrial_apiserver::ChangeType;
use seatrial_kubelet::Behavior;
use serde_json::{Value, json};

use crate::cluster::reads::kind_named;
use crate::cluster::{Builder, Cluster, Node, TraceMode};
use crate::manifest::Manifest;
use crate::scenario::Scenario;
use crate::scenario::model::Controllers;

pub use journal::{JournalEntry, Line, LineKind};

/// What a run is asked to do beyond running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// The seed, instead of the scenario's.
    pub seed: Option<u64>,
    /// The run ends at this virtual time.
    pub until: Option<Duration>,
    /// Whether every change is kept, for `watch.jsonl`.
    pub keep_changes: bool,
    /// What the trace keeps.
    pub trace: TraceMode,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { seed: None, until: None, keep_changes: false, trace: TraceMode::Hash }
    }
}

/// An API call of a step that was refused; the scenario went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// The step, from 1.
    pub step: usize,
    /// Its verb.
    pub verb: &'static str,
    /// The HTTP code; 1 where kubectl itself refused.
    pub code: u16,
    /// The API server's reason; `None` where kubectl refused.
    pub reason: Option<String>,
    /// The text.
    pub message: String,
}

impl StepError {
    /// The error as `errors.json` holds it.
    pub fn to_json(&self) -> Value {
        json!({"step": self.step, "verb": self.verb, "code": self.code, "reason": self.reason, "message": self.message})
    }
}

/// An expectation, wait or invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it is written: `FILE:LINE:COLUMN`.
    pub place: String,
    /// The virtual time.
    pub at: Duration,
    /// What was wanted and what there was.
    pub message: String,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// Calls that were refused.
    pub errors: Vec<StepError>,
    /// Expectations and waits that failed.
    pub failures: Vec<Failure>,
    /// The invariant that broke, if one did.
    pub broken: Option<Failure>,
    /// Snapshots by name, as Lists.
    pub snapshots: Vec<(String, Value)>,
    /// Every change in the namespace, where they were asked for.
    pub changes: Vec<JournalEntry>,
    /// What each `call` was answered: `{step, code, warnings, body}`.
    pub responses: Vec<Value>,
    /// How many expectations and waits held.
    pub passed: usize,
    /// The virtual time at the end.
    pub elapsed: Duration,
    /// The hash of all that happened.
    pub trace_hash: u64,
}

impl Report {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.broken.is_none()
    }
}

/// Runs scenarios, telling what happens line by line.
pub struct Runner<'a> {
    cluster: Cluster,
    report: Report,
    options: RunOptions,
    file: String,
    /// The step under way, from 1.
    step: usize,
    last_answer: call::LastAnswer,
    tell: &'a mut dyn FnMut(&Line),
    /// Whether changes are told as they happen.
    tells_changes: bool,
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("step", &self.step).field("report", &self.report).finish_non_exhaustive()
    }
}

impl<'a> Runner<'a> {
    /// Makes the cluster a scenario describes.
    pub fn new(scenario: &Scenario, options: RunOptions, tell: &'a mut dyn FnMut(&Line)) -> Self {
        let nodes = scenario.cluster.nodes.iter().map(|n| Node {
            name: n.name.clone(),
            capacity: n.capacity.clone(),
            labels: n.labels.clone(),
            taints: n.taints.iter().map(|t| (t.key.clone(), t.value.clone(), t.effect.clone())).collect(),
        });
        let mut builder = Cluster::builder()
            .with_nodes(nodes.collect())
            .seed(options.seed.unwrap_or(scenario.seed))
            .start(scenario.start)
            .behaviors(scenario.behaviors.iter().map(steps::behavior_of).collect())
            .provisioners(storage::provisioners_of(&scenario.cluster, &scenario.provisioners))
            .storage_classes(scenario.cluster.storage_classes.iter().map(storage::storage_class_of).collect())
            .trace(options.trace);
        if scenario.cluster.controllers == Controllers::None {
            builder = builder.without_controllers();
        }
        if let Some(delay) = scenario.cluster.load_balancers {
            builder = builder.load_balancers(delay);
        }
        let mut runner = Self::with_builder(builder, &scenario.name, options, tell);
        runner.file = scenario.file.clone();
        for invariant in &scenario.always {
            let (target, that) = (invariant.target.clone(), invariant.that.clone());
            let kind = kind_named(&target.kind).ok();
            let holds = move |cluster: &Cluster| expect::invariant_holds(cluster, &target, &that);
            runner.cluster.always_of(kind, invariant.name.clone(), holds);
        }
        runner
    }

    /// Makes a cluster of its own description.
    pub fn with_builder(builder: Builder, name: &str, options: RunOptions, tell: &'a mut dyn FnMut(&Line)) -> Self {
        let mut cluster = builder.build();
        cluster.keep_journal();
        let report = Report {
            name: name.to_owned(),
            errors: Vec::new(),
            failures: Vec::new(),
            broken: None,
            snapshots: Vec::new(),
            changes: Vec::new(),
            responses: Vec::new(),
            passed: 0,
            elapsed: Duration::ZERO,
            trace_hash: 0,
        };
        let (file, last_answer) = (String::new(), call::LastAnswer::default());
        Self { cluster, report, options, file, step: 0, last_answer, tell, tells_changes: true }
    }

    /// Tells of no change as it happens, so that no line is made of it. Steps, what they
    /// print and what fails are told anyway.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.tells_changes = false;
        if !self.options.keep_changes {
            self.cluster.drop_journal();
        }
        self
    }

    /// Runs every step of a scenario; returns the report and the cluster as it ended.
    pub fn run(mut self, scenario: &Scenario) -> (Report, Cluster) {
        for (index, step) in scenario.steps.iter().enumerate() {
            self.step = index + 1;
            self.run_step(step);
            self.tell_journal();
            if self.note_broken() || self.is_over() {
                break;
            }
        }
        self.finish()
    }

    /// Applies plain manifests, lets the cluster settle, and reports.
    pub fn run_manifests(mut self, manifests: &[Manifest]) -> (Report, Cluster) {
        self.step = 1;
        for manifest in manifests {
            self.apply(&manifest.object, steps::AsCreate::No);
        }
        self.tell_journal();
        // Nothing is left to a later `expect` here: what is refused has failed.
        for error in self.report.errors.clone() {
            self.fail(None, error.message);
        }
        if let Err(error) = self.cluster.settle() {
            self.fail(None, error.to_string());
        }
        self.tell_journal();
        self.print_tables(manifests);
        self.finish()
    }

    fn finish(mut self) -> (Report, Cluster) {
        self.report.elapsed = self.cluster.now();
        self.report.trace_hash = self.cluster.trace_hash();
        (self.report, self.cluster)
    }

    fn is_over(&self) -> bool {
        self.options.until.is_some_and(|until| self.cluster.now() >= until)
    }

    /// Whether an invariant broke; the report says so once.
    fn note_broken(&mut self) -> bool {
        let Err(error) = self.cluster.invariant_result() else { return false };
        if self.report.broken.is_none() {
            let message = error.to_string();
            let failure = Failure { place: self.file.clone(), at: self.cluster.now(), message };
            self.say(LineKind::Failure, &failure.message);
            self.report.broken = Some(failure);
        }
        true
    }

    fn fail(&mut self, position: Option<crate::manifest::Position>, message: String) {
        let place = match position {
            Some(position) => crate::manifest::Source { file: self.file.clone(), position }.to_string(),
            None => self.file.clone(),
        };
        self.say(LineKind::Failure, &message);
        self.report.failures.push(Failure { place, at: self.cluster.now(), message });
    }

    fn say(&mut self, kind: LineKind, text: &str) {
        let line =
            Line { at: self.cluster.now(), kind, actor: String::new(), object: String::new(), text: text.to_owned() };
        (self.tell)(&line);
    }

    /// Tells what happened since the last time.
    fn tell_journal(&mut self) {
        for entry in self.cluster.take_journal() {
            if let Some(line) = self.tells_changes.then(|| journal::line_of(&entry)).flatten() {
                (self.tell)(&line);
            }
            let meta = entry.change.object.meta();
            if self.options.keep_changes && meta.namespace == *self.cluster.namespace() {
                self.report.changes.push(entry);
            }
        }
    }
}

/// The word of a change in `watch.jsonl`.
pub(crate) fn change_word(type_: ChangeType) -> &'static str {
    type_.as_str()
}

/// Behaviors as the kubelet takes them, from those of a scenario file.
pub fn behaviors_of(scenario: &Scenario) -> Vec<Behavior> {
    scenario.behaviors.iter().map(steps::behavior_of).collect()
}
