//! The patches kubectl computes: what changed between two versions, and what an apply changes.
//!
//! Mirrors apimachinery util/strategicpatch (`CreateTwoWayMergePatch`, `CreateThreeWayMergePatch`) (v1.36).

use seatrial_api::schema::{Field, Type, TypeRef};
use serde_json::{Map, Value, json};

/// The patch that makes `modified` of `original`.
pub fn create_two_way_merge_patch(original: &Value, modified: &Value, ty: TypeRef) -> Value {
    Value::Object(diff(object(original), object(modified), Some(ty), Keep::Everything))
}

/// The patch that makes of `current` what `modified` says, and deletes what `original` (the last applied) had and
/// `modified` has no more.
pub fn create_three_way_merge_patch(original: &Value, modified: &Value, current: &Value, ty: TypeRef) -> Value {
    let changes = diff(object(current), object(modified), Some(ty), Keep::AdditionsAndChanges);
    let deletions = diff(object(original), object(modified), Some(ty), Keep::Deletions);
    Value::Object(overlay(deletions, changes))
}

/// Which differences a patch holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Everything,
    AdditionsAndChanges,
    Deletions,
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or(&EMPTY)
}

fn struct_of(ty: &Type) -> Option<TypeRef> {
    match ty.target() {
        Type::Struct(inner) => Some(*inner),
        Type::Slice(item) => struct_of(item),
        _ => None,
    }
}

