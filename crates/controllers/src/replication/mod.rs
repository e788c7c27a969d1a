//! The ReplicationController controller: the ReplicaSet controller for the kind that was before it.
//!
//! Mirrors pkg/controller/replication (v1.36).

use seatrial_api::ReplicationController;

use crate::ReplicaSetController;

/// The ReplicationController controller.
pub type ReplicationManager = ReplicaSetController<ReplicationController>;
