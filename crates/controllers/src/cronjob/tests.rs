//! Single syncs and short histories of CronJobs. The Jobs are ended by hand.

use std::time::Duration;

use k8s_openapi::api::batch::v1 as batchv1;
use seatrial_api::cron_schedule::CronSchedule;
use seatrial_api::{CronJob, Kind, NamespacedName, Object, ObjectKey, Resource, Time};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, DeleteOptions, EventContext, EventRecorder, Informers, SimTime, SyncContext,
    process_next_work_item,
};
use serde_json::{Value, json};

use super::CronJobController;
use super::schedule::{Missed, most_recent_schedule_time};

/// 2024-01-01T00:00:00Z, and its minute.
const START: Time = Time::from_unix(1_704_067_200);
const MINUTE: i64 = 28_401_120;

/// An API server and the controller, and nobody who runs a Job.
struct Case {
    server: ApiServer,
    informers: Informers,
    recorder: EventRecorder,
    clock: Clock,
    controller: CronJobController,
    timers: Vec<(SimTime, NamespacedName)>,
}

impl Case {
    fn new() -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
        Self {
            server,
            informers: Informers::default(),
            recorder: EventRecorder::default(),
            clock: Clock::starting_at(START),
            controller: CronJobController::default(),
            timers: Vec::new(),
        }
    }

    /// A case with one CronJob, `c`, whose spec has these fields besides a template.
    fn with(spec: Value) -> Self {
        let mut case = Self::new();
        case.cron_job(spec);
        case
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), "test")
    }

    fn body(spec: Value) -> Value {
        let template = json!({"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": "work:1"}]}}}});
        let mut body = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": spec});
        body["spec"]["jobTemplate"] = body["spec"].get("jobTemplate").cloned().unwrap_or(template);
        body
    }

    fn cron_job(&mut self, spec: Value) {
        let written = self.server.create_json(&self.request(), Kind::CronJob, "default", &Self::body(spec).into());
        written.expect("a valid CronJob");
        self.settle();
    }

    /// As another version of the API server might have stored it: nobody looked at the fields.
    fn unchecked_cron_job(&mut self, spec: Value) {
        let api: batchv1::CronJob = serde_json::from_value(Self::body(spec)).expect("a CronJob");
        let mut cron_job = CronJob::from_api_object(api).expect("a CronJob");
        cron_job.meta.namespace = "default".into();
        self.server.create(&self.request(), cron_job).expect("a name that is free");
        self.settle();
    }

    fn patch(&mut self, spec: Value) {
        let (key, body) = (ObjectKey::new(Kind::CronJob, "default", "c"), json!({"spec": spec}));
        let patched = self.server.patch(&self.request(), &key, Subresource::Main, (PatchType::Merge, &body));
        patched.expect("a valid patch");
        self.settle();
    }

    /// Ends a Job: `Complete` or `Failed`.
    fn finish(&mut self, job: &str, condition: &str) {
        let before = if condition == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
        let now = self.clock.time().to_string();
        let conditions: Vec<Value> = [before, condition]
            .map(|type_| json!({"type": type_, "status": "True", "lastTransitionTime": now, "lastProbeTime": now}))
            .into();
        let mut status = json!({"startTime": now, "conditions": conditions});
        if condition == "Complete" {
            status["completionTime"] = json!(now);
        }
        let key = ObjectKey::new(Kind::Job, "default", job);
        let patch = json!({"status": status});
        let patched = self.server.patch(&self.request(), &key, Subresource::Status, (PatchType::Merge, &patch));
        patched.expect("a valid status");
        self.settle();
    }

    fn delete_job(&mut self, job: &str) {
        let key = ObjectKey::new(Kind::Job, "default", job);
        self.server.delete(&self.request(), &key, &DeleteOptions::default()).expect("a Job to delete");
        // Without a garbage collector its finalizer stays.
        let patch = json!({"metadata": {"finalizers": null}});
        let _ = self.server.patch(&self.request(), &key, Subresource::Main, (PatchType::Merge, &patch));
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            while let Some(delivery) = self.informers.deliver_next(self.server.store().log()) {
                let cx = EventContext { informers: &self.informers, clock: self.clock, cause: 0 };
                self.controller.handle(&cx, &delivery);
            }
            let client = Client::new(&mut self.server, &mut self.recorder, self.clock, CronJobController::NAME);
            let mut cx = SyncContext::new(&self.informers, client);
            if process_next_work_item(&mut self.controller, &mut cx).is_none() {
                let timers = self.controller.queue().take_timers();
                assert!(timers.iter().all(|timer| timer.background), "nobody waits for a CronJob");
                self.timers.extend(timers.into_iter().map(|timer| (timer.due, timer.key)));
                self.timers.sort();
                return;
            }
        }
        panic!("the controller does not come to rest");
    }

    /// Lets so many seconds pass.
    fn advance(&mut self, seconds: u64) {
        let end = self.clock.now() + Duration::from_secs(seconds);
        while self.timers.first().is_some_and(|(due, _)| *due <= end) {
            let (due, key) = self.timers.remove(0);
            self.clock = self.clock.at(due);
            self.controller.queue().fire(&key, due, 0);
            self.settle();
        }
        self.clock = self.clock.at(end);
    }

    /// The Jobs by the minutes after the start that they are for.
    fn jobs(&self) -> Vec<i64> {
        let names = self.server.store().list(Kind::Job, None).into_iter().map(|o| o.meta().name.to_string());
        names.map(|name| name.trim_start_matches("c-").parse::<i64>().expect("a minute") - MINUTE).collect()
    }

    fn job(&self, minute: i64) -> Value {
        let key = ObjectKey::new(Kind::Job, "default", format!("c-{}", MINUTE + minute));
        self.server.store().get(&key).map(Object::to_json).expect("the Job")
    }

    fn status(&self) -> Value {
        let key = ObjectKey::new(Kind::CronJob, "default", "c");
        self.server.store().get(&key).map(|o| o.to_json()["status"].clone()).expect("the CronJob")
    }

    fn active(&self) -> Vec<i64> {
        let active = self.status()["active"].as_array().cloned().unwrap_or_default();
        let name =
            |reference: Value| reference["name"].as_str().unwrap_or_default().trim_start_matches("c-").to_owned();
        active.into_iter().map(|reference| name(reference).parse::<i64>().expect("a minute") - MINUTE).collect()
    }

    /// `TYPE REASON xCOUNT MESSAGE` of each event, the minutes as in [`Case::jobs`].
    fn events(&self) -> Vec<String> {
        let events = self.server.store().list(Kind::Event, None).into_iter().map(Object::to_json);
        let line = |event: Value| {
            let mut message = event["message"].as_str().unwrap_or_default().to_owned();
            for minute in (0..400).rev() {
                message = message.replace(&format!("c-{}", MINUTE + minute), &format!("c-{minute}"));
            }
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} x{} {message}", text("type"), text("reason"), event["count"].as_i64().unwrap_or(1))
        };
        let mut lines: Vec<String> = events.map(line).collect();
        lines.sort();
        lines
    }
}

