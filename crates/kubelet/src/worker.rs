//! One pod on its node: from the first status to the last.
//!
//! Mirrors pkg/kubelet/pod_workers.go and kuberuntime (v1.36).

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use seatrial_api::{ConditionStatus, ContainerStatus, Kind, ObjectKey, Pod, PodPhase, PodSpec, Str, Time, Uid};
use seatrial_machinery::{Client, DeleteOptions, EventText, ObjectRef, SimTime};

use crate::behavior::{Behavior, DEFAULT_START, When};
use crate::conditions::{Facts, conditions, phase};
use crate::container::Container;
use crate::probe::{Attempt, ProbeKind, Seen, Worker};

/// Something in a pod's life on its node. Events of a container carry the life they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// The kubelet sees the pod for the first time.
    Sync,
    /// The status is to be written again.
    Report,
    /// The containers start.
    Start,
    /// A container becomes ready by itself, without a probe.
    ReadyAfter(usize, u32),
    /// A probe's tick.
    Probe(usize, u32, ProbeKind),
    /// A container ends by itself.
    Exit(usize, u32, i32, &'static str),
    /// A container is started again.
    Restart(usize, u32),
    /// The pod is being deleted: containers are told to end.
    Terminate,
    /// A container that was told to end has ended.
    Killed(usize, u32, i32),
    /// Nothing of the pod runs any more: it is reported and removed.
    Finish,
}

pub(crate) type Timers = Vec<(SimTime, bool, WorkerEvent)>;

/// What a pod meets on its node.
#[derive(Debug)]
pub(crate) struct Host<'a> {
    /// How containers behave.
    pub(crate) behaviors: &'a [Behavior],
    /// The images the node has.
    pub(crate) images: &'a mut FxHashSet<Str>,
}

/// A pod on its node.
#[derive(Debug)]
pub(crate) struct PodWorker {
    key: (Str, Str),
    uid: Uid,
    node: String,
    spec: Arc<PodSpec>,
    host_ip: IpAddr,
    pod_ip: IpAddr,
    start_time: Option<Time>,
    containers: Vec<Container>,
    has_sandbox: bool,
    terminating: Option<i64>,
    finished: bool,
    missed: Vec<WorkerEvent>,
    gates: Vec<Option<ConditionStatus>>,
}

impl PodWorker {
    pub(crate) fn new(pod: &Arc<Pod>, host_ip: IpAddr, pod_ip: IpAddr) -> Self {
        let containers = pod.spec.api().containers.iter().enumerate();
        let uid = pod.meta.uid.as_u64();
        Self {
            key: (pod.meta.namespace.clone(), pod.meta.name.clone()),
            uid: pod.meta.uid.clone(),
            node: pod.node_name.to_string(),
            spec: Arc::clone(&pod.spec),
            host_ip,
            pod_ip,
            start_time: pod.status.start_time,
            containers: containers.map(|(index, c)| Container::new(index, c, uid)).collect(),
            has_sandbox: false,
            terminating: None,
            finished: false,
            missed: Vec::new(),
            gates: Vec::new(),
        }
    }

    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// An event that the kubelet was not there for.
    pub(crate) fn missed(&mut self, event: WorkerEvent) {
        self.missed.push(event);
    }

    pub(crate) fn take_missed(&mut self) -> Vec<WorkerEvent> {
        std::mem::take(&mut self.missed)
    }

    pub(crate) fn first_timers(&self, now: SimTime, pod: &Pod) -> Timers {
        if pod.meta.is_deleting() {
            return vec![(now, false, WorkerEvent::Terminate)];
        }
        vec![(now, false, WorkerEvent::Sync)]
    }

    /// The conditions that readiness gates ask for, as somebody set them.
    fn gates(&self, pod: &Pod) -> Vec<Option<ConditionStatus>> {
        let gates = self.spec.api().readiness_gates.iter().flatten();
        gates.map(|g| pod.status.conditions.status(&g.condition_type)).collect()
    }

    /// The pod was changed: a gate's condition, or that it is being deleted.
    pub(crate) fn spec_changed(&mut self, now: SimTime, pod: &Arc<Pod>) -> Timers {
        self.spec = Arc::clone(&pod.spec);
        let gates = self.gates(pod);
        if gates != self.gates {
            // Somebody set a condition that a readiness gate asks for.
            self.gates = gates;
            return vec![(now, false, WorkerEvent::Report)];
        }
        // A kill that is under way keeps the grace period it began with, as the recordings show.
        if pod.meta.is_deleting() && self.terminating.is_none() && !self.finished {
            return vec![(now, false, WorkerEvent::Terminate)];
        }
        Vec::new()
    }

