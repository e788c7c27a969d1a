//! Ownership through the server: one story a rule.

use serde_json::{Value, json};

use seatrial_api::{ApiError, Kind, ObjectKey, Time};

use crate::patch::PatchType;
use crate::{ApiServer, ApiServerOptions, Body, RequestInfo, Subresource};

struct Story {
    server: ApiServer,
    seconds: i64,
}

fn key() -> ObjectKey {
    ObjectKey::new(Kind::Deployment, "default", "d")
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})
}

fn full(replicas: i64) -> Value {
    deployment(json!({"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}}))
}

impl Story {
    fn new() -> Self {
        let mut story =
            Self { server: ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() }), seconds: 0 };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
        let request = story.request("setup");
        story.server.create_json(&request, Kind::Namespace, "", &Body::from(namespace)).expect("a namespace");
        story
    }

    /// A request, one second after the last.
    fn request<'a>(&mut self, manager: &'a str) -> RequestInfo<'a> {
        self.seconds += 1;
        RequestInfo::new(Time::from_unix(self.seconds), manager)
    }

    fn create(&mut self, manager: &str, body: Value) {
        let request = self.request(manager);
        self.server.create_json(&request, Kind::Deployment, "default", &Body::from(body)).expect("it is valid");
    }

    fn apply(&mut self, manager: &str, config: Value, force: bool) -> Result<(), ApiError> {
        let request = RequestInfo { force, ..self.request(manager) };
        let patch = (PatchType::Apply, &Body::from(config));
        self.server.patch_body(&request, &key(), Subresource::Main, patch).map(|_| ())
    }

    fn merge(&mut self, manager: &str, patch: Value) {
        let request = self.request(manager);
        let patch = (PatchType::Merge, &Body::from(patch));
        self.server.patch_body(&request, &key(), Subresource::Main, patch).expect("it applies");
    }

    fn object(&self) -> Value {
        self.server.store().get(&key()).expect("the deployment").to_json()
    }

    /// `MANAGER OPERATION` and the fields of each entry.
    fn owners(&self) -> Vec<(String, Value)> {
        let object = self.object();
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        entries
            .iter()
            .map(|e| (format!("{} {}", text(e, "manager"), text(e, "operation")), e["fieldsV1"].clone()))
            .collect()
    }

    fn names(&self) -> Vec<String> {
        self.owners().into_iter().map(|(name, _)| name).collect()
    }
}

#[test]
fn a_create_owns_what_it_set_and_what_was_defaulted() {
    let mut story = Story::new();
    let mut body = full(2);
    body["metadata"]["labels"] = json!({"l": "m"});
    story.create("kubectl-create", body);
    let leaf = || json!({});
    let want = json!({
        "f:metadata": {"f:labels": {".": {}, "f:l": {}}},
        "f:spec": {
            "f:progressDeadlineSeconds": leaf(), "f:replicas": leaf(), "f:revisionHistoryLimit": leaf(), "f:selector": leaf(),
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
            "f:template": {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                    "f:resources": {}, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {}}},
                "f:dnsPolicy": leaf(), "f:restartPolicy": leaf(), "f:schedulerName": leaf(), "f:securityContext": leaf(),
                "f:terminationGracePeriodSeconds": leaf()}}
        }
    });
    assert_eq!(story.owners(), [("kubectl-create Update".to_owned(), want)]);
}

#[test]
fn equal_values_are_shared_and_go_with_their_last_owner() {
    let mut story = Story::new();
    story.apply("one", full(2), false).expect("created");
    let shared = deployment(json!({"replicas": 2, "minReadySeconds": 5}));
    story.apply("two", shared, false).expect("the same value is no conflict");
    story
        .apply(
            "one",
            deployment(
                full(2)["spec"]
                    .as_object()
                    .map(|spec| {
                        let mut spec = spec.clone();
                        spec.remove("replicas");
                        Value::Object(spec)
                    })
                    .expect("a spec"),
            ),
            false,
        )
        .expect("one lets go");
    assert_eq!(story.object()["spec"]["replicas"], 2);
    story.apply("two", deployment(json!({"replicas": 2})), false).expect("two lets go of another field");
    assert_eq!(story.object()["spec"].get("minReadySeconds"), None);
    story.apply("two", deployment(json!({})), false).expect("two lets go");
    // The default comes back.
    assert_eq!(story.object()["spec"]["replicas"], 1);
}

