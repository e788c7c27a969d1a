//! What kubectl does on the client's side: tables, describe pages, rollout histories.
//!
//! Mirrors k8s.io/kubectl and k8s.io/cli-runtime (v1.36).

pub mod describe;
pub mod history;
mod tab_writer;
pub mod table;
pub(crate) mod yaml;
mod yaml_scalar;

pub(crate) use tab_writer::TabWriter;