    pub(crate) fn fire(&mut self, client: &mut Client<'_>, host: &mut Host<'_>, event: WorkerEvent) -> Timers {
        let Ok(pod) = client.get_live::<Pod>(&self.key.0, &self.key.1) else { return Vec::new() };
        if pod.meta.uid != self.uid || self.finished {
            return Vec::new();
        }
        let mut turn = Turn { pod, now: client.clock().now(), timers: Vec::new() };
        match event {
            WorkerEvent::Sync => self.sync(client, host, &mut turn),
            WorkerEvent::Report => self.write_status(client),
            WorkerEvent::Start => self.start(client, host, &mut turn),
            WorkerEvent::ReadyAfter(index, life) => {
                if self.is_alive(index, life) {
                    self.containers[index].ready = true;
                    self.write_status(client);
                }
            }
            WorkerEvent::Probe(index, life, kind) => self.probe(client, &mut turn, (index, life, kind)),
            WorkerEvent::Exit(index, life, code, reason) => {
                if self.is_alive(index, life) {
                    self.ended(client, &mut turn, index, (code, reason));
                }
            }
            WorkerEvent::Restart(index, life) => {
                let due = self.containers.get(index).is_some_and(|c| c.life == life) && self.terminating.is_none();
                if due {
                    self.restart(client, host, &mut turn, index);
                }
            }
            WorkerEvent::Terminate => self.terminate(client, &mut turn),
            WorkerEvent::Killed(index, life, code) => {
                if self.is_alive(index, life) {
                    let reason = if code == 0 { "Completed" } else { "Error" };
                    self.killed(client, host, &mut turn, index, (code, reason));
                }
            }
            WorkerEvent::Finish => self.finish(client),
        }
        turn.timers
    }

    fn is_alive(&self, index: usize, life: u32) -> bool {
        self.containers.get(index).is_some_and(|c| c.life == life && c.state.is_running())
    }

    fn sync(&mut self, client: &mut Client<'_>, host: &mut Host<'_>, turn: &mut Turn) {
        self.start_time = Some(client.clock().time());
        let starts = self.spec.api().containers.iter().map(|c| {
            let behavior = find(host.behaviors, &turn.pod, &c.name, c.image.as_deref().unwrap_or_default());
            behavior.and_then(|b| b.start).unwrap_or(When::After(DEFAULT_START))
        });
        // The containers of a pod start together, the slowest decides.
        let slowest = starts.map(When::after).reduce(|a, b| Some(a?.max(b?))).flatten();
        for container in &mut self.containers {
            container.add_probes(&self.spec, turn.now);
        }
        if let Some(start) = slowest {
            turn.timers.push((turn.now + start, false, WorkerEvent::Start));
        }
        self.write_status(client);
    }

    fn start(&mut self, client: &mut Client<'_>, host: &mut Host<'_>, turn: &mut Turn) {
        if self.terminating.is_some() {
            return;
        }
        self.has_sandbox = true;
        for index in 0..self.containers.len() {
            self.run_container(client, host, turn, index);
        }
        self.write_status(client);
    }

    /// Runs a container: its behavior is looked up anew for every life.
    fn run_container(&mut self, client: &mut Client<'_>, host: &mut Host<'_>, turn: &mut Turn, index: usize) {
        let spec = Arc::clone(&self.spec);
        let api = &spec.api().containers[self.containers[index].index];
        let image = api.image.as_deref().unwrap_or_default();
        let behavior = find(host.behaviors, &turn.pod, &api.name, image).cloned();
        self.pull_events(client, host, turn, api);
        self.event(client, turn, index, &EventText::normal("Created", "Container created"));
        self.event(client, turn, index, &EventText::normal("Started", "Container started"));
        let container = &mut self.containers[index];
        container.begin(behavior, turn.now, client.clock().time());
        container.schedule(turn);
    }

    /// An image is pulled where the policy asks for it every time, or the node does not have it yet.
    fn pull_events(
        &self,
        client: &mut Client<'_>,
        host: &mut Host<'_>,
        turn: &Turn,
        container: &k8s_openapi::api::core::v1::Container,
    ) {
        let image = container.image.as_deref().unwrap_or_default();
        let path = format!("spec.containers{{{}}}", container.name);
        let about = self.about(turn, &path);
        let always = container.image_pull_policy.as_deref() == Some("Always");
        if always || !host.images.contains(image) {
            host.images.insert(image.into());
            client.event(&about, &EventText::normal("Pulling", &format!("Pulling image {image:?}")));
            let text =
                format!("Successfully pulled image {image:?} in 0s (0s including waiting). Image size: 0 bytes.");
            client.event(&about, &EventText::normal("Pulled", &text));
        } else {
            let text = format!("Container image {image:?} already present on machine and can be accessed by the pod");
            client.event(&about, &EventText::normal("Pulled", &text));
        }
    }

