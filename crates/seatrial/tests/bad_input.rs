//! Every way to write a file wrong gives one error: its place, what was wanted, a hint. To the letter.
//!
//! The cases are in `bad_input/*.txt`: `=== NAME`, the file, `--- error`, what the user reads.
//! `UPDATE_EXPECT=1 cargo test -p seatrial --test bad_input` rewrites what they read.

use std::fs;
use std::path::Path;

use expect_test::expect_file;
use seatrial::manifest::{Position, load_file, parse_manifests};
use seatrial::scenario;
use seatrial::scenario::model::Cel;

const HEAD: &str = "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\n";

/// A case: its name and the file.
fn cases(text: &str) -> Vec<(String, String)> {
    text.split("=== ")
        .skip(1)
        .map(|case| {
            let (name, rest) = case.split_once('\n').expect("a name and a file");
            let (input, _) = rest.split_once("--- error\n").expect("a file and an error");
            (name.to_owned(), input.to_owned())
        })
        .collect()
}

/// Runs every case of a file and compares the whole of it.
fn check(file: &str, count_min: usize, read: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_input").join(file);
    let text = fs::read_to_string(&path).expect("the table of cases");
    let cases = cases(&text);
    assert!(cases.len() >= count_min, "{file} has {} cases", cases.len());
    let mut actual = String::new();
    for (name, input) in cases {
        let error = read(&input);
        actual.push_str(&format!("=== {name}\n{input}--- error\n{error}\n\n"));
    }
    expect_file![path].assert_eq(&actual);
}

fn scenario_error(text: &str) -> String {
    match scenario::parse(text, "bad.yaml") {
        Ok(scenario) => panic!("it was read: {scenario:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn scenario_heads() {
    check("heads.txt", 20, scenario_error);
}

#[test]
fn clusters_and_behaviors() {
    check("clusters.txt", 20, scenario_error);
}

#[test]
fn steps() {
    check("steps.txt", 40, scenario_error);
}

#[test]
fn manifests() {
    check("manifests.txt", 10, |text| match parse_manifests(text, "bad.yaml") {
        Ok(manifests) => panic!("it was read: {manifests:?}"),
        Err(error) => error.to_string(),
    });
}

/// Cut and damaged files are refused or read, and nothing else.
#[test]
fn no_text_makes_it_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/conformance");
    for case in ["kubelet/ready-exec.yaml", "dep-pause.yaml", "api/decode.yaml"] {
        let path = folder.join(case);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).take(3000).collect();
        for at in ends.iter().step_by(23) {
            let (head, tail) = text.split_at(*at);
            let _ = scenario::parse(head, "cut.yaml");
            let _ = parse_manifests(tail, "tail.yaml");
            for damage in ["{", "]", "'", "\"", ": ", "- ", "&a ", "*a ", "\t", "!t "] {
                let _ = scenario::parse(&format!("{head}{damage}{tail}"), "damaged.yaml");
            }
        }
    }
    let mut bomb = String::from("a0: &a0 [x]\n");
    for level in 1..40 {
        bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    for text in [&"[".repeat(2_000), &"{a: ".repeat(2_000), &"- ".repeat(2_000), &bomb] {
        assert!(scenario::parse(text, "deep.yaml").is_err());
        assert!(parse_manifests(text, "deep.yaml").is_err());
    }
    let expression =
        "object.spec.replicas >= 3 && has(object.status.x) ? [1, 2u, 'a\u{e4}', b\"x\"][0] : {'a': -1.5e3}.a";
    for (at, _) in expression.char_indices() {
        let (head, tail) = expression.split_at(at);
        for damage in ["", "(", ")", "'", "[", "\u{1f600}", "999999999999999999999", "\\"] {
            let _ = Cel::compile(&format!("{head}{damage}"), Position::new(1, 1));
            let _ = Cel::compile(&format!("{head}{damage}{tail}"), Position::new(1, 1));
        }
    }
    let _ = Cel::compile(&"(".repeat(2_000), Position::new(1, 1));
}

/// A folder with these files, empty at first; removed at the end of the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
            fs::write(file, text).expect("the file is written");
        }
        Self(path)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_string_lossy().into_owned()
    }

    /// The error of a file, without the folder's own path.
    fn error(&self, file: &str) -> String {
        match load_file(&self.path(file)) {
            Ok(input) => panic!("it was read: {input:?}"),
            Err(error) => error.to_string().replace(&self.path(""), ""),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_that_are_not_there_or_not_right() {
    let step = |step: &str| format!("{HEAD}spec:\n  steps:\n  - {step}\n");
    let files = [
        ("missing.yaml", step("apply: {file: deploi.yaml}")),
        ("pattern.yaml", step("create: [{file: \"none/*.yaml\"}]")),
        ("folder.yaml", step("apply: {file: empty}")),
        ("inner.yaml", step("apply: {file: broken.yaml}")),
        ("number.yaml", step("apply: {file: 5}")),
        ("nothing.yaml", step("apply: {file: comment.yaml}")),
        ("deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\n".to_owned()),
        ("broken.yaml", "apiVersion: apps/v1\nkind:\n  - Deployment\n".to_owned()),
        ("comment.yaml", "# nothing here\n".to_owned()),
        ("empty/readme.md", "text".to_owned()),
        ("mixed.yaml", format!("apiVersion: v1\nkind: Pod\n---\n{HEAD}")),
        ("two.yaml", format!("{HEAD}spec: {{steps: []}}\n---\napiVersion: v1\n")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = Folder::new("bad_files", &files);
    fs::write(folder.path("latin.yaml"), [0x61, 0xe4, 0x0a]).expect("the file is written");
    for (file, expected) in [
        ("missing.yaml", "missing.yaml:5:19: there is no file `deploi.yaml`\n\nhint: did you mean `deploy.yaml`?"),
        ("pattern.yaml", "pattern.yaml:5:21: no file matches `none/*.yaml`"),
        (
            "folder.yaml",
            "folder.yaml:5:19: the folder `empty` holds no manifests\n\n\
             hint: their names end in .yaml, .yml or .json",
        ),
        ("inner.yaml", "broken.yaml:3:3: `kind` must be text, not a list"),
        ("number.yaml", "number.yaml:5:19: `file` must be text, not the number `5`"),
        ("nothing.yaml", "nothing.yaml:5:19: `comment.yaml` holds no objects"),
        ("comment.yaml", "comment.yaml: `comment.yaml` holds no objects"),
        ("absent.yaml", "absent.yaml: there is no file `absent.yaml`"),
        ("latin.yaml", "latin.yaml: is not a text file (UTF-8)"),
        (
            "mixed.yaml",
            "mixed.yaml:4:1: a scenario has a file of its own\n\n\
             hint: move the manifests to another file and name it: `apply: {file: NAME}`",
        ),
        (
            "two.yaml",
            "two.yaml:5:1: a scenario file holds one document\n\n\
             hint: put manifests into a file of their own and name it: `apply: {file: NAME}`",
        ),
    ] {
        assert_eq!(folder.error(file), expected);
    }
}
