//! What client-go gives a controller: informers, work queues, expectations, pod control and an event recorder.

mod aspects;
pub mod backoff;
mod client;
mod clock;
mod controller;
pub mod controller_expectations;
mod controller_ref_manager;
pub mod deletion_order;
pub mod event_correlator;
mod event_templates;
mod event_text;
mod glob;
pub mod history;
mod informers;
pub mod limits;
mod lister;
mod lru;
mod metrics;
mod number_set;
pub mod pod_cache;
pub mod pod_control;
mod pods_by_node;
mod queue;
mod recent;
mod recorder;
mod slab;
mod slices_by_service;
mod small_map;
pub mod uid_map;
pub mod volumes;
pub mod work_queue;

pub use aspects::Aspects;
pub use client::Client;
pub use clock::Clock;
pub use controller::{Controller, EventContext, Outcome, SyncContext, Synced, process_next_work_item};
pub use controller_ref_manager::{ControllerRefManager, new_controller_ref};
pub use event_text::{EventText, EventType, Message, NO_PHRASE, Phrase, Piece, with_decimal};
pub use glob::glob;
pub use informers::{Delivery, Informers};
pub use lister::{Lister, OwnerIndex};
pub use metrics::{ContainerUsage, ExternalMetric, Metrics, ObjectMetric, Samples};
pub use number_set::NumberSet;
pub use pod_cache::LabelGroup;
pub use pods_by_node::PodsByNode;
pub use queue::{Queue, Timer};
pub use recent::Recent;
pub use recorder::{EventRecorder, ObjectRef};
pub use seatrial_apiserver::{
    DeleteOptions, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS, PV_PROTECTION_FINALIZER,
    PVC_PROTECTION_FINALIZER, Propagation, Strategy, class_of_claim, default_storage_class, set_pod_condition,
    usage_of_namespace,
};
pub use seatrial_engine::{Rng, SimTime};
pub use slab::Slab;
pub use slices_by_service::{LABEL_SERVICE_NAME, SlicesByService, service_of};
