//! What others ask of nodes and containers: commands and requests of `exec`.

use std::time::Duration;

use seatrial_api::Pod;
use seatrial_machinery::SimTime;

use crate::container::Container;
use crate::health::Seen;
use crate::kubelets::Kubelets;

/// What a request is answered where no behavior says otherwise.
const OK: u16 = 200;

impl Kubelets {
    /// Whether a node's kubelet answers.
    pub fn answers(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| !node.failed)
    }

    /// A command's exit code and how long it takes, by the container's behavior; nothing where no window names it.
    pub fn command(&self, now: SimTime, pod: &Pod, container: &str, command: &[String]) -> Option<(i32, Duration)> {
        let (index, found) = self.running(pod).find(|(_, name, _)| *name == container).map(|(i, _, c)| (i, c))?;
        self.seen(now, pod, (index, found))?.command(command)
    }

    /// The status of an HTTP request to a pod and how long the answer takes; nothing where nobody listens.
    pub fn http_get(&self, now: SimTime, pod: &Pod, port: u16, path: &str) -> Option<(u16, Duration)> {
        let mut is_told = false;
        for (index, _, container) in self.running(pod) {
            let Some(seen) = self.seen(now, pod, (index, container)) else { continue };
            is_told |= seen.has_windows();
            if let Some(answer) = seen.get_path(port, path) {
                return Some(answer);
            }
        }
        // Without any window everything answers.
        (!is_told).then_some((OK, Duration::ZERO))
    }

    /// The containers of a pod that run, by their places in the plan.
    fn running<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = (usize, &'a str, &'a Container)> {
        let worker = self.worker_of(pod);
        let containers = worker.into_iter().flat_map(|worker| {
            let all = worker.containers.iter().enumerate();
            all.map(move |(index, container)| (index, worker.plan.container(index).name.as_str(), container))
        });
        containers.filter(|(_, _, container)| container.is_running())
    }

    fn seen<'a>(&'a self, now: SimTime, pod: &'a Pod, (index, container): (usize, &'a Container)) -> Option<Seen<'a>> {
        let worker = self.worker_of(pod)?;
        Some(Seen {
            behavior: container.behavior.as_deref(),
            container: worker.plan.container(index),
            pod_ip: "",
            age: (now - container.started_at).max(Duration::from_nanos(1)),
            life: container.restarts(),
        })
    }
}
