//! The page of a CronJob.
//!
//! Mirrors `describeCronJob` (v1.36).

use k8s_openapi::api::batch::v1::JobSpec;
use seatrial_api::{CronJob, PodTemplateSpec, Time, selector::Selector};

use super::pod_template::describe_pod_template;
use super::{annotations, labels, name_lines};
use crate::kubectl::TabWriter;

const UNSET: &str = "<unset>";

pub(super) fn describe(out: &mut TabWriter, cron_job: &CronJob) {
    let no_status = Default::default();
    let (spec, status) = (&cron_job.body.spec, cron_job.body.status.as_ref().unwrap_or(&no_status));
    name_lines(out, &cron_job.meta);
    labels(out, 0, "Labels", &cron_job.meta.labels);
    annotations(out, 0, "Annotations", &cron_job.meta.annotations);
    let or_unset = |text: Option<String>| text.unwrap_or_else(|| UNSET.to_owned());
    let limit = |limit: Option<i32>| or_unset(limit.map(|n| n.to_string()));
    let suspend = spec.suspend.map(|on| if on { "True" } else { "False" }.to_owned());
    let rows = [
        ("Schedule", spec.schedule.clone()),
        ("Concurrency Policy", spec.concurrency_policy.clone().unwrap_or_default()),
        ("Suspend", or_unset(suspend)),
        ("Time Zone", or_unset(spec.time_zone.clone())),
        ("Successful Job History Limit", limit(spec.successful_jobs_history_limit)),
        ("Failed Job History Limit", limit(spec.failed_jobs_history_limit)),
        ("Starting Deadline Seconds", or_unset(spec.starting_deadline_seconds.map(|n| format!("{n}s")))),
    ];
    rows.iter().for_each(|(title, value)| out.line(0, &format!("{title}:\t{value}")));
    job_template(out, spec.job_template.spec.clone().unwrap_or_default());
    let last = status.last_schedule_time.as_ref().map(|time| Time::from(time).to_rfc1123z());
    out.line(0, &format!("Last Schedule Time:\t{}", or_unset(last)));
    let active: Vec<&str> = status.active.iter().flatten().filter_map(|job| job.name.as_deref()).collect();
    let active = if active.is_empty() { "<none>".to_owned() } else { active.join(", ") };
    out.line(0, &format!("Active Jobs:\t{active}"));
}

/// Mirrors `describeJobTemplate`.
fn job_template(out: &mut TabWriter, spec: JobSpec) {
    let selector = spec
        .selector
        .as_ref()
        .map(|selector| Selector::from_label_selector(selector).unwrap_or_else(|_| Selector::nothing()).to_string());
    let number = |n: Option<i32>| n.map_or_else(|| UNSET.to_owned(), |n| n.to_string());
    out.line(0, &format!("Selector:\t{}", selector.unwrap_or_else(|| UNSET.to_owned())));
    out.line(0, &format!("Parallelism:\t{}", number(spec.parallelism)));
    out.line(0, &format!("Completions:\t{}", number(spec.completions)));
    if let Some(seconds) = spec.active_deadline_seconds {
        out.line(0, &format!("Active Deadline Seconds:\t{seconds}s"));
    }
    describe_pod_template(out, &PodTemplateSpec::from_api(spec.template));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kubectl::describe::tests::page;

    #[test]
    fn a_page_tells_of_the_schedule_and_the_jobs() {
        let template = json!({"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "tick:1", "command": ["sh", "-c", "date\necho"]}]}});
        let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "tick", "namespace": "default", "annotations": {"a": "b"}},
            "spec": {"schedule": "*/3 * * * *", "concurrencyPolicy": "Forbid", "suspend": false, "timeZone": "Europe/Paris",
                "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1, "startingDeadlineSeconds": 20,
                "jobTemplate": {"spec": {"parallelism": 2, "completions": 4, "activeDeadlineSeconds": 60, "template": template}}},
            "status": {"lastScheduleTime": "2024-01-01T00:03:00Z", "active": [{"name": "tick-1"}, {"name": "tick-2"}]}});
        let want = "\
Name:                          tick
Namespace:                     default
Labels:                        <none>
Annotations:                   a: b
Schedule:                      */3 * * * *
Concurrency Policy:            Forbid
Suspend:                       False
Time Zone:                     Europe/Paris
Successful Job History Limit:  3
Failed Job History Limit:      1
Starting Deadline Seconds:     20s
Selector:                      <unset>
Parallelism:                   2
Completions:                   4
Active Deadline Seconds:       60s
Pod Template:
  Labels:  <none>
  Containers:
   c:
    Image:      tick:1
    Port:       <none>
    Host Port:  <none>
    Command:
      sh
      -c
      date
      echo
    Environment:     <none>
    Mounts:          <none>
  Volumes:           <none>
  Node-Selectors:    <none>
  Tolerations:       <none>
Last Schedule Time:  Mon, 01 Jan 2024 00:03:00 +0000
Active Jobs:         tick-1, tick-2
Events:              <none>
";
        assert_eq!(page(cron_job, [0; 4], &[]), want);
    }

    #[test]
    fn what_is_not_said_is_unset() {
        let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick", "namespace": "default"},
            "spec": {"schedule": "@hourly", "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}});
        let page = page(cron_job, [0; 4], &[]);
        for line in [
            "Suspend:                       <unset>",
            "Time Zone:                     <unset>",
            "Successful Job History Limit:  <unset>",
            "Starting Deadline Seconds:     <unset>",
            "Parallelism:                   <unset>",
            "Last Schedule Time:  <unset>",
            "Active Jobs:         <none>",
            "  Containers: <none>",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }
}
