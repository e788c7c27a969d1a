//! Which volume a claim gets, one row a rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_api::{PersistentVolume, PersistentVolumeClaim, Resource, Str};
use serde_json::{Value, json};

use super::VolumeIndex;

fn volume(name: &str, size: &str, modes: &[&str], more: &Value) -> Arc<PersistentVolume> {
    let mut value = json!({"metadata": {"name": name}, "status": {"phase": "Available"},
        "spec": {"capacity": {"storage": size}, "accessModes": modes}});
    merge(&mut value, more);
    Arc::new(PersistentVolume::from_api_object(serde_json::from_value(value).unwrap()).unwrap())
}

fn claim(size: &str, modes: &[&str], more: &Value) -> PersistentVolumeClaim {
    let mut value = json!({"metadata": {"name": "data", "namespace": "default", "uid": "u-1"},
        "spec": {"accessModes": modes, "resources": {"requests": {"storage": size}}}});
    merge(&mut value, more);
    PersistentVolumeClaim::from_api_object(serde_json::from_value(value).unwrap()).unwrap()
}

fn merge(value: &mut Value, more: &Value) {
    match (value, more) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, more) in b {
                merge(a.entry(key).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more.clone(),
    }
}

const ONCE: &[&str] = &["ReadWriteOnce"];
const BOTH: &[&str] = &["ReadWriteOnce", "ReadWriteMany"];

/// What is tried, the volumes by name, size, modes and more, what else the claim of 3Gi says, and what it gets.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str, &'a [&'a str], Value)], Value, Option<&'a str>);

fn check(rows: &[Row<'_>], waits: bool) {
    for (what, volumes, more, want) in rows {
        let mut index = VolumeIndex::default();
        for (name, size, modes, more) in *volumes {
            index.apply(None, Some(&volume(name, size, modes, more)));
        }
        let claim = claim("3Gi", ONCE, more);
        let best = index.best_match(&claim, waits).map(|v| v.meta.name.to_string());
        assert_eq!(best.as_deref(), *want, "{what}");
    }
}

fn names_claim(uid: &str) -> Value {
    json!({"spec": {"claimRef": {"namespace": "default", "name": "data", "uid": uid}}})
}

#[test]
fn of_free_volumes_those_of_the_fewest_modes_and_the_smallest_of_them() {
    let none = || json!({});
    let spec = |key: &str, value: &str| json!({ "spec": { key: value } });
    let gold = json!({"spec": {"selector": {"matchLabels": {"tier": "gold"}}}});
    let labelled = json!({"metadata": {"labels": {"tier": "gold"}}});
    let going = json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}});
    let many = json!({"spec": {"accessModes": ["ReadWriteMany"]}});
    let three = [("a", "1Gi", ONCE, none()), ("b", "10Gi", ONCE, none()), ("c", "5Gi", ONCE, none())];
    let rows: [Row<'_>; 10] = [
        ("the smallest that is large enough", &three, none(), Some("c")),
        ("fewer modes", &[("a", "3Gi", BOTH, none()), ("b", "9Gi", ONCE, none())], none(), Some("b")),
        ("all modes", &[("a", "3Gi", ONCE, none())], many, None),
        ("another class", &[("a", "3Gi", ONCE, spec("storageClassName", "x"))], none(), None),
        ("another mode", &[("a", "3Gi", ONCE, spec("volumeMode", "Block"))], none(), None),
        ("other attributes", &[("a", "3Gi", ONCE, spec("volumeAttributesClassName", "gold"))], none(), None),
        ("another phase", &[("a", "3Gi", ONCE, json!({"status": {"phase": "Released"}}))], none(), None),
        ("one on its way out", &[("a", "3Gi", ONCE, going)], none(), None),
        ("by labels", &[("a", "3Gi", ONCE, none()), ("b", "9Gi", ONCE, labelled)], gold, Some("b")),
        (
            "sizes are compared exactly",
            &[("a", "3221225471999m", ONCE, none()), ("b", "3221225472001m", ONCE, none())],
            none(),
            Some("b"),
        ),
    ];
    check(&rows, false);
    check(&[("a claim that waits for its pod", &three, none(), None)], true);
}

#[test]
fn a_volume_that_names_the_claim_comes_first_among_those_of_as_many_modes() {
    let none = || json!({});
    let (larger, selective) = (
        [("a", "3Gi", ONCE, none()), ("b", "9Gi", ONCE, names_claim(""))],
        json!({"spec": {"storageClassName": "x", "selector": {"matchLabels": {"a": "b"}}}}),
    );
    let rows: [Row<'_>; 5] = [
        ("larger as it is", &larger, none(), Some("b")),
        ("fewer modes", &[("a", "3Gi", ONCE, none()), ("b", "9Gi", BOTH, names_claim(""))], none(), Some("a")),
        ("an earlier claim of the name", &[("a", "3Gi", ONCE, names_claim("u-0"))], none(), None),
        ("class and selector", &[("a", "3Gi", ONCE, names_claim("u-1"))], selective, Some("a")),
        ("too small", &[("a", "2Gi", ONCE, names_claim("u-1"))], none(), None),
    ];
    check(&rows, false);
    check(&[("also for a claim that waits for its pod", &larger, none(), Some("b"))], true);
}

#[test]
fn a_node_takes_the_smallest_it_can_use_whatever_its_modes() {
    let none = json!({});
    let volumes = [volume("a", "3Gi", BOTH, &none), volume("b", "9Gi", ONCE, &none), volume("c", "4Gi", ONCE, &none)];
    let mut index = VolumeIndex::default();
    volumes.iter().for_each(|v| index.apply(None, Some(v)));
    let claim = claim("3Gi", ONCE, &none);
    let pick = |unusable: &str, excluded: &[&str]| {
        let excluded: BTreeSet<Str> = excluded.iter().map(|name| Str::from(*name)).collect();
        let found = index.best_match_for_node(&claim, |v| v.meta.name != *unusable, &excluded);
        found.map(|v| v.meta.name.to_string())
    };
    assert_eq!(pick("", &[]).as_deref(), Some("a"));
    assert_eq!(pick("a", &[]).as_deref(), Some("c"));
    assert_eq!(pick("a", &["c"]).as_deref(), Some("b"));
    assert_eq!(pick("a", &["b", "c"]), None);
}

#[test]
fn a_volume_is_found_where_it_is_now() {
    let none = json!({});
    let free = volume("a", "3Gi", ONCE, &none);
    let taken = volume("a", "3Gi", ONCE, &json!({"spec": {"claimRef": {"namespace": "x", "name": "y"}}}));
    let claim = claim("3Gi", ONCE, &none);
    let mut index = VolumeIndex::default();
    index.apply(None, Some(&free));
    index.apply(Some(&free), Some(&taken));
    assert!(index.best_match(&claim, false).is_none());
    index.apply(Some(&taken), Some(&free));
    assert!(index.best_match(&claim, false).is_some());
    index.apply(Some(&free), None);
    assert!(index.best_match(&claim, false).is_none() && index.unclaimed.is_empty() && index.claimed.is_empty());
}
