//! `spec.cluster`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use seatrial_api::names::{NameUse, is_qualified_name, name_is_dns_subdomain};

use super::{provisioner, read};
use crate::manifest::InputError;
use crate::manifest::node::{Data, Node};
use crate::scenario::model::{BindingMode, ClusterSpec, Controllers, NodeSpec, ReclaimPolicy, StorageClassSpec, Taint};

const NODE_COUNT_DEFAULT: u32 = 3;
const NODE_COUNT_MAX: u32 = 1_000_000;
const LOAD_BALANCER_AFTER_DEFAULT: Duration = Duration::from_secs(5);
const PROVISIONER: &str = "sim.seatrial.dev/disk";

pub(super) fn cluster(node: Option<&Node>) -> Result<ClusterSpec, InputError> {
    let empty = Node::default();
    let node = node.unwrap_or(&empty);
    let controllers = match node.get("controllers").and_then(Node::text) {
        Some("none") => Controllers::None,
        _ => Controllers::All,
    };
    let classes = storage_classes(read::items(node, "storageClasses"))?;
    let load_balancers = match node.get("loadBalancers") {
        Some(node) => Some(read::duration(node, "after")?.unwrap_or(LOAD_BALANCER_AFTER_DEFAULT)),
        None => None,
    };
    Ok(ClusterSpec { nodes: nodes(node)?, controllers, storage_classes: classes, load_balancers })
}

fn nodes(cluster: &Node) -> Result<Vec<NodeSpec>, InputError> {
    let defaults = cluster.get("defaults").cloned().unwrap_or_default();
    let mut capacity = NodeSpec::default_capacity();
    capacity.extend(read::quantities(&defaults, "capacity")?);
    let Some(list) = cluster.get("nodes") else {
        let count = read::number(&defaults, "nodes").unwrap_or(NODE_COUNT_DEFAULT);
        check_count(count, &defaults)?;
        let plain = |index| NodeSpec { capacity: capacity.clone(), ..NodeSpec::named(format!("node-{index}")) };
        return Ok((0..count).map(plain).collect());
    };
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for item in list.items() {
        for node in node_group(item, &capacity)? {
            if !names.insert(node.name.clone()) {
                return Err(InputError::at(item.position, format!("the node `{}` is already there", node.name))
                    .hint("names are NAME-0, NAME-1, ... with `count`, and NAME without"));
            }
            all.push(node);
        }
    }
    Ok(all)
}

fn node_group(node: &Node, capacity: &BTreeMap<String, String>) -> Result<Vec<NodeSpec>, InputError> {
    let name = read::required_text(node, "name")?;
    let mut own_capacity = capacity.clone();
    own_capacity.extend(read::quantities(node, "capacity")?);
    let named = |name: String| NodeSpec {
        name,
        capacity: own_capacity.clone(),
        labels: read::texts(node, "labels"),
        taints: taints(node),
    };
    match read::number::<u32>(node, "count") {
        None => Ok(vec![named(name)]),
        Some(count) => {
            check_count(count, node)?;
            Ok((0..count).map(|index| named(format!("{name}-{index}"))).collect())
        }
    }
}

fn check_count(count: u32, node: &Node) -> Result<(), InputError> {
    match count > NODE_COUNT_MAX {
        true => Err(InputError::at(node.position, format!("{count} nodes are more than {NODE_COUNT_MAX}"))),
        false => Ok(()),
    }
}

/// `taints` of a node or a node step.
pub(super) fn taints(node: &Node) -> Vec<Taint> {
    read::items(node, "taints")
        .iter()
        .map(|taint| Taint {
            key: read::text(taint, "key").unwrap_or_default(),
            value: read::text(taint, "value").unwrap_or_default(),
            effect: read::text(taint, "effect").unwrap_or_default(),
        })
        .collect()
}

fn storage_classes(items: &[Node]) -> Result<Vec<StorageClassSpec>, InputError> {
    let mut classes: Vec<StorageClassSpec> = Vec::new();
    for item in items {
        let class = storage_class(item)?;
        if classes.iter().any(|other| other.name == class.name) {
            return Err(InputError::at(item.position, format!("the storage class `{}` is already there", class.name)));
        }
        classes.push(class);
    }
    Ok(classes)
}

/// What the API server would refuse is told with its place in the file.
fn check_class(node: &Node, class: &StorageClassSpec) -> Result<(), InputError> {
    let place = |key: &str| node.get(key).map_or(node.position, |value| value.position);
    if let Some(why) = name_is_dns_subdomain(&class.name, NameUse::Name).first() {
        return Err(InputError::at(place("name"), format!("`{}` cannot be the name of a storage class", class.name))
            .hint(why.to_string()));
    }
    match is_qualified_name(&class.provisioner.to_lowercase()).first() {
        Some(why) => Err(InputError::at(place("provisioner"), format!("`{}` is not a provisioner", class.provisioner))
            .hint(why.to_string())),
        None => Ok(()),
    }
}

fn storage_class(node: &Node) -> Result<StorageClassSpec, InputError> {
    let name = match &node.data {
        Data::Text(name) => name.clone(),
        _ => read::text(node, "name").unwrap_or_default(),
    };
    let class = StorageClassSpec {
        storage: provisioner::storage_of_class(node, &name)?,
        name,
        provisioner: read::text(node, "provisioner").unwrap_or_else(|| PROVISIONER.to_owned()),
        is_default: read::flag(node, "default").unwrap_or(false),
        reclaim_policy: match node.get("reclaimPolicy").and_then(Node::text) {
            Some("Retain") => ReclaimPolicy::Retain,
            _ => ReclaimPolicy::Delete,
        },
        binding_mode: match node.get("volumeBindingMode").and_then(Node::text) {
            Some("WaitForFirstConsumer") => BindingMode::WaitForFirstConsumer,
            _ => BindingMode::Immediate,
        },
        allow_volume_expansion: read::flag(node, "allowVolumeExpansion").unwrap_or(false),
    };
    check_class(node, &class)?;
    Ok(class)
}
