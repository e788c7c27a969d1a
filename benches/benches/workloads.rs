//! Whole workloads at three sizes, with real scheduling on 5,000 nodes of 110 pods: `cargo bench --bench workloads`.
//!
//! Each is run several times; its hash has to be the same every time and is printed, so that nobody makes a workload
//! faster by making it do less.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use seatrial::Error;
use seatrial::bench::{Bench, Work, Workload};
use seatrial_benches::{Samples, growth_exponent};

const NODES: u32 = 5_000;
/// Pods, and how many samples are taken.
const SIZES: [(u32, usize); 3] = [(1_000, 11), (10_000, 5), (150_000, 3)];

fn main() -> Result<(), Error> {
    println!(
        "{:<11} {:>8} {:>10} {:>20} {:>12} {:>7}   hash",
        "workload", "pods", "seconds", "range", "pods/s", "growth"
    );
    for workload in [Workload::Deployment, Workload::Rollout, Workload::Job] {
        let mut smaller = None;
        for (pods, count) in SIZES {
            let mut works: Vec<Work> = Vec::new();
            // A cluster that cannot be made fails here, before anything is timed.
            drop(Bench::prepare(workload, 10, NODES, &|_, _| {})?);
            let samples = Samples::of(
                count,
                || Bench::prepare(workload, pods, NODES, &|_, _| {}),
                |bench| works.extend(bench.as_mut().ok().and_then(|bench| bench.run(&|_, _| {}).ok())),
            );
            let Some(work) = works.first().copied().filter(|_| works.len() == count) else {
                println!("{:<11} {pods:>8} did not end", workload.name());
                continue;
            };
            assert!(works.iter().all(|w| *w == work), "{} of {pods} pods is not the same twice", workload.name());
            let (low, high) = samples.range();
            let size = (f64::from(pods), samples.median());
            let growth = smaller.map_or(String::new(), |s| format!("{:.2}", growth_exponent(s, size)));
            println!(
                "{:<11} {pods:>8} {:>10.3} {:>20} {:>12.0} {growth:>7}   {:016x}",
                workload.name(),
                size.1.as_secs_f64(),
                format!("{:.3}..{:.3}", low.as_secs_f64(), high.as_secs_f64()),
                size.0 / size.1.as_secs_f64(),
                work.hash
            );
            smaller = Some(size);
        }
    }
    Ok(())
}
