//! Every recorded case is read: its name, its steps, and nothing in it that the schema does not know.

use std::fs;
use std::path::{Path, PathBuf};

use seatrial::manifest::{Input, load_file};
use seatrial::scenario::model::Verb;
use seatrial::scenario::{Scenario, json_schema};
use serde_json::Value;

fn cases(folder: &str) -> Vec<(PathBuf, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/conformance").join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| match load_file(&path.to_string_lossy()) {
            Ok(Input::Scenario(scenario)) => (path, *scenario),
            Ok(Input::Manifests(_)) => panic!("{}: read as manifests", path.display()),
            Err(error) => panic!("{error}"),
        })
        .collect()
}

#[test]
fn every_case_is_read_and_has_its_golden() {
    for (folder, count) in [("", 108), ("api", 39), ("kubelet", 35)] {
        let cases = cases(folder);
        assert_eq!(cases.len(), count, "{folder}");
        for (path, scenario) in cases {
            assert_eq!(Some(scenario.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
            assert!(!scenario.steps.is_empty(), "{}", scenario.name);
            let golden = path.with_file_name("golden").join(format!("{}.json", scenario.name));
            assert!(golden.is_file(), "{}", golden.display());
        }
    }
}

#[test]
fn raw_calls_are_all_there() {
    let count: usize = cases("api")
        .iter()
        .flat_map(|(_, scenario)| &scenario.steps)
        .filter(|step| matches!(step.verb, Verb::Call(_)))
        .count();
    assert_eq!(count, 865);
}

#[test]
fn the_schema_knows_every_key_of_every_case() {
    let schema = json_schema();
    for folder in ["", "api", "kubelet"] {
        for (path, _) in cases(folder) {
            let text = fs::read_to_string(&path).expect("the case is a text file");
            // One case sends a number beyond 64 bits, which no `Value` can hold.
            let text = text.replace("99999999999999999999", "9");
            let value: Value = serde_yaml::from_str(&text).expect("the case is YAML");
            let mut unknown = Vec::new();
            check(&value, &schema, &schema, "$", &mut unknown);
            assert_eq!(unknown, Vec::<String>::new(), "{}", path.display());
        }
    }
}

/// Walks a value along the schema as a validator does, for the words that the schema uses.
fn check(value: &Value, schema: &Value, root: &Value, path: &str, unknown: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let definition = root.pointer(name.trim_start_matches('#')).expect("the definition exists");
        return check(value, definition, root, path, unknown);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = options.iter().any(|option| {
            let mut problems = Vec::new();
            check(value, option, root, path, &mut problems);
            problems.is_empty()
        });
        if !fits {
            unknown.push(format!("{path} fits nothing"));
        }
        return;
    }
    check_type(value, &schema["type"], path, unknown);
    if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.contains(value)) {
        unknown.push(format!("{path} is none of {choices:?}"));
    }
    for (key, child) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => unknown.push(path),
            (Value::Null, Value::Null) => {}
            (Value::Null, other) => check(child, other, root, &path, unknown),
            (property, _) => check(child, property, root, &path, unknown),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            unknown.push(format!("{path} lacks {name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, &format!("{path}[{index}]"), unknown);
    }
}

fn check_type(value: &Value, wanted: &Value, path: &str, unknown: &mut Vec<String>) {
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allows = |name: &Value| name == actual || (name == "number" && actual == "integer");
    let fits = match wanted {
        Value::Null => true,
        Value::Array(names) => names.iter().any(allows),
        name => allows(name),
    };
    if !fits {
        unknown.push(format!("{path} is {actual}, not {wanted}"));
    }
}
