//! `print`: what a scenario shows in the middle of its run.

use std::time::Duration;

use super::{Query, Target};

/// One thing to print, as the kubectl command of the name does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Print {
    /// `kubectl get`; also the short form `print: deployment/web`.
    Get {
        /// What to get.
        query: Query,
        /// With the columns of `-o wide`.
        wide: bool,
    },
    /// `kubectl get -o yaml`.
    Yaml(Query),
    /// `kubectl describe`.
    Describe(Query),
    /// `kubectl rollout history`.
    History {
        /// Of which object.
        target: Target,
        /// One revision in full.
        revision: Option<i64>,
    },
    /// `kubectl rollout status --watch=false`.
    Status(Target),
    /// `kubectl logs`.
    Logs {
        /// Of which pod.
        target: Target,
        /// Of which container; the pod's only one if not given.
        container: Option<String>,
        /// Of the container's life before.
        previous: bool,
        /// So many lines from the end.
        tail: Option<usize>,
        /// Only lines that are not older.
        since: Option<Duration>,
        /// Each line begins with its time.
        timestamps: bool,
    },
    /// `kubectl events`.
    Events,
}
