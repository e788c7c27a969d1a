//! The verbs of a scenario's steps.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Kind, ObjectKey};
use seatrial_apiserver::patch::PatchType as ApiPatchType;
use seatrial_apiserver::{DeleteOptions, Propagation as ApiPropagation, Subresource};
use seatrial_kubelet as kubelet;
use serde_json::{Value, json};

use super::journal::LineKind;
use super::{Runner, StepError};
use crate::cluster::Error;
use crate::cluster::run::Patience;
use crate::scenario::model::{
    Behavior, Delete, Endpoint, Patch, PatchType, Propagation, Rollout, RolloutAction, Step, Target, Terminate, Verb,
    When,
};

/// Whether an object is POSTed or applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsCreate {
    Yes,
    No,
}

/// The part of an object that a patch goes to, by its name in the path.
fn subresource_of(kind: Kind, name: Option<&str>) -> Result<Subresource, ApiError> {
    match (kind, name) {
        (_, None) => Ok(Subresource::Main),
        (_, Some("status")) => Ok(Subresource::Status),
        (Kind::Pod, Some("ephemeralcontainers")) => Ok(Subresource::EphemeralContainers),
        (Kind::Pod, Some("resize")) => Ok(Subresource::Resize),
        (_, Some(_)) => Err(ApiError::path_not_found()),
    }
}

