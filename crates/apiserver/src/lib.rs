//! The API server without a network: store, watch log, one strategy a kind, admission, patches and deletion.

mod admission;
mod bootstrap;
mod decode;
pub mod defaults;
mod delete;
mod endpoints;
mod errors;
mod event_table;
mod events;
mod expiry;
#[doc(hidden)]
pub mod fuzzing;
mod managedfields;
pub mod patch;
mod pod_label_keys;
mod pod_resources;
pub mod printers;
mod registry;
mod renewal;
pub mod rest;
mod server;
mod service;
mod slots;
mod store;
mod strategy;
pub mod validation;
mod watch_log;

pub use admission::{
    PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER, QuotaUsage, class_of as class_of_claim, default_storage_class,
    usage_of_namespace,
};
pub use bootstrap::INITIAL_NAMESPACES;
pub use decode::{Body, FieldValidation, parse_body, parse_object, type_of};
pub use delete::{DeleteOptions, Deleted, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS, Propagation};
pub use endpoints::{Binding, Scale, Written, set_pod_condition};
pub use events::{EVENTS_API_VERSION, event_from_events_v1, event_to_events_v1};
pub use expiry::EVENT_TTL_SECONDS;
pub use server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
pub use store::Store;
pub use strategy::{DefaultPropagation, Strategy};
pub use watch_log::{Change, ChangeType, Cursor, HISTORY_COUNT_MAX, WatchLog};
