//! docs/scenarios.md holds every key of the scenario file as the schema has it, and examples that are read.
//!
//! `UPDATE_EXPECT=1 cargo test -p seatrial --test scenario_docs` rewrites its tables.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use seatrial::scenario::{self, json_schema};
use serde_json::Value;

fn page() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios.md");
    let text = fs::read_to_string(&path).expect("the page is there");
    (path, text)
}

/// The table of a definition's keys.
fn table(definition: &Value) -> String {
    let required = definition["required"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows = String::from("| key | | meaning |\n| --- | --- | --- |\n");
    for (key, value) in definition["properties"].as_object().into_iter().flatten() {
        let must = if required.contains(&Value::from(key.as_str())) { "required" } else { "" };
        let text = value["description"].as_str().expect("every key is described").replace('|', "\\|");
        rows.push_str(&format!("| `{key}` | {must} | {text} |\n"));
    }
    rows
}

/// A line `<!-- keys: NAME -->` is followed by the table of that definition.
#[test]
fn every_key_is_in_its_table() {
    let schema = json_schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let (path, text) = page();
    let mut actual = String::new();
    let mut seen = Vec::new();
    let mut is_in_table = false;
    for line in text.lines() {
        is_in_table = is_in_table && line.starts_with('|');
        if is_in_table {
            continue;
        }
        actual.push_str(line);
        actual.push('\n');
        let name = line.strip_prefix("<!-- keys: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(name) = name {
            actual.push_str(&table(definitions.get(name).unwrap_or_else(|| panic!("no definition {name}"))));
            seen.push(name.to_owned());
            is_in_table = true;
        }
    }
    expect_file![path].assert_eq(&actual);
    seen.sort();
    let all: Vec<String> = definitions.keys().cloned().collect();
    assert_eq!(seen, all);
}

#[test]
fn every_verb_has_a_section() {
    let schema = json_schema();
    let (_, text) = page();
    for verb in schema["$defs"]["step"]["properties"].as_object().expect("verbs").keys() {
        assert!(text.contains(&format!("\n### `{verb}`\n")), "no section for {verb}");
    }
}

/// Whole files stand as they are; lists of steps and parts of `spec` get a head.
#[test]
fn every_example_is_read() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenario_docs");
    fs::create_dir_all(folder.join("deploy")).expect("the folder is made");
    for file in ["deploy.yaml", "deploy/web.yaml"] {
        fs::write(folder.join(file), "apiVersion: v1\nkind: Pod\n").expect("the file is written");
    }
    let head = "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nspec:\n";
    let (_, text) = page();
    let examples: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(example, _)| example).collect();
    assert!(examples.len() > 20);
    for example in examples {
        let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
        let whole = match example.chars().next() {
            Some('a') if example.starts_with("apiVersion") => example.to_owned(),
            Some('-') => format!("{head}  steps:\n{indented}"),
            _ => format!("{head}  steps: []\n{indented}"),
        };
        if let Err(error) = scenario::parse(&whole, &folder.join("example.yaml").to_string_lossy()) {
            panic!("{error}\n\n{whole}");
        }
    }
}
