//! Which time a CronJob is to run for, and when to look again.
//!
//! Mirrors pkg/controller/cronjob/utils.go (v1.36).

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJobSpec, CronJobStatus};
use seatrial_api::cron_schedule::{CronSchedule, load_location};
use seatrial_api::{CronJob, NamespacedName, Shared, Time};
use seatrial_machinery::Clock;

/// How long after a time of its schedule a CronJob is looked at. Mirrors `nextScheduleDelta`.
const NEXT_SCHEDULE_DELTA_NANOS: i64 = 100_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// More missed times than this are told of.
const MANY_MISSED: i64 = 100;

/// How many times passed without a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    None,
    Few,
    Many,
}

/// What the times since a CronJob last ran come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MostRecent {
    /// What is counted from.
    pub(super) earliest: Time,
    /// The latest time that has come.
    pub(super) time: Option<Time>,
    pub(super) missed: Missed,
}

/// The schedules of CronJobs, read once for each version of their specs.
#[derive(Debug, Default)]
pub(super) struct Schedules(BTreeMap<NamespacedName, (Shared<CronJobSpec>, CronSchedule)>);

impl Schedules {
    /// The schedule of a spec.
    ///
    /// # Errors
    /// The parser's text.
    pub(super) fn of(&mut self, key: &NamespacedName, spec: &Shared<CronJobSpec>) -> Result<CronSchedule, String> {
        if let Some((_, schedule)) = self.0.get(key).filter(|(known, _)| known.ptr_eq(spec)) {
            return Ok(*schedule);
        }
        let schedule = CronSchedule::parse(&schedule_text(spec))?;
        self.0.insert(key.clone(), (spec.clone(), schedule));
        Ok(schedule)
    }

    /// A CronJob is gone.
    pub(super) fn forget(&mut self, key: &NamespacedName) {
        self.0.remove(key);
    }
}

/// The schedule with its time zone, as the parser takes it. Mirrors `formatSchedule`.
pub(super) fn schedule_text(spec: &CronJobSpec) -> String {
    match &spec.time_zone {
        Some(zone) if !has_own_zone(spec) && load_location(zone).is_ok() => format!("TZ={zone} {}", spec.schedule),
        _ => spec.schedule.clone(),
    }
}

/// Whether the schedule names a time zone itself, as CronJobs of old may.
pub(super) fn has_own_zone(spec: &CronJobSpec) -> bool {
    spec.schedule.contains("TZ")
}

/// The latest time that has come since the CronJob last ran or was made. Mirrors `mostRecentScheduleTime`.
pub(super) fn most_recent_schedule_time(
    cron_job: &CronJob,
    status: &CronJobStatus,
    now: Time,
    schedule: &CronSchedule,
    includes_deadline: bool,
) -> Result<MostRecent, &'static str> {
    let mut earliest = status.last_schedule_time.as_ref().map_or(cron_job.meta.created(), Time::from);
    if includes_deadline && let Some(deadline) = cron_job.body.spec.starting_deadline_seconds {
        earliest = earliest.max(now.plus_seconds(deadline.saturating_neg()));
    }
    let first = schedule.next(earliest);
    let second = first.and_then(|first| schedule.next(first));
    let found = |time, missed| Ok(MostRecent { earliest, time, missed });
    if first.is_some_and(|first| now < first) {
        return found(None, Missed::None);
    }
    if second.is_some_and(|second| now < second) {
        return found(first, Missed::None);
    }
    // A schedule whose times never come, or no more, has no interval either.
    let (Some(first), Some(second)) = (first, second) else {
        return Err("time difference between two schedules is less than 1 second");
    };
    let interval = second.unix() - first.unix();
    let missed_count = (now.unix() - first.unix()) / interval + 1;
    // An interval is taken back, because those of some schedules differ.
    let mut time = None;
    let mut at = schedule.next(first.plus_seconds((missed_count - 2) * interval));
    while let Some(next) = at.filter(|next| *next <= now) {
        time = Some(next);
        at = schedule.next(next);
    }
    found(time, if missed_count > MANY_MISSED { Missed::Many } else { Missed::Few })
}

/// How long it is until the CronJob is to be looked at again; `None` where its schedule has no more times.
/// Mirrors `nextScheduleTimeDuration`.
pub(super) fn next_schedule_time_duration(
    cron_job: &CronJob,
    status: &CronJobStatus,
    clock: Clock,
    schedule: &CronSchedule,
) -> Option<Duration> {
    let now = clock.time();
    let from = match most_recent_schedule_time(cron_job, status, now, schedule, false) {
        Ok(MostRecent { time: Some(time), .. }) => time,
        Ok(MostRecent { earliest, missed: Missed::None, .. }) => earliest,
        Ok(_) | Err(_) => now,
    };
    let next = schedule.next(from)?.unix().saturating_mul(NANOS_PER_SECOND);
    let delay = next.saturating_add(NEXT_SCHEDULE_DELTA_NANOS).saturating_sub(clock.unix_nanos());
    Some(Duration::from_nanos(u64::try_from(delay).unwrap_or(0)))
}
