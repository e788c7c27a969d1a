//! `seatrial why`: the chain of causes behind an object's state.

use seatrial::cluster::{TraceMode, TraceRecord, What};
use seatrial::manifest::{Input, load_file};
use seatrial::runner::{RunOptions, Runner};
use seatrial::{Cluster, GoDuration};

use crate::Exit;
use crate::args::Why;
use crate::output::Output;
use crate::run::bad_input;

/// How many causes back the chain is told.
const CHAIN_LENGTH_MAX: usize = 64;

/// Runs the file and tells why the target is as it is.
pub(crate) fn why(args: &Why, output: &mut Output) -> Exit {
    let input = match load_file(&args.file) {
        Ok(input) => input,
        Err(error) => return bad_input(&error, output),
    };
    let options = RunOptions { seed: args.seed, trace: TraceMode::Full, ..RunOptions::default() };
    let mut silent = |_: &seatrial::runner::Line| {};
    let (_, cluster) = match &input {
        Input::Scenario(scenario) => Runner::new(scenario, options, &mut silent).run(scenario),
        Input::Manifests(manifests) => {
            let builder = Cluster::builder().seed(args.seed.unwrap_or(0)).trace(TraceMode::Full);
            Runner::with_builder(builder, &args.file, options, &mut silent).run_manifests(manifests)
        }
    };
    let key = match cluster.resolve(&args.target) {
        Ok(key) => key,
        Err(error) => {
            output.message(&format!("error: {error}"));
            return Exit::BadInput;
        }
    };
    let records: Vec<TraceRecord> = cluster.trace().collect();
    let is_write = |r: &&TraceRecord| matches!(r.what, What::Added | What::Modified | What::Deleted);
    let Some(last) = records.iter().rev().filter(is_write).find(|r| r.object.as_ref() == Some(&key)) else {
        output.message(&format!("error: {key} was never there"));
        return Exit::BadInput;
    };
    output.data(&format!("{key}\n"));
    let mut chain = vec![last];
    while let Some(cause) =
        chain.last().and_then(|r| find(&records, r.cause)).filter(|_| chain.len() < CHAIN_LENGTH_MAX)
    {
        chain.push(cause);
    }
    for (depth, record) in chain.into_iter().enumerate() {
        let arrow = if depth == 0 { "" } else { "because " };
        output.data(&format!("{:>12}  {arrow}{}\n", GoDuration(record.time).to_string(), describe(record)));
    }
    for line in cluster.waiting_on(&key) {
        output.data(&format!("waiting on: {line}\n"));
    }
    Exit::Passed
}

fn find(records: &[TraceRecord], seq: u64) -> Option<&TraceRecord> {
    records.binary_search_by_key(&seq, |r| r.seq).ok().map(|index| &records[index])
}

fn describe(record: &TraceRecord) -> String {
    let object = record.object.as_ref().map_or_else(String::new, |o| format!(" {o}"));
    match record.what {
        What::Call => "a user's call".to_owned(),
        What::Timer => format!("a timer of {} came due", record.actor.name()),
        What::Reconcile => format!("{} reconciled ({} writes)", record.actor.name(), record.detail),
        What::Added => format!("{} created{object}", record.actor.name()),
        What::Modified => format!("{} changed{object}", record.actor.name()),
        What::Deleted => format!("{} removed{object}", record.actor.name()),
    }
}
