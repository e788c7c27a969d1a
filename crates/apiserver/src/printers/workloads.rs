//! The rows of the kinds that run pods for as long as they are wanted, and of the kinds that hold their templates.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::selector::Selector;
use seatrial_api::{
    ControllerRevision, DaemonSet, Deployment, ObjectMeta, PodTemplate, ReplicaSet, ReplicaSetSpec, ReplicaSetStatus,
    ReplicationController, StatefulSet, Time,
};
use serde_json::json;

use super::{Cells, Column, age, column, container_cells, integer, or_none, wide};

pub(super) const DEPLOYMENT_COLUMNS: &[Column] = &[
    column("Name"),
    column("Ready"),
    column("Up-to-date"),
    column("Available"),
    column("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

pub(super) fn deployment_cells(d: &Deployment, now: Time) -> Cells {
    let (names, images) = container_cells(d.spec.template.spec.api());
    vec![
        json!(d.meta.name.as_str()),
        json!(format!("{}/{}", d.status.ready_replicas, d.spec.replicas)),
        json!(d.status.updated_replicas),
        json!(d.status.available_replicas),
        json!(age(d.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(d.spec.selector.compiled().to_string()),
    ]
}

pub(super) const REPLICA_SET_COLUMNS: &[Column] = &[
    column("Name"),
    integer("Desired"),
    integer("Current"),
    integer("Ready"),
    column("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

pub(super) fn replica_set_cells(rs: &ReplicaSet, now: Time) -> Cells {
    set_cells(&rs.meta, &rs.spec, &rs.status, now)
}

fn set_cells(meta: &ObjectMeta, spec: &ReplicaSetSpec, status: &ReplicaSetStatus, now: Time) -> Cells {
    let (names, images) = container_cells(spec.template.spec.api());
    vec![
        json!(meta.name.as_str()),
        json!(spec.replicas),
        json!(status.replicas),
        json!(status.ready_replicas),
        json!(age(meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(or_none(spec.selector.compiled().to_string())),
    ]
}

pub(super) const STATEFUL_SET_COLUMNS: &[Column] =
    &[column("Name"), column("Ready"), column("Age"), wide("Containers"), wide("Images")];

pub(super) fn stateful_set_cells(set: &StatefulSet, now: Time) -> Cells {
    let spec = set.body.spec.clone().unwrap_or_default();
    let ready = set.body.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
    let (names, images) = template_cells(Some(&spec.template));
    vec![
        json!(set.meta.name.as_str()),
        json!(format!("{ready}/{}", spec.replicas.unwrap_or_default())),
        json!(age(set.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
    ]
}

pub(super) const DAEMON_SET_COLUMNS: &[Column] = &[
    column("Name"),
    integer("Desired"),
    integer("Current"),
    integer("Ready"),
    integer("Up-to-date"),
    integer("Available"),
    column("Node Selector"),
    column("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

pub(super) fn daemon_set_cells(set: &DaemonSet, now: Time) -> Cells {
    let (spec, status) = (&set.spec, &set.status);
    let (names, images) = template_cells(Some(&spec.template));
    let node_selector = spec.template.spec.as_ref().and_then(|pod| pod.node_selector.as_ref());
    vec![
        json!(set.meta.name.as_str()),
        json!(status.desired_number_scheduled),
        json!(status.current_number_scheduled),
        json!(status.number_ready),
        json!(status.updated_number_scheduled.unwrap_or_default()),
        json!(status.number_available.unwrap_or_default()),
        json!(label_cell(node_selector)),
        json!(age(set.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(selector_cell(Some(&spec.selector))),
    ]
}

/// The columns of a ReplicaSet, which came later.
pub(super) const REPLICATION_CONTROLLER_COLUMNS: &[Column] = REPLICA_SET_COLUMNS;

pub(super) fn replication_controller_cells(rc: &ReplicationController, now: Time) -> Cells {
    set_cells(&rc.meta, &rc.spec, &rc.status, now)
}

pub(super) const CONTROLLER_REVISION_COLUMNS: &[Column] =
    &[column("Name"), column("Controller"), column("Revision"), column("Age")];

pub(super) fn controller_revision_cells(revision: &ControllerRevision, now: Time) -> Cells {
    let owner = revision.meta.controller_of().map(|owner| {
        let kind = owner.kind.to_lowercase();
        match owner.api_version.split_once('/') {
            Some((group, _)) => format!("{kind}.{group}/{}", owner.name),
            None => format!("{kind}/{}", owner.name),
        }
    });
    vec![
        json!(revision.meta.name.as_str()),
        json!(or_none(owner.unwrap_or_default())),
        json!(revision.body.revision),
        json!(age(revision.meta.creation_timestamp, now)),
    ]
}

pub(super) const POD_TEMPLATE_COLUMNS: &[Column] =
    &[column("Name"), column("Containers"), column("Images"), column("Pod Labels")];

pub(super) fn pod_template_cells(template: &PodTemplate, _now: Time) -> Cells {
    let (names, images) = template_cells(template.body.template.as_ref());
    let meta = template.body.template.as_ref().and_then(|template| template.metadata.as_ref());
    vec![
        json!(template.meta.name.as_str()),
        json!(names),
        json!(images),
        json!(label_cell(meta.and_then(|meta| meta.labels.as_ref()))),
    ]
}

/// The names and images of a template's containers.
pub(super) fn template_cells(template: Option<&PodTemplateSpec>) -> (String, String) {
    template.and_then(|template| template.spec.as_ref()).map(container_cells).unwrap_or_default()
}

/// Labels as `k=v,k2=v2`. Mirrors `labels.FormatLabels`.
fn label_cell(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    or_none(pairs.join(","))
}

/// A selector as text. Mirrors `metav1.FormatLabelSelector`.
pub(super) fn selector_cell(selector: Option<&LabelSelector>) -> String {
    match Selector::from_optional_label_selector(selector) {
        Ok(selector) if selector.is_nothing() => "<none>".to_owned(),
        Ok(selector) => or_none(selector.to_string()),
        Err(_) => "<error>".to_owned(),
    }
}
