//! Laws of the API server and the garbage collector, over random histories.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use seatrial::Cluster;
use seatrial_apiserver::rest::{Request, Response, ResponseBody};
use serde_json::{Value, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn call(cluster: &mut Cluster, method: &str, path: &str, query: &[(&str, &str)], body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    cluster.serve(&Request {
        method,
        path,
        query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        content_type: (method == "PATCH").then_some("application/merge-patch+json"),
        user_agent: "test/1",
        body: text.as_bytes(),
        ..Request::default()
    })
}

fn json_of(response: Response) -> Value {
    match response.body {
        ResponseBody::Json(body) => body,
        other => panic!("{other:?}"),
    }
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|i| i["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

/// One write of a random history: which of a few objects, and what.
#[derive(Clone, Debug)]
enum Write {
    Create(u8, bool),
    Patch(u8, u8),
    Label(u8, bool),
    Delete(u8),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        (0u8..5, any::<bool>()).prop_map(|(n, l)| Write::Create(n, l)),
        (0u8..5, 0u8..3).prop_map(|(n, v)| Write::Patch(n, v)),
        (0u8..5, any::<bool>()).prop_map(|(n, l)| Write::Label(n, l)),
        (0u8..5).prop_map(Write::Delete),
    ]
}

fn label(on: bool) -> &'static str {
    if on { "web" } else { "db" }
}

fn do_write(cluster: &mut Cluster, write: &Write) {
    let path = |n: &u8| format!("{CONFIG_MAPS}/c{n}");
    match write {
        Write::Create(n, l) => {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
                              "metadata": {"name": format!("c{n}"), "labels": {"app": label(*l)}}});
            call(cluster, "POST", CONFIG_MAPS, &[], &body);
        }
        Write::Patch(n, v) => {
            call(cluster, "PATCH", &path(n), &[], &json!({"data": {"v": v.to_string()}}));
        }
        Write::Label(n, l) => {
            call(cluster, "PATCH", &path(n), &[], &json!({"metadata": {"labels": {"app": label(*l)}}}));
        }
        Write::Delete(n) => {
            call(cluster, "DELETE", &path(n), &[], &Value::Null);
        }
    }
}

/// A list as objects by name.
fn by_name(list: &Value) -> BTreeMap<String, Value> {
    let items = list["items"].as_array().expect("a list").iter();
    items.map(|i| (i["metadata"]["name"].as_str().expect("a name").to_owned(), i.clone())).collect()
}

