//! `seatrial run`.

use std::fs;
use std::path::Path;

use seatrial::cluster::TraceMode;
use seatrial::manifest::{Input, InputError, load_file};
use seatrial::runner::{LineKind, Report, RunOptions, Runner};
use seatrial::{Cluster, GoDuration};
use serde_json::{Value, json};

use crate::Exit;
use crate::args::{Format, Run};
use crate::output::Output;

/// Runs every file; the worst outcome counts. Bad input in any of them runs nothing.
pub(crate) fn run(args: &Run, output: &mut Output) -> Exit {
    let mut inputs = Vec::new();
    for file in &args.files {
        match load_file(file) {
            Ok(input) => inputs.push((file, input)),
            Err(error) => return bad_input(&error, output),
        }
    }
    let mut worst = Exit::Passed;
    for (file, input) in &inputs {
        warn(input, output);
        let (report, cluster) = run_input(file, input, args, output);
        if let Err(error) = write_files(args, &report, &cluster) {
            output.message(&format!("error: {error}"));
            return Exit::BadInput;
        }
        match args.output {
            Format::Json => output.data(&format!("{}\n", summary_json(&report))),
            Format::Text => summary_text(&report, args, output),
        }
        worst = worst.max(exit_of(&report));
    }
    worst
}

pub(crate) fn bad_input(error: &InputError, output: &mut Output) -> Exit {
    output.message(&format!("error: {error}"));
    Exit::BadInput
}

pub(crate) fn exit_of(report: &Report) -> Exit {
    if report.broken.is_some() {
        Exit::Broken
    } else if report.is_success() {
        Exit::Passed
    } else {
        Exit::Failed
    }
}

fn warn(input: &Input, output: &mut Output) {
    let warnings: Vec<String> = match input {
        Input::Scenario(scenario) => scenario.warnings.clone(),
        Input::Manifests(manifests) => manifests.iter().filter_map(|m| m.warning_line()).collect(),
    };
    for warning in warnings {
        output.message(&format!("warning: {warning}"));
    }
}

fn run_input(file: &str, input: &Input, args: &Run, output: &mut Output) -> (Report, Cluster) {
    let options = RunOptions {
        seed: args.seed,
        until: args.until,
        keep_changes: args.snapshots.is_some(),
        trace: if args.trace.is_some() { TraceMode::Full } else { TraceMode::Hash },
    };
    let text = args.output == Format::Text;
    let mut tell = |line: &seatrial::runner::Line| {
        let wanted = matches!(line.kind, LineKind::Print | LineKind::Failure);
        if text && (wanted || !args.quiet) {
            output.line(line);
        }
    };
    let is_heard = text && !args.quiet;
    match input {
        Input::Scenario(scenario) => heard(is_heard, Runner::new(scenario, options, &mut tell)).run(scenario),
        Input::Manifests(manifests) => {
            let builder = Cluster::builder().seed(args.seed.unwrap_or(0)).trace(options.trace);
            heard(is_heard, Runner::with_builder(builder, file, options, &mut tell)).run_manifests(manifests)
        }
    }
}

/// No line is made of changes where nobody reads it.
fn heard(is_heard: bool, runner: Runner<'_>) -> Runner<'_> {
    if is_heard { runner } else { runner.quiet() }
}

fn summary_text(report: &Report, args: &Run, output: &mut Output) {
    for failure in &report.failures {
        output.message(&format!("{}: {}", failure.place, failure.message));
    }
    if let Some(broken) = &report.broken {
        output.message(&format!("{}: {}", broken.place, broken.message));
        output.message(&format!(
            "hint: the same again: seatrial run {} --seed {}",
            args.files.join(" "),
            args.seed.unwrap_or(0)
        ));
    }
    let refused = match report.errors.len() {
        0 => String::new(),
        count => format!(", {count} refused"),
    };
    output.data(&format!(
        "\n{}: {} passed, {} failed{refused} in {} of virtual time (trace {:016x})\n",
        report.name,
        report.passed,
        report.failures.len() + usize::from(report.broken.is_some()),
        GoDuration(report.elapsed),
        report.trace_hash
    ));
}

fn summary_json(report: &Report) -> Value {
    json!({
        "name": report.name,
        "passed": report.passed,
        "failures": report.failures.iter().map(|f| json!({"place": f.place, "time": f.at.as_secs_f64(), "message": f.message})).collect::<Vec<_>>(),
        "broken": report.broken.as_ref().map(|f| f.message.clone()),
        "errors": report.errors.iter().map(|e| e.to_json()).collect::<Vec<_>>(),
        "seconds": report.elapsed.as_secs_f64(),
        "hash": format!("{:016x}", report.trace_hash),
    })
}

fn write_files(args: &Run, report: &Report, cluster: &Cluster) -> Result<(), String> {
    if let Some(dir) = &args.snapshots {
        write_snapshots(&dir.join(&report.name), report)?;
    }
    if let Some(path) = &args.trace {
        let lines: Vec<String> = cluster.trace().map(|r| trace_json(&r).to_string()).collect();
        write(path, &format!("{}\n", lines.join("\n")))?;
    }
    Ok(())
}

fn write_snapshots(dir: &Path, report: &Report) -> Result<(), String> {
    fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    for (name, list) in &report.snapshots {
        write(&dir.join(format!("{name}.json")), &list.to_string())?;
    }
    let errors: Vec<Value> = report.errors.iter().map(|e| e.to_json()).collect();
    write(&dir.join("errors.json"), &json!(errors).to_string())?;
    if !report.responses.is_empty() {
        write(&dir.join("responses.json"), &json!(report.responses).to_string())?;
    }
    let changes: Vec<String> = report.changes.iter().map(|c| format!("{}\n", c.to_json())).collect();
    write(&dir.join("watch.jsonl"), &changes.concat())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn trace_json(record: &seatrial::cluster::TraceRecord) -> Value {
    json!({
        "seq": record.seq,
        "time": record.time.as_secs_f64(),
        "actor": record.actor.name(),
        "what": record.what.name(),
        "object": record.object.as_ref().map(|o| o.to_string()),
        "detail": record.detail,
        "cause": record.cause,
    })
}
