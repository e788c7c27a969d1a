//! One file a kind: its strategy. The list below is the one line a new kind adds here.

mod config_map;
mod controller_revision;
mod cron_job;
mod daemon_set;
mod deployment;
mod endpoint_slice;
mod endpoints;
mod event;
mod horizontal_pod_autoscaler;
mod job;
mod lease;
mod limit_range;
mod namespace;
mod node;
mod persistent_volume;
mod persistent_volume_claim;
mod pod;
mod pod_disruption_budget;
mod pod_template;
mod priority_class;
mod replica_set;
mod replication_controller;
mod resource_quota;
mod secret;
mod service;
mod service_account;
mod stateful_set;
mod storage_class;

/// Calls a function that is generic over a kind's type with the type of a kind only known at run time.
macro_rules! for_kind {
    ($kind:expr, $function:ident ( $($argument:expr),* )) => {
        match $kind {
            seatrial_api::Kind::ConfigMap => $function::<seatrial_api::ConfigMap>($($argument),*),
            seatrial_api::Kind::ControllerRevision => $function::<seatrial_api::ControllerRevision>($($argument),*),
            seatrial_api::Kind::CronJob => $function::<seatrial_api::CronJob>($($argument),*),
            seatrial_api::Kind::DaemonSet => $function::<seatrial_api::DaemonSet>($($argument),*),
            seatrial_api::Kind::Deployment => $function::<seatrial_api::Deployment>($($argument),*),
            seatrial_api::Kind::EndpointSlice => $function::<seatrial_api::EndpointSlice>($($argument),*),
            seatrial_api::Kind::Endpoints => $function::<seatrial_api::Endpoints>($($argument),*),
            seatrial_api::Kind::Event => $function::<seatrial_api::Event>($($argument),*),
            seatrial_api::Kind::HorizontalPodAutoscaler => $function::<seatrial_api::HorizontalPodAutoscaler>($($argument),*),
            seatrial_api::Kind::Job => $function::<seatrial_api::Job>($($argument),*),
            seatrial_api::Kind::Lease => $function::<seatrial_api::Lease>($($argument),*),
            seatrial_api::Kind::LimitRange => $function::<seatrial_api::LimitRange>($($argument),*),
            seatrial_api::Kind::Namespace => $function::<seatrial_api::Namespace>($($argument),*),
            seatrial_api::Kind::Node => $function::<seatrial_api::Node>($($argument),*),
            seatrial_api::Kind::PersistentVolume => $function::<seatrial_api::PersistentVolume>($($argument),*),
            seatrial_api::Kind::PersistentVolumeClaim => $function::<seatrial_api::PersistentVolumeClaim>($($argument),*),
            seatrial_api::Kind::Pod => $function::<seatrial_api::Pod>($($argument),*),
            seatrial_api::Kind::PodDisruptionBudget => $function::<seatrial_api::PodDisruptionBudget>($($argument),*),
            seatrial_api::Kind::PodTemplate => $function::<seatrial_api::PodTemplate>($($argument),*),
            seatrial_api::Kind::PriorityClass => $function::<seatrial_api::PriorityClass>($($argument),*),
            seatrial_api::Kind::ReplicaSet => $function::<seatrial_api::ReplicaSet>($($argument),*),
            seatrial_api::Kind::ReplicationController => $function::<seatrial_api::ReplicationController>($($argument),*),
            seatrial_api::Kind::ResourceQuota => $function::<seatrial_api::ResourceQuota>($($argument),*),
            seatrial_api::Kind::Secret => $function::<seatrial_api::Secret>($($argument),*),
            seatrial_api::Kind::Service => $function::<seatrial_api::Service>($($argument),*),
            seatrial_api::Kind::ServiceAccount => $function::<seatrial_api::ServiceAccount>($($argument),*),
            seatrial_api::Kind::StatefulSet => $function::<seatrial_api::StatefulSet>($($argument),*),
            seatrial_api::Kind::StorageClass => $function::<seatrial_api::StorageClass>($($argument),*),
        }
    };
}

pub(crate) use for_kind;

#[cfg(test)]
mod workload_tests;
