//! The `seatrial` command: runs scenarios and manifests against a simulated Kubernetes cluster.

mod args;
mod bench;
mod output;
mod run;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};
use crate::output::Output;

/// A simulation makes and lets go of small objects all the time: a sixth of it was the platform's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything held.
    Passed = 0,
    /// An expectation failed.
    Failed = 1,
    /// The input is bad; nothing was run.
    BadInput = 2,
    /// An invariant broke, or a run was not deterministic.
    Broken = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut output = Output::of_process();
    let exit = match args.command {
        Command::Run(run) => run::run(&run, &mut output),
        Command::Why(why) => why::why(&why, &mut output),
        Command::Bench(bench) => bench::bench(&bench, &mut output),
        Command::Schema => {
            output.data(&format!("{:#}\n", seatrial::scenario::json_schema()));
            Exit::Passed
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "seatrial", &mut text);
            output.data(&String::from_utf8_lossy(&text));
            Exit::Passed
        }
    };
    exit.into()
}