fn diff(from: &Map<String, Value>, to: &Map<String, Value>, ty: Option<TypeRef>, keep: Keep) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, new) in to {
        let field = ty.and_then(|t| t.field(key));
        match from.get(key) {
            Some(old) => diff_value(&mut patch, key, (old, new), field, keep),
            None if keep != Keep::Deletions && !new.is_null() => {
                patch.insert(key.clone(), new.clone());
                retain_keys(&mut patch, key, new, field);
            }
            None => {}
        }
    }
    if keep != Keep::AdditionsAndChanges {
        for key in from.keys().filter(|key| !to.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    patch
}

fn diff_value(
    patch: &mut Map<String, Value>,
    key: &str,
    (old, new): (&Value, &Value),
    field: Option<&'static Field>,
    keep: Keep,
) {
    if old == new {
        return;
    }
    let inner = field.and_then(|f| struct_of(&f.ty));
    match (old, new) {
        (Value::Object(old), Value::Object(changed)) => {
            let changes = diff(old, changed, inner, keep);
            if !changes.is_empty() {
                patch.insert(key.to_owned(), Value::Object(changes));
                retain_keys(patch, key, new, field);
            }
        }
        (Value::Array(old), Value::Array(new)) => diff_list(patch, key, (old, new), field, keep),
        _ if keep != Keep::Deletions => {
            patch.insert(key.to_owned(), new.clone());
        }
        _ => {}
    }
}

/// A field that keeps only named keys sends their names.
fn retain_keys(patch: &mut Map<String, Value>, key: &str, new: &Value, field: Option<&'static Field>) {
    let Some(Value::Object(changes)) = patch.get_mut(key) else { return };
    if field.is_some_and(|f| f.merge.retain_keys && f.merge.key.is_none()) {
        let keys: Vec<&String> = object(new).keys().collect();
        changes.insert("$retainKeys".to_owned(), json!(keys));
    }
}

fn diff_list(
    patch: &mut Map<String, Value>,
    key: &str,
    (old, new): (&[Value], &[Value]),
    field: Option<&'static Field>,
    keep: Keep,
) {
    let Some(field) = field.filter(|f| f.merge.merge) else {
        if keep != Keep::Deletions {
            patch.insert(key.to_owned(), json!(new));
        }
        return;
    };
    let Some(merge_key) = field.merge.key.as_deref() else {
        diff_primitives(patch, key, (old, new), keep);
        return;
    };
    let inner = struct_of(&field.ty);
    let same = |a: &Value, b: &Value| a.get(merge_key) == b.get(merge_key);
    let mut items = Vec::new();
    for item in new {
        match old.iter().find(|o| same(o, item)) {
            Some(before) => {
                let mut changes = diff(object(before), object(item), inner, keep);
                if !changes.is_empty() {
                    if field.merge.retain_keys {
                        let keys: Vec<&String> = object(item).keys().collect();
                        changes.insert("$retainKeys".to_owned(), json!(keys));
                    }
                    changes.insert(merge_key.to_owned(), item[merge_key].clone());
                    items.push(Value::Object(changes));
                }
            }
            None if keep != Keep::Deletions => items.push(item.clone()),
            None => {}
        }
    }
    if keep != Keep::AdditionsAndChanges {
        for gone in old.iter().filter(|o| !new.iter().any(|n| same(o, n))) {
            items.push(json!({"$patch": "delete", merge_key: gone[merge_key]}));
        }
    }
    if !items.is_empty() {
        let order: Vec<Value> = new.iter().map(|item| json!({merge_key: item[merge_key]})).collect();
        patch.insert(key.to_owned(), Value::Array(items));
        patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
    }
}

fn diff_primitives(patch: &mut Map<String, Value>, key: &str, (old, new): (&[Value], &[Value]), keep: Keep) {
    let added: Vec<&Value> = new.iter().filter(|v| !old.contains(v)).collect();
    let gone: Vec<&Value> = old.iter().filter(|v| !new.contains(v)).collect();
    let (adds, deletes) =
        (keep != Keep::Deletions && !added.is_empty(), keep != Keep::AdditionsAndChanges && !gone.is_empty());
    if adds {
        patch.insert(key.to_owned(), json!(added));
    }
    if deletes {
        patch.insert(format!("$deleteFromPrimitiveList/{key}"), json!(gone));
    }
    if adds || deletes {
        patch.insert(format!("$setElementOrder/{key}"), json!(new));
    }
}

/// Puts one patch over another: objects and merged lists combine.
fn overlay(mut below: Map<String, Value>, above: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in above {
        let merged = match (below.remove(&key), value) {
            (Some(Value::Object(a)), Value::Object(b)) => Value::Object(overlay(a, b)),
            (Some(Value::Array(a)), Value::Array(b)) if !key.starts_with('$') => Value::Array(overlay_lists(a, b)),
            (_, value) => value,
        };
        below.insert(key, merged);
    }
    below
}

/// Items of both lists; one that is in both under the same identity combines.
fn overlay_lists(below: Vec<Value>, above: Vec<Value>) -> Vec<Value> {
    let mut merged = above;
    for item in below {
        let identity = |v: &Value| -> Vec<(String, Value)> {
            let keys = ["name", "containerPort", "mountPath", "devicePath", "ip", "topologyKey", "uid", "type", "port"];
            keys.iter().filter_map(|k| Some(((*k).to_owned(), v.get(*k)?.clone()))).take(1).collect()
        };
        let id = identity(&item);
        match merged.iter_mut().find(|m| !id.is_empty() && identity(m) == id) {
            Some(Value::Object(there)) => {
                if let Value::Object(item) = item {
                    *there = overlay(item, std::mem::take(there));
                }
            }
            _ => merged.push(item),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::apply_strategic_merge_patch;
    use super::*;
    use seatrial_api::schema::type_named;

    #[test]
    fn a_two_way_patch_makes_the_second_of_the_first() {
        let ty = type_named("PodSpec").expect("PodSpec");
        let versions = [
            json!({"containers": [{"name": "a", "image": "1", "ports": [{"containerPort": 80}]}], "volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"containers": [{"name": "b", "image": "2"}, {"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}]}], "nodeSelector": {"k": "v"}}),
            json!({"containers": [{"name": "a", "image": "2"}], "volumes": [{"name": "v", "hostPath": {"path": "/x"}}], "tolerations": [{"key": "t"}]}),
        ];
        for from in &versions {
            for to in &versions {
                let patch = create_two_way_merge_patch(from, to, ty);
                let got = apply_strategic_merge_patch(from, &patch, ty).expect("it applies");
                let want = to.as_object().expect("a map").iter();
                // A list that lost its last item may stay behind empty, which storage drops.
                for (key, value) in want {
                    assert_eq!(got.get(key), Some(value), "{key} of {got} after {patch}");
                }
            }
        }
    }

    #[test]
    fn an_apply_keeps_what_others_set_and_drops_what_it_had_set() {
        let ty = type_named("PodSpec").expect("PodSpec");
        let original = json!({"nodeSelector": {"a": "1"}, "containers": [{"name": "c", "image": "1", "env": [{"name": "X", "value": "1"}]}]});
        let modified = json!({"containers": [{"name": "c", "image": "2"}]});
        let current = json!({"nodeSelector": {"a": "1"}, "hostname": "h", "containers": [{"name": "c", "image": "1", "env": [{"name": "X", "value": "1"}], "tty": true}, {"name": "injected"}]});
        let patch = create_three_way_merge_patch(&original, &modified, &current, ty);
        let got = apply_strategic_merge_patch(&current, &patch, ty).expect("it applies");
        assert_eq!(
            got,
            json!({"hostname": "h", "containers": [{"name": "c", "image": "2", "tty": true}, {"name": "injected"}]})
        );
        assert_eq!(create_three_way_merge_patch(&modified, &modified, &got, ty), json!({}));
    }
}
