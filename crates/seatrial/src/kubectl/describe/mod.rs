//! `kubectl describe`: one file a kind, and the parts they share.
//!
//! Mirrors k8s.io/kubectl/pkg/describe/describe.go (v1.36).

mod container;
mod cron_job;
mod daemon_set;
mod deployment;
mod events;
mod job;
mod pod;
pub(crate) mod pod_template;
mod replica_set;
mod service;
mod stateful_set;
mod volumes;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::{EndpointSlice, Event, Object, ObjectMeta, ReplicaSet, StrMap, Time};

use super::TabWriter;

/// What a page is made from, beside the object.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The object's events.
    pub events: &'a [&'a Arc<Event>],
    /// The Deployment's ReplicaSets, by creation time.
    pub replica_sets: &'a [Arc<ReplicaSet>],
    /// The Service's EndpointSlices.
    pub slices: &'a [Arc<EndpointSlice>],
    /// The names of the pods that use the claim.
    pub users: &'a [String],
    /// The controller's pods by phase: running, waiting, succeeded, failed.
    pub pod_counts: [usize; 4],
    /// The time.
    pub now: Time,
}

/// The page of an object; `None` for kinds that have none yet.
pub fn describe(object: &Object, around: &Surroundings<'_>) -> Option<String> {
    let mut out = TabWriter::default();
    match object {
        Object::Deployment(d) => deployment::describe(&mut out, d, around),
        Object::CronJob(cron_job) => cron_job::describe(&mut out, cron_job),
        Object::DaemonSet(set) => daemon_set::describe(&mut out, set, around),
        Object::Job(job) => job::describe(&mut out, job),
        Object::ReplicaSet(rs) => replica_set::describe(&mut out, rs, around),
        Object::StatefulSet(set) => stateful_set::describe(&mut out, set, around),
        Object::Pod(pod) => pod::describe(&mut out, pod, around),
        Object::Service(service) => service::describe(&mut out, service, around),
        Object::PersistentVolume(pv) => volumes::describe_volume(&mut out, pv, around),
        Object::PersistentVolumeClaim(claim) => volumes::describe_claim(&mut out, claim, around),
        _ => return None,
    }
    events::describe(&mut out, around);
    Some(out.finish())
}

fn int_or_string(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

fn pods_status(out: &mut TabWriter, around: &Surroundings<'_>) {
    let [running, waiting, succeeded, failed] = around.pod_counts;
    let counts = format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed");
    out.line(0, &format!("Pods Status:\t{counts}"));
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

#[cfg(test)]
mod tests {
    use seatrial_api::Resource;
    use serde_json::Value;

    use super::*;

    fn object(value: Value) -> Object {
        fn of<R: Resource>(value: Value) -> Object {
            let api: R::Api = serde_json::from_value(value).expect("the JSON is of the kind");
            R::wrap(Arc::new(R::from_api_object(api).expect("it converts")))
        }
        match value["kind"].as_str() {
            Some("CronJob") => of::<seatrial_api::CronJob>(value),
            Some("StatefulSet") => of::<seatrial_api::StatefulSet>(value),
            Some("Service") => of::<seatrial_api::Service>(value),
            Some("Pod") => of::<seatrial_api::Pod>(value),
            Some("PersistentVolume") => of::<seatrial_api::PersistentVolume>(value),
            Some("PersistentVolumeClaim") => of::<seatrial_api::PersistentVolumeClaim>(value),
            kind => panic!("{kind:?}"),
        }
    }

    /// The page of an object, a minute after midnight.
    pub(super) fn page(value: Value, pod_counts: [usize; 4], slices: &[Value]) -> String {
        let slices: Vec<Arc<EndpointSlice>> = slices
            .iter()
            .map(|slice| EndpointSlice::from_api_object(serde_json::from_value(slice.clone()).expect("a slice")))
            .map(|slice| Arc::new(slice.expect("it converts")))
            .collect();
        let around = Surroundings {
            events: &[],
            replica_sets: &[],
            slices: &slices,
            users: &["web-0".to_owned(), "web-1".to_owned()],
            pod_counts,
            now: Time::parse("2024-01-01T00:01:00Z").expect("a time"),
        };
        describe(&object(value), &around).expect("a page")
    }
}
