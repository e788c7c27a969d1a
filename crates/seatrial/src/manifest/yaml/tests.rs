//! Positions, kubectl's reading of values, and what is refused.

use serde_json::json;

use super::{Dialect, read_documents};
use crate::manifest::node::{Data, Node};

fn positions(node: &Node, path: &str, out: &mut Vec<String>) {
    out.push(format!("{path} {}:{}", node.position.line, node.position.column));
    match &node.data {
        Data::Map(entries) => {
            for entry in entries {
                let key = &entry.key;
                out.push(format!("{path}.{key}: {}:{}", entry.position.line, entry.position.column));
                positions(&entry.node, &format!("{path}.{key}"), out);
            }
        }
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                positions(item, &format!("{path}[{index}]"), out);
            }
        }
        _ => {}
    }
}

#[test]
fn keys_and_values_know_their_place_in_block_and_flow_style() {
    let text = "# comment\na:\n  b: {c: 1, \u{e4}: [x, \"y\"]}\n  d:\n  - e: |\n      long\n    f: 2\n";
    let documents = read_documents(text, Dialect::Manifest).unwrap();
    let mut out = Vec::new();
    positions(&documents[0], "$", &mut out);
    let expected = "\
$ 2:1
$.a: 2:1
$.a 3:3
$.a.b: 3:3
$.a.b 3:6
$.a.b.c: 3:7
$.a.b.c 3:10
$.a.b.\u{e4}: 3:13
$.a.b.\u{e4} 3:16
$.a.b.\u{e4}[0] 3:17
$.a.b.\u{e4}[1] 3:20
$.a.d: 4:3
$.a.d 5:5
$.a.d[0] 5:5
$.a.d[0].e: 5:5
$.a.d[0].e 6:7
$.a.d[0].f: 7:5
$.a.d[0].f 7:8";
    assert_eq!(out.join("\n"), expected);
}

#[test]
fn values_are_kubectls() {
    let text = "a: &x {mode: 0644, yes: no, q: \"0644\", e: 1e3, f: 1.0, g: 0.5}\nb: *x\nc: {<<: *x, mode: 1}\n\
                d: ~\ne:\nf: 'on'\ng: !!str 5\n1: one\ntrue: two\nh: 18446744073709551615\n";
    let documents = read_documents(text, Dialect::Manifest).unwrap();
    let x = json!({"mode": 420, "true": false, "q": "0644", "e": 1000, "f": 1, "g": 0.5});
    let mut merged = x.clone();
    merged["mode"] = json!(1);
    assert_eq!(
        documents[0].to_json(),
        json!({"a": x, "b": x, "c": merged, "d": null, "e": null, "f": "on", "g": "5", "1": "one",
            "true": "two", "h": 18_446_744_073_709_551_615_u64})
    );
}

#[test]
fn documents_are_counted_alike_by_both_readers() {
    for (text, expected) in [
        ("", json!([])),
        ("# nothing\n", json!([])),
        ("---\n", json!([null])),
        ("---\n---\na: 1\n", json!([null, {"a": 1}])),
        ("a: 1\n---\n# empty\n---\nb: 2\n...\n", json!([{"a": 1}, null, {"b": 2}])),
        ("{\"a\": [1, \"b\"]}", json!([{"a": [1, "b"]}])),
    ] {
        let values: Vec<_> = read_documents(text, Dialect::Manifest).unwrap().iter().map(Node::to_json).collect();
        assert_eq!(json!(values), expected, "{text:?}");
    }
    let documents = read_documents("---\n---\na: 1\n", Dialect::Manifest).unwrap();
    assert_eq!(documents[1].position.line, 3);
}

#[test]
fn a_scenario_has_the_booleans_of_yaml_1_2() {
    let documents = read_documents("{n: n, on: yes, t: true, mode: 0644}", Dialect::Scenario).unwrap();
    assert_eq!(documents[0].to_json(), json!({"n": "n", "on": "yes", "t": true, "mode": 420}));
}
