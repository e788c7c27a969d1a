//! The engine: a virtual clock, an event queue ordered by (time, seq), a tree of random streams and a trace. It knows no Kubernetes word.
//!
//! Everything above it is a function of three things it hands out: the instant ([`SimTime`]), the order ([`EventQueue`])
//! and the luck ([`Rng`]). All three are integers, so that the same seed gives the same bytes on every platform and in
//! every build profile. [`Trace`] proves it: two runs are the same when their rolling hashes are.
//!
//! Invariant: nothing in this crate reads a wall clock, starts a thread, iterates a hash map or rounds a float.

mod chunked_queue;
mod event_queue;
mod fifo;
mod lane;
mod rng;
mod sim_time;
mod stable_hasher;
mod trace;

pub use chunked_queue::ChunkedQueue;
pub use event_queue::{EventQueue, TimerId};
pub use rng::Rng;
pub use sim_time::{GoDuration, SimTime};
pub use stable_hasher::{StableHasher, stable_hash};
pub use trace::{Mode, Record, Trace};
