//! Nodes: registration, conditions, heartbeats.
//!
//! Mirrors pkg/kubelet/nodestatus and component-helpers/apimachinery/lease (v1.36).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::api::core::v1::{NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ApiTime;
use rustc_hash::FxHashMap;
use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Lease, LeaseBody, Node, ObjectMeta, Slot, StrMap, Time};
use seatrial_machinery::{Client, Phrase, SimTime};

use crate::kubelets::{KubeletEvent, KubeletTimer, Kubelets};
use crate::plan::ImageNumber;

/// How often a node renews its lease.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(10);
const LEASE_DURATION_SECONDS: i32 = 40;
pub(crate) const LEASE_NAMESPACE: &str = "kube-node-lease";
const TAINT_NODE_NOT_READY: &str = "node.kubernetes.io/not-ready";
const KUBELET_VERSION: &str = "v1.36.2";

/// A node to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// The name.
    pub name: String,
    /// Quantities by resource.
    pub capacity: BTreeMap<String, String>,
    /// Labels beyond those every node has.
    pub labels: BTreeMap<String, String>,
    /// Taints as (key, value, effect).
    pub taints: Vec<(String, String, String)>,
}

/// What is known of a node.
#[derive(Debug)]
pub(crate) struct NodeState {
    /// The node's name, as its events give it.
    pub(crate) name: Phrase,
    /// The node's address.
    pub(crate) ip: IpAddr,
    /// Whether the kubelet has stopped.
    pub(crate) failed: bool,
    /// Counts how often it did.
    pub(crate) failures: u32,
    /// Whether the machine was off, so that no container runs any more.
    pub(crate) powered_off: bool,
    /// What the kubelet was not there for.
    pub(crate) missed: Vec<KubeletEvent>,
    /// The images that were pulled.
    pub(crate) images: Images,
    /// When the last of the pulls that were asked for is through: a node pulls one image after the other.
    pub(crate) pulling_until: SimTime,
    /// Where the node's lease lies.
    lease: Slot,
}

/// Images by their numbers, in order: a node has few.
#[derive(Debug, Default)]
pub(crate) struct Images(Vec<ImageNumber>);

impl Images {
    pub(crate) fn contains(&self, image: ImageNumber) -> bool {
        self.0.binary_search(&image).is_ok()
    }

    pub(crate) fn insert(&mut self, image: ImageNumber) {
        if let Err(place) = self.0.binary_search(&image) {
            self.0.insert(place, image);
        }
    }
}

/// The place of a node among those that were ever registered: a node of the same name comes to the same place again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodePlace(u32);

/// The nodes that have a kubelet.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    places: FxHashMap<String, NodePlace>,
    states: Vec<Option<NodeState>>,
}

impl Nodes {
    /// The place of a node that has a kubelet.
    pub(crate) fn place(&self, name: &str) -> Option<NodePlace> {
        self.places.get(name).copied().filter(|place| self.at(*place).is_some())
    }

    pub(crate) fn at(&self, place: NodePlace) -> Option<&NodeState> {
        self.states[place.0 as usize].as_ref()
    }

    /// Has a node fetched from memory, for who looks at it soon.
    pub(crate) fn fetch(&self, place: NodePlace) {
        if let Some(state) = self.states.get(place.0 as usize) {
            seatrial_api::fetch(state);
        }
    }