#[test]
fn conflicts_name_who_owns_the_fields() {
    let mut story = Story::new();
    story.apply("one", full(2), false).expect("created");
    story.merge("hand", json!({"spec": {"minReadySeconds": 5}}));
    let error = story.apply("two", deployment(json!({"replicas": 3, "minReadySeconds": 6})), false).expect_err("owned");
    let want = "Apply failed with 2 conflicts: conflicts with \"hand\" using apps/v1:\n- .spec.minReadySeconds\n\
                conflicts with \"one\":\n- .spec.replicas";
    assert_eq!((error.code(), error.message()), (409, want));
    story.apply("two", deployment(json!({"replicas": 3, "minReadySeconds": 6})), true).expect("by force");
    assert_eq!(story.names(), ["one Apply", "two Apply"]);
    let request = story.request("scaler");
    story.server.update_scale(&request, &key(), 7).expect("scaled");
    let error = story.apply("two", deployment(json!({"replicas": 3})), false).expect_err("owned");
    let want = "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using apps/v1: .spec.replicas";
    assert_eq!(error.message(), want);
}

#[test]
fn what_was_never_tracked_belongs_to_nobody_by_name() {
    let mut story = Story::new();
    story.create("a", full(2));
    story.merge("a", json!({"metadata": {"managedFields": [{}]}}));
    assert_eq!(story.names(), Vec::<String>::new());
    story.merge("a", json!({"spec": {"paused": true}}));
    assert_eq!(story.names(), Vec::<String>::new(), "nobody is tracked until the first apply");
    let error = story.apply("one", deployment(json!({"replicas": 3})), false).expect_err("owned");
    let want = "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas";
    assert_eq!(error.message(), want);
    story.apply("one", deployment(json!({"replicas": 3})), true).expect("by force");
    assert_eq!(story.names(), ["one Apply", "before-first-apply Update"]);
}

#[test]
fn no_more_than_ten_updates_are_told_apart() {
    let mut story = Story::new();
    story.create("creator", full(1));
    for index in 0..12 {
        story.merge(&format!("m{index:02}"), json!({"metadata": {"labels": {format!("l{index}"): "x"}}}));
    }
    let names = story.names();
    assert_eq!(names.len(), 10);
    assert_eq!(names.first().map(String::as_str), Some("ancient-changes Update"));
    assert_eq!(names.last().map(String::as_str), Some("m11 Update"));
}

#[test]
fn kubectl_takes_over_what_it_had_applied_from_the_client() {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let mut story = Story::new();
    let mut body = full(2);
    body["metadata"]["annotations"] = json!({annotation: full(2).to_string()});
    story.create("kubectl-client-side-apply", body);
    let error = story.apply("other", full(3), false).expect_err("owned");
    assert!(error.message().starts_with("Apply failed with 1 conflict"), "{}", error.message());
    story.apply("kubectl", full(3), false).expect("it is kubectl's own");
    let object = story.object();
    assert_eq!(object["spec"]["replicas"], 3);
    let kept = object["metadata"]["annotations"][annotation].as_str().expect("the annotation").to_owned();
    assert_eq!(serde_json::from_str::<Value>(&kept).expect("JSON"), full(3));
}

#[test]
fn a_write_that_changes_nothing_is_none() {
    let mut story = Story::new();
    story.apply("one", full(2), false).expect("created");
    let before = story.object();
    story.apply("one", full(2), false).expect("the same");
    story.merge("hand", json!({"spec": {"replicas": 2}}));
    assert_eq!(story.object(), before);
}

#[test]
fn configurations_that_do_not_fit_are_told_in_upstreams_words() {
    let mut story = Story::new();
    let place = "failed to create typed patch object (/d; apps/v1, Kind=Deployment): ";
    let rows = [
        (json!({"replicaz": 3}), ".spec.replicaz: field not declared in schema"),
        (json!({"replicas": "three"}), ".spec.replicas: expected numeric (int or float), got string"),
        (json!({"paused": "yes"}), ".spec.paused: expected boolean, got &{yes}"),
        (
            json!({"template": {"metadata": {"labels": {"a": 1}}}}),
            ".spec.template.metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}",
        ),
        (json!({"template": []}), ".spec.template: expected map, got &{[]}"),
        (
            json!({"template": {"spec": {"containers": {}}}}),
            ".spec.template.spec.containers: expected list, got &{map[]}",
        ),
        (
            json!({"template": {"spec": {"containers": [1]}}}),
            ".spec.template.spec.containers: element 0: associative list with keys may not have non-map elements",
        ),
        (
            json!({"template": {"spec": {"containers": [{"name": "c", "ports": [{"containerPort": 1}, {"containerPort": 1, "protocol": "TCP"}]}]}}}),
            ".spec.template.spec.containers[name=\"c\"].ports: duplicate entries for key [containerPort=1,protocol=\"TCP\"]",
        ),
    ];
    for (spec, want) in rows {
        let error = story.apply("one", deployment(spec), false).expect_err(want);
        assert_eq!((error.code(), error.message()), (500, format!("{place}{want}").as_str()));
    }
}
