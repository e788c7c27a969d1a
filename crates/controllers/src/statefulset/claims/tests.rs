//! Who owns a claim, and who is to. The rows follow upstream's TestIsClaimOwnerUpToDate, TestHasUnexpectedController,
//! TestHasNonController and TestUpdateClaimOwnerRefForSetAndPod.

use seatrial_api::{OwnerReferences, Pod, Resource, StatefulSet};
use serde_json::{Value, json};

use super::{Claims, Owning};

fn typed<R: Resource>(value: Value) -> R {
    R::from_api_object(serde_json::from_value(value).expect("valid")).expect("valid")
}

const SET: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const POD: &str = "aaaaaaaa-0000-0000-0000-000000000002";
const OTHER: &str = "aaaaaaaa-0000-0000-0000-000000000003";

fn set(deleted: &str, scaled: &str) -> StatefulSet {
    typed(json!({"metadata": {"name": "web", "namespace": "default", "uid": SET}, "spec": {
        "replicas": 1, "serviceName": "", "selector": {"matchLabels": {"app": "web"}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}}))
}

/// One of: `set`, `pod`, `set-` and `pod-` that do not control, `old` and `oldpod` of the same names, `ctl` and `ref` of others.
fn references(short: &str) -> OwnerReferences {
    let reference = |short: &str| {
        let (api, kind, name, uid, controls) = match short {
            "set" => ("apps/v1", "StatefulSet", "web", SET, true),
            "set-" => ("apps/v1", "StatefulSet", "web", SET, false),
            "pod" => ("v1", "Pod", "web-0", POD, true),
            "pod-" => ("v1", "Pod", "web-0", POD, false),
            "old" => ("apps/v1", "StatefulSet", "web", OTHER, true),
            "oldpod" => ("v1", "Pod", "web-0", OTHER, true),
            "ctl" => ("example.com/v1", "Thing", "x", OTHER, true),
            _ => ("example.com/v1", "Thing", "x", OTHER, false),
        };
        json!({"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": controls, "blockOwnerDeletion": true})
    };
    let pod = json!({"metadata": {"name": "p", "ownerReferences": short.split_whitespace().map(reference).collect::<Vec<_>>()},
        "spec": {"containers": []}});
    typed::<Pod>(pod).meta.owner_references
}

fn short(references: &OwnerReferences) -> String {
    let names = ["set", "pod", "set-", "pod-", "old", "oldpod", "ctl", "ref"];
    let all: Vec<&str> = references
        .iter()
        .map(|r| {
            let is = |name: &&&str| {
                self::references(name)
                    .iter()
                    .all(|o| (o.uid == r.uid, &o.name, o.controller) == (true, &r.name, r.controller))
            };
            *names.iter().find(is).expect("one of those")
        })
        .collect();
    all.join(" ")
}

#[test]
fn the_owners_of_claims_follow_the_policy() {
    const R: &str = "Retain";
    const D: &str = "Delete";
    // whenDeleted, whenScaled, the pod, the owners; whether another controls the claim, and the owners to be.
    let rows = [
        (R, R, "web-0", "", false, ""),
        (R, R, "web-0", "set", false, ""),
        (R, R, "web-0", "pod", false, ""),
        (R, R, "web-0", "ctl", false, "ctl"),
        (R, R, "web-0", "ctl set ref", false, "ctl ref"),
        (R, R, "web-0", "old", false, "old"),
        (D, R, "web-0", "", false, "set"),
        (D, R, "web-0", "set ref", false, "set ref"),
        (D, R, "web-0", "ref set-", false, "ref set"),
        (D, R, "web-0", "pod", false, "set"),
        (D, R, "web-0", "ctl", true, "ctl"),
        (D, R, "web-0", "set ctl", true, "ctl"),
        (D, R, "web-0", "old", true, "old"),
        (D, R, "web-0", "oldpod", true, "oldpod"),
        (D, R, "web-0", "set oldpod", true, "set oldpod"),
        (D, R, "web-5", "set", false, "set"),
        (R, D, "web-0", "", false, ""),
        (R, D, "web-0", "set", false, ""),
        (R, D, "web-0", "ctl", true, "ctl"),
        (D, D, "web-0", "", false, "set"),
        (D, D, "web-0", "set pod", false, "set"),
    ];
    for (deleted, scaled, name, before, conflicts, after) in rows {
        let row = format!("{deleted} {scaled} {name} {before:?}");
        let set = set(deleted, scaled);
        let pod: Pod =
            typed(json!({"metadata": {"name": name, "namespace": "default", "uid": POD}, "spec": {"containers": []}}));
        let claims = Claims::of(&set);
        let owning = Owning::of(&set, &claims, &pod).expect("a member");
        let references = references(before);
        assert_eq!(owning.has_unexpected_controller(&references), conflicts, "{row}");
        let found = if owning.is_up_to_date(&references) { references } else { owning.owners(&references) };
        assert_eq!(short(&found), after, "{row}");
        assert!(owning.is_up_to_date(&found), "{row}: what was written stays");
    }
}

#[test]
fn the_claims_of_a_pod_out_of_range_are_its_own() {
    let pod: Pod =
        typed(json!({"metadata": {"name": "web-5", "namespace": "default", "uid": POD}, "spec": {"containers": []}}));
    for (deleted, scaled, wants_pod) in
        [("Retain", "Delete", true), ("Delete", "Delete", true), ("Delete", "Retain", false)]
    {
        let set = set(deleted, scaled);
        let claims = Claims::of(&set);
        let owning = Owning::of(&set, &claims, &pod).expect("a member");
        let owners = owning.owners(&references("set ref"));
        let want = if wants_pod { ("Pod", POD) } else { ("StatefulSet", SET) };
        let last = owners.iter().last().expect("an owner");
        assert_eq!((last.kind.as_str(), last.uid.to_string().as_str()), want, "{deleted} {scaled}");
        assert_eq!((owners.len(), last.controller), (2, Some(true)));
    }
}