    pub(crate) fn at_mut(&mut self, place: NodePlace) -> Option<&mut NodeState> {
        self.states[place.0 as usize].as_mut()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&NodeState> {
        self.at(*self.places.get(name)?)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut NodeState> {
        self.at_mut(*self.places.get(name)?)
    }

    pub(crate) fn insert(&mut self, name: &str, state: NodeState) {
        if let Some(place) = self.places.get(name) {
            self.states[place.0 as usize] = Some(state);
            return;
        }
        // Four thousand million nodes do not fit into memory.
        self.places.insert(name.to_owned(), NodePlace(self.states.len() as u32));
        self.states.push(Some(state));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(place) = self.places.get(name) {
            self.states[place.0 as usize] = None;
        }
    }
}

impl NodeState {
    fn new(name: &str, ip: IpAddr) -> Self {
        let (missed, images) = (Vec::new(), Images::default());
        let (failed, powered_off) = (false, false);
        let (name, pulling_until, lease) = (name.into(), SimTime::ZERO, Slot::NONE);
        Self { name, ip, failed, failures: 0, powered_off, missed, images, pulling_until, lease }
    }
}

impl Kubelets {
    /// A node joins: its Node and its Lease are created, and it is ready.
    ///
    /// # Errors
    /// What the API server answered: 409 where there is a node of that name.
    pub fn register_node(&mut self, client: &mut Client<'_>, config: NodeConfig) -> Result<(), ApiError> {
        let ip = node_ip(self.node_order.len());
        let now = client.clock().time();
        let node = client.create(new_node(&config, ip, now)?)?;
        // The API server taints a new node; its kubelet reports ready at once, and the taint goes.
        let mut ready = Node::clone(&node);
        let spec = ready.body.spec.get_or_insert_default();
        let taints = spec.taints.take().unwrap_or_default();
        let kept: Vec<Taint> = taints.into_iter().filter(|t| t.key != TAINT_NODE_NOT_READY).collect();
        spec.taints = (!kept.is_empty()).then_some(kept);
        client.update(ready)?;
        match client.create(lease(&config.name, now)) {
            // A node of this name was there before: its lease is renewed from now on.
            Err(error) if error.is_already_exists() => {}
            created => drop(created?),
        }
        if !self.has_heartbeat {
            self.has_heartbeat = true;
            self.schedule_heartbeat(client.clock().now());
        }
        self.nodes.insert(&config.name, NodeState::new(&config.name, ip));
        self.node_order.push(config.name);
        Ok(())
    }

    fn schedule_heartbeat(&mut self, now: SimTime) {
        self.timers.push(KubeletTimer {
            due: now + HEARTBEAT_PERIOD,
            background: true,
            event: KubeletEvent::Heartbeat,
        });
    }

    /// Every node that works renews its lease.
    pub(crate) fn heartbeat(&mut self, client: &mut Client<'_>) {
        let now = client.clock();
        for name in &self.node_order {
            let Some(node) = self.nodes.get_mut(name).filter(|node| !node.failed) else { continue };
            // A lease that is gone stays so: nobody evicts a node for that at once.
            if let Ok(lease) = client.renew_lease(LEASE_NAMESPACE, name, node.lease, now.micro_time()) {
                node.lease = lease.meta.slot;
            }
        }
        self.schedule_heartbeat(now.now());
    }
}

fn node_ip(index: usize) -> IpAddr {
    let offset = u32::try_from(index).unwrap_or(0).wrapping_add(1);
    IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)).wrapping_add(offset)))
}

fn lease(name: &str, now: Time) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(name.to_owned()),
        lease_duration_seconds: Some(LEASE_DURATION_SECONDS),
        ..LeaseSpec::default()
    };
    let meta = ObjectMeta { name: name.into(), namespace: LEASE_NAMESPACE.into(), ..ObjectMeta::default() };
    Lease { meta, body: LeaseBody { spec: Some(spec.into()), renew_time: Some(now.into()) } }
}

fn new_node(config: &NodeConfig, ip: IpAddr, now: Time) -> Result<Node, ApiError> {
    let mut capacity = BTreeMap::new();
    for (resource, amount) in &config.capacity {
        let quantity = Quantity::parse(amount).map_err(|error| {
            ApiError::bad_request(format!("node {}: capacity {resource} {amount:?}: {error}", config.name))
        })?;
        capacity.insert(resource.clone(), ApiQuantity(quantity.to_string()));
    }
    let own = [
        ("kubernetes.io/hostname", config.name.as_str()),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
    ];
    let labels: StrMap = own.into_iter().chain(config.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()))).collect();
    let taints: Vec<Taint> = config
        .taints
        .iter()
        .map(|(key, value, effect)| Taint {
            key: key.clone(),
            value: (!value.is_empty()).then(|| value.clone()),
            effect: effect.clone(),
            time_added: None,
        })
        .collect();
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    let body = k8s_openapi::api::core::v1::Node {
        spec: Some(NodeSpec { taints: (!taints.is_empty()).then_some(taints), ..NodeSpec::default() }),
        status: Some(NodeStatus {
            addresses: Some(vec![address("InternalIP", ip.to_string()), address("Hostname", config.name.clone())]),
            allocatable: Some(capacity.clone()),
            capacity: Some(capacity),
            conditions: Some(conditions(now)),
            node_info: Some(NodeSystemInfo {
                architecture: "amd64".to_owned(),
                kubelet_version: KUBELET_VERSION.to_owned(),
                operating_system: "linux".to_owned(),
                container_runtime_version: "seatrial://1".to_owned(),
                os_image: "seatrial".to_owned(),
                ..NodeSystemInfo::default()
            }),
            ..NodeStatus::default()
        }),
        ..Default::default()
    };
    Ok(Node { meta: ObjectMeta { name: config.name.as_str().into(), labels, ..ObjectMeta::default() }, body })
}

pub(crate) fn conditions(now: Time) -> Vec<NodeCondition> {
    let rows = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ];
    let now: ApiTime = now.into();
    let one = |(type_, status, reason, message): (&str, &str, &str, &str)| NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(now.clone()),
        last_transition_time: Some(now.clone()),
    };
    rows.into_iter().map(one).collect()
}