fn name(minute: i64) -> String {
    format!("c-{}", MINUTE + minute)
}

#[test]
fn a_job_is_made_for_each_time() {
    let template = json!({
        "metadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}},
        "spec": {"backoffLimit": 2, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}}}});
    let mut case = Case::with(json!({"schedule": "*/2 * * * *", "jobTemplate": template}));
    case.advance(119);
    assert_eq!((case.jobs(), case.status()), (vec![], json!({})));
    case.advance(2);
    assert_eq!((case.jobs(), case.active()), (vec![2], vec![2]));
    let job = case.job(2);
    assert_eq!(job["metadata"]["labels"], json!({"app": "x"}));
    let annotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";
    assert_eq!(job["metadata"]["annotations"], json!({"note": "y", annotation: "2024-01-01T00:02:00Z"}));
    let owner = &job["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["controller"], &owner["blockOwnerDeletion"]),
        (&json!("CronJob"), &json!(true), &json!(true))
    );
    assert_eq!((&job["spec"]["backoffLimit"], &job["spec"]["completions"]), (&json!(2), &json!(1)));
    let status = case.status();
    assert_eq!(status["lastScheduleTime"], json!("2024-01-01T00:02:00Z"));
    let active = &status["active"][0];
    assert_eq!(
        (&active["apiVersion"], &active["kind"], &active["namespace"]),
        (&json!("batch/v1"), &json!("Job"), &json!("default"))
    );
    assert_eq!(
        (&active["uid"], &active["resourceVersion"]),
        (&job["metadata"]["uid"], &job["metadata"]["resourceVersion"])
    );
    assert_eq!(case.events(), ["Normal SuccessfulCreate x1 Created job c-2"]);
}