    fn about<'a>(&'a self, turn: &'a Turn, path: &'a str) -> ObjectRef<'a> {
        ObjectRef { kind: Kind::Pod, meta: &turn.pod.meta, field_path: path, host: &self.node }
    }

    fn event(&self, client: &mut Client<'_>, turn: &Turn, index: usize, text: &EventText<'_>) {
        let path = format!("spec.containers{{{}}}", self.containers[index].identity.name);
        client.event(&self.about(turn, &path), text);
    }

    fn probe(&mut self, client: &mut Client<'_>, turn: &mut Turn, (index, life, kind): (usize, u32, ProbeKind)) {
        if !self.is_alive(index, life) {
            return;
        }
        let is_terminating = self.terminating.is_some();
        let (spec, pod_ip) = (Arc::clone(&self.spec), self.pod_ip.to_string());
        let container = &mut self.containers[index];
        let skipped = match kind {
            ProbeKind::Startup => container.started || is_terminating,
            ProbeKind::Liveness => !container.started || is_terminating,
            ProbeKind::Readiness => !container.started,
        };
        let (started_at, life) = (container.started_at, container.life);
        let Some(place) = container.probes.iter().position(|p| p.kind == kind) else { return };
        let attempt = if skipped {
            Attempt::Skipped
        } else {
            let seen = Seen {
                behavior: container.behavior.as_ref(),
                container: &spec.api().containers[container.index],
                pod_ip: &pod_ip,
                age: turn.now - started_at,
                life: container.restarts,
            };
            container.probes[place].attempt(&seen)
        };
        let next = container.probes[place].tick_after(turn.now, started_at);
        let failure = match &attempt {
            Attempt::Undecided(failure) | Attempt::Decided(_, failure) => failure.clone(),
            Attempt::Skipped => None,
        };
        if let Some(output) = &failure {
            let text = format!("{} probe failed: {output}", kind.as_str());
            self.event(client, turn, index, &EventText::warning("Unhealthy", &text));
        }
        if let Attempt::Decided(success, _) = attempt {
            self.decided(client, turn, index, (kind, success));
        }
        let container = &self.containers[index];
        if self.is_alive(index, life) && !container.probes[place].on_hold && container.may_change(kind, turn.now) {
            let background = kind != ProbeKind::Readiness || container.ready || container.never_ready();
            turn.timers.push((next, background, WorkerEvent::Probe(index, life, kind)));
        }
    }

    /// A probe's verdict is in.
    fn decided(&mut self, client: &mut Client<'_>, turn: &mut Turn, index: usize, (kind, success): (ProbeKind, bool)) {
        let container = &mut self.containers[index];
        match (kind, success) {
            (ProbeKind::Readiness, success) => {
                if container.ready != success {
                    container.ready = success;
                    self.write_status(client);
                }
            }
            (ProbeKind::Startup, true) => {
                container.started = true;
                container.start_readiness(turn);
                self.write_status(client);
            }
            (ProbeKind::Liveness, true) => {}
            (ProbeKind::Liveness | ProbeKind::Startup, false) => {
                let grace = container.probes.iter().find(|p| p.kind == kind).and_then(Worker::grace);
                let word = if kind == ProbeKind::Startup { "startup" } else { "liveness" };
                let restarts = restart_policy(&self.spec) != "Never";
                let suffix = if restarts { ", will be restarted" } else { "" };
                let name = container.identity.name.clone();
                container.restart_after_kill = restarts;
                let seconds = grace.unwrap_or_else(|| self.spec.termination_grace_period_seconds());
                self.event(
                    client,
                    turn,
                    index,
                    &EventText::normal("Killing", &format!("Container {name} failed {word} probe{suffix}")),
                );
                let kill = self.containers[index].kill_timer(turn.now, seconds);
                turn.timers.push(kill);
            }
        }
    }

    /// A container has ended by itself.
    fn ended(&mut self, client: &mut Client<'_>, turn: &mut Turn, index: usize, (code, reason): (i32, &'static str)) {
        let time = client.clock().time();
        self.containers[index].end(code, reason, turn.now, time);
        let restarts = self.terminating.is_none() && will_restart(restart_policy(&self.spec), code);
        if restarts {
            let due = self.containers[index].next_restart(turn.now);
            let life = self.containers[index].life;
            if due > turn.now {
                let (name, pod) = (self.containers[index].identity.name.clone(), &turn.pod.meta);
                let text = format!(
                    "Back-off restarting failed container {name} in pod {}_{}({})",
                    pod.name, pod.namespace, pod.uid
                );
                self.event(client, turn, index, &EventText::warning("BackOff", &text));
            }
            turn.timers.push((due, false, WorkerEvent::Restart(index, life)));
        }
        self.write_status(client);
        if self.terminating.is_some() && self.containers.iter().all(|c| !c.state.is_running()) {
            turn.timers.push((turn.now, false, WorkerEvent::Finish));
        }
    }

    fn restart(&mut self, client: &mut Client<'_>, host: &mut Host<'_>, turn: &mut Turn, index: usize) {
        let container = &mut self.containers[index];
        container.last_state = Some(Box::new(std::mem::take(&mut container.state)));
        container.restarts += 1;
        container.last_restart = turn.now;
        self.run_container(client, host, turn, index);
        self.write_status(client);
    }

    fn terminate(&mut self, client: &mut Client<'_>, turn: &mut Turn) {
        let grace = turn.pod.meta.deletion.as_deref().and_then(|d| d.grace_period_seconds).unwrap_or(0);
        let first = self.terminating.is_none();
        self.terminating = Some(grace);
        let running: Vec<usize> =
            (0..self.containers.len()).filter(|i| self.containers[*i].state.is_running()).collect();
        if running.is_empty() {
            turn.timers.push((turn.now, false, WorkerEvent::Finish));
            return;
        }
        for index in running {
            if first {
                let text = format!("Stopping container {}", self.containers[index].identity.name);
                self.event(client, turn, index, &EventText::normal("Killing", &text));
            }
            let kill = self.containers[index].kill_timer(turn.now, grace);
            turn.timers.push(kill);
        }
    }

    fn killed(
        &mut self,
        client: &mut Client<'_>,
        host: &mut Host<'_>,
        turn: &mut Turn,
        index: usize,
        end: (i32, &'static str),
    ) {
        let restart = self.containers[index].restart_after_kill && self.terminating.is_none();
        if !restart {
            return self.ended(client, turn, index, end);
        }
        let time = client.clock().time();
        self.containers[index].end(end.0, end.1, turn.now, time);
        let due = self.containers[index].next_restart(turn.now);
        if due == turn.now {
            return self.restart(client, host, turn, index);
        }
        let life = self.containers[index].life;
        turn.timers.push((due, false, WorkerEvent::Restart(index, life)));
        self.write_status(client);
    }

    /// The last status, and the pod's end.
    fn finish(&mut self, client: &mut Client<'_>) {
        self.has_sandbox = false;
        self.write_status(client);
        self.finished = true;
        let key = ObjectKey::new(Kind::Pod, &self.key.0, &self.key.1);
        let options =
            DeleteOptions { grace_period_seconds: Some(0), uid: Some(self.uid.clone()), ..DeleteOptions::default() };
        // A pod that somebody else has removed in between is gone all the same.
        let _ = client.delete(&key, &options);
    }

    fn write_status(&self, client: &mut Client<'_>) {
        // Events of this turn may have come between: the status is put on the pod as it is now.
        let Ok(live) = client.get_live::<Pod>(&self.key.0, &self.key.1) else { return };
        let mut pod = Pod::clone(&live);
        let mut statuses: Vec<ContainerStatus> =
            self.containers.iter().map(|c| c.status(self.start_time.is_some())).collect();
        statuses.sort_by(|a, b| a.identity.name.cmp(&b.identity.name));
        let policy = restart_policy(&self.spec);
        let is_deleting = self.terminating.is_some() && !self.has_sandbox;
        let phase = if live.status.phase.is_terminal() {
            live.status.phase
        } else {
            phase(&statuses, |code| will_restart(policy, code), is_deleting)
        };
        // A pod that never ran ends as failed when its deletion is through.
        let phase = if is_deleting && phase == PodPhase::Pending { PodPhase::Failed } else { phase };
        let gates = self.spec.api().readiness_gates.iter().flatten().map(|g| g.condition_type.as_str()).collect();
        let facts = Facts {
            phase,
            statuses: &statuses,
            has_sandbox: self.has_sandbox && !phase.is_terminal(),
            generation: pod.meta.generation,
            now: client.clock().time(),
            gates,
        };
        pod.status.conditions = conditions(&live.status.conditions, &facts);
        pod.status.phase = phase;
        pod.status.observed_generation = pod.meta.generation;
        pod.status.start_time = self.start_time;
        pod.status.container_statuses = statuses.into();
        if self.has_sandbox {
            pod.status.pod_ip = Some(self.pod_ip);
        }
        pod.status.host_ip = Some(self.host_ip);
        // The next event of the pod's life writes again what a conflict refuses here.
        let _ = client.update_status(pod);
    }
}

/// What a worker does at one moment.
pub(crate) struct Turn {
    pub(crate) pod: Arc<Pod>,
    pub(crate) now: SimTime,
    pub(crate) timers: Timers,
}

fn find<'b>(behaviors: &'b [Behavior], pod: &Pod, container: &str, image: &str) -> Option<&'b Behavior> {
    behaviors.iter().find(|b| b.is_about(pod, container, image))
}

fn restart_policy(spec: &PodSpec) -> &str {
    spec.api().restart_policy.as_deref().unwrap_or("Always")
}

fn will_restart(policy: &str, code: i32) -> bool {
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}
