//! `kubectl describe`: one file a kind, and the parts they share.
//!
//! Mirrors k8s.io/kubectl/pkg/describe/describe.go (v1.36).

mod daemon_set;
mod deployment;
mod events;
mod job;
mod pod;
pub(crate) mod pod_template;
mod replica_set;

use std::sync::Arc;

use seatrial_api::{Event, Object, ObjectMeta, ReplicaSet, StrMap, Time};

use super::TabWriter;

/// What a page is made from, beside the object.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The object's events.
    pub events: &'a [&'a Arc<Event>],
    /// The Deployment's ReplicaSets, by creation time.
    pub replica_sets: &'a [Arc<ReplicaSet>],
    /// The ReplicaSet's pods by phase: running, waiting, succeeded, failed.
    pub pod_counts: [usize; 4],
    /// The time.
    pub now: Time,
}

/// The page of an object; `None` for kinds that have none yet.
pub fn describe(object: &Object, around: &Surroundings<'_>) -> Option<String> {
    let mut out = TabWriter::default();
    match object {
        Object::Deployment(d) => deployment::describe(&mut out, d, around),
        Object::DaemonSet(set) => daemon_set::describe(&mut out, set, around),
        Object::Job(job) => job::describe(&mut out, job),
        Object::ReplicaSet(rs) => replica_set::describe(&mut out, rs, around),
        Object::Pod(pod) => pod::describe(&mut out, pod),
        _ => return None,
    }
    events::describe(&mut out, around);
    Some(out.finish())
}

fn name_lines(out: &mut TabWriter, meta: &ObjectMeta) {
    out.line(0, &format!("Name:\t{}", meta.name));
    if !meta.namespace.is_empty() {
        out.line(0, &format!("Namespace:\t{}", meta.namespace));
    }
}

/// `Labels:` and one pair a line.
fn labels(out: &mut TabWriter, level: usize, title: &str, map: &StrMap) {
    if map.is_empty() {
        return out.line(level, &format!("{title}:\t<none>"));
    }
    for (index, (key, value)) in map.iter().enumerate() {
        let head = if index == 0 { format!("{title}:") } else { String::new() };
        out.line(level, &format!("{head}\t{key}={value}"));
    }
}

const ANNOTATION_LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ANNOTATION_LENGTH_MAX: usize = 140;

/// `Annotations:` and one pair a line; what an apply remembers is left out.
fn annotations(out: &mut TabWriter, level: usize, title: &str, map: &StrMap) {
    let shown: Vec<(&str, &str)> = map.iter().filter(|(key, _)| *key != ANNOTATION_LAST_APPLIED).collect();
    if shown.is_empty() {
        return out.line(level, &format!("{title}:\t<none>"));
    }
    for (index, (key, value)) in shown.into_iter().enumerate() {
        let head = if index == 0 { format!("{title}:") } else { String::new() };
        if value.len() + key.len() + 2 <= ANNOTATION_LENGTH_MAX && !value.contains('\n') {
            out.line(level, &format!("{head}\t{key}: {value}"));
            continue;
        }
        out.line(level, &format!("{head}\t{key}:"));
        for line in value.trim_end_matches('\n').lines() {
            let cut: String = line.chars().take(ANNOTATION_LENGTH_MAX - 2).collect();
            let dots = if cut.len() < line.len() { "..." } else { "" };
            out.line(level, &format!("\t  {cut}{dots}"));
        }
    }
}