#[test]
fn what_became_of_a_job_is_told_once() {
    let mut case = Case::with(json!({"schedule": "* * * * *"}));
    case.advance(61);
    case.finish(&name(1), "Complete");
    assert_eq!((case.active(), case.status()["lastSuccessfulTime"].clone()), (vec![], json!("2024-01-01T00:01:01Z")));
    case.advance(60);
    case.finish(&name(2), "Failed");
    assert_eq!((case.active(), case.status()["lastSuccessfulTime"].clone()), (vec![], json!("2024-01-01T00:01:01Z")));
    let want = [
        "Normal SawCompletedJob x1 Saw completed job: c-1, condition: Complete",
        "Normal SawCompletedJob x1 Saw completed job: c-2, condition: Failed",
        "Normal SuccessfulCreate x1 Created job c-1",
        "Normal SuccessfulCreate x1 Created job c-2",
    ];
    assert_eq!(case.events(), want);
}

#[test]
fn history_keeps_the_latest() {
    let mut case =
        Case::with(json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1}));
    for minute in 1..=8 {
        case.advance(if minute == 1 { 61 } else { 60 });
        case.finish(&name(minute), if minute % 3 == 0 { "Failed" } else { "Complete" });
    }
    // Of the successes 1, 2, 4, 5, 7, 8 the last two, of the failures 3, 6 the last.
    assert_eq!(case.jobs(), [6, 7, 8]);
    let deleted: Vec<String> = case.events().into_iter().filter(|e| e.contains("SuccessfulDelete")).collect();
    let want = [1, 2, 3, 4, 5].map(|minute| format!("Normal SuccessfulDelete x1 Deleted job c-{minute}"));
    assert_eq!(deleted, want);
}

#[test]
fn without_history_a_finished_job_goes_unseen() {
    let mut case =
        Case::with(json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}));
    case.advance(61);
    case.finish(&name(1), "Complete");
    assert_eq!((case.jobs(), case.active()), (vec![], vec![]));
    assert_eq!(case.status()["lastSuccessfulTime"], json!("2024-01-01T00:01:01Z"));
    // It was taken off the list with its deletion, so nobody saw it complete and nobody misses it.
    let want = ["Normal SuccessfulCreate x1 Created job c-1", "Normal SuccessfulDelete x1 Deleted job c-1"];
    assert_eq!(case.events(), want);
}

#[test]
fn allow_lets_jobs_overlap() {
    let mut case = Case::with(json!({"schedule": "* * * * *"}));
    case.advance(181);
    assert_eq!((case.jobs(), case.active()), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn forbid_waits_and_then_runs_the_latest_missed_time() {
    let mut case = Case::with(json!({"schedule": "* * * * *", "concurrencyPolicy": "Forbid"}));
    case.advance(200);
    assert_eq!((case.jobs(), case.status()["lastScheduleTime"].clone()), (vec![1], json!("2024-01-01T00:01:00Z")));
    case.finish(&name(1), "Complete");
    assert_eq!((case.jobs(), case.status()["lastScheduleTime"].clone()), (vec![1, 3], json!("2024-01-01T00:03:00Z")));
    assert_eq!(case.active(), [3]);
    let told = "Normal JobAlreadyActive x2 Not starting job because prior execution is running and concurrency policy is Forbid";
    assert!(case.events().contains(&told.to_owned()), "{:?}", case.events());
}

#[test]
fn forbid_does_not_catch_up_beyond_the_deadline() {
    let mut case =
        Case::with(json!({"schedule": "* * * * *", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 10}));
    case.advance(100);
    case.finish(&name(1), "Complete");
    assert_eq!(case.jobs(), [1]);
    case.advance(21);
    assert_eq!(case.jobs(), [1, 2]);
}

#[test]
fn replace_leaves_one() {
    let mut case = Case::with(json!({"schedule": "* * * * *", "concurrencyPolicy": "Replace"}));
    case.advance(181);
    assert_eq!((case.jobs(), case.active()), (vec![3], vec![3]));
    let want = [
        "Normal SuccessfulCreate x1 Created job c-1",
        "Normal SuccessfulCreate x1 Created job c-2",
        "Normal SuccessfulCreate x1 Created job c-3",
        "Normal SuccessfulDelete x1 Deleted job c-1",
        "Normal SuccessfulDelete x1 Deleted job c-2",
    ];
    assert_eq!(case.events(), want);
}

#[test]
fn resuming_runs_the_latest_missed_time_only() {
    let mut case = Case::with(json!({"schedule": "* * * * *", "suspend": true}));
    case.advance(90 * 60 + 30);
    assert_eq!(case.jobs(), Vec::<i64>::new());
    case.patch(json!({"suspend": false}));
    assert_eq!(
        (case.jobs(), case.events()),
        (vec![90], vec!["Normal SuccessfulCreate x1 Created job c-90".to_owned()])
    );
}

#[test]
fn a_deadline_forgets_what_is_older() {
    let mut case = Case::with(json!({"schedule": "* * * * *", "suspend": true, "startingDeadlineSeconds": 5}));
    case.advance(130);
    case.patch(json!({"suspend": false}));
    assert_eq!((case.jobs(), case.events()), (vec![], vec![]));
    case.advance(51);
    assert_eq!(case.jobs(), [3]);
}

#[test]
fn more_than_a_hundred_missed_times_are_told_of() {
    let mut case = Case::with(json!({"schedule": "* * * * *", "suspend": true}));
    case.advance(101 * 60 + 1);
    case.patch(json!({"suspend": false}));
    let want = [
        "Normal SuccessfulCreate x1 Created job c-101",
        "Warning TooManyMissedTimes x1 too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    ];
    assert_eq!((case.jobs(), case.events()), (vec![101], want.map(str::to_owned).into()));
}

#[test]
fn a_job_that_is_gone_is_missed() {
    let mut case = Case::with(json!({"schedule": "*/5 * * * *", "concurrencyPolicy": "Forbid"}));
    case.advance(301);
    case.delete_job(&name(5));
    assert_eq!(case.active(), Vec::<i64>::new());
    assert!(
        case.events().contains(&"Normal MissingJob x1 Active job went missing: c-5".to_owned()),
        "{:?}",
        case.events()
    );
}

#[test]
fn a_job_of_somebody_else_is_unexpected() {
    let mut case = Case::with(json!({"schedule": "0 * * * *"}));
    let uid = case.server.get::<CronJob>("default", "c").expect("the CronJob").meta.uid.to_string();
    let owner = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "c", "uid": uid, "controller": true}]);
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "by-hand", "ownerReferences": owner},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}}}});
    case.server.create_json(&case.request(), Kind::Job, "default", &job.into()).expect("a valid Job");
    case.settle();
    let want = "Warning UnexpectedJob x1 Saw a job that the controller did not create or forgot: by-hand";
    assert_eq!(case.events(), [want]);
    // It counts as finished when it is, although it never was on the list.
    case.finish("by-hand", "Complete");
    assert_eq!(case.status()["lastSuccessfulTime"], json!("2024-01-01T00:00:00Z"));
}

