//! The workload of a CronJob: Jobs every five minutes, a year of them unless something else is asked for.

use std::time::Duration;

use seatrial_kubelet::Behavior;
use seatrial_kubelet::behavior::{Exit, When};

use super::Progress;
use crate::cluster::{Cluster, Error};

/// The Jobs of 365 days.
pub(super) const JOBS_OF_A_YEAR: u32 = 365 * 24 * 12;
const PERIOD: Duration = Duration::from_secs(300);
/// A Job's pod runs for so long.
const RUNS: Duration = Duration::from_secs(30);

/// Lets time pass until so many Jobs were made and have ended. Each makes one pod.
pub(super) fn run(cluster: &mut Cluster, jobs: u64, progress: Progress<'_>) -> Result<(), Error> {
    cluster.behave(vec![Behavior { exit: vec![Exit { after: When::After(RUNS), code: 0 }], ..Behavior::default() }]);
    cluster.create_yaml(
        "{apiVersion: batch/v1, kind: CronJob, metadata: {name: tick}, spec: {schedule: '*/5 * * * *', jobTemplate: \
         {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'work:1', \
         resources: {requests: {cpu: 100m, memory: 64Mi}}}]}}}}}}",
    )?;
    for job in 0..jobs {
        cluster.advance(PERIOD)?;
        progress(job, jobs);
    }
    cluster.advance(2 * RUNS)
}
