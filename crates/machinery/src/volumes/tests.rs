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
const MANY: &[&str] = &["ReadWriteMany"];
const BOTH: &[&str] = &["ReadWriteOnce", "ReadWriteMany"];

fn best(volumes: &[Arc<PersistentVolume>], claim: &PersistentVolumeClaim, waits: bool) -> Option<String> {
    let mut index = VolumeIndex::default();
    volumes.iter().for_each(|v| index.apply(None, Some(v)));
    index.best_match(claim, waits).map(|v| v.meta.name.to_string())
}

#[test]
fn fewest_modes_then_a_volume_that_names_the_claim_then_the_smallest() {
    let none = json!({});
    let to = |uid: &str| json!({"spec": {"claimRef": {"namespace": "default", "name": "data", "uid": uid}}});
    let spec = |spec: Value| json!({ "spec": spec });
    let rows: Vec<(&str, Vec<Arc<PersistentVolume>>, PersistentVolumeClaim, bool, Option<&str>)> = vec![
        (
            "the smallest that is large enough",
            vec![volume("a", "1Gi", ONCE, &none), volume("b", "10Gi", ONCE, &none), volume("c", "5Gi", ONCE, &none)],
            claim("3Gi", ONCE, &none),
            false,
            Some("c"),
        ),
        (
            "fewer modes beat a smaller size",
            vec![volume("a", "3Gi", BOTH, &none), volume("b", "9Gi", ONCE, &none)],
            claim("3Gi", ONCE, &none),
            false,
            Some("b"),
        ),
        ("all modes", vec![volume("a", "3Gi", ONCE, &none)], claim("1Gi", MANY, &none), false, None),
        (
            "the one that names the claim, larger as it is",
            vec![volume("a", "3Gi", ONCE, &none), volume("b", "9Gi", ONCE, &to(""))],
            claim("3Gi", ONCE, &none),
            false,
            Some("b"),
        ),
        (
            "but not before one of fewer modes",
            vec![volume("a", "3Gi", ONCE, &none), volume("b", "9Gi", BOTH, &to(""))],
            claim("3Gi", ONCE, &none),
            false,
            Some("a"),
        ),
        (
            "one that names an earlier claim of the name is nobody's",
            vec![volume("a", "3Gi", ONCE, &to("u-0"))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "class and selector do not matter to one that names the claim",
            vec![volume("a", "3Gi", ONCE, &to("u-1"))],
            claim("3Gi", ONCE, &spec(json!({"storageClassName": "x", "selector": {"matchLabels": {"a": "b"}}}))),
            false,
            Some("a"),
        ),
        ("size does", vec![volume("a", "2Gi", ONCE, &to("u-1"))], claim("3Gi", ONCE, &none), false, None),
        (
            "a claim that waits gets the one that names it",
            vec![volume("a", "3Gi", ONCE, &none), volume("b", "9Gi", ONCE, &to(""))],
            claim("3Gi", ONCE, &none),
            true,
            Some("b"),
        ),
        ("and no other", vec![volume("a", "3Gi", ONCE, &none)], claim("3Gi", ONCE, &none), true, None),
        (
            "another class",
            vec![volume("a", "3Gi", ONCE, &spec(json!({"storageClassName": "x"})))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "another volume mode",
            vec![volume("a", "3Gi", ONCE, &spec(json!({"volumeMode": "Block"})))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "another attributes class",
            vec![volume("a", "3Gi", ONCE, &spec(json!({"volumeAttributesClassName": "gold"})))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "another phase",
            vec![volume("a", "3Gi", ONCE, &json!({"status": {"phase": "Released"}}))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "one on its way out",
            vec![volume("a", "3Gi", ONCE, &json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}))],
            claim("3Gi", ONCE, &none),
            false,
            None,
        ),
        (
            "labels by the selector",
            vec![
                volume("a", "3Gi", ONCE, &none),
                volume("b", "9Gi", ONCE, &json!({"metadata": {"labels": {"tier": "gold"}}})),
            ],
            claim("3Gi", ONCE, &spec(json!({"selector": {"matchLabels": {"tier": "gold"}}}))),
            false,
            Some("b"),
        ),
        (
            "sizes are compared exactly",
            vec![volume("a", "1000m", ONCE, &none), volume("b", "1500m", ONCE, &none)],
            claim("1200m", ONCE, &none),
            false,
            Some("b"),
        ),
    ];
    for (what, volumes, claim, waits, want) in rows {
        assert_eq!(best(&volumes, &claim, waits).as_deref(), want, "{what}");
    }
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
