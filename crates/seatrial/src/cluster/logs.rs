//! Logs of containers, as the API serves them and as `kubectl logs` prints them.
//!
//! Mirrors pkg/registry/core/pod/strategy.go (`LogLocation`) and pkg/kubelet/kubelet_pods.go
//! (`validateContainerLogStatus`) (v1.36).

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use seatrial_api::{ApiError, ContainerState, ContainerStatus, Kind, Pod, Time};
use seatrial_kubelet::{Life, LogLine};

use super::reads::parse_target;
use super::{Cluster, Error};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// What to read of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Of which container; the pod's only one where nothing is said.
    pub container: Option<String>,
    /// Of the container's life before.
    pub previous: bool,
    /// So many lines from the end.
    pub tail: Option<usize>,
    /// Only lines that are not older.
    pub since: Option<Duration>,
    /// Each line begins with its time.
    pub timestamps: bool,
}

impl Cluster {
    /// What a container of a pod, named `pod/name`, has logged.
    ///
    /// # Errors
    /// A target that is no pod; 404 for a pod that is not there; 400 for a container that has to be named, that the pod
    /// does not have, or that has not begun; 500 where the node's kubelet does not answer.
    ///
    /// ```
    /// use seatrial::cluster::LogOptions;
    /// use seatrial::kubelet::LogEntry;
    /// use seatrial::{Behavior, Cluster};
    ///
    /// let says = Behavior { log: vec![LogEntry::at_start("ready")], ..Behavior::default() };
    /// let mut cluster = Cluster::builder().behaviors(vec![says]).build();
    /// cluster.create_yaml("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: 'x:1'}]}}")?;
    /// cluster.settle()?;
    /// assert_eq!(cluster.logs("pod/a", &LogOptions::default())?, "ready\n");
    /// # Ok::<(), seatrial::Error>(())
    /// ```
    pub fn logs(&self, target: &str, options: &LogOptions) -> Result<String, Error> {
        let key = parse_target(target, self.namespace())?;
        if key.kind != Kind::Pod {
            return Err(ApiError::bad_request(format!("logs are those of pods, and {key} is none")).into());
        }
        let pod = self.server.get::<Pod>(&key.namespace, &key.name)?;
        Ok(self.logs_of(pod, options)?)
    }

    pub(crate) fn logs_of(&self, pod: &Pod, options: &LogOptions) -> Result<String, ApiError> {
        let container = container_of(pod, options.container.as_deref())?;
        if pod.node_name.is_empty() {
            return Ok(String::new());
        }
        if !self.kubelets.answers(&pod.node_name) {
            let host = pod.status.host_ip.map_or_else(|| pod.node_name.to_string(), |ip| ip.to_string());
            let path = format!("containerLogs/{}/{}/{container}", pod.meta.namespace, pod.meta.name);
            let text = format!("Get \"https://{host}:10250/{path}\": dial tcp {host}:10250: connect: no route to host");
            return Err(ApiError::unknown(text));
        }
        let (status, life) = life_of(pod, &container, options.previous).map_err(ApiError::bad_request)?;
        let name_and_image = (container.as_str(), status.identity.image.as_str());
        let mut lines = self.kubelets.logs(pod, name_and_image, life, self.clock);
        if let Some(since) = options.since {
            let age = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
            let oldest = self.clock.unix_nanos().saturating_sub(age);
            lines.retain(|line| line.unix_nanos >= oldest);
        }
        if let Some(tail) = options.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Ok(lines.iter().map(|line| printed(line, options.timestamps)).collect())
    }
}

/// The container that is meant. Mirrors `validateContainer`.
fn container_of(pod: &Pod, wanted: Option<&str>) -> Result<String, ApiError> {
    let spec = pod.spec.api();
    let names: Vec<&str> = spec.containers.iter().map(|c| c.name.as_str()).collect();
    let init: Vec<&str> = spec.init_containers.iter().flatten().map(|c| c.name.as_str()).collect();
    let pod = &pod.meta.name;
    match wanted {
        Some(name) if names.iter().chain(&init).any(|known| *known == name) => Ok(name.to_owned()),
        Some(name) => Err(ApiError::bad_request(format!("container {name} is not valid for pod {pod}"))),
        None => match names.as_slice() {
            [only] => Ok((*only).to_owned()),
            _ => {
                let mut text =
                    format!("a container name must be specified for pod {pod}, choose one of: [{}]", names.join(" "));
                if !init.is_empty() {
                    text += &format!(" or one of the init containers: [{}]", init.join(" "));
                }
                Err(ApiError::bad_request(text))
            }
        },
    }
}

/// The container that `kubectl logs` takes where none is named, and what it says of that.
pub(crate) fn default_container(pod: &Pod) -> Option<(String, String)> {
    let spec = pod.spec.api();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if spec.containers.len() + init.len() < 2 {
        return None;
    }
    let annotated = pod.meta.annotations.get("kubectl.kubernetes.io/default-container");
    if let Some(name) = annotated.filter(|name| spec.containers.iter().any(|c| c.name == **name)) {
        return Some((name.to_owned(), String::new()));
    }
    let first = spec.containers.first()?.name.clone();
    let all: Vec<String> = spec
        .containers
        .iter()
        .map(|c| c.name.clone())
        .chain(init.iter().map(|c| format!("{} (init)", c.name)))
        .collect();
    let told = format!("Defaulted container {first:?} out of: {}\n", all.join(", "));
    Some((first, told))
}

/// The life whose log is meant. Mirrors `validateContainerLogStatus`.
fn life_of<'a>(pod: &'a Pod, name: &str, previous: bool) -> Result<(&'a ContainerStatus, Life), String> {
    let named = format!("container {name:?} in pod {:?}", pod.meta.name.as_str());
    let all = pod.status.container_statuses.iter().chain(pod.status.init_container_statuses.iter());
    let status = all.into_iter().find(|status| status.identity.name == name);
    let status = status.ok_or_else(|| format!("{named} is not available"))?;
    let before = status.last_state.as_deref().and_then(ended_life);
    if previous {
        return before.map(|life| (status, life)).ok_or_else(|| format!("previous terminated {named} not found"));
    }
    let life = match &status.state {
        ContainerState::Running { started_at } => Some(Life { started: nanos(*started_at), finished: None }),
        state @ ContainerState::Terminated(_) => ended_life(state),
        ContainerState::Waiting { .. } | ContainerState::Unset => before,
    };
    let why = || match &status.state {
        ContainerState::Waiting { reason, .. } => match &**reason {
            "ErrImagePull" => format!("{named} is waiting to start: image can't be pulled"),
            "ImagePullBackOff" => format!("{named} is waiting to start: trying and failing to pull image"),
            reason => format!("{named} is waiting to start: {reason}"),
        },
        _ => format!("{named} is waiting to start - no logs yet"),
    };
    life.map(|life| (status, life)).ok_or_else(why)
}

fn ended_life(state: &ContainerState) -> Option<Life> {
    let ended = state.terminated()?;
    Some(Life { started: nanos(ended.started_at), finished: Some(nanos(ended.finished_at)) })
}

fn nanos(time: Option<Time>) -> i64 {
    time.unwrap_or_default().unix().saturating_mul(NANOS_PER_SECOND)
}

fn printed(line: &LogLine, timestamps: bool) -> String {
    if !timestamps {
        return format!("{}\n", line.text);
    }
    let time = DateTime::from_timestamp_nanos(line.unix_nanos).to_rfc3339_opts(SecondsFormat::Nanos, true);
    format!("{time} {}\n", line.text)
}
