//! What the pods of one spec have in common on their nodes: computed once, shared by all of them.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use rustc_hash::FxHashMap;
use seatrial_api::{
    ContainerId, ContainerIdentity, ContainerState, ContainerStatus, PodSpec, RareStr, SharedList, Str,
};
use seatrial_machinery::Phrase;

use crate::images::parse_image_name;
use crate::volumes::mounted_volumes;

/// How many plans are kept: pods of one spec come in a row.
const PLANS_MAX: usize = 32;

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It has to end before the next one starts.
    Init,
    /// An init container that goes on running.
    Sidecar,
    /// One of the pod's own.
    Main,
}

/// A container as its spec describes it.
#[derive(Debug)]
pub(crate) struct ContainerPlan {
    pub(crate) identity: Arc<ContainerIdentity>,
    pub(crate) role: Role,
    /// As events name it.
    pub(crate) field_path: Phrase,
    /// The event about an image that is there already.
    pub(crate) present: String,
    /// The event about its end with that of its pod.
    pub(crate) stopping: String,
    /// The image.
    pub(crate) image: ImageNumber,
    /// Why the image's name is none.
    pub(crate) image_error: Option<String>,
    pub(crate) pull_policy: PullPolicy,
}

/// A number that stands for the name of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageNumber(u32);

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullPolicy {
    Always,
    Never,
    IfNotPresent,
}

impl PullPolicy {
    fn of(container: &corev1::Container) -> Self {
        match container.image_pull_policy.as_deref() {
            Some("Always") => Self::Always,
            Some("Never") => Self::Never,
            _ => Self::IfNotPresent,
        }
    }
}

/// The numbers of the images that were ever met.
#[derive(Debug, Default)]
struct ImageNumbers(FxHashMap<Str, ImageNumber>);

impl ImageNumbers {
    fn of(&mut self, image: &Str) -> ImageNumber {
        // Four thousand million names do not fit into memory.
        let next = ImageNumber(self.0.len() as u32);
        *self.0.entry(image.clone()).or_insert(next)
    }
}

/// The containers of a spec, init containers first.
#[derive(Debug)]
pub(crate) struct PodPlan {
    spec: Arc<PodSpec>,
    pub(crate) containers: Vec<ContainerPlan>,
    pub(crate) init_count: usize,
    pub(crate) has_sidecars: bool,
    /// The places of the volumes that are mounted and may not be there.
    doubtful_volumes: Box<[usize]>,
    /// The pod's own containers in the order of their names, as their statuses are.
    pub(crate) by_name: Vec<usize>,
    /// The statuses before anything was started: of init containers, and of the others.
    pub(crate) waiting: (SharedList<ContainerStatus>, SharedList<ContainerStatus>),
}

impl PodPlan {
    fn new(spec: &Arc<PodSpec>, images: &mut ImageNumbers) -> Self {
        let api = spec.api();
        let mut containers = Vec::new();
        for c in api.init_containers.iter().flatten() {
            let role = if c.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
            containers.push(container_plan(c, role, "initContainers", images));
        }
        containers.extend(api.containers.iter().map(|c| container_plan(c, Role::Main, "containers", images)));
        let init_count = containers.len() - api.containers.len();
        let mut by_name: Vec<usize> = (init_count..containers.len()).collect();
        by_name.sort_by(|a, b| containers[*a].identity.name.cmp(&containers[*b].identity.name));
        let reason = waiting_reason(init_count);
        let waiting = |index: usize| waiting_status(&containers[index].identity, reason);
        let statuses = ((0..init_count).map(waiting).collect(), by_name.iter().map(|i| waiting(*i)).collect());
        Self {
            spec: Arc::clone(spec),
            init_count,
            doubtful_volumes: mounted_volumes(api).into(),
            has_sidecars: containers.iter().any(|c| c.role == Role::Sidecar),
            by_name,
            waiting: statuses,
            containers,
        }
    }

    /// The volumes that are mounted and may not be there.
    pub(crate) fn mounted_volumes(&self) -> impl Iterator<Item = &corev1::Volume> {
        let volumes = self.spec.api().volumes.as_deref().unwrap_or_default();
        self.doubtful_volumes.iter().filter_map(|place| volumes.get(*place))
    }

    /// Whether there are any.
    pub(crate) fn has_doubtful_volumes(&self) -> bool {
        !self.doubtful_volumes.is_empty()
    }

    /// The spec.
    pub(crate) fn spec(&self) -> &Arc<PodSpec> {
        &self.spec
    }

    /// The spec as k8s-openapi holds it.
    pub(crate) fn api(&self) -> &corev1::PodSpec {
        self.spec.api()
    }

    /// A container's spec.
    pub(crate) fn container(&self, index: usize) -> &corev1::Container {
        let api = self.spec.api();
        match index.checked_sub(self.init_count) {
            Some(own) => &api.containers[own],
            None => &api.init_containers.as_deref().unwrap_or_default()[index],
        }
    }

    /// Whether the pod uses its node's address.
    pub(crate) fn is_on_host(&self) -> bool {
        self.api().host_network == Some(true)
    }

    /// The pod's own containers.
    pub(crate) fn main(&self) -> std::ops::Range<usize> {
        self.init_count..self.containers.len()
    }

    pub(crate) fn role(&self, index: usize) -> Role {
        self.containers[index].role
    }

    pub(crate) fn name(&self, index: usize) -> &Str {
        &self.containers[index].identity.name
    }

    /// Why a container waits that nobody has started yet.
    pub(crate) fn waiting_reason(&self) -> &'static str {
        waiting_reason(self.init_count)
    }
}

fn waiting_reason(init_count: usize) -> &'static str {
    if init_count > 0 { "PodInitializing" } else { "ContainerCreating" }
}

fn waiting_status(identity: &Arc<ContainerIdentity>, reason: &'static str) -> ContainerStatus {
    ContainerStatus {
        identity: Arc::clone(identity),
        state: ContainerState::Waiting { reason: reason.into(), message: RareStr::default() },
        last_state: None,
        ready: false,
        started: Some(false),
        restart_count: 0,
        container_id: ContainerId::None,
        other: None,
    }
}

fn container_plan(c: &corev1::Container, role: Role, list: &str, images: &mut ImageNumbers) -> ContainerPlan {
    let image: Str = c.image.as_deref().unwrap_or_default().into();
    ContainerPlan {
        field_path: format!("spec.{list}{{{}}}", c.name).into(),
        present: format!(
            "Container image {:?} already present on machine and can be accessed by the pod",
            image.as_str()
        ),
        stopping: format!("Stopping container {}", c.name),
        image_error: parse_image_name(&image).err(),
        image: images.of(&image),
        pull_policy: PullPolicy::of(c),
        identity: Arc::new(ContainerIdentity { name: c.name.as_str().into(), image_id: image.clone(), image }),
        role,
    }
}

/// The plans of the specs that were met last, the latest in front.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    latest: Vec<Arc<PodPlan>>,
    images: ImageNumbers,
}

impl Plans {
    /// The plan of a spec.
    pub(crate) fn of(&mut self, spec: &Arc<PodSpec>) -> Arc<PodPlan> {
        match self.latest.iter().position(|plan| Arc::ptr_eq(&plan.spec, spec)) {
            Some(0) => {}
            Some(place) => self.latest[..=place].rotate_right(1),
            None => {
                self.latest.truncate(PLANS_MAX - 1);
                self.latest.insert(0, Arc::new(PodPlan::new(spec, &mut self.images)));
            }
        }
        Arc::clone(&self.latest[0])
    }
}