#[test]
fn a_name_that_is_taken() {
    let mut case = Case::with(json!({"schedule": "*/5 * * * *"}));
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name(5)},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}}}});
    case.server.create_json(&case.request(), Kind::Job, "default", &job.into()).expect("a valid Job");
    case.advance(301);
    assert_eq!((case.active(), case.events(), case.status()), (vec![], vec![], json!({})));
}

#[test]
fn the_job_of_a_lost_status_is_put_back_on_the_list() {
    let mut case = Case::with(json!({"schedule": "*/5 * * * *"}));
    case.advance(301);
    let key = ObjectKey::new(Kind::CronJob, "default", "c");
    let patch = json!({"status": null});
    let patched = case.server.patch(&case.request(), &key, Subresource::Status, (PatchType::Merge, &patch));
    patched.expect("a valid status");
    case.settle();
    assert_eq!((case.active(), case.status()["lastScheduleTime"].clone()), (vec![5], json!("2024-01-01T00:05:00Z")));
    let created = case.events().into_iter().filter(|e| e.contains("SuccessfulCreate")).count();
    assert_eq!(created, 1);
}

#[test]
fn schedules_that_cannot_be_followed() {
    let rows = [
        (
            json!({"schedule": "* * *"}),
            "Warning UnparseableSchedule x1 unparseable schedule: \"* * *\" : expected exactly 5 fields, found 3: [* * *]",
        ),
        (
            json!({"schedule": "* * * * *", "timeZone": "Mars/Olympus"}),
            "Warning UnknownTimeZone x1 invalid timeZone: \"Mars/Olympus\": unknown time zone Mars/Olympus",
        ),
        (
            json!({"schedule": "59 23 31 2 *"}),
            "Warning InvalidSchedule x1 invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second",
        ),
        (
            json!({"schedule": "TZ=UTC 0 0 1 1 *"}),
            "Warning UnsupportedSchedule x1 CRON_TZ or TZ used in schedule \"TZ=UTC 0 0 1 1 *\" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
        ),
    ];
    for (spec, want) in rows {
        let mut case = Case::new();
        case.unchecked_cron_job(spec);
        assert_eq!(case.events(), [want]);
    }
}

