//! ControllerRevisions: the states of a StatefulSet or DaemonSet that it can go back to.
//!
//! Mirrors pkg/controller/history/controller_history.go (v1.36).

use std::fmt::Write;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use seatrial_api::schema::hash::safe_encode_string;
use seatrial_api::{ApiError, ControllerRevision, ObjectMeta, Plain, Resource, StrMap};
use serde_json::Value;

use crate::client::Client;
use crate::controller_ref_manager::new_controller_ref;

/// The label with a revision's hash. Mirrors `ControllerRevisionHashLabel`.
pub const CONTROLLER_REVISION_HASH_LABEL: &str = "controller.kubernetes.io/hash";
/// How much of the parent's name a revision's name keeps, in bytes.
const NAME_PREFIX_BYTES_MAX: usize = 223;

/// The JSON of a revision's data as Go writes it: keys sorted at every level, and `<`, `>`, `&` and the line separators escaped.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(&mut text, value);
    text
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_canonical(out, value);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(out, value);
            }
            out.push(']');
        }
        Value::String(text) => write_string(out, text),
        scalar => drop(write!(out, "{scalar}")),
    }
}

fn write_string(out: &mut String, text: &str) {
    for c in Value::from(text).to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

/// The hash of a revision's data. Mirrors `HashControllerRevision`: FNV-1 of 32 bits over the data and the collision count.
pub fn hash_controller_revision(data: &str, collision_count: i32) -> String {
    let probe = collision_count.to_string();
    let bytes = data.bytes().chain(probe.bytes());
    let sum = bytes.fold(0x811c_9dc5_u32, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte));
    safe_encode_string(&sum.to_string())
}

/// Mirrors `ControllerRevisionName`.
pub fn controller_revision_name(parent: &str, hash: &str) -> String {
    let mut end = parent.len().min(NAME_PREFIX_BYTES_MAX);
    while !parent.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{hash}", &parent[..end])
}

/// A revision to be. Mirrors `NewControllerRevision`.
pub fn new_controller_revision<P: Resource>(
    parent: &P,
    labels: &StrMap,
    data: Value,
    revision: i64,
    collision_count: i32,
) -> ControllerRevision {
    let hash = hash_controller_revision(&canonical_json(&data), collision_count);
    let mut labels = labels.clone();
    labels.insert(CONTROLLER_REVISION_HASH_LABEL, hash.as_str());
    let meta = ObjectMeta {
        name: controller_revision_name(&parent.meta().name, &hash).into(),
        namespace: parent.meta().namespace.clone(),
        labels,
        owner_references: vec![new_controller_ref(parent)].into(),
        ..ObjectMeta::default()
    };
    let body = k8s_openapi::api::apps::v1::ControllerRevision {
        data: Some(RawExtension(data)),
        revision,
        ..Default::default()
    };
    Plain { meta, body }
}

/// A revision's data.
pub fn data_of(revision: &ControllerRevision) -> &Value {
    revision.body.data.as_ref().map_or(&Value::Null, |data| &data.0)
}

/// Sorts by revision, then by age and name. Mirrors `SortControllerRevisions`.
pub fn sort_controller_revisions(revisions: &mut [Arc<ControllerRevision>]) {
    revisions.sort_by(|a, b| {
        a.body
            .revision
            .cmp(&b.body.revision)
            .then_with(|| a.meta.created().cmp(&b.meta.created()))
            .then_with(|| a.meta.name.cmp(&b.meta.name))
    });
}

/// The number after the last revision of a sorted list. Mirrors `nextRevision`.
pub fn next_revision(revisions: &[Arc<ControllerRevision>]) -> i64 {
    revisions.last().map_or(1, |last| last.body.revision.saturating_add(1))
}

/// Creates a revision; where its name is taken by one with other data, under the next name. Mirrors `CreateControllerRevision`.
///
/// # Errors
/// What the API server answered.
pub fn create_controller_revision<P: Resource>(
    client: &mut Client<'_>,
    parent: &P,
    revision: &ControllerRevision,
    collision_count: &mut i32,
) -> Result<Arc<ControllerRevision>, ApiError> {
    let data = canonical_json(data_of(revision));
    let mut new = revision.clone();
    loop {
        let hash = hash_controller_revision(&data, *collision_count);
        new.meta.name = controller_revision_name(&parent.meta().name, &hash).into();
        match client.create(new.clone()) {
            Err(error) if error.is_already_exists() => {
                let there = client.get_live::<ControllerRevision>(&new.meta.namespace, &new.meta.name)?;
                if canonical_json(data_of(&there)) == data {
                    return Ok(there);
                }
                *collision_count = collision_count.wrapping_add(1);
            }
            other => return other,
        }
    }
}

/// Gives a revision another number. Mirrors `UpdateControllerRevision`.
///
/// # Errors
/// What the API server answered.
pub fn update_controller_revision(
    client: &mut Client<'_>,
    revision: &Arc<ControllerRevision>,
    number: i64,
) -> Result<Arc<ControllerRevision>, ApiError> {
    if revision.body.revision == number {
        return Ok(Arc::clone(revision));
    }
    let mut new = ControllerRevision::clone(revision);
    new.body.revision = number;
    client.update(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A revision that a real cluster made: its data, and the name it got.
    #[test]
    fn names_equal_the_real_ones() {
        let data = r#"{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"nginx:1","imagePullPolicy":"IfNotPresent","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","volumeMounts":[{"mountPath":"/d","name":"data"}]}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":5}}}}"#;
        let value: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(canonical_json(&value), data);
        assert_eq!(controller_revision_name("web", &hash_controller_revision(data, 0)), "web-f5cd67585");
    }

    #[test]
    fn what_html_could_take_for_its_own_is_escaped() {
        let value = serde_json::json!({"b": "<a>&\u{2028}", "a": [1, true, null, "\n\""]});
        assert_eq!(canonical_json(&value), "{\"a\":[1,true,null,\"\\n\\\"\"],\"b\":\"\\u003ca\\u003e\\u0026\\u2028\"}");
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = controller_revision_name(&"a".repeat(250), "h");
        assert_eq!(name.len(), 225);
    }
}
