//! Single operations: `cargo bench --bench operations`.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::time::Duration;

use seatrial::runner::{Line, RunOptions, Runner};
use seatrial::{Cluster, Error, PatchType, scenario};
use seatrial_benches::{Samples, cluster, deployment};

const SAMPLES: usize = 11;

fn main() -> Result<(), Error> {
    println!("{:<58} {:>12} {:>26}", "operation", "median", "range");
    for (name, samples) in [
        ("a reconcile that changes nothing", no_op_reconcile()?),
        ("a write and its delivery (scale, nobody acts)", write()?),
        ("a merge patch", patch()?),
        ("listing a pod as users see it, of 10,000", list()?),
        ("replaying a change of the watch log, of 10,000", watch_replay()?),
        ("one more pod on 5,000 nodes, to its binding", schedule()?),
        ("a scenario of 10 pods, from its text to its report", scenario_of_ten_pods()),
    ] {
        let (low, high) = samples.range();
        println!("{name:<58} {:>12} {:>26}", shown(samples.median()), format!("{}..{}", shown(low), shown(high)));
    }
    Ok(())
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ ..10_000 => format!("{nanos} ns"),
        nanos @ ..10_000_000 => format!("{:.1} us", nanos as f64 / 1e3),
        nanos => format!("{:.1} ms", nanos as f64 / 1e6),
    }
}

fn at_rest(pods: u32, nodes: usize) -> Result<Cluster, Error> {
    let mut cluster = cluster(nodes);
    cluster.create_yaml(&deployment("web", pods))?;
    cluster.settle()?;
    Ok(cluster)
}

fn no_op_reconcile() -> Result<Samples, Error> {
    let mut cluster = at_rest(100, 3)?;
    // A resync is one sync of the Deployment and one of its ReplicaSet.
    let rounds = 10_000;
    let samples = Samples::of(SAMPLES, || (), |()| (0..rounds).for_each(|_| cluster.resync()));
    Ok(samples.each(2 * rounds))
}

/// A cluster in which nobody acts on what is written.
fn passive() -> Result<Cluster, Error> {
    let mut cluster = Cluster::builder().without_controllers().build();
    cluster.create_yaml(&deployment("web", 1))?;
    Ok(cluster)
}

fn write() -> Result<Samples, Error> {
    let mut cluster = passive()?;
    let rounds = 2_000;
    let mut replicas = 0;
    let samples = Samples::of(
        SAMPLES,
        || (),
        |()| {
            for _ in 0..rounds {
                replicas += 1;
                assert!(cluster.scale("deployment/web", replicas).is_ok());
            }
        },
    );
    Ok(samples.each(rounds as u32))
}

fn patch() -> Result<Samples, Error> {
    let mut cluster = passive()?;
    let rounds = 200;
    let mut count = 0;
    let samples = Samples::of(
        SAMPLES,
        || (),
        |()| {
            for _ in 0..rounds {
                count += 1;
                let patch = serde_json::json!({"metadata": {"annotations": {"count": count.to_string()}}});
                assert!(cluster.patch("deployment/web", PatchType::Merge, &patch).is_ok());
            }
        },
    );
    Ok(samples.each(rounds))
}

fn list() -> Result<Samples, Error> {
    let cluster = at_rest(10_000, 120)?;
    Ok(Samples::of(SAMPLES, || (), |()| assert_eq!(cluster.pods().len(), 10_000)).each(10_000))
}

fn watch_replay() -> Result<Samples, Error> {
    let cluster = at_rest(10_000, 120)?;
    let log = cluster.api_server().store().log();
    let from = cluster.write_count() - 9_000;
    let replay = || {
        log.cursor_after(from).map_or(0, |cursor| log.since(cursor).filter(|c| !c.object.to_json().is_null()).count())
    };
    Ok(Samples::of(SAMPLES, || (), |()| assert!(replay() >= 9_000)).each(9_000))
}

fn schedule() -> Result<Samples, Error> {
    let mut cluster = at_rest(100, 5_000)?;
    let mut replicas = 100;
    Ok(Samples::of(
        101,
        || (),
        |()| {
            replicas += 1;
            assert!(cluster.scale("deployment/web", replicas).is_ok());
        },
    ))
}

fn scenario_of_ten_pods() -> Samples {
    let text = format!(
        "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: ten}}\nspec:\n  steps:\n    - create: {}\n    - settle: {{}}\n",
        deployment("web", 10)
    );
    let run = || {
        let scenario = scenario::parse(&text, "ten.yaml").expect("the scenario is well-formed");
        let mut silent = |_: &Line| {};
        let (report, cluster) = Runner::new(&scenario, RunOptions::default(), &mut silent).run(&scenario);
        assert!(report.is_success() && cluster.available("web") == 10);
    };
    Samples::of(SAMPLES, || (), |()| run())
}