impl Runner<'_> {
    pub(super) fn run_step(&mut self, step: &Step) {
        self.say(LineKind::Step, &describe(&step.verb));
        match &step.verb {
            Verb::Create(manifests) => manifests.iter().for_each(|m| self.apply(&m.object, AsCreate::Yes)),
            Verb::Apply(manifests) => manifests.iter().for_each(|m| self.apply(&m.object, AsCreate::No)),
            Verb::Patch(patch) => self.patch(patch),
            Verb::Scale(scale) => {
                let replicas = i32::try_from(scale.replicas).unwrap_or(i32::MAX);
                self.for_each_key("scale", &scale.target, |runner, key| Ok(runner.cluster.scale_key(key, replicas)?));
            }
            Verb::SetImage(set) => {
                self.for_each_key("setImage", &set.target, |runner, key| {
                    runner.cluster.set_image_key(key, &set.container, &set.image)
                });
            }
            Verb::Delete(delete) => self.delete(delete),
            Verb::Rollout(rollout) => self.rollout(rollout),
            Verb::Node(node) => self.node(node),
            Verb::Behave(behaviors) => self.cluster.behave(behaviors.iter().map(behavior_of).collect()),
            Verb::Provisioners(list) => {
                self.cluster.change_provisioners(list.iter().map(super::storage::provisioner_of).collect());
            }
            Verb::Settle(settle) => {
                let (quiet, timeout) = (settle.quiet, self.within(settle.timeout));
                self.cluster.settle_within(quiet, timeout, Patience::None);
            }
            Verb::Advance(duration) => {
                let end = self.cluster.clock.now() + self.within(*duration);
                self.cluster.advance_to(end);
            }
            Verb::Snapshot(name) => {
                let list = self.cluster.snapshot();
                self.report.snapshots.push((name.clone(), list));
            }
            Verb::Expect(expectations) => self.expect(expectations),
            Verb::Wait(wait) => self.wait(wait, step.position),
            Verb::Label(label) => self.metadata("label", &label.target, "labels", &label.labels),
            Verb::Annotate(annotate) => {
                self.metadata("annotate", &annotate.target, "annotations", &annotate.annotations)
            }
            Verb::Print(prints) => {
                self.tell_journal();
                self.print(prints, step.position);
            }
            Verb::Call(call) => self.call(call),
            Verb::Evict(evict) => self.evict(evict),
            Verb::Drain(drain) => self.drain(drain),
            Verb::NodeFault(fault) => self.node_fault(fault, step.position),
            Verb::Exec(exec) => self.exec(exec),
            Verb::Fault(_) => {
                let message = format!("`{}` is not supported by this version", describe(&step.verb));
                self.fail(Some(step.position), message);
            }
        }
    }

    /// The part of a duration that is left of the run.
    pub(super) fn within(&self, duration: Duration) -> Duration {
        let left = self.options.until.map(|until| until.saturating_sub(self.cluster.now()));
        left.map_or(duration, |left| duration.min(left))
    }

    pub(super) fn apply(&mut self, object: &Value, as_create: AsCreate) {
        let (verb, result) = match as_create {
            AsCreate::Yes => ("create", self.cluster.create(object)),
            AsCreate::No => ("apply", self.cluster.apply(object).map(|(_, written)| written)),
        };
        match result {
            Ok(written) => written.warnings.iter().for_each(|w| self.say(LineKind::Warning, &format!("Warning: {w}"))),
            Err(error) => self.refused(verb, &error),
        }
    }

    pub(super) fn refused(&mut self, verb: &'static str, error: &ApiError) {
        let reason = error.reason().as_str();
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        self.record(StepError {
            step: self.step,
            verb,
            code: error.code(),
            reason,
            message: error.message().to_owned(),
        });
    }

    pub(super) fn record(&mut self, error: StepError) {
        self.say(LineKind::Refused, &error.message);
        self.report.errors.push(error);
    }

    pub(super) fn report_error(&mut self, verb: &'static str, error: &Error) {
        match error {
            Error::Api(error) => self.refused(verb, error),
            other => {
                let message = other.to_string();
                let message = if message.starts_with("error: ") { message } else { format!("error: {message}") };
                self.record(StepError { step: self.step, verb, code: 1, reason: None, message });
            }
        }
    }

    /// Does something to every object that a target means, by name.
    pub(super) fn for_each_key(
        &mut self,
        verb: &'static str,
        target: &Target,
        mut call: impl FnMut(&mut Self, &ObjectKey) -> Result<(), Error>,
    ) {
        match self.cluster.keys_of(target) {
            Ok(keys) => {
                for key in keys {
                    if let Err(error) = call(self, &key) {
                        self.report_error(verb, &error);
                    }
                }
            }
            Err(error) => self.report_error(verb, &error.into()),
        }
    }

    fn patch(&mut self, patch: &Patch) {
        let patch_type = match patch.patch_type {
            PatchType::Strategic => ApiPatchType::Strategic,
            PatchType::Merge => ApiPatchType::Merge,
            PatchType::Json => ApiPatchType::Json,
        };
        self.for_each_key("patch", &patch.target, |runner, key| {
            if patch.subresource.as_deref() == Some("scale") {
                return runner.patch_scale(key, patch_type, &patch.patch);
            }
            let subresource = subresource_of(key.kind, patch.subresource.as_deref())?;
            let written = runner.cluster.patch_key(key, subresource, (patch_type, &patch.patch))?;
            written.warnings.iter().for_each(|w| runner.say(LineKind::Warning, &format!("Warning: {w}")));
            Ok(())
        });
    }

    fn patch_scale(&mut self, key: &ObjectKey, patch_type: ApiPatchType, patch: &Value) -> Result<(), Error> {
        let scale = self.cluster.api_server().get_scale(key)?;
        let current = json!({"spec": {"replicas": scale.replicas}});
        let patched = match patch_type {
            ApiPatchType::Json => seatrial_apiserver::patch::apply_json_patch(&current, patch)?,
            _ => seatrial_apiserver::patch::apply_merge_patch(&current, patch),
        };
        let replicas = patched.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
        Ok(self.cluster.scale_key(key, i32::try_from(replicas).unwrap_or(i32::MAX))?)
    }

    fn metadata(
        &mut self,
        verb: &'static str,
        target: &Target,
        field: &str,
        values: &BTreeMap<String, Option<String>>,
    ) {
        let patch = json!({"metadata": {field: values}});
        self.for_each_key(verb, target, |runner, key| {
            Ok(runner.cluster.patch_key(key, Subresource::Main, (ApiPatchType::Merge, &patch)).map(drop)?)
        });
    }

    fn delete(&mut self, delete: &Delete) {
        let propagation = match delete.propagation {
            Propagation::Background => ApiPropagation::Background,
            Propagation::Foreground => ApiPropagation::Foreground,
            Propagation::Orphan => ApiPropagation::Orphan,
        };
        let grace_period_seconds = delete.grace_period.map(|d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        let options =
            DeleteOptions { grace_period_seconds, propagation: Some(propagation), ..DeleteOptions::default() };
        self.for_each_key("delete", &delete.target, |runner, key| Ok(runner.cluster.delete_key(key, &options)?));
    }

    fn rollout(&mut self, rollout: &Rollout) {
        self.for_each_key("rollout", &rollout.target, |runner, key| match rollout.action {
            RolloutAction::Undo => runner.cluster.undo_key(key, rollout.to_revision.unwrap_or(0)).map(drop),
            RolloutAction::Restart => runner.cluster.restart_key(key),
            RolloutAction::Pause => runner.cluster.pause_key(key),
            RolloutAction::Resume => runner.cluster.resume_key(key),
        });
    }
}

