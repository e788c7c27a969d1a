//! What is loaded: documents, lists, folders, patterns, and which of the two kinds a file is.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Input, load_file, load_path, parse_manifests};
use crate::scenario::model::Verb;

/// A folder with these files; removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("seatrial-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pod(name: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n")
}

#[test]
fn documents_and_lists_are_taken_apart_with_their_places() {
    let text = "# head\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {on: yes}}\n---\n---\n\
                apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n\
                - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret}]}\n";
    let manifests = parse_manifests(text, "all.yaml").unwrap();
    let rows: Vec<_> =
        manifests.iter().map(|manifest| (manifest.source.to_string(), manifest.object["kind"].clone())).collect();
    assert_eq!(
        rows,
        [
            ("all.yaml:3:1".to_owned(), json!("Pod")),
            ("all.yaml:11:3".to_owned(), json!("Service")),
            ("all.yaml:13:40".to_owned(), json!("Secret")),
        ]
    );
    // As with kubectl, a plain `yes` is a boolean, which the API server will not take for text.
    assert_eq!(manifests[0].object["metadata"]["annotations"], json!({"true": true}));
}

#[test]
fn items_of_a_typed_list_take_its_type() {
    let text = "{apiVersion: apps/v1, kind: DeploymentList, items: [{metadata: {name: a}}]}";
    let manifests = parse_manifests(text, "list.yaml").unwrap();
    assert_eq!(manifests[0].object, json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}));
}

#[test]
fn json_is_read_too() {
    let manifests = parse_manifests("{\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\"}", "a.json").unwrap();
    assert_eq!(manifests[0].object, json!({"apiVersion": "v1", "kind": "Pod"}));
}

#[test]
fn removed_versions_are_converted_with_a_warning() {
    let old = "apiVersion: batch/v1beta1\nkind: CronJob\n";
    let manifests = parse_manifests(old, "cron.yaml").unwrap();
    assert_eq!(manifests[0].object["apiVersion"], json!("batch/v1"));
    assert_eq!(
        manifests[0].warning_line().unwrap(),
        "cron.yaml:1:1: batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob"
    );
}

#[test]
fn a_folder_and_a_pattern_go_by_name() {
    let folder = Folder::new(
        "folder",
        &[
            ("b.yml", &pod("b")),
            ("a.yaml", &pod("a")),
            ("c.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"c\"}}"),
            ("notes.md", "no manifest"),
            ("sub/d.yaml", &pod("d")),
        ],
    );
    for (path, names) in [("", "a b c"), ("*.y*ml", "a b"), ("s*/*.yaml", "d"), ("a.yaml", "a")] {
        let manifests = load_path(&folder.path(path)).unwrap();
        let found: Vec<_> = manifests.iter().filter_map(|one| one.object["metadata"]["name"].as_str()).collect();
        assert_eq!(found.join(" "), names, "{path}");
    }
}

#[test]
fn a_scenario_takes_files_relative_to_itself() {
    let scenario = "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nspec:\n  steps:\n  - apply:\n    \
                    - {file: deploy/*.yaml}\n    - {apiVersion: extensions/v1beta1, kind: Deployment}\n";
    let old = "apiVersion: apps/v1beta2\nkind: Deployment\n";
    let folder = Folder::new("scenario", &[("roll.yaml", scenario), ("deploy/web.yaml", old)]);
    let Input::Scenario(scenario) = load_file(&folder.path("roll.yaml")).unwrap() else {
        panic!("it is a scenario");
    };
    assert_eq!(scenario.name, "roll");
    let Verb::Apply(manifests) = &scenario.steps[0].verb else { panic!("it applies") };
    let versions: Vec<_> = manifests.iter().map(|one| one.object["apiVersion"].clone()).collect();
    // The file's object is converted, the one in the step is the API server's to refuse.
    assert_eq!(versions, [json!("apps/v1"), json!("extensions/v1beta1")]);
    assert_eq!(scenario.warnings.len(), 1);
    assert!(scenario.warnings[0].contains("web.yaml:1:1: apps/v1beta2 Deployment is deprecated"));
    assert!(manifests[1].source.to_string().ends_with("roll.yaml:7:7"));
}

#[test]
fn a_file_without_a_scenario_is_manifests() {
    let text = format!("{}---\n{}", pod("a"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Scenario}\n");
    let folder = Folder::new("plain", &[("all.yaml", &text)]);
    match load_file(&folder.path("all.yaml")).unwrap() {
        Input::Manifests(manifests) => assert_eq!(manifests.len(), 2),
        Input::Scenario(_) => panic!("it holds no scenario"),
    }
}
