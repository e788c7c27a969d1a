//! What mock containers log: the lines of their behaviors, at the times they are written.

use std::time::Duration;

use seatrial_api::Pod;
use seatrial_machinery::Clock;

use crate::behavior::{Behavior, LogEntry};
use crate::kubelets::Kubelets;

/// How many lines of a life are kept: a node's files are not kept for ever either.
pub const LOG_LINES_MAX: usize = 10_000;

/// A line of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in nanoseconds since 1970.
    pub unix_nanos: i64,
    /// The line, without its end.
    pub text: String,
}

/// The time of a container's life, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it began.
    pub started: i64,
    /// When it ended; `None` while it lasts.
    pub finished: Option<i64>,
}

impl Kubelets {
    /// The lines a container wrote in a life, the oldest first. The life is as the pod's status tells it, in whole
    /// seconds; of the one that goes on, or ended last, the kubelet knows more.
    pub fn logs(&self, pod: &Pod, (container, image): (&str, &str), life: Life, clock: Clock) -> Vec<LogLine> {
        let (behavior, known) = self.known_life(pod, container, clock);
        let life = known.filter(|known| is_told_as(*known, life)).unwrap_or(life);
        let matched = || self.behavior_for(pod, container, image);
        let Some(behavior) = behavior.or_else(matched) else { return Vec::new() };
        let end = life.finished.unwrap_or(clock.unix_nanos());
        lines_of(&behavior.log, life.started, end)
    }
}

/// Whether an exact life is the one of which the whole seconds are told.
fn is_told_as(known: Life, told: Life) -> bool {
    const SECOND: i64 = 1_000_000_000;
    known.started.div_euclid(SECOND) == told.started.div_euclid(SECOND)
        && known.finished.map(|t| t.div_euclid(SECOND)) == told.finished.map(|t| t.div_euclid(SECOND))
}

/// The lines of a life so far, the last [`LOG_LINES_MAX`] of them.
fn lines_of(entries: &[LogEntry], started: i64, end: i64) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    for entry in entries {
        let first = started.saturating_add(nanos(entry.after));
        if first > end {
            continue;
        }
        let every = entry.every.map_or(0, nanos);
        let count = if every == 0 { 1 } else { (end - first) / every + 1 };
        let kept = i64::try_from(LOG_LINES_MAX).unwrap_or(i64::MAX).min(count);
        lines.extend((count - kept..count).map(|index| LogLine {
            unix_nanos: first.saturating_add(index.saturating_mul(every)),
            text: entry.line.clone(),
        }));
    }
    // Lines of one moment are in the order of the behavior.
    lines.sort_by_key(|line| line.unix_nanos);
    lines.split_off(lines.len().saturating_sub(LOG_LINES_MAX))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Kubelets {
    fn behavior_for(&self, pod: &Pod, container: &str, image: &str) -> Option<&Behavior> {
        self.behaviors().iter().find(|b| b.is_about(pod, container, image)).map(|b| &**b)
    }

    /// How a container behaves that the kubelet looks after, and the exact times of its life.
    fn known_life(&self, pod: &Pod, container: &str, clock: Clock) -> (Option<&Behavior>, Option<Life>) {
        let Some(found) = self.container_of(pod, container) else { return (None, None) };
        let at = |time| clock.at(time).unix_nanos();
        let life = match found.is_running() {
            true => Some(Life { started: at(found.started_at), finished: None }),
            false if found.exit_code().is_some() => {
                Some(Life { started: at(found.started_at), finished: Some(at(found.finished_at)) })
            }
            false => None,
        };
        (found.behavior.as_deref(), life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str, after: u64, every: Option<u64>) -> LogEntry {
        LogEntry { line: line.to_owned(), after: Duration::from_nanos(after), every: every.map(Duration::from_nanos) }
    }

    fn texts(entries: &[LogEntry], end: i64) -> String {
        let line = |l: LogLine| format!("{}@{}", l.text, l.unix_nanos);
        lines_of(entries, 100, end).into_iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_come_at_their_times() {
        let rows: [(&[LogEntry], i64, &str); 6] = [
            (&[entry("a", 0, None), entry("b", 0, None)], 100, "a@100 b@100"),
            (&[entry("a", 5, None)], 104, ""),
            (&[entry("a", 5, None)], 105, "a@105"),
            (&[entry("a", 0, Some(10))], 125, "a@100 a@110 a@120"),
            (&[entry("late", 11, None), entry("a", 1, Some(10))], 112, "a@101 late@111 a@111"),
            (&[], 1_000, ""),
        ];
        for (entries, end, want) in rows {
            assert_eq!(texts(entries, end), want);
        }
    }

    #[test]
    fn the_last_lines_are_kept() {
        let lines = lines_of(&[entry("a", 0, Some(1)), entry("b", 0, Some(1_000))], 0, 1_000_000_000);
        assert_eq!(lines.len(), LOG_LINES_MAX);
        assert_eq!(lines.last().map(|l| l.unix_nanos), Some(1_000_000_000));
        assert_eq!(lines.iter().filter(|l| l.text == "b").count(), 10);
    }
}
