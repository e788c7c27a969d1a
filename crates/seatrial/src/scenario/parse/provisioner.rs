//! `provisioners[]`, and how the storage of a class in `cluster.storageClasses` behaves.

use super::{leaf, read};
use crate::manifest::InputError;
use crate::manifest::node::{Data, Node};
use crate::scenario::model::{OperationSpec, ProvisionerSpec, When};

const KEYS: [&str; 6] = ["absent", "provision", "delete", "expand", "capacity", "topology"];

pub(super) fn provisioners(list: Option<&Node>) -> Result<Vec<ProvisionerSpec>, InputError> {
    list.map_or(&[][..], Node::items).iter().map(provisioner).collect()
}

fn provisioner(node: &Node) -> Result<ProvisionerSpec, InputError> {
    let pattern = |key: &str| node.get("match").and_then(|m| read::text(m, key));
    Ok(ProvisionerSpec {
        class: pattern("class"),
        provisioner: pattern("provisioner"),
        claim: pattern("claim"),
        ..storage(node)?
    })
}

/// The storage of a class that is written with it, if anything is said of it.
pub(super) fn storage_of_class(node: &Node, class: &str) -> Result<Option<ProvisionerSpec>, InputError> {
    if KEYS.iter().all(|key| node.get(key).is_none()) {
        return Ok(None);
    }
    Ok(Some(ProvisionerSpec { class: Some(class.to_owned()), ..storage(node)? }))
}

fn storage(node: &Node) -> Result<ProvisionerSpec, InputError> {
    let never = |value: &Node| matches!(value.data, Data::Text(_));
    let expand = match node.get("expand") {
        Some(value) if never(value) => Some(OperationSpec { after: Some(When::Never), ..OperationSpec::default() }),
        Some(value) => Some(operation(value)?),
        None => None,
    };
    let part = |key: &str| node.get(key).map(operation).transpose().map(Option::unwrap_or_default);
    Ok(ProvisionerSpec {
        absent: read::flag(node, "absent").unwrap_or(false),
        provision: part("provision")?,
        delete: part("delete")?,
        expand,
        capacity: node.get("capacity").map(leaf::quantity).transpose()?,
        topology: read::text(node, "topology"),
        ..ProvisionerSpec::default()
    })
}

fn operation(node: &Node) -> Result<OperationSpec, InputError> {
    Ok(OperationSpec {
        after: node.get("after").map(leaf::when).transpose()?,
        fail: read::text(node, "fail"),
        fail_times: read::number(node, "failTimes"),
    })
}
