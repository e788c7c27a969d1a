//! Commands in mock containers, as `kubectl exec` runs them: a small shell, files that live where their volumes do, the
//! cluster's DNS, and requests to Services.
//!
//! Differs: nothing of the image runs. Commands that a behavior names come to what it says; a few others are built in.

mod commands;
pub(crate) mod container;
mod dns;
mod environment;
pub(crate) mod files;
mod network;
mod shell;
#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ApiError, ContainerState, Kind, ObjectKey, Pod, Time};

use crate::cluster::{Cluster, Error};
use container::{ContainerView, Life};
pub(crate) use environment::field_text;
use shell::{NOT_FOUND, Output, Session};

const ANNOTATION_DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its exit code.
    pub exit_code: i32,
    /// What kubectl says where it chose the container of several.
    pub notice: Option<String>,
}

/// Why kubectl cannot run a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The pod has ended.
    #[error("cannot exec into a container in a completed pod; current phase is {0}")]
    Completed(&'static str),
    /// The pod has no such container.
    #[error("container {container} not found in pod {pod}")]
    NoContainer {
        /// The container's name.
        container: String,
        /// The pod's name.
        pod: String,
    },
    /// The container does not run.
    #[error("Internal error occurred: unable to upgrade connection: container not found ({0:?})")]
    NotRunning(String),
    /// The node's kubelet does not answer.
    #[error("error dialing backend: dial tcp {0}:10250: connect: no route to host")]
    NoKubelet(String),
    /// There is no command.
    #[error("you must specify at least one command for the container")]
    NoCommand,
}

impl Cluster {
    /// Runs a command in a container of a pod, named `pod/NAME`, as `kubectl exec` does. Without a container the pod's
    /// default is taken. Commands may take virtual time.
    ///
    /// # Errors
    /// A target that is none, a pod that is not there, a container that does not run.
    pub fn exec(&mut self, target: &str, container: Option<&str>, command: &[&str]) -> Result<ExecOutput, Error> {
        let key = self.resolve(target)?;
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        self.exec_key(&key, container, &command)
    }

    pub(crate) fn exec_key(
        &mut self,
        key: &ObjectKey,
        container: Option<&str>,
        command: &[String],
    ) -> Result<ExecOutput, Error> {
        if key.kind != Kind::Pod {
            return Err(ApiError::not_found(&Kind::Pod.resource(), &key.name).into());
        }
        let Some((word, arguments)) = command.split_first() else { return Err(ExecError::NoCommand.into()) };
        let pod = self.server.get::<Pod>(&key.namespace, &key.name)?.clone();
        if pod.status.phase.is_terminal() {
            return Err(ExecError::Completed(pod.status.phase.as_str()).into());
        }
        let (container, notice) = choose_container(&pod, container)?;
        let container = container.clone();
        if pod.node_name.is_empty() {
            let text = format!("pod {} does not have a host assigned", pod.meta.name);
            return Err(ApiError::bad_request(text).into());
        }
        if !self.kubelets.answers(&pod.node_name) {
            let host = pod.status.host_ip.map_or_else(|| pod.node_name.to_string(), |ip| ip.to_string());
            return Err(ExecError::NoKubelet(host).into());
        }
        let Some(life) = life_of(&pod, &container.name) else {
            return Err(ExecError::NotRunning(container.name).into());
        };
        let view = ContainerView::of(self, &pod, &container, &life);
        view.prepare(&mut self.files);
        let environment = environment::environment_of(self, &pod, &container, &life);
        let mut session = Session::new(self, view, environment);
        let mut out = Output::default();
        let exit_code = session.command(word, arguments, Vec::new(), &mut out).unwrap_or_else(|| {
            out.error(&format!(
                "OCI runtime exec failed: exec failed: unable to start container process: exec: {word:?}: executable \
                 file not found in $PATH: unknown"
            ));
            NOT_FOUND
        });
        let exit_code = if session.is_gone() { KILLED } else { exit_code };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(ExecOutput { stdout: text(out.stdout), stderr: text(out.stderr), exit_code, notice })
    }
}

/// The exit code of a process whose container ended under it.
const KILLED: i32 = 137;

/// The container that is meant: the one named, the one an annotation names, or the first. Mirrors
/// `FindOrDefaultContainerByName`.
fn choose_container<'a>(
    pod: &'a Pod,
    name: Option<&str>,
) -> Result<(&'a corev1::Container, Option<String>), ExecError> {
    let spec = pod.spec.api();
    let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
    let annotated = pod.meta.annotations.get(ANNOTATION_DEFAULT_CONTAINER).filter(|name| !name.is_empty());
    if let Some(wanted) = name.or(annotated) {
        let found = all.find(|c| c.name == wanted);
        let missing = || ExecError::NoContainer { container: wanted.to_owned(), pod: pod.meta.name.to_string() };
        return found.map(|c| (c, None)).ok_or_else(missing);
    }
    let missing = || ExecError::NoContainer { container: String::new(), pod: pod.meta.name.to_string() };
    let first = spec.containers.first().ok_or_else(missing)?;
    let init = spec.init_containers.iter().flatten().map(|c| format!("{} (init)", c.name));
    let names: Vec<String> = spec.containers.iter().map(|c| c.name.clone()).chain(init).collect();
    let notice =
        (names.len() > 1).then(|| format!("Defaulted container {:?} out of: {}", first.name, names.join(", ")));
    Ok((first, notice))
}

/// The life of a container that runs.
fn life_of(pod: &Pod, container: &str) -> Option<Life> {
    let mut all = pod.status.container_statuses.iter().chain(pod.status.init_container_statuses.iter());
    let status = all.find(|status| status.identity.name == container)?;
    let started_at = match &status.state {
        ContainerState::Running { started_at } => started_at.unwrap_or_default(),
        _ => return None,
    };
    Some(Life { restarts: status.restart_count, started_at: Time::from_unix(started_at.unix()) })
}
