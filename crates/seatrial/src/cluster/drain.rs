//! Emptying nodes: evictions that ask the PodDisruptionBudgets, as `kubectl drain` makes them.
//!
//! Mirrors kubectl's pkg/drain and pkg/cmd/drain (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, DaemonSet, Kind, NamespacedName, ObjectKey, Pod, Resource, Uid};
use seatrial_apiserver::DeleteOptions;
use seatrial_engine::{GoDuration, SimTime};

use super::reads::parse_target;
use super::{Cluster, Error, SETTLE_TIMEOUT};

/// When an eviction that a budget refuses is tried again.
const RETRY_PERIOD: Duration = Duration::from_secs(5);
/// How often it is looked whether an evicted pod is gone.
const POLL_PERIOD: Duration = Duration::from_secs(1);
const MIRROR_POD_ANNOTATION: &str = "kubernetes.io/config.mirror";

const DAEMON_SET_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_SET_WARNING: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE_FATAL: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const LOCAL_STORAGE_WARNING: &str = "deleting Pods with local storage";
const UNMANAGED_FATAL: &str = "cannot delete Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";

/// The flags of `kubectl drain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainOptions {
    /// The pods' grace period, if not their own.
    pub grace_period: Option<Duration>,
    /// How long to go on trying; for ever, which means an hour here, if not given.
    pub timeout: Option<Duration>,
    /// Evict pods that no controller manages too.
    pub force: bool,
    /// Go on although there are DaemonSet pods, and leave them.
    pub ignore_daemon_sets: bool,
    /// Evict pods with emptyDir volumes too.
    pub delete_empty_dir_data: bool,
}

/// How a drain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// What kubectl printed, line by line, its last error left out.
    pub lines: Vec<String>,
    /// The error kubectl ended with.
    pub error: Option<String>,
}

/// What is to become of a pod of the node.
enum Fate {
    Evict(Option<String>),
    Leave(Option<String>),
    Refuse(String),
}

/// A pod on its way out.
struct Leaving {
    key: NamespacedName,
    uid: Uid,
    /// When it is evicted, again or for the first time; `None` once it was.
    next_try: Option<SimTime>,
}

