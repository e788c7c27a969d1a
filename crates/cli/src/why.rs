//! `seatrial why`: the chain of causes behind an object's state.

use seatrial::cluster::TraceMode;
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
    let causes = cluster.cause_graph();
    let Some(last) = causes.last_write(&key) else {
        output.message(&format!("error: {key} was never there"));
        return Exit::BadInput;
    };
    if args.dot {
        output.data(&causes.leading_to(&key).to_dot());
        return Exit::Passed;
    }
    output.data(&format!("{key}\n"));
    for (depth, record) in causes.chain(last).take(CHAIN_LENGTH_MAX).enumerate() {
        let arrow = if depth == 0 { "" } else { "because " };
        output.data(&format!("{:>12}  {arrow}{record}\n", GoDuration(record.time).to_string()));
    }
    for line in cluster.waiting_on(&key) {
        output.data(&format!("waiting on: {line}\n"));
    }
    Exit::Passed
}
