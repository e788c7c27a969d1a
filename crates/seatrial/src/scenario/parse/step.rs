//! `steps[]`.

use std::time::Duration;

use super::read::Files;
use super::{behavior, cluster, expect, leaf, print, provisioner, read};
use crate::manifest::node::Node;
use crate::manifest::{InputError, Manifest, Source, load_pattern, suggest};
use crate::scenario::model::{
    Annotate, Call, Delete, Drain, Evict, Exec, ExecExpect, Fault, FaultKind, Label, NodeAction, NodeFault,
    NodeFaultKind, NodeSpec, NodeStep, Patch, PatchType, Propagation, Rollout, RolloutAction, Scale, SetImage, Settle,
    Step, Verb,
};

const SETTLE_QUIET: Duration = Duration::from_secs(4);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(240);

pub(super) fn steps(spec: &Node, files: &Files<'_>, warnings: &mut Vec<String>) -> Result<Vec<Step>, InputError> {
    let mut steps = Vec::new();
    for node in read::items(spec, "steps") {
        // The tables have seen to it that there is one entry.
        for entry in node.entries() {
            let verb = match entry.key.as_str() {
                "create" => Verb::Create(objects(&entry.node, files, warnings)?),
                "apply" => Verb::Apply(objects(&entry.node, files, warnings)?),
                key => verb(key, &entry.node)?,
            };
            steps.push(Step { verb, position: entry.position });
        }
    }
    Ok(steps)
}

fn verb(key: &str, node: &Node) -> Result<Verb, InputError> {
    Ok(match key {
        "patch" => Verb::Patch(patch(node)?),
        "scale" => Verb::Scale(Scale { target: target(node)?, replicas: read::number(node, "replicas").unwrap_or(0) }),
        "setImage" => Verb::SetImage(SetImage {
            target: target(node)?,
            container: read::required_text(node, "container")?,
            image: read::required_text(node, "image")?,
        }),
        "delete" => Verb::Delete(delete(node)?),
        "rollout" => Verb::Rollout(rollout(node)?),
        "node" => Verb::Node(node_step(node)?),
        "provisioners" => Verb::Provisioners(provisioner::provisioners(Some(node))?),
        "behave" => Verb::Behave(behavior::behaviors(Some(node))?),
        "settle" => Verb::Settle(Settle {
            quiet: read::duration(node, "quiet")?.unwrap_or(SETTLE_QUIET),
            timeout: read::duration(node, "timeout")?.unwrap_or(SETTLE_TIMEOUT),
        }),
        "advance" => Verb::Advance(leaf::duration(node)?),
        "snapshot" => Verb::Snapshot(node.text().unwrap_or_default().to_owned()),
        "call" => Verb::Call(call(node)?),
        "expect" => Verb::Expect(expect::expectations(node)?),
        "wait" => Verb::Wait(expect::wait(node)?),
        "label" => Verb::Label(Label { target: target(node)?, labels: read::changes(node, "labels") }),
        "annotate" => {
            Verb::Annotate(Annotate { target: target(node)?, annotations: read::changes(node, "annotations") })
        }
        "evict" => Verb::Evict(Evict { target: target(node)?, grace_period: read::duration(node, "gracePeriod")? }),
        "drain" => Verb::Drain(drain(node)?),
        "fault" if node.get("node").is_some() => Verb::NodeFault(node_fault(node)?),
        "fault" => Verb::Fault(fault(node)?),
        "exec" => Verb::Exec(exec(node)?),
        "print" => Verb::Print(print::prints(node)?),
        _ => {
            return Err(InputError::at(node.position, format!("unknown verb `{key}`")));
        }
    })
}

fn target(node: &Node) -> Result<crate::scenario::model::Target, InputError> {
    leaf::target(read::child(node, "target")?)
}

fn word<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::text).unwrap_or_default()
}

/// Objects written in the step, and those of the files that it names.
fn objects(node: &Node, files: &Files<'_>, warnings: &mut Vec<String>) -> Result<Vec<Manifest>, InputError> {
    let mut manifests = Vec::new();
    for item in read::one_or_many(node) {
        match (item.get("file"), item.get("kind").or(item.get("apiVersion"))) {
            (Some(pattern), None) => {
                only_file(item)?;
                let loaded = load_pattern(pattern, files.folder)?;
                warnings.extend(loaded.iter().filter_map(Manifest::warning_line));
                manifests.extend(loaded);
            }
            (_, Some(_)) => manifests.push(Manifest {
                object: item.to_json(),
                source: Source { file: files.scenario.to_owned(), position: item.position },
                warning: None,
            }),
            (None, None) => {
                return Err(InputError::at(item.position, "this is no object: it has no `apiVersion` and no `kind`")
                    .hint("write an object, or name a file: `{file: deploy.yaml}`")
                    .maybe_hint(misspelt_file(item)));
            }
        }
    }
    Ok(manifests)
}

