//! Quotas that are set, used and freed.

use seatrial_api::{Kind, ObjectKey};
use seatrial_apiserver::Subresource;
use seatrial_machinery::Propagation;
use serde_json::{Value, json};

use crate::fixture::Fixture;

fn quota_key() -> ObjectKey {
    ObjectKey::new(Kind::ResourceQuota, "default", "q")
}

fn with_quota(hard: Value) -> Fixture {
    let mut f = Fixture::new();
    f.create(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}));
    f.settle();
    f
}

fn status(fixture: &Fixture) -> Value {
    fixture.get(&quota_key()).expect("the quota").to_json()["status"].clone()
}

#[test]
fn a_new_quota_shows_every_limit_and_what_is_there_already() {
    let mut f = Fixture::new();
    f.pod("default", "p", json!([]));
    f.create(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "3", "configmaps": "5", "services": "2", "requests.cpu": "1"}}}));
    f.settle();
    // The Service is that of the API server.
    let expected = json!({
        "hard": {"pods": "3", "configmaps": "5", "services": "2", "requests.cpu": "1"},
        "used": {"pods": "1", "configmaps": "0", "services": "1", "requests.cpu": "0"},
    });
    assert_eq!(status(&f), expected);
}

#[test]
fn storage_and_node_ports_are_charged_and_given_back() {
    let mut f = Fixture::new();
    f.create(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"requests.storage": "5Gi", "services.nodeports": "4"}}}));
    f.settle();
    f.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}));
    f.create(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"type": "NodePort", "ports": [{"port": 80}]}}));
    assert_eq!(status(&f)["used"], json!({"requests.storage": "2Gi", "services.nodeports": "1"}));
    f.delete(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", "c"), Propagation::Background);
    f.delete(&ObjectKey::new(Kind::Service, "default", "s"), Propagation::Background);
    f.settle();
    assert_eq!(status(&f)["used"], json!({"requests.storage": "0", "services.nodeports": "0"}));
}

#[test]
fn a_changed_limit_is_counted_anew() {
    let mut f = with_quota(json!({"pods": "1"}));
    f.pod("default", "p", json!([]));
    f.patch(&quota_key(), Subresource::Main, &json!({"spec": {"hard": {"pods": "2", "count/configmaps": "1"}}}));
    f.settle();
    let expected = json!({
        "hard": {"pods": "2", "count/configmaps": "1"},
        "used": {"pods": "1", "count/configmaps": "0"},
    });
    assert_eq!(status(&f), expected);
}

#[test]
fn deletions_and_ends_of_pods_free_what_they_used() {
    let mut f = with_quota(json!({"pods": "3", "count/pods": "3", "configmaps": "3"}));
    f.pod("default", "a", json!([]));
    f.pod("default", "b", json!([]));
    f.config_map("m", json!([]));
    f.settle();
    assert_eq!(status(&f)["used"], json!({"pods": "2", "count/pods": "2", "configmaps": "1"}));
    f.kill("default", "a");
    f.delete(&ObjectKey::new(Kind::ConfigMap, "default", "m"), Propagation::Background);
    f.settle();
    assert_eq!(status(&f)["used"], json!({"pods": "1", "count/pods": "1", "configmaps": "0"}));
    let ended = json!({"status": {"phase": "Succeeded"}});
    f.patch(&ObjectKey::new(Kind::Pod, "default", "b"), Subresource::Status, &ended);
    f.settle();
    assert_eq!(status(&f)["used"], json!({"pods": "0", "count/pods": "1", "configmaps": "0"}));
}

#[test]
fn a_change_that_frees_nothing_writes_nothing() {
    let mut f = with_quota(json!({"configmaps": "3"}));
    f.pod("default", "a", json!([]));
    f.settle();
    let before = f.get(&quota_key()).map(|q| q.meta().resource_version);
    f.kill("default", "a");
    f.settle();
    assert_eq!(f.get(&quota_key()).map(|q| q.meta().resource_version), before);
}
