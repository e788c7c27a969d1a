//! The rows of Deployments and ReplicaSets.

use seatrial_api::{
    ControllerRevision, DaemonSet, Deployment, PodTemplate, ReplicaSet, ReplicationController, StatefulSet, Time,
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
    let (names, images) = container_cells(rs.spec.template.spec.api());
    vec![
        json!(rs.meta.name.as_str()),
        json!(rs.spec.replicas),
        json!(rs.status.replicas),
        json!(rs.status.ready_replicas),
        json!(age(rs.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(or_none(rs.spec.selector.compiled().to_string())),
    ]
}

pub(super) const STATEFUL_SET_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn stateful_set_cells(o: &StatefulSet, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const DAEMON_SET_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn daemon_set_cells(o: &DaemonSet, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const REPLICATION_CONTROLLER_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn replication_controller_cells(o: &ReplicationController, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const CONTROLLER_REVISION_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn controller_revision_cells(o: &ControllerRevision, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const POD_TEMPLATE_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn pod_template_cells(o: &PodTemplate, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
