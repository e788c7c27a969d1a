//! Whether a run agrees with what Kubernetes did: what differs, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::normalize::{error_text, normalize};

const VARIES: &str = "<varies>";

fn differ(path: &str, want: &Value, got: &Value, out: &mut Vec<String>) {
    if want == VARIES || want == got {
        return;
    }
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            let keys: BTreeSet<&String> = want.keys().chain(got.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (want.get(key), got.get(key)) {
                    (Some(w), Some(g)) => differ(&path, w, g, out),
                    (Some(w), None) if w != VARIES => out.push(format!("{path}: wanted {w}, is absent")),
                    (None, Some(g)) => out.push(format!("{path}: wanted none, is {g}")),
                    _ => {}
                }
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (i, (w, g)) in want.iter().zip(got).enumerate() {
                differ(&format!("{path}[{i}]"), w, g, out);
            }
        }
        _ => out.push(format!("{path}: wanted {want}, is {got}")),
    }
}

fn agrees(want: &Value, got: &Value) -> bool {
    let mut out = Vec::new();
    differ("", want, got, &mut out);
    out.is_empty()
}

/// Two lists of objects: paired by name, equal ones first, so that one odd pod does not shift the others.
fn compare_kind(path: &str, want: &Value, got: &[Value], out: &mut Vec<String>) {
    let Value::Array(want) = want else { return };
    let name = |o: &Value| o.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut groups: BTreeMap<String, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
    want.iter().for_each(|o| groups.entry(name(o)).or_default().0.push(o));
    got.iter().for_each(|o| groups.entry(name(o)).or_default().1.push(o));
    for (name, (want, mut left)) in groups {
        if want.len() != left.len() {
            out.push(format!("{path}/{name}: wanted {} objects, are {}", want.len(), left.len()));
            continue;
        }
        let mut rest = Vec::new();
        for w in want {
            match left.iter().position(|g| agrees(w, g)) {
                Some(index) => drop(left.remove(index)),
                None => rest.push(w),
            }
        }
        for (w, g) in rest.into_iter().zip(left) {
            differ(&format!("{path}/{name}"), w, g, out);
        }
    }
}

fn event_rows(list: &Value) -> BTreeSet<[String; 5]> {
    let row =
        |e: &Value| ["kind", "name", "type", "reason", "message"].map(|k| e[k].as_str().unwrap_or_default().to_owned());
    list.as_array().into_iter().flatten().map(row).collect()
}

fn compare_errors(want: &Value, got: &[Value], out: &mut Vec<String>) {
    let Value::Array(want) = want else { return };
    let row = |e: &Value| {
        let message = error_text(e["message"].as_str().unwrap_or_default());
        (e["step"].clone(), e["verb"].clone(), e["code"].clone(), e["reason"].clone(), message)
    };
    let (want, got): (Vec<_>, Vec<_>) = (want.iter().map(row).collect(), got.iter().map(row).collect());
    if want != got {
        out.push(format!("errors: wanted {want:?}, are {got:?}"));
    }
}

/// What a run differs in from a golden.
pub(crate) fn compare(golden: &Value, snapshots: &[(String, Value)], errors: &[Value]) -> Vec<String> {
    let mut out = Vec::new();
    compare_errors(&golden["errors"], errors, &mut out);
    for (name, want) in golden["snapshots"].as_object().into_iter().flatten() {
        let Some((_, list)) = snapshots.iter().find(|(n, _)| n == name) else {
            out.push(format!("{name}: there is no such snapshot"));
            continue;
        };
        let Value::Object(want) = want else { continue };
        let mut got = normalize(list["items"].as_array().map_or(&[][..], Vec::as_slice));
        if !want.contains_key("Node") {
            got.objects.remove("Node");
        }
        let kinds: BTreeSet<&String> = want.keys().chain(got.objects.keys()).collect();
        for kind in kinds.into_iter().filter(|k| *k != "Event" && *k != "EventMay") {
            let none = Value::Array(Vec::new());
            let mine = got.objects.get(kind).map_or(&[][..], Vec::as_slice);
            compare_kind(&format!("{name}: {kind}"), want.get(kind).unwrap_or(&none), mine, &mut out);
        }
        let must = event_rows(want.get("Event").unwrap_or(&Value::Null));
        let may = event_rows(want.get("EventMay").unwrap_or(&Value::Null));
        out.extend(must.difference(&got.events).map(|e| format!("{name}: event missing: {e:?}")));
        let extra = got.events.iter().filter(|e| !must.contains(*e) && !may.contains(*e));
        out.extend(extra.map(|e| format!("{name}: event too many: {e:?}")));
    }
    out
}
