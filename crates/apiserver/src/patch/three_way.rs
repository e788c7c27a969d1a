//! The patches kubectl computes: what changed between two versions, and what an apply changes.
//!
//! Mirrors apimachinery util/strategicpatch (`CreateTwoWayMergePatch`, `CreateThreeWayMergePatch`) (v1.36).

use seatrial_api::schema::{Field, TypeRef};
use serde_json::{Map, Value, json};

use super::strategic::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, RETAIN_KEYS, SET_ELEMENT_ORDER, struct_of};

/// The patch that makes `modified` of `original`.
pub fn create_two_way_merge_patch(original: &Value, modified: &Value, ty: TypeRef) -> Value {
    Value::Object(diff(object(original), object(modified), Some(ty), Keep::Everything))
}

/// The patch that makes of `current` what `modified` says, and deletes what `original` (the last applied) had and
/// `modified` has no more.
pub fn create_three_way_merge_patch(original: &Value, modified: &Value, current: &Value, ty: TypeRef) -> Value {
    let changes = diff(object(current), object(modified), Some(ty), Keep::AdditionsAndChanges);
    let deletions = diff(object(original), object(modified), Some(ty), Keep::Deletions);
    Value::Object(overlay(deletions, changes, Some(ty)))
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
        changes.insert(RETAIN_KEYS.to_owned(), json!(keys));
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
    if old.is_empty() {
        // All of it is new, in its own order.
        if keep != Keep::Deletions {
            patch.insert(key.to_owned(), json!(new));
        }
        return;
    }
    let Some(merge_key) = field.merge.key.as_deref() else {
        diff_primitives(patch, key, (old, new), keep);
        return;
    };
    let mut items = diff_items((old, new), (field, merge_key), keep);
    if keep != Keep::AdditionsAndChanges {
        let gone = old.iter().filter(|o| !new.iter().any(|n| n.get(merge_key) == o.get(merge_key)));
        items.extend(gone.map(|gone| json!({DIRECTIVE: "delete", merge_key: gone[merge_key]})));
    }
    let ids = |list: &[Value]| -> Vec<Value> { list.iter().map(|item| item[merge_key].clone()).collect() };
    let moved = keep != Keep::Deletions && ids(old) != ids(new);
    if (moved || !items.is_empty()) && !new.is_empty() {
        let order: Vec<Value> = ids(new).into_iter().map(|id| json!({merge_key: id})).collect();
        patch.insert(format!("{SET_ELEMENT_ORDER}{key}"), Value::Array(order));
    }
    if !items.is_empty() {
        patch.insert(key.to_owned(), Value::Array(items));
    }
}

/// The items of a merged list that are new or changed.
fn diff_items((old, new): (&[Value], &[Value]), (field, merge_key): (&'static Field, &str), keep: Keep) -> Vec<Value> {
    let inner = struct_of(&field.ty);
    let mut items = Vec::new();
    for item in new {
        match old.iter().find(|o| o.get(merge_key) == item.get(merge_key)) {
            Some(before) => {
                let mut changes = diff(object(before), object(item), inner, keep);
                if !changes.is_empty() {
                    if field.merge.retain_keys {
                        let keys: Vec<&String> = object(item).keys().collect();
                        changes.insert(RETAIN_KEYS.to_owned(), json!(keys));
                    }
                    changes.insert(merge_key.to_owned(), item[merge_key].clone());
                    items.push(Value::Object(changes));
                }
            }
            None if keep != Keep::Deletions => items.push(item.clone()),
            None => {}
        }
    }
    items
}

fn diff_primitives(patch: &mut Map<String, Value>, key: &str, (old, new): (&[Value], &[Value]), keep: Keep) {
    let added: Vec<&Value> = new.iter().filter(|v| !old.contains(v)).collect();
    let gone: Vec<&Value> = old.iter().filter(|v| !new.contains(v)).collect();
    let deletes = keep != Keep::AdditionsAndChanges && !gone.is_empty();
    let changes = keep != Keep::Deletions && old != new;
    if keep != Keep::Deletions && !added.is_empty() {
        patch.insert(key.to_owned(), json!(added));
    }
    if deletes {
        patch.insert(format!("{DELETE_FROM_PRIMITIVE_LIST}{key}"), json!(gone));
    }
    if (deletes || changes) && !new.is_empty() {
        patch.insert(format!("{SET_ELEMENT_ORDER}{key}"), json!(new));
    }
}

/// Puts one patch over another: objects and merged lists combine.
fn overlay(mut below: Map<String, Value>, above: Map<String, Value>, ty: Option<TypeRef>) -> Map<String, Value> {
    for (key, value) in above {
        let field = ty.and_then(|t| t.field(&key));
        let inner = field.and_then(|f| struct_of(&f.ty));
        let merged = match (below.remove(&key), value) {
            (Some(Value::Object(a)), Value::Object(b)) => Value::Object(overlay(a, b, inner)),
            (Some(Value::Array(a)), Value::Array(b)) => match field.and_then(|f| f.merge.key.as_deref()) {
                Some(merge_key) => Value::Array(overlay_lists(a, b, merge_key, inner)),
                None => Value::Array(b),
            },
            (_, value) => value,
        };
        below.insert(key, merged);
    }
    below
}

/// Items of both lists; those with one key combine. What is to be deleted comes last.
fn overlay_lists(below: Vec<Value>, above: Vec<Value>, merge_key: &str, ty: Option<TypeRef>) -> Vec<Value> {
    let mut merged = above;
    for item in below {
        let there = merged.iter_mut().find(|m| m.get(merge_key) == item.get(merge_key));
        match (there, item) {
            (Some(Value::Object(there)), Value::Object(item)) => *there = overlay(item, std::mem::take(there), ty),
            (_, item) => merged.push(item),
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
        // The order of the list is sent for as long as others have items in it.
        assert_eq!(
            create_three_way_merge_patch(&modified, &modified, &got, ty),
            json!({"$setElementOrder/containers": [{"name": "c"}]})
        );
        assert_eq!(create_three_way_merge_patch(&modified, &modified, &modified, ty), json!({}));
    }

    #[test]
    fn an_apply_deletes_items_and_values_of_lists_that_it_had_set() {
        let ty = type_named("Deployment").expect("Deployment");
        let original = json!({"metadata": {"finalizers": ["x/a", "x/b"]}, "spec": {"template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]}}}});
        let modified = json!({"metadata": {"finalizers": ["x/b"]}, "spec": {"template": {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}}}});
        let current = json!({"metadata": {"finalizers": ["x/a", "x/own", "x/b"]}, "spec": {"template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}, {"name": "own"}]}}}});
        let patch = create_three_way_merge_patch(&original, &modified, &current, ty);
        let want = json!({
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"], "$setElementOrder/finalizers": ["x/b"]},
            "spec": {"template": {"spec": {
                "$setElementOrder/volumes": [{"name": "v"}],
                "volumes": [
                    {"$retainKeys": ["hostPath", "name"], "emptyDir": null, "hostPath": {"path": "/x"}, "name": "v"},
                    {"$patch": "delete", "name": "w"}
                ]
            }}}
        });
        assert_eq!(patch, want);
        let got = apply_strategic_merge_patch(&current, &patch, ty).expect("it applies");
        assert_eq!(got["metadata"]["finalizers"], json!(["x/own", "x/b"]));
        let volumes = json!([{"name": "v", "hostPath": {"path": "/x"}}, {"name": "own"}]);
        assert_eq!(got["spec"]["template"]["spec"]["volumes"], volumes);
    }
}
