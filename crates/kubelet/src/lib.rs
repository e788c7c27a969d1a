//! Mock nodes: the pod life cycle, containers, probes, restarts and heartbeats.
//!
//! A kubelet is outside of the control plane: it hears deliveries, and each of its reactions is a timer that the cluster's
//! event queue calls back, so that the control plane comes to rest in between.

mod actions;
mod ask;
mod backoff;
pub mod behavior;
mod conditions;
mod container;
mod health;
mod images;
mod kubelets;
mod logs;
mod node;
mod phase;
mod plan;
mod probe;
mod prober;
mod recovery;
mod restart;
mod start;
mod status;
mod sync;
mod termination;
mod usage;
mod volumes;
mod worker;

pub use behavior::Behavior;
pub use kubelets::{KubeletEvent, KubeletTimer, Kubelets};
pub use logs::{LOG_LINES_MAX, Life, LogLine};
pub use node::NodeConfig;
