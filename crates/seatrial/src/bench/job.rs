//! The workload of an indexed Job: every index once, five thousand at a time.

use std::time::Duration;

use k8s_openapi::api::batch::v1::JobStatus;
use seatrial_api::Job;

use super::workload::Progress;
use crate::cluster::{Cluster, DEFAULT_NAMESPACE, Error};
use crate::kubelet::{Behavior, Exit, When};

const NAME: &str = "work";
/// How many indexes run at once.
const PARALLELISM_MAX: u64 = 5_000;
/// How long a pod runs.
const RUNS_FOR: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The pods of the cluster run for a while and succeed.
pub(super) fn prepare(cluster: &mut Cluster) {
    let exit = Exit { after: When::After(RUNS_FOR), code: 0 };
    cluster.behave(vec![Behavior { exit: vec![exit], ..Behavior::default() }]);
}

/// Creates the Job and waits until it is complete.
///
/// # Errors
/// What the cluster refuses; a Job that is not complete within a week.
pub(super) fn run(cluster: &mut Cluster, completions: u64, progress: Progress<'_>) -> Result<(), Error> {
    let parallelism = completions.min(PARALLELISM_MAX);
    let manifest = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: {NAME}}}, spec: {{completions: {completions}, \
         parallelism: {parallelism}, completionMode: Indexed, template: {{spec: {{restartPolicy: Never, \
         containers: [{{name: c, image: 'work:1', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]}}}}}}}}"
    );
    cluster.create_yaml(&manifest)?;
    let done = |cluster: &Cluster| {
        let found = cluster.api_server().get::<Job>(DEFAULT_NAMESPACE, NAME);
        let status = found.ok().and_then(|job| job.body.status.as_ref());
        status.is_some_and(|status| {
            progress(u64::try_from(status.succeeded.unwrap_or(0)).unwrap_or(0), completions);
            is_complete(status)
        })
    };
    cluster.run_until(done, TIMEOUT)
}

fn is_complete(status: &JobStatus) -> bool {
    status.conditions.iter().flatten().any(|c| c.type_ == "Complete" && c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::super::{Bench, Workload};

    /// A Job's syncs are gathered a second each, so that there are far fewer of them than pods.
    #[test]
    fn a_job_comes_to_its_end_the_same_way_twice_in_few_syncs() {
        let run = || {
            let mut bench = Bench::prepare(Workload::Job, 60, 3, &|_, _| {}).expect("it is made");
            let work = bench.run(&|_, _| {}).expect("it runs");
            assert_eq!(bench.cluster().pods().len(), 60);
            work
        };
        let once = run();
        assert!(once.reconciles < 20 && once.writes > 60 * 8, "{once:?}");
        assert_eq!(run(), once);
    }
}