fn misspelt_file(item: &Node) -> Option<String> {
    let keys = item.entries().iter().map(|entry| entry.key.as_str());
    suggest::nearest("file", keys).map(|key| format!("did you mean `file` by `{key}`?"))
}

fn only_file(item: &Node) -> Result<(), InputError> {
    match item.entries().iter().find(|entry| entry.key != "file") {
        Some(other) => Err(InputError::at(other.position, format!("`{}` does not go with `file`", other.key))
            .hint("`{file: NAME}` stands alone in place of an object")),
        None => Ok(()),
    }
}

fn patch(node: &Node) -> Result<Patch, InputError> {
    let patch_type = match word(node, "type") {
        "merge" => PatchType::Merge,
        "json" => PatchType::Json,
        _ => PatchType::Strategic,
    };
    let patch = node.entries().iter().find(|entry| entry.key == "patch");
    Ok(Patch {
        target: target(node)?,
        patch_type,
        patch: patch.map(|entry| entry.node.to_json()).unwrap_or_default(),
        subresource: read::text(node, "subresource"),
    })
}

fn delete(node: &Node) -> Result<Delete, InputError> {
    let propagation = match word(node, "propagation") {
        "foreground" => Propagation::Foreground,
        "orphan" => Propagation::Orphan,
        _ => Propagation::Background,
    };
    Ok(Delete { target: target(node)?, propagation, grace_period: read::duration(node, "gracePeriod")? })
}

fn rollout(node: &Node) -> Result<Rollout, InputError> {
    let action = match word(node, "action") {
        "undo" => RolloutAction::Undo,
        "restart" => RolloutAction::Restart,
        "pause" => RolloutAction::Pause,
        _ => RolloutAction::Resume,
    };
    let revision = node.get("toRevision");
    match (action, revision) {
        (RolloutAction::Undo, _) | (_, None) => {
            Ok(Rollout { action, target: target(node)?, to_revision: read::number(node, "toRevision") })
        }
        (_, Some(revision)) => Err(InputError::at(revision.position, "`toRevision` goes with `action: undo` only")),
    }
}

fn node_step(node: &Node) -> Result<NodeStep, InputError> {
    let action = word(node, "action");
    let allowed: &[&str] = match action {
        "add" => &["capacity", "labels", "taints"],
        "taint" => &["taints"],
        "label" => &["labels"],
        _ => &[],
    };
    let extra = ["capacity", "labels", "taints"].into_iter().filter(|key| !allowed.contains(key));
    if let Some((key, value)) = extra.filter_map(|key| Some((key, node.get(key)?))).next() {
        return Err(InputError::at(value.position, format!("`{key}` does not go with `action: {action}`")));
    }
    for key in allowed.iter().filter(|_| action != "add") {
        if node.get(key).is_none() {
            return Err(InputError::at(node.position, format!("`action: {action}` needs `{key}`")));
        }
    }
    let mut capacity = NodeSpec::default_capacity();
    capacity.extend(read::quantities(node, "capacity")?);
    let action = match action {
        "add" => NodeAction::Add { capacity, labels: read::texts(node, "labels"), taints: cluster::taints(node) },
        "remove" => NodeAction::Remove,
        "fail" => NodeAction::Fail,
        "recover" => NodeAction::Recover,
        "cordon" => NodeAction::Cordon,
        "uncordon" => NodeAction::Uncordon,
        "taint" => NodeAction::Taint(cluster::taints(node)),
        _ => NodeAction::Label(read::changes(node, "labels")),
    };
    Ok(NodeStep { name: read::required_text(node, "name")?, action })
}