#[test]
fn a_change_to_a_schedule_that_says_nothing() {
    let mut case = Case::with(json!({"schedule": "* * * * *"}));
    let mut changed = CronJob::clone(case.server.get::<CronJob>("default", "c").expect("the CronJob"));
    changed.body.spec.schedule = "never".to_owned();
    case.server.update(&case.request(), changed).expect("an update that nobody checks");
    case.settle();
    assert_eq!(case.events(), ["Warning UnParseableCronJobSchedule x1 unparseable schedule for cronjob: never"]);
}

#[test]
fn a_new_schedule_holds_from_its_next_time() {
    let mut case = Case::with(json!({"schedule": "0 12 * * *"}));
    case.advance(30);
    case.patch(json!({"schedule": "*/2 * * * *"}));
    case.advance(91);
    assert_eq!(case.jobs(), [2]);
    // The time of the old schedule passes without anything.
    case.patch(json!({"schedule": "30 * * * *"}));
    case.advance(20 * 60);
    assert_eq!(case.jobs(), [2]);
    case.advance(10 * 60);
    assert_eq!(case.jobs(), [2, 30]);
}

#[test]
fn times_of_a_zone_are_told_in_it() {
    let mut case = Case::with(json!({"schedule": "30 13 * * *", "timeZone": "Asia/Tokyo"}));
    case.advance(4 * 3600 + 1801);
    let annotation = &case.job(270)["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(
        (annotation, case.status()["lastScheduleTime"].clone()),
        (&json!("2024-01-01T13:30:00+09:00"), json!("2024-01-01T04:30:00Z"))
    );
    // The same wall clock in another zone is hours away.
    case.patch(json!({"timeZone": "Europe/Berlin"}));
    case.advance(7 * 3600 + 1800);
    assert_eq!(case.jobs(), [270]);
    case.advance(1800);
    assert_eq!(case.jobs(), [270, 750]);
}

#[test]
fn a_cron_job_on_its_way_out_starts_nothing() {
    let mut case = Case::with(json!({"schedule": "* * * * *"}));
    let key = ObjectKey::new(Kind::CronJob, "default", "c");
    let patch = json!({"metadata": {"finalizers": ["example.com/keep"]}});
    case.server.patch(&case.request(), &key, Subresource::Main, (PatchType::Merge, &patch)).expect("a valid patch");
    case.server.delete(&case.request(), &key, &DeleteOptions::default()).expect("a CronJob");
    case.advance(300);
    assert_eq!(case.jobs(), Vec::<i64>::new());
}

/// One row a rule of `mostRecentScheduleTime`; minutes after the start, `now` in seconds.
#[test]
fn the_latest_time_that_has_come() {
    type Row = (&'static str, Option<i64>, Option<i64>, i64, Option<i64>, Missed);
    let rows: [Row; 12] = [
        // Schedule, last run, deadline, now: the time to run for, how many were missed.
        ("0 * * * *", None, None, 59 * 60, None, Missed::None),
        ("0 * * * *", None, None, 60 * 60, Some(60), Missed::None),
        ("0 * * * *", None, None, 119 * 60, Some(60), Missed::None),
        ("0 * * * *", None, None, 120 * 60, Some(120), Missed::Few),
        ("0 * * * *", None, None, 310 * 60, Some(300), Missed::Few),
        ("0 * * * *", Some(240), None, 310 * 60, Some(300), Missed::None),
        ("* * * * *", None, None, 100 * 60, Some(100), Missed::Few),
        ("* * * * *", None, None, 101 * 60, Some(101), Missed::Many),
        ("* * * * *", None, Some(200), 101 * 60, Some(101), Missed::Few),
        ("0 * * * *", None, Some(60), 310 * 60, None, Missed::None),
        // Intervals that differ: the first is eight hours, then there are sixteen.
        ("0 8,16 * * *", None, None, 47 * 3600, Some(40 * 60), Missed::Few),
        ("@every 7m", Some(3), None, 40 * 60, Some(38), Missed::Few),
    ];
    for (spec, last, deadline, now, want, missed) in rows {
        let mut cron_job = CronJob::from_api_object(batchv1::CronJob::default()).expect("a CronJob");
        cron_job.meta.creation_timestamp = Some(START);
        cron_job.body.spec.starting_deadline_seconds = deadline;
        let last = last.map(|minute| START.plus_seconds(minute * 60).into());
        let status = batchv1::CronJobStatus { last_schedule_time: last, ..Default::default() };
        let schedule = CronSchedule::parse(spec).expect(spec);
        let got = most_recent_schedule_time(&cron_job, &status, START.plus_seconds(now), &schedule, true).expect(spec);
        let minute = got.time.map(|time| (time.unix() - START.unix()) / 60);
        assert_eq!((minute, got.missed), (want, missed), "{spec} at {now}");
    }
}
