//! Starting a container: the wait after failures, its image, its configuration, the runtime, its postStart hook.
//!
//! Mirrors pkg/kubelet/kuberuntime (`doBackOff`, `startContainer`) (v1.36).

use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ConfigMap, Secret, Str};
use seatrial_machinery::{Client, EventText, SimTime};

use crate::behavior::{EXIT_CODE_SIGKILL, When};
use crate::container::End;
use crate::images::{Image, go_duration};
use crate::plan::Role;
use crate::probe::ProbeKind;
use crate::sync::{Step, SyncRun};
use crate::worker::{PodWorker, Turn, WorkerEvent};

/// Why a container was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartError {
    /// The word its status shows.
    reason: &'static str,
    /// More for people.
    message: String,
    /// Whether it will be so for ever, if nobody does anything.
    is_lasting: bool,
}

impl StartError {
    pub(crate) fn new(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_lasting: true }
    }

    pub(crate) fn lasting(mut self, is_lasting: bool) -> Self {
        self.is_lasting = is_lasting;
        self
    }
}

const CRASH_LOOP_BACK_OFF: &str = "CrashLoopBackOff";
const CREATE_CONTAINER_CONFIG_ERROR: &str = "CreateContainerConfigError";
const RUN_CONTAINER_ERROR: &str = "RunContainerError";
const POST_START_HOOK_ERROR: &str = "PostStartHookError";

impl PodWorker {
    /// The part of a sync that starts containers. Gives whether the sync is through, or nothing when it goes on.
    pub(crate) fn advance_start(&mut self, turn: &mut Turn<'_, '_>, run: &mut SyncRun) -> Option<bool> {
        match std::mem::replace(&mut run.step, Step::Start) {
            Step::Start => {
                let Some(index) = run.actions.start.as_slice().get(run.next).copied() else { return Some(true) };
                self.prepare(turn, run, index)
            }
            Step::Pulling(pulling) => {
                let index = pulling.index;
                match self.pulled(turn, &pulling) {
                    Ok(()) => self.create(turn, run, index),
                    Err(error) => self.image_failed(turn, run, index, error),
                }
            }
            Step::Hook(index, failure) => self.hook_ended(turn, run, index, failure),
            Step::HookKill(index, failure) if self.containers[index].is_running() => {
                run.step = Step::HookKill(index, failure);
                Some(false)
            }
            Step::HookKill(index, failure) => {
                self.failed(run, index, StartError::new(POST_START_HOOK_ERROR, failure).lasting(false))
            }
            other => {
                run.step = other;
                Some(false)
            }
        }
    }

    /// The container of the sync's turn could not be started: a sidecar is no reason to stop here, an init container is.
    fn failed(&mut self, run: &mut SyncRun, index: usize, error: StartError) -> Option<bool> {
        run.failed = true;
        run.is_hopeful |= !error.is_lasting;
        run.next += 1;
        let trouble = self.containers[index].trouble();
        trouble.is_about(&self.plan.containers[index].identity.image);
        trouble.reason = Some((error.reason, Str::from(error.message)));
        (self.plan.role(index) == Role::Init).then_some(true)
    }

    fn image_failed(
        &mut self,
        turn: &mut Turn<'_, '_>,
        run: &mut SyncRun,
        index: usize,
        error: StartError,
    ) -> Option<bool> {
        let text = format!("Error: {}", error.reason);
        self.container_event(turn, index, &EventText::warning("Failed", &text));
        self.failed(run, index, error)
    }