fn call(node: &Node) -> Result<Call, InputError> {
    let body = node.entries().iter().find(|entry| entry.key == "body");
    if let (Some(_), Some(raw)) = (body, node.get("raw")) {
        return Err(InputError::at(raw.position, "`raw` does not go with `body`")
            .hint("`body` is sent as JSON, `raw` as it is"));
    }
    Ok(Call {
        method: read::required_text(node, "method")?,
        path: read::required_text(node, "path")?,
        query: read::texts(node, "query"),
        content_type: read::text(node, "contentType").unwrap_or_else(|| "application/json".to_owned()),
        headers: read::texts(node, "headers"),
        body: body.map(|entry| entry.node.to_json_text()),
        raw: read::text(node, "raw"),
    })
}

fn drain(node: &Node) -> Result<Drain, InputError> {
    Ok(Drain {
        name: read::required_text(node, "name")?,
        grace_period: read::duration(node, "gracePeriod")?,
        timeout: read::duration(node, "timeout")?,
        force: read::flag(node, "force").unwrap_or(false),
        ignore_daemon_sets: read::flag(node, "ignoreDaemonSets").unwrap_or(true),
        delete_empty_dir_data: read::flag(node, "deleteEmptyDirData").unwrap_or(false),
    })
}

/// The types of faults that are about a node.
const NODE_FAULTS: [&str; 4] = ["down", "partition", "restart", "recover"];
/// How long a kubelet is away when it starts anew.
const KUBELET_RESTART: Duration = Duration::from_secs(10);

fn node_fault(node: &Node) -> Result<NodeFault, InputError> {
    let kind = match node.get("type").and_then(Node::text).unwrap_or("down") {
        "down" => NodeFaultKind::Down,
        "partition" => NodeFaultKind::Partition,
        "restart" => NodeFaultKind::Restart,
        "recover" => NodeFaultKind::Recover,
        other => {
            let position = node.get("type").map_or(node.position, |t| t.position);
            return Err(InputError::at(position, format!("`type: {other}` does not go with `node`"))
                .hint(format!("a node has the types {}", suggest::either(&NODE_FAULTS))));
        }
    };
    let not_ours = ["controller", "kind", "delay", "count", "percent"].into_iter();
    let not_ours = not_ours.chain((kind == NodeFaultKind::Recover).then_some("for"));
    if let Some((key, value)) = not_ours.filter_map(|key| Some((key, node.get(key)?))).next() {
        let with = if key == "for" { "type: recover" } else { "node" };
        return Err(InputError::at(value.position, format!("`{key}` does not go with `{with}`")));
    }
    let lasts = read::duration(node, "for")?;
    let lasts = if kind == NodeFaultKind::Restart { lasts.or(Some(KUBELET_RESTART)) } else { lasts };
    Ok(NodeFault { node: read::required_text(node, "node")?, kind, lasts })
}

fn fault(node: &Node) -> Result<Fault, InputError> {
    let Some(kind) = node.get("type") else {
        return Err(InputError::at(node.position, "`fault` needs `type` or `node`")
            .hint("`fault: {node: node-1, for: 5m}` turns a node off"));
    };
    if let Some(of_node) = kind.text().filter(|text| NODE_FAULTS.contains(text)) {
        return Err(InputError::at(kind.position, format!("`type: {of_node}` needs `node`")));
    }
    let kind = match word(node, "type") {
        "lag" => FaultKind::Lag,
        "drop" => FaultKind::Drop,
        "reorder" => FaultKind::Reorder,
        "conflict" => FaultKind::Conflict,
        "error" => FaultKind::Error,
        "latency" => FaultKind::Latency,
        _ => FaultKind::Crash,
    };
    Ok(Fault {
        kind,
        controller: read::text(node, "controller"),
        object_kind: node.get("kind").map(leaf::kind).transpose()?,
        delay: read::duration(node, "delay")?,
        lasts: read::duration(node, "for")?,
        count: read::number(node, "count"),
        percent: read::number(node, "percent").unwrap_or(100),
    })
}

fn exec(node: &Node) -> Result<Exec, InputError> {
    let command: Vec<String> = read::items(node, "command").iter().filter_map(Node::text).map(str::to_owned).collect();
    match command.is_empty() {
        true => Err(InputError::at(node.position, "the command of `exec` is empty")),
        false => Ok(Exec {
            target: target(node)?,
            container: read::text(node, "container"),
            command,
            expect: node.get("expect").map(|expect| ExecExpect {
                stdout: read::text(expect, "stdout"),
                stderr: read::text(expect, "stderr"),
                exit_code: read::number(expect, "exitCode").unwrap_or(0),
            }),
            position: node.position,
        }),
    }
}
