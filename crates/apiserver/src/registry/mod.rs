//! One file a kind: its strategy. The list below is the one line a new kind adds here.

mod config_map;
mod deployment;
mod event;
mod lease;
mod namespace;
mod node;
mod pod;
mod priority_class;
mod replica_set;
mod resource_quota;
mod secret;
mod service_account;

/// Calls a function that is generic over a kind's type with the type of a kind only known at run time.
macro_rules! for_kind {
    ($kind:expr, $function:ident ( $($argument:expr),* )) => {
        match $kind {
            seatrial_api::Kind::ConfigMap => $function::<seatrial_api::ConfigMap>($($argument),*),
            seatrial_api::Kind::Deployment => $function::<seatrial_api::Deployment>($($argument),*),
            seatrial_api::Kind::Event => $function::<seatrial_api::Event>($($argument),*),
            seatrial_api::Kind::Lease => $function::<seatrial_api::Lease>($($argument),*),
            seatrial_api::Kind::Namespace => $function::<seatrial_api::Namespace>($($argument),*),
            seatrial_api::Kind::Node => $function::<seatrial_api::Node>($($argument),*),
            seatrial_api::Kind::Pod => $function::<seatrial_api::Pod>($($argument),*),
            seatrial_api::Kind::PriorityClass => $function::<seatrial_api::PriorityClass>($($argument),*),
            seatrial_api::Kind::ReplicaSet => $function::<seatrial_api::ReplicaSet>($($argument),*),
            seatrial_api::Kind::ResourceQuota => $function::<seatrial_api::ResourceQuota>($($argument),*),
            seatrial_api::Kind::Secret => $function::<seatrial_api::Secret>($($argument),*),
            seatrial_api::Kind::ServiceAccount => $function::<seatrial_api::ServiceAccount>($($argument),*),
        }
    };
}

pub(crate) use for_kind;