    /// The wait after failures, then the image.
    fn prepare(&mut self, turn: &mut Turn<'_, '_>, run: &mut SyncRun, index: usize) -> Option<bool> {
        if let Some(trouble) = &mut self.containers[index].trouble {
            trouble.is_about(&self.plan.containers[index].identity.image);
        }
        if let Some(until) = self.do_back_off(turn, run, index) {
            let delay = self.containers[index].trouble().restarts.delay();
            let name = self.plan.name(index);
            let pod = self.full_name();
            let text = format!("Back-off restarting failed container {name} in pod {pod}");
            self.container_event(turn, index, &EventText::warning("BackOff", &text));
            let text = format!("back-off {} restarting failed container={name} pod={pod}", go_duration(delay));
            run.back_off_until = Some(run.back_off_until.map_or(until, |other| other.min(until)));
            return self.failed(run, index, StartError::new(CRASH_LOOP_BACK_OFF, text).lasting(false));
        }
        match self.ensure_image_exists(turn, index) {
            Ok(Image::Present) => self.create(turn, run, index),
            Ok(Image::Pulling(pulling, until)) => {
                run.step = Step::Pulling(pulling);
                // What takes time is seen: that there is a sandbox, and no container yet.
                self.write_sandbox(turn);
                self.wait(turn, until);
                Some(false)
            }
            Err(error) => self.image_failed(turn, run, index, error),
        }
    }

    /// Whether the container has to wait: counted from the end of the last life that the sync knew of when it began.
    fn do_back_off(&mut self, turn: &Turn<'_, '_>, run: &SyncRun, index: usize) -> Option<SimTime> {
        let container = &mut self.containers[index];
        let ended = match run.killed.iter().find(|(killed, _)| *killed == index) {
            Some((_, before)) => *before,
            None => container.exit_code().map(|_| container.finished_at),
        }?;
        let trouble = container.trouble();
        trouble.is_about(&self.plan.containers[index].identity.image);
        let restarts = &mut trouble.restarts;
        let until = restarts.since(ended, turn.now);
        if until.is_none() {
            restarts.next(ended, turn.now);
        }
        until
    }

    /// Configures, creates and starts a container.
    fn create(&mut self, turn: &mut Turn<'_, '_>, run: &mut SyncRun, index: usize) -> Option<bool> {
        if let Err(text) = configure(turn.client, &self.pod.meta.namespace, self.plan.container(index)) {
            let event = format!("Error: {text}");
            self.container_event(turn, index, &EventText::warning("Failed", &event));
            return self.failed(run, index, StartError::new(CREATE_CONTAINER_CONFIG_ERROR, text));
        }
        self.container_event(turn, index, &EventText::normal("Created", "Container created"));
        let behavior = self.behavior(turn, index).cloned();
        let clock = turn.client.clock();
        let failed_starts = self.containers[index].trouble.as_ref().map_or(0, |t| t.failed_starts);
        let failure = behavior.as_ref().and_then(|b| b.start_failure.clone()).filter(|f| f.holds(failed_starts));
        self.containers[index].begin(&self.plan.containers[index], behavior, clock);
        self.news.changed(turn.now);
        self.has_unreported = true;
        if let Some(failure) = failure {
            let id = self.container_id(index);
            self.containers[index].end(&End::start_error(&failure.text), id, clock);
            self.containers[index].trouble().failed_starts += 1;
            let event = format!("Error: {}", failure.text);
            self.container_event(turn, index, &EventText::warning("Failed", &event));
            return self.failed(run, index, StartError::new(RUN_CONTAINER_ERROR, failure.text).lasting(false));
        }
        self.container_event(turn, index, &EventText::normal("Started", "Container started"));
        self.set_life_timers(turn, index);
        let Some(hook) = self.hook(turn, index, |lifecycle| lifecycle.post_start.as_ref()) else {
            return self.started(run, index);
        };
        if hook.takes.is_zero() {
            return self.hook_ended(turn, run, index, hook.failure);
        }
        run.step = Step::Hook(index, hook.failure);
        self.write_sandbox(turn);
        self.wait(turn, Some(turn.now + hook.takes));
        Some(false)
    }

    fn started(&mut self, run: &mut SyncRun, index: usize) -> Option<bool> {
        run.next += 1;
        if let Some(trouble) = &mut self.containers[index].trouble {
            trouble.reason = None;
        }
        None
    }

    /// A postStart hook is through; a container that has ended meanwhile took its hook with it.
    fn hook_ended(
        &mut self,
        turn: &mut Turn<'_, '_>,
        run: &mut SyncRun,
        index: usize,
        failure: Option<String>,
    ) -> Option<bool> {
        let Some(failure) = failure else { return self.started(run, index) };
        self.container_event(turn, index, &EventText::warning("FailedPostStartHook", "PostStartHook failed"));
        run.step = Step::HookKill(index, failure);
        if self.containers[index].is_running() {
            let grace = self.plan.spec().termination_grace_period_seconds();
            self.kill_container(turn, index, grace, "FailedPostStartHook");
        }
        None
    }

