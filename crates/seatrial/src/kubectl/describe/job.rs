//! The page of a Job.

use seatrial_api::{Job, PodTemplateSpec, Time, selector::Selector};
use seatrial_apiserver::printers::human_duration;

use super::pod_template::describe_pod_template;
use super::{annotations, labels, name_lines};
use crate::kubectl::TabWriter;

/// From this length on a list of indexes is cut at its next comma.
const INDEXES_LENGTH: usize = 50;

pub(super) fn describe(out: &mut TabWriter, job: &Job) {
    let (no_spec, no_status) = Default::default();
    let (spec, status) = (job.body.spec.as_deref().unwrap_or(&no_spec), job.body.status.as_ref().unwrap_or(&no_status));
    name_lines(out, &job.meta);
    let selector =
        Selector::from_optional_label_selector(spec.selector.as_ref()).unwrap_or_else(|_| Selector::nothing());
    out.line(0, &format!("Selector:\t{selector}"));
    labels(out, 0, "Labels", &job.meta.labels);
    annotations(out, 0, "Annotations", &job.meta.annotations);
    if let Some(owner) = job.meta.controller_of() {
        out.line(0, &format!("Controlled By:\t{}/{}", owner.kind, owner.name));
    }
    let (start, end) = (status.start_time.as_ref().map(Time::from), status.completion_time.as_ref().map(Time::from));
    let duration = start.zip(end).map(|(start, end)| human_duration(end.unix() - start.unix()));
    let lines = [
        ("Parallelism", spec.parallelism.map(|n| n.to_string())),
        ("Completions", Some(spec.completions.map_or_else(|| "<unset>".to_owned(), |n| n.to_string()))),
        ("Completion Mode", spec.completion_mode.clone()),
        ("Suspend", spec.suspend.map(|on| on.to_string())),
        ("Backoff Limit", spec.backoff_limit.map(|n| n.to_string())),
        ("TTL Seconds After Finished", spec.ttl_seconds_after_finished.map(|n| n.to_string())),
        ("Start Time", start.map(Time::to_rfc1123z)),
        ("Completed At", end.map(Time::to_rfc1123z)),
        ("Duration", duration),
        ("Active Deadline Seconds", spec.active_deadline_seconds.map(|n| format!("{n}s"))),
    ];
    for (title, value) in lines.into_iter().filter_map(|(title, value)| Some((title, value?))) {
        out.line(0, &format!("{title}:\t{value}"));
    }
    let number = |n: Option<i32>| n.unwrap_or(0);
    let ready = status.ready.map_or(String::new(), |n| format!(" ({n} Ready)"));
    let (active, succeeded, failed) = (number(status.active), number(status.succeeded), number(status.failed));
    out.line(0, &format!("Pods Statuses:\t{active} Active{ready} / {succeeded} Succeeded / {failed} Failed"));
    if spec.completion_mode.as_deref() == Some("Indexed") {
        let indexes = cap_indexes_list(status.completed_indexes.as_deref().unwrap_or_default());
        out.line(0, &format!("Completed Indexes:\t{indexes}"));
    }
    describe_pod_template(out, &PodTemplateSpec::from_api(spec.template.clone()));
}

/// Mirrors `capIndexesListOrNone`.
fn cap_indexes_list(indexes: &str) -> String {
    if indexes.is_empty() {
        return "<none>".to_owned();
    }
    let rest = indexes.get(INDEXES_LENGTH..).unwrap_or_default();
    match rest.find(',') {
        Some(comma) => format!("{}...", &indexes[..=INDEXES_LENGTH + comma]),
        None => indexes.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::Resource;
    use serde_json::json;

    use super::*;

    #[test]
    fn long_lists_of_indexes_are_cut_at_a_comma() {
        let long = (0..40).map(|i| (2 * i).to_string()).collect::<Vec<_>>().join(",");
        let rows = [
            ("", "<none>".to_owned()),
            ("0-99", "0-99".to_owned()),
            (&long, format!("{}...", &long[..=INDEXES_LENGTH + long[INDEXES_LENGTH..].find(',').expect("a comma")])),
            (&long[..51], long[..51].to_owned()),
        ];
        for (indexes, want) in rows {
            assert_eq!(cap_indexes_list(indexes), want, "{indexes}");
        }
    }

    #[test]
    fn a_page_tells_what_is_wanted_and_what_came_of_it() {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "work", "namespace": "default", "labels": {"job-name": "work"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "tick", "uid": "u", "controller": true}]},
            "spec": {"parallelism": 2, "completions": 4, "completionMode": "Indexed", "suspend": false, "backoffLimit": 6,
                "ttlSecondsAfterFinished": 30, "activeDeadlineSeconds": 60, "selector": {"matchLabels": {"uid": "u"}},
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "work:1"}]}}},
            "status": {"startTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T00:01:10Z", "ready": 0,
                "succeeded": 4, "failed": 1, "completedIndexes": "0-3"}});
        let job = Job::from_api_object(serde_json::from_value(job).expect("a Job")).expect("a Job");
        let mut out = TabWriter::default();
        describe(&mut out, &job);
        let page = out.finish();
        let want = "\
Name:                        work
Namespace:                   default
Selector:                    uid=u
Labels:                      job-name=work
Annotations:                 <none>
Controlled By:               CronJob/tick
Parallelism:                 2
Completions:                 4
Completion Mode:             Indexed
Suspend:                     false
Backoff Limit:               6
TTL Seconds After Finished:  30
Start Time:                  Mon, 01 Jan 2024 00:00:00 +0000
Completed At:                Mon, 01 Jan 2024 00:01:10 +0000
Duration:                    70s
Active Deadline Seconds:     60s
Pods Statuses:               0 Active (0 Ready) / 4 Succeeded / 1 Failed
Completed Indexes:           0-3
Pod Template:
";
        assert!(page.starts_with(want), "{page}");
    }
}
