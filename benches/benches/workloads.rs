//! Times the workloads: `cargo bench`.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::time::Instant;

use seatrial::Error;
use seatrial_benches::{Outcome, deployment, rollout};

type Workload = fn(i32, usize) -> Result<Outcome, Error>;

fn main() -> Result<(), Error> {
    let rows: [(&str, Workload, i32, usize); 4] = [
        ("deployment", deployment, 1_000, 50),
        ("deployment", deployment, 10_000, 200),
        ("rollout", rollout, 1_000, 50),
        ("rollout", rollout, 5_000, 200),
    ];
    println!("{:<12} {:>8} {:>7} {:>10} {:>12}   hash", "workload", "pods", "nodes", "seconds", "pods/s");
    for (name, workload, pods, nodes) in rows {
        let start = Instant::now();
        let outcome = workload(pods, nodes)?;
        let seconds = start.elapsed().as_secs_f64();
        let rate = f64::from(outcome.pods) / seconds;
        println!("{name:<12} {pods:>8} {nodes:>7} {seconds:>10.3} {rate:>12.0}   {:016x}", outcome.hash);
    }
    Ok(())
}
