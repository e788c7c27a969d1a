//! `seatrial bench`: reconcile throughput, measured.

use std::cell::Cell;
use std::fs;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use seatrial::Cluster;
use seatrial::GoDuration;
use seatrial::bench::{Bench, Measured, Work, Workload};
use seatrial::manifest::{Input, load_file};
use seatrial::runner::{RunOptions, Runner};

use crate::Exit;
use crate::args::{Bench as Args, Format};
use crate::output::Output;
use crate::run::{bad_input, exit_of};

const BAR_WIDTH: u64 = 40;
/// How many calls of the progress bar are passed over for one that draws: a terminal is slower than the simulation.
const DRAW_EVERY: u32 = 512;

/// Runs a built-in workload or a file, and prints its figures.
pub(crate) fn bench(args: &Args, output: &mut Output) -> Exit {
    match Workload::named(&args.workload) {
        Some(workload) => bench_workload(workload, args, output),
        None => bench_file(args, output),
    }
}

fn bench_workload(workload: Workload, args: &Args, output: &mut Output) -> Exit {
    let pods = args.pods.unwrap_or_else(|| workload.pods_default());
    let nodes = args.nodes.unwrap_or_else(|| u32::try_from(workload.nodes_for(u64::from(pods))).unwrap_or(u32::MAX));
    let bar = Bar::new();
    let before = resident_bytes("VmRSS");
    let prepared = Bench::prepare(workload, pods, nodes, &|done, all| bar.show("preparing", done, all));
    let (result, seconds) = match prepared {
        Ok(mut bench) => {
            let (result, seconds) = timed(|| bench.run(&|done, all| bar.show(workload.name(), done, all)));
            // The cluster is still there when the memory is looked at.
            let grown_bytes = resident_bytes("VmRSS").saturating_sub(before);
            std::mem::forget(bench);
            (result.map(|work| (work, grown_bytes)), seconds)
        }
        Err(error) => (Err(error), 0.0),
    };
    bar.clear();
    match result {
        Ok((work, grown_bytes)) => {
            let workload = workload.name().to_owned();
            print(&measured(workload, work, seconds, grown_bytes), args.output, output);
            Exit::Passed
        }
        Err(error) => {
            output.message(&format!("error: {error}"));
            Exit::Failed
        }
    }
}

fn bench_file(args: &Args, output: &mut Output) -> Exit {
    if args.pods.is_some() || args.nodes.is_some() {
        output.message("error: --pods and --nodes are of the built-in workloads; a file says itself how large it is");
        return Exit::BadInput;
    }
    let input = match load_file(&args.workload) {
        Ok(input) => input,
        Err(error) => {
            let exit = bad_input(&error, output);
            output.message("hint: a built-in workload is one of deployment, rollout, noop, daemonset, statefulset, statefulset-ordered, job, cronjob");
            return exit;
        }
    };
    let before = resident_bytes("VmRSS");
    let mut silent = |_: &seatrial::runner::Line| {};
    let ((report, cluster), seconds) = timed(|| match &input {
        Input::Scenario(scenario) => Runner::new(scenario, RunOptions::default(), &mut silent).quiet().run(scenario),
        Input::Manifests(manifests) => {
            let options = RunOptions::default();
            Runner::with_builder(Cluster::builder(), &args.workload, options, &mut silent)
                .quiet()
                .run_manifests(manifests)
        }
    });
    let work = Work {
        pods: cluster.pod_count(),
        nodes: cluster.node_count(),
        reconciles: cluster.reconcile_count(),
        writes: cluster.write_count(),
        hash: report.trace_hash,
    };
    let grown_bytes = resident_bytes("VmRSS").saturating_sub(before);
    for failure in report.failures.iter().chain(&report.broken) {
        output.message(&format!("{}: {}", failure.place, failure.message));
    }
    print(&measured(args.workload.clone(), work, seconds, grown_bytes), args.output, output);
    exit_of(&report)
}

#[expect(clippy::disallowed_methods, reason = "the wall clock is what is measured, outside of the simulation")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = run();
    (result, start.elapsed().as_secs_f64())
}

fn measured(workload: String, work: Work, seconds: f64, grown_bytes: u64) -> Measured {
    Measured { workload, work, seconds, peak_rss_bytes: resident_bytes("VmHWM"), grown_bytes }
}

/// A figure of `/proc/self/status` in bytes; 0 where the system has no such file.
fn resident_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn print(measured: &Measured, format: Format, output: &mut Output) {
    match format {
        Format::Json => output.data(&format!("{}\n", measured.to_json())),
        Format::Text => output.data(&table(measured)),
    }
}

/// The figures for people: a row each, rates beside their counts.
fn table(m: &Measured) -> String {
    let time = GoDuration(Duration::from_micros((m.seconds * 1e6) as u64)).to_string();
    let rows = [
        ("workload", m.workload.clone(), String::new()),
        ("nodes", grouped(m.work.nodes), String::new()),
        ("time", time, String::new()),
        ("pods", grouped(m.work.pods), per_second(m.pods_per_second())),
        ("reconciles", grouped(m.work.reconciles), per_second(m.reconciles_per_second())),
        ("writes", grouped(m.work.writes), per_second(m.writes_per_second())),
        ("memory", format!("{} MiB", grouped(m.peak_rss_bytes >> 20)), format!("{} B/pod", grouped(m.bytes_per_pod()))),
        ("trace", format!("{:016x}", m.work.hash), String::new()),
    ];
    let lines = rows.iter().map(|(name, value, rate)| {
        let line = format!("{name:<11} {value:>16} {rate:>16}");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

fn per_second(rate: f64) -> String {
    format!("{}/s", grouped(rate.round() as u64))
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A progress bar on a terminal; nothing elsewhere.
struct Bar {
    is_terminal: bool,
    calls: Cell<u32>,
    shown: Cell<u64>,
}

impl Bar {
    fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), calls: Cell::new(0), shown: Cell::new(u64::MAX) }
    }

    fn show(&self, what: &str, done: u64, all: u64) {
        self.calls.set(self.calls.get().wrapping_add(1));
        if !self.is_terminal || !self.calls.get().is_multiple_of(DRAW_EVERY) {
            return;
        }
        let filled = (done * BAR_WIDTH).checked_div(all).unwrap_or(0).min(BAR_WIDTH);
        if self.shown.replace(filled) != filled {
            let bar = format!("{}{}", "=".repeat(filled as usize), " ".repeat((BAR_WIDTH - filled) as usize));
            let _ = write!(std::io::stderr().lock(), "\r{what:<10} [{bar}] {:>3}%", 100 * filled / BAR_WIDTH);
        }
    }

    fn clear(&self) {
        if self.is_terminal && self.shown.get() != u64::MAX {
            let _ = write!(std::io::stderr().lock(), "\r{:70}\r", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
