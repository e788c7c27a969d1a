//! What client-go gives a controller: informers, work queues, expectations, pod control and an event recorder.

pub mod backoff;
pub mod controller_expectations;
pub mod event_correlator;
pub mod limits;
mod lru;
pub mod work_queue;