/// The step as the timeline tells it.
fn describe(verb: &Verb) -> String {
    let objects = |manifests: &[crate::manifest::Manifest]| {
        let names: Vec<String> = manifests
            .iter()
            .map(|m| {
                let text = |p: &str| m.object.pointer(p).and_then(Value::as_str).unwrap_or("?").to_owned();
                format!("{}/{}", text("/kind").to_lowercase(), text("/metadata/name"))
            })
            .collect();
        names.join(", ")
    };
    match verb {
        Verb::Create(m) => format!("create {}", objects(m)),
        Verb::Apply(m) => format!("apply {}", objects(m)),
        Verb::Patch(p) => format!("patch {}", p.target),
        Verb::Scale(s) => format!("scale {} --replicas={}", s.target, s.replicas),
        Verb::SetImage(s) => format!("set image {} {}={}", s.target, s.container, s.image),
        Verb::Delete(d) => format!("delete {}", d.target),
        Verb::Rollout(r) => {
            let action = format!("{:?}", r.action).to_lowercase();
            let revision = r.to_revision.map(|n| format!(" --to-revision={n}")).unwrap_or_default();
            format!("rollout {action} {}{revision}", r.target)
        }
        Verb::Node(n) => format!("node {}", n.name),
        Verb::Provisioners(list) => format!("provisioners: {} behaviors", list.len()),
        Verb::Behave(b) => format!("behave: {} behaviors", b.len()),
        Verb::Settle(_) => "settle".to_owned(),
        Verb::Advance(d) => format!("advance {}", seatrial_engine::GoDuration(*d)),
        Verb::Snapshot(name) => format!("snapshot {name}"),
        Verb::Call(c) => format!("call {} {}", c.method, c.path),
        Verb::Expect(e) => format!("expect: {} expectations", e.len()),
        Verb::Wait(w) => format!("wait for {}", w.target),
        Verb::Label(l) => format!("label {}", l.target),
        Verb::Annotate(a) => format!("annotate {}", a.target),
        Verb::Evict(e) => format!("evict {}", e.target),
        Verb::Drain(d) => format!("drain {}", d.name),
        Verb::Fault(_) => "fault".to_owned(),
        Verb::NodeFault(f) => format!("fault: node {}", f.node),
        Verb::Exec(e) => format!("exec {} -- {}", e.target, e.command.join(" ")),
        Verb::Print(_) => "print".to_owned(),
    }
}

/// A behavior as the kubelet takes it.
pub(super) fn behavior_of(b: &Behavior) -> kubelet::Behavior {
    use kubelet::behavior as k;
    let when = |w: When| match w {
        When::After(d) => k::When::After(d),
        When::Never => k::When::Never,
    };
    let failure = |text: &Option<String>, times: Option<u32>| text.clone().map(|text| k::Failure { text, times });
    kubelet::Behavior {
        matches: k::Match {
            image: b.matches.image.clone(),
            pod: b.matches.pod.clone(),
            container: b.matches.container.clone(),
            labels: b.matches.labels.clone(),
        },
        pull: b.pull.as_ref().map(|p| k::Pull {
            after: p.after.map_or(k::When::After(Duration::ZERO), when),
            failure: failure(&p.fail, p.fail_times),
        }),
        start: b.start.as_ref().and_then(|s| s.after).map(when),
        start_failure: b.start.as_ref().and_then(|s| failure(&s.fail, s.fail_times)),
        ready: b.ready.map(when),
        healthy: b
            .healthy
            .iter()
            .map(|w| k::Window {
                endpoint: match &w.endpoint {
                    Endpoint::Port { port, path, status } => {
                        k::Endpoint::Port { port: *port, path: path.clone(), status: *status }
                    }
                    Endpoint::Exec { word, code } => k::Endpoint::Exec { command: word.clone(), code: *code },
                },
                from: w.from,
                to: w.to,
                takes: w.takes,
                restarts: w.restarts,
            })
            .collect(),
        exit: b.exit.iter().map(|e| k::Exit { after: when(e.after), code: e.code }).collect(),
        oom: b.oom.map(when),
        terminate: b.terminate.as_ref().map(|t| match t {
            Terminate::Ends { after, exit_code } => k::Terminate::Ends { after: *after, code: *exit_code },
            Terminate::Ignores => k::Terminate::Ignores,
        }),
        message: b.message.clone(),
        log: b.log.iter().map(|l| k::LogEntry { line: l.line.clone(), after: l.after, every: l.every }).collect(),
        usage: b
            .usage
            .iter()
            .map(|u| k::Usage { from: u.from, shared: u.shared, milli: milli_of(&u.resources) })
            .collect(),
    }
}

/// Quantities in thousandths; they were read as such when the file was.
fn milli_of(quantities: &BTreeMap<String, String>) -> BTreeMap<String, i64> {
    let milli = |text: &String| Quantity::parse(text).map_or(0, |quantity| quantity.milli_value());
    quantities.iter().map(|(name, text)| (name.clone(), milli(text))).collect()
}