/// What a client that lists at a version and watches from there holds at the end.
fn replayed(cluster: &mut Cluster, version: &str, selector: &str) -> BTreeMap<String, Value> {
    let exact = [("resourceVersion", version), ("resourceVersionMatch", "Exact"), ("labelSelector", selector)];
    let mut held = by_name(&json_of(call(cluster, "GET", CONFIG_MAPS, &exact, &Value::Null)));
    let query = [("watch", "true"), ("resourceVersion", version), ("labelSelector", selector)];
    let ResponseBody::Watch(mut watch) = call(cluster, "GET", CONFIG_MAPS, &query, &Value::Null).body else {
        panic!("no watch")
    };
    for event in cluster.poll_watch(&mut watch) {
        let mut object = event["object"].clone();
        let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
        let map = object.as_object_mut().expect("an object");
        map.remove("kind");
        map.remove("apiVersion");
        match event["type"].as_str() {
            Some("DELETED") => assert!(held.remove(&name).is_some(), "{name} was not there"),
            Some("ADDED") => assert!(held.insert(name, object).is_none()),
            Some("MODIFIED") => assert!(held.insert(name, object).is_some()),
            other => panic!("{other:?}"),
        }
    }
    held
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_list_and_a_watch_from_any_version_make_the_list_at_the_end(
        writes in prop::collection::vec(write(), 1..40),
    ) {
        let mut cluster = Cluster::builder().nodes(0).without_controllers().build();
        let version = |cluster: &Cluster| cluster.api_server().store().resource_version().to_string();
        let mut versions = vec![version(&cluster)];
        for write in &writes {
            do_write(&mut cluster, write);
            versions.push(version(&cluster));
        }
        for selector in ["", "app=web", "app!=web"] {
            let end = by_name(&json_of(call(&mut cluster, "GET", CONFIG_MAPS, &[("labelSelector", selector)], &Value::Null)));
            for version in &versions {
                prop_assert_eq!(&replayed(&mut cluster, version, selector), &end, "from {} of {:?}", version, selector);
            }
        }
    }

    #[test]
    fn pages_of_any_size_make_the_list(count in 0usize..12, limit in 1usize..6) {
        let mut cluster = Cluster::builder().nodes(0).without_controllers().build();
        for n in 0..count {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{n:02}")}});
            call(&mut cluster, "POST", CONFIG_MAPS, &[], &body);
        }
        let limit = limit.to_string();
        let (mut token, mut all) = (String::new(), Vec::new());
        loop {
            let page = json_of(call(&mut cluster, "GET", CONFIG_MAPS, &[("limit", &limit), ("continue", &token)], &Value::Null));
            all.extend(names(&page));
            let remaining = page["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
            prop_assert_eq!(all.len() as u64 + remaining, count as u64);
            match page["metadata"]["continue"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        prop_assert_eq!(all, names(&json_of(call(&mut cluster, "GET", CONFIG_MAPS, &[], &Value::Null))));
    }
}

/// A step of a random history of owners and dependents.
#[derive(Clone, Debug)]
enum Own {
    /// Creates an object owned by those of these that are there.
    Create(Vec<u8>, bool),
    /// Deletes an object under a policy.
    Delete(u8, &'static str),
}

fn own() -> impl Strategy<Value = Own> {
    let policy = prop::sample::select(vec!["Background", "Foreground", "Orphan"]);
    prop_oneof![
        2 => (prop::collection::vec(0u8..12, 0..3), any::<bool>()).prop_map(|(o, b)| Own::Create(o, b)),
        1 => (0u8..12, policy).prop_map(|(n, p)| Own::Delete(n, p)),
    ]
}

/// What must be there: each object with the owners that still hold it.
#[derive(Default)]
struct Model {
    owners: BTreeMap<u8, BTreeSet<u8>>,
    /// Objects that had owners once: when the last goes, they go.
    owned: BTreeSet<u8>,
}

impl Model {
    fn delete(&mut self, name: u8, policy: &str) {
        if self.owners.remove(&name).is_none() {
            return;
        }
        let dependents: Vec<u8> = self.owners.iter().filter(|(_, o)| o.contains(&name)).map(|(n, _)| *n).collect();
        for dependent in dependents {
            let owners = self.owners.get_mut(&dependent).expect("it is there");
            owners.remove(&name);
            if policy == "Orphan" {
                // It lost one reference, and with the last it is nobody's.
                if owners.is_empty() {
                    self.owned.remove(&dependent);
                }
            } else if owners.is_empty() && self.owned.contains(&dependent) {
                self.delete(dependent, "Background");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_object_outlives_its_owners_and_nothing_orphaned_is_deleted(
        steps in prop::collection::vec(own(), 1..30),
    ) {
        let mut cluster = Cluster::builder().nodes(0).build();
        let mut model = Model::default();
        let mut uids: BTreeMap<u8, String> = BTreeMap::new();
        for (count, step) in steps.iter().enumerate() {
            match step {
                Own::Create(owners, block) => {
                    let name = u8::try_from(count).expect("few steps");
                    let owners: BTreeSet<u8> = owners.iter().copied().filter(|o| model.owners.contains_key(o)).collect();
                    let references: Vec<Value> = owners
                        .iter()
                        .map(|o| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": format!("c{o}"),
                                        "uid": uids[o], "blockOwnerDeletion": block}))
                        .collect();
                    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
                                      "metadata": {"name": format!("c{name}"), "ownerReferences": references}});
                    let made = json_of(call(&mut cluster, "POST", CONFIG_MAPS, &[], &body));
                    uids.insert(name, made["metadata"]["uid"].as_str().expect("a uid").to_owned());
                    if !owners.is_empty() {
                        model.owned.insert(name);
                    }
                    model.owners.insert(name, owners);
                }
                Own::Delete(name, policy) => {
                    let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
                    call(&mut cluster, "DELETE", &format!("{CONFIG_MAPS}/c{name}"), &[], &body);
                    model.delete(*name, policy);
                }
            }
            cluster.settle().expect("it settles");
            let there: BTreeSet<String> = names(&json_of(call(&mut cluster, "GET", CONFIG_MAPS, &[], &Value::Null))).into_iter().collect();
            let wanted: BTreeSet<String> = model.owners.keys().map(|n| format!("c{n}")).collect();
            prop_assert_eq!(there, wanted, "after step {} of {:?}", count, steps);
        }
    }
}
