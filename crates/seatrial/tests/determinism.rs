//! The same seed gives the same bytes, whatever the build.

use seatrial::Cluster;
use seatrial::runner::{LineKind, RunOptions, Runner};
use seatrial::scenario;

fn hash_of(file: &str, seed: Option<u64>) -> u64 {
    let path = format!("{}/../../scenarios/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the scenario");
    let scenario = scenario::parse(&text, &path).expect("it can be read");
    let mut silent = |_: &seatrial::runner::Line| {};
    let options = RunOptions { seed, ..RunOptions::default() };
    Runner::new(&scenario, options, &mut silent).run(&scenario).0.trace_hash
}

/// The hashes are written out, so that debug and release builds, and every process, are held against the same ones.
#[test]
fn trace_hashes_are_the_same_in_every_build_and_process() {
    let rows = [
        ("course/deployment.yaml", COURSE),
        ("conformance/dep-proportional.yaml", PROPORTIONAL),
        ("conformance/gc-missing-owner.yaml", MISSING_OWNER),
    ];
    let mut moved = Vec::new();
    for (file, want) in rows {
        let got = hash_of(file, None);
        assert_eq!(hash_of(file, None), got, "{file} is not the same twice in one process");
        if got != want {
            moved.push(format!("{file}: {got:#018x}"));
        }
    }
    assert!(moved.is_empty(), "hashes moved:\n{}", moved.join("\n"));
}

const COURSE: u64 = 0x4a89_ee86_2ca3_4866;
const PROPORTIONAL: u64 = 0x0974_35c8_da53_f6df;
const MISSING_OWNER: u64 = 0xaf65_d79d_7e1a_a290;

#[test]
fn another_seed_makes_other_names_and_the_same_outcome() {
    let names = |seed: u64| -> Vec<String> {
        let mut cluster = Cluster::builder().seed(seed).build();
        cluster
            .apply_yaml(
                "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 3, \
                 selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
                 spec: {containers: [{name: c, image: 'app:1'}]}}}}",
            )
            .expect("the API server takes it");
        cluster.settle().expect("it settles");
        assert_eq!(cluster.available("web"), 3);
        cluster.pods().into_iter().filter_map(|p| p.metadata.name).collect()
    };
    assert_eq!(names(1), names(1));
    assert_ne!(names(1), names(2));
    assert_ne!(hash_of("course/deployment.yaml", Some(1)), hash_of("course/deployment.yaml", Some(2)));
}

#[test]
fn a_quiet_run_is_the_same_and_tells_of_no_change() {
    let path = format!("{}/../../scenarios/course/deployment.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the scenario");
    let scenario = scenario::parse(&text, &path).expect("it can be read");
    let run = |is_quiet: bool, keep_changes: bool| {
        let mut kinds = Vec::new();
        let mut keep = |line: &seatrial::runner::Line| kinds.push(line.kind);
        let runner = Runner::new(&scenario, RunOptions { keep_changes, ..RunOptions::default() }, &mut keep);
        let runner = if is_quiet { runner.quiet() } else { runner };
        let report = runner.run(&scenario).0;
        (report.trace_hash, report.passed, report.changes.len(), kinds)
    };
    let (loud, quiet) = (run(false, true), run(true, true));
    assert_eq!((quiet.0, quiet.1, quiet.2), (loud.0, loud.1, loud.2));
    assert!(loud.2 > 0 && quiet.3.len() < loud.3.len());
    assert!(!quiet.3.contains(&LineKind::Happened) && quiet.3.contains(&LineKind::Print), "{:?}", quiet.3);
    let silent = run(true, false);
    assert_eq!((silent.0, silent.2, silent.3), (loud.0, 0, quiet.3));
}
