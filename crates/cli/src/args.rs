//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Kubernetes' own workload controllers, nodes and probes in one process, on a clock that skips the waiting.
#[derive(Debug, Parser)]
#[command(name = "seatrial", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios, or apply plain manifests and report what becomes of them
    Run(Run),
    /// Tell the chain of causes behind an object's state, and what it waits for
    Why(Why),
    /// Measure reconcile throughput, of a built-in workload or of any scenario file
    Bench(Bench),
    /// Print the JSON schema of scenario files, for editors
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Scenario or manifest files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The root of all randomness, instead of the scenario's
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// End at this virtual time, as in `90s` or `1h30m`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) until: Option<std::time::Duration>,
    /// No timeline, only what was asked for and what failed
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// How the outcome is written
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// Write snapshots, refused calls and every change to DIR/CASE/
    #[arg(long, value_name = "DIR")]
    pub(crate) snapshots: Option<PathBuf>,
    /// Write every record of the trace, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// A scenario or manifest file
    pub(crate) file: String,
    /// The object, as in `deployment/web`
    pub(crate) target: String,
    /// The root of all randomness, instead of the scenario's
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write all that led to the object as a graph for Graphviz, instead of the chain to its last change
    #[arg(long)]
    pub(crate) dot: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// `deployment`, `rollout`, `noop`, `daemonset`, `statefulset`, `statefulset-ordered`, `job`, `cronjob`, or a scenario or
    /// manifest file
    #[arg(value_name = "WORKLOAD|FILE")]
    pub(crate) workload: String,
    /// How many pods; 10000 where nothing is said
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub(crate) pods: Option<u32>,
    /// How many nodes of 110 pods each; as few as hold the pods and a rollout's surge where nothing is said
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) nodes: Option<u32>,
    /// How the figures are written
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object a run
    Json,
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    seatrial::scenario::parse_duration(text)
        .ok_or_else(|| "wanted a duration such as `90s`, `2m` or `1h30m`".to_owned())
}
