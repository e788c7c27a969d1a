//! For how long a pod may stay on a tainted node.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Taint, Toleration};
use serde_json::{Value, json};

use super::tolerations::{Stay, stay};

fn check(taints: Value, tolerations: Value, want: Stay) {
    let row = format!("{taints} {tolerations}");
    let taints: Vec<Taint> = serde_json::from_value(taints).expect("taints");
    let tolerations: Vec<Toleration> = serde_json::from_value(tolerations).expect("tolerations");
    assert_eq!(stay(&taints, &tolerations), want, "{row}");
}

#[test]
fn the_shortest_of_the_tolerations_that_are_needed_counts() {
    let taint = |key: &str, value: &str| json!({"key": key, "value": value, "effect": "NoExecute"});
    let (a, b) = (taint("a", "1"), taint("b", ""));
    let secs = |s| Stay::For(Duration::from_secs(s));
    let exists = |key: &str| json!({"key": key, "operator": "Exists"});
    let timed = |key: &str, s: i64| json!({"key": key, "operator": "Exists", "tolerationSeconds": s});
    check(json!([a]), json!([]), Stay::NotAtAll);
    check(json!([a]), json!([exists("b")]), Stay::NotAtAll);
    check(json!([a]), json!([exists("a")]), Stay::Forever);
    check(json!([a]), json!([{"operator": "Exists"}]), Stay::Forever);
    check(json!([a]), json!([{"key": "a", "value": "1"}]), Stay::Forever);
    check(json!([a]), json!([{"key": "a", "operator": "Equal", "value": "1", "effect": "NoExecute"}]), Stay::Forever);
    check(json!([a]), json!([{"key": "a", "value": "2"}]), Stay::NotAtAll);
    check(json!([a]), json!([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]), Stay::NotAtAll);
    check(json!([a]), json!([timed("a", 7)]), secs(7));
    // No time at all is no time, and so is less.
    check(json!([a]), json!([timed("a", 0)]), secs(0));
    check(json!([a]), json!([timed("a", -3)]), secs(0));
    // Of two tolerations of one taint the first is used.
    check(json!([a]), json!([timed("a", 7), timed("a", 3)]), secs(7));
    check(json!([a]), json!([exists("a"), timed("a", 3)]), Stay::Forever);
    // Every taint needs one.
    check(json!([a, b]), json!([timed("a", 7), exists("b")]), secs(7));
    check(json!([a, b]), json!([timed("a", 7), timed("b", 5)]), secs(5));
    check(json!([a, b]), json!([timed("a", 7)]), Stay::NotAtAll);
}
