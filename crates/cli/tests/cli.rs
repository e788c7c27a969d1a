//! The command as users meet it: its output, its errors and its exit status.

use std::process::{Command, Output};

fn seatrial(args: &[&str]) -> Output {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    Command::new(env!("CARGO_BIN_EXE_seatrial")).args(args).current_dir(root).output().expect("the command starts")
}

fn texts(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Writes a file for a test and gives its path.
fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("seatrial-cli-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("the file is written");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_main_job_shows_what_kubectl_would_show() {
    let (out, err, code) = texts(&seatrial(&["run", "scenarios/course/deployment.yaml"]));
    assert_eq!(code, Some(0), "{err}");
    for wanted in [
        "NAME          READY   UP-TO-DATE   AVAILABLE   AGE\nsuper-front   1/1     1            1           50s\n",
        "deployment.apps/super-front \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n",
        "deployment.apps/super-front \nREVISION  CHANGE-CAUSE\n2         <none>\n3         <none>\n",
        "    Liveness:   tcp-socket :80 delay=168s timeout=1s period=20s #success=1 #failure=3\n",
        "NewReplicaSet:   super-front-6758d476b8 (1/1 replicas created)\n",
        "course-deployment: 13 passed, 0 failed in 2m30.1s of virtual time",
    ] {
        assert!(out.contains(wanted), "{wanted}\n--- is not in ---\n{out}");
    }
    assert!(err.contains("warning: scenarios/course/deploy.yml:1:1: extensions/v1beta1 Deployment"), "{err}");
    let again = texts(&seatrial(&["run", "scenarios/course/deployment.yaml"])).0;
    assert_eq!(out, again, "two processes print the same bytes");
}

#[test]
fn a_plain_manifest_is_applied_and_reported() {
    let (out, _, code) = texts(&seatrial(&["run", "scenarios/course/deploy.yml"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("super-front   1/1     1            1"), "{out}");
}

#[test]
fn exit_status_tells_what_went_wrong() {
    let head = "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {name: t}\nspec:\n";
    let failing = file("failing.yaml", &format!("{head}  steps:\n    - expect: [{{kind: pods, count: 1}}]\n"));
    let broken = file(
        "broken.yaml",
        &format!(
            "{head}  always: [{{name: no pods, target: pods, that: 'false'}}]\n  steps:\n    - create: {{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{{name: c, image: i}}]}}}}\n"
        ),
    );
    let unknown = file("unknown.yaml", &format!("{head}  stepz: []\n"));
    let refused = file(
        "refused.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: P}\nspec: {containers: [{name: c, image: i}]}\n",
    );
    let rows: [(&[&str], i32, &str); 6] = [
        (&["run", &failing], 1, "expected 1 pods, found 0"),
        (&["run", &broken], 3, "invariant broken at 0s: no pods"),
        (&["run", &unknown], 2, "unknown field `stepz`"),
        (&["run", "no-such-file.yaml"], 2, "no-such-file.yaml"),
        (&["why", "scenarios/course/deploy.yml", "gadget/x"], 2, "the server doesn't have a resource type \"gadget\""),
        (&["run", &refused], 1, "Pod \"P\" is invalid: metadata.name: Invalid value: \"P\""),
    ];
    for (args, want, text) in rows {
        let (out, err, code) = texts(&seatrial(args));
        assert_eq!(code, Some(want), "{args:?}\n{out}\n{err}");
        assert!(out.contains(text) || err.contains(text), "{text}\n--- is not in ---\n{out}\n{err}");
    }
}

#[test]
fn why_tells_the_chain_of_causes() {
    let (out, err, code) = texts(&seatrial(&["why", "scenarios/course/deploy.yml", "deployment/super-front"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("deployment.apps/super-front\n"), "{out}");
    assert!(out.contains("deployment-controller changed deployment.apps/super-front"), "{out}");
    assert!(out.contains("because replicaset-controller reconciled"), "{out}");
}

#[test]
fn why_draws_what_led_to_an_object() {
    let (out, err, code) = texts(&seatrial(&["why", "--dot", "scenarios/course/deploy.yml", "deployment/super-front"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("digraph {") && out.contains("a user's call") && out.contains(" -> "), "{out}");
    assert!(out.contains("deployment-controller changed deployment.apps/super-front"), "{out}");
}

#[test]
fn snapshots_hold_what_comparers_read() {
    let dir = std::env::temp_dir().join(format!("seatrial-cli-{}-out", std::process::id()));
    let dir_text = dir.to_string_lossy().into_owned();
    let (_, err, code) =
        texts(&seatrial(&["run", "--quiet", "--snapshots", &dir_text, "scenarios/conformance/dep-zero.yaml"]));
    assert_eq!(code, Some(0), "{err}");
    let read = |name: &str| std::fs::read_to_string(dir.join("dep-zero").join(name)).expect(name);
    assert!(read("created.json").contains("\"kind\":\"List\""));
    assert_eq!(read("errors.json"), "[]");
    let first: serde_json::Value =
        serde_json::from_str(read("watch.jsonl").lines().next().expect("a line")).expect("JSON");
    assert_eq!((first["type"].as_str(), first["object"]["kind"].as_str()), (Some("ADDED"), Some("Deployment")));
}

#[test]
fn schema_and_completions_are_printed() {
    let (schema, _, code) = texts(&seatrial(&["schema"]));
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("the schema is JSON");
    assert!(schema["$schema"].is_string());
    assert!(texts(&seatrial(&["completions", "bash"])).0.contains("seatrial"));
}