impl Cluster {
    /// Evicts a pod, named `pod/name`, if its PodDisruptionBudget allows.
    ///
    /// # Errors
    /// A target that is none; 404; 429 where the budget does not allow it.
    pub fn evict(&mut self, target: &str, grace_period: Option<Duration>) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        Ok(self.evict_key(&key, grace_period)?)
    }

    pub(crate) fn evict_key(&mut self, key: &ObjectKey, grace_period: Option<Duration>) -> Result<(), ApiError> {
        if key.kind != Kind::Pod {
            return Err(ApiError::path_not_found());
        }
        let grace_period_seconds = grace_period.map(|d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        let options = DeleteOptions { grace_period_seconds, ..DeleteOptions::default() };
        self.as_user(|cluster| {
            let request = cluster.user_request();
            cluster.server.evict(&request, &key.namespace, &key.name, &options)
        })
    }

    /// Cordons a node and evicts its pods, as `kubectl drain` does: it asks again every five seconds where a budget does not
    /// allow an eviction, and returns when all pods are gone. Time passes meanwhile.
    ///
    /// # Errors
    /// 404 where there is no such node. What kubectl would end with is in the result.
    pub fn drain(&mut self, name: &str, options: &DrainOptions) -> Result<Drained, Error> {
        self.drain_within(name, options, SETTLE_TIMEOUT)
    }

    pub(crate) fn drain_within(
        &mut self,
        name: &str,
        options: &DrainOptions,
        limit: Duration,
    ) -> Result<Drained, Error> {
        let node = self.server.get::<seatrial_api::Node>("", name)?;
        let was_cordoned = node.body.spec.as_ref().and_then(|s| s.unschedulable) == Some(true);
        if !was_cordoned {
            self.cordon(name, true)?;
        }
        let word = if was_cordoned { "already cordoned" } else { "cordoned" };
        let mut lines = vec![format!("node/{name} {word}")];
        let error = self.empty_node(name, options, limit, &mut lines).err();
        match &error {
            None => lines.push(format!("node/{name} drained")),
            Some(error) => {
                lines
                    .push(format!("error: unable to drain node {name:?} due to error: {error}, continuing command..."));
                lines.push("There are pending nodes to be drained:".to_owned());
                lines.push(format!(" {name}"));
            }
        }
        Ok(Drained { lines, error })
    }

    /// Mirrors `deleteOrEvictPodsSimple`.
    fn empty_node(
        &mut self,
        name: &str,
        options: &DrainOptions,
        limit: Duration,
        lines: &mut Vec<String>,
    ) -> Result<(), String> {
        let pods = self.pods_for_deletion(name, options, lines)?;
        let evicted = self.evict_pods(pods, options, limit, lines);
        if let Err(error) = &evicted {
            let pending = self.pods_for_deletion(name, options, &mut Vec::new()).unwrap_or_default();
            if !pending.is_empty() {
                lines.push(format!("There are pending pods in node {name:?} when an error occurred: {error}"));
                lines.extend(pending.iter().map(|pod| format!("pod/{}", pod.meta.name)));
            }
        }
        evicted
    }

    /// Mirrors `GetPodsForDeletion`: warnings become lines, refusals the error.
    fn pods_for_deletion(
        &self,
        node: &str,
        options: &DrainOptions,
        lines: &mut Vec<String>,
    ) -> Result<Vec<Arc<Pod>>, String> {
        let mut pods = Vec::new();
        let mut warnings: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pod in self.server.store().list_as::<Pod>(None).into_iter().filter(|p| p.node_name == node) {
            let full_name = format!("{}/{}", pod.meta.namespace, pod.meta.name);
            let (warning, is_evicted) = match self.fate(pod, options) {
                Fate::Evict(warning) => (warning, true),
                Fate::Leave(warning) => (warning, false),
                Fate::Refuse(error) => {
                    errors.entry(error).or_default().push(full_name);
                    continue;
                }
            };
            if let Some(warning) = warning {
                warnings.entry(warning).or_default().push(full_name);
            }
            if is_evicted {
                pods.push(Arc::clone(pod));
            }
        }
        if !errors.is_empty() {
            let one = |(text, pods): (&String, &Vec<String>)| {
                let prefix = if text.to_lowercase().starts_with("cannot delete") { "" } else { "cannot delete " };
                format!("{prefix}{text}: {}", pods.join(", "))
            };
            return Err(aggregate(errors.iter().map(one).collect()));
        }
        if !warnings.is_empty() {
            let all: Vec<String> = warnings.iter().map(|(text, pods)| format!("{text}: {}", pods.join(", "))).collect();
            lines.push(format!("Warning: {}", all.join("; ")));
        }
        Ok(pods)
    }

    /// Mirrors the filters of `makeFilters`, in their order: the last one that has something to say is heard.
    fn fate(&self, pod: &Pod, options: &DrainOptions) -> Fate {
        let has_ended = pod.status.phase.is_terminal();
        let controller = pod.meta.controller_of();
        let mut warning = None;
        if let Some(owner) = controller.filter(|o| o.kind == "DaemonSet" && !has_ended) {
            match self.server.get::<DaemonSet>(&pod.meta.namespace, &owner.name) {
                Err(error) if error.is_not_found() && options.force => warning = Some(error.message().to_owned()),
                Err(error) => return Fate::Refuse(error.message().to_owned()),
                Ok(_) if !options.ignore_daemon_sets => return Fate::Refuse(DAEMON_SET_FATAL.to_owned()),
                Ok(_) => return Fate::Leave(Some(DAEMON_SET_WARNING.to_owned())),
            }
        }
        if pod.meta.annotations.get(MIRROR_POD_ANNOTATION).is_some() {
            return Fate::Leave(None);
        }
        let has_local_storage = pod.spec.api().volumes.iter().flatten().any(|v| v.empty_dir.is_some());
        if has_local_storage && !has_ended {
            if !options.delete_empty_dir_data {
                return Fate::Refuse(LOCAL_STORAGE_FATAL.to_owned());
            }
            warning = Some(LOCAL_STORAGE_WARNING.to_owned());
        }
        if controller.is_none() && !has_ended {
            if !options.force {
                return Fate::Refuse(UNMANAGED_FATAL.to_owned());
            }
            return Fate::Evict(Some(UNMANAGED_WARNING.to_owned()));
        }
        // A pod that has a controller silences what was said before, as upstream's last filter does.
        let _ = warning;
        Fate::Evict(None)
    }

    /// Evicts all pods side by side and waits until they are gone. Mirrors `evictPods`.
    fn evict_pods(
        &mut self,
        pods: Vec<Arc<Pod>>,
        options: &DrainOptions,
        limit: Duration,
        lines: &mut Vec<String>,
    ) -> Result<(), String> {
        let start = self.clock.now();
        let timeout = options.timeout.filter(|t| !t.is_zero());
        let end = start + timeout.unwrap_or(limit).min(limit);
        let given_up = timeout.unwrap_or(limit);
        let one =
            |pod: &Arc<Pod>| Leaving { key: pod.namespaced_name(), uid: pod.meta.uid.clone(), next_try: Some(start) };
        let mut leaving: Vec<Leaving> = pods.iter().map(one).collect();
        let mut errors = Vec::new();
        while !leaving.is_empty() && self.invariant_result().is_ok() {
            let mut staying = Vec::new();
            for pod in std::mem::take(&mut leaving) {
                match self.take_out(pod, options, (end, given_up), lines) {
                    Ok(None) => {}
                    Ok(Some(pod)) => staying.push(pod),
                    Err(error) => errors.push(error),
                }
            }
            leaving = staying;
            if !leaving.is_empty() {
                self.advance_to(self.clock.now() + POLL_PERIOD);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(aggregate(errors)) }
    }

    /// One pod's turn: it is evicted if that is due, or looked for; `None` once it is gone.
    fn take_out(
        &mut self,
        mut pod: Leaving,
        options: &DrainOptions,
        (end, given_up): (SimTime, Duration),
        lines: &mut Vec<String>,
    ) -> Result<Option<Leaving>, String> {
        let now = self.clock.now();
        let (namespace, name) = (pod.key.namespace.clone(), pod.key.name.clone());
        let is_over = now >= end;
        if let Some(due) = pod.next_try {
            if due > now {
                return Ok(Some(pod));
            }
            lines.push(format!("evicting pod {namespace}/{name}"));
            if is_over {
                let given_up = GoDuration(given_up);
                return Err(format!(
                    "error when evicting pods/{:?} -n {:?}: global timeout reached: {given_up}",
                    name.as_str(),
                    namespace.as_str()
                ));
            }
            let key = ObjectKey::new(Kind::Pod, &namespace, &name);
            match self.evict_key(&key, options.grace_period) {
                Ok(()) => pod.next_try = None,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) if error.is_too_many_requests() => {
                    lines.push(format!(
                        "error when evicting pods/{:?} -n {:?} (will retry after 5s): {}",
                        name.as_str(),
                        namespace.as_str(),
                        error.message()
                    ));
                    pod.next_try = Some(now + RETRY_PERIOD);
                    return Ok(Some(pod));
                }
                Err(error) => {
                    let (name, namespace, text) = (name.as_str(), namespace.as_str(), error.message());
                    return Err(format!("error when evicting pods/{name:?} -n {namespace:?}: {text}"));
                }
            }
        }
        let there = self.server.get::<Pod>(&namespace, &name).is_ok_and(|p| p.meta.uid == pod.uid);
        if !there {
            lines.push(format!("pod/{name} evicted"));
            return Ok(None);
        }
        if is_over {
            let (name, namespace, given_up) = (name.as_str(), namespace.as_str(), GoDuration(given_up));
            return Err(format!(
                "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: global timeout reached: {given_up}"
            ));
        }
        Ok(Some(pod))
    }
}

/// Mirrors how `utilerrors.NewAggregate` prints: equal errors once, several in brackets.
fn aggregate(errors: Vec<String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for error in errors {
        if !distinct.contains(&error) {
            distinct.push(error);
        }
    }
    match distinct.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}