    /// The timers of a life: its own end, its readiness, its probes.
    fn set_life_timers(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        let container = &self.containers[index];
        let life = container.life;
        if let Some(behavior) = container.behavior.clone() {
            let restarts = usize::try_from(container.restarts()).unwrap_or(usize::MAX);
            let exit = behavior.exit.get(restarts).or(behavior.exit.last());
            if let Some((after, code)) = exit.and_then(|e| Some((e.after.after()?, e.code))) {
                self.set_after(turn, after, WorkerEvent::Exit(index, life, code, false));
            }
            if let Some(after) = behavior.oom.and_then(When::after) {
                self.set_after(turn, after, WorkerEvent::Exit(index, life, EXIT_CODE_SIGKILL, true));
            }
        }
        if let Some(after) = self.containers[index].ready_after() {
            self.set_after(turn, after, WorkerEvent::ReadyAfter(index, life));
        }
        if !self.containers[index].is_told() {
            self.set_first_tick(turn, index, ProbeKind::Startup);
            if self.containers[index].started {
                self.set_first_tick(turn, index, ProbeKind::Liveness);
            }
        }
    }

    /// What a hook of a container comes to, if it has one.
    pub(crate) fn hook(
        &self,
        turn: &Turn<'_, '_>,
        index: usize,
        which: impl Fn(&corev1::Lifecycle) -> Option<&corev1::LifecycleHandler>,
    ) -> Option<crate::health::Answer> {
        let handler = self.plan.container(index).lifecycle.as_ref().and_then(which)?;
        let pod_ip = self.pod_ip(turn.node.ip).to_string();
        let seen = self.seen(turn, index, &pod_ip);
        // A hook asks a little later than the container starts.
        let seen = crate::health::Seen { age: seen.age.max(Duration::from_nanos(1)), ..seen };
        Some(seen.hook(handler, &self.full_name()))
    }
}

/// Whether all is there that a container's environment is made from. Mirrors `makeEnvironmentVariables`.
fn configure(client: &Client<'_>, namespace: &str, container: &corev1::Container) -> Result<(), String> {
    for source in container.env_from.iter().flatten() {
        if let Some(map) = source.config_map_ref.as_ref().filter(|map| map.optional != Some(true)) {
            config_map(client, namespace, &map.name)?;
        }
        if let Some(secret) = source.secret_ref.as_ref().filter(|secret| secret.optional != Some(true)) {
            secret_of(client, namespace, &secret.name)?;
        }
    }
    for source in container.env.iter().flatten().filter_map(|env| env.value_from.as_ref()) {
        if let Some(key) = source.config_map_key_ref.as_ref().filter(|key| key.optional != Some(true)) {
            let map = config_map(client, namespace, &key.name)?;
            let has = map.body.data.as_ref().is_some_and(|data| data.contains_key(&key.key));
            has.then_some(())
                .ok_or_else(|| format!("couldn't find key {} in ConfigMap {namespace}/{}", key.key, key.name))?;
        }
        if let Some(key) = source.secret_key_ref.as_ref().filter(|key| key.optional != Some(true)) {
            let secret = secret_of(client, namespace, &key.name)?;
            let has = secret.body.data.as_ref().is_some_and(|data| data.contains_key(&key.key));
            has.then_some(())
                .ok_or_else(|| format!("couldn't find key {} in Secret {namespace}/{}", key.key, key.name))?;
        }
    }
    Ok(())
}

fn config_map(client: &Client<'_>, namespace: &str, name: &str) -> Result<std::sync::Arc<ConfigMap>, String> {
    client.get_live(namespace, name).map_err(|_| format!("configmap {name:?} not found"))
}

fn secret_of(client: &Client<'_>, namespace: &str, name: &str) -> Result<std::sync::Arc<Secret>, String> {
    client.get_live(namespace, name).map_err(|_| format!("secret {name:?} not found"))
}
