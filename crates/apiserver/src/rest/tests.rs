//! The request function: pages, watches, evictions, and what the recordings do not ask.

use seatrial_api::Time;
use serde_json::{Value, json};

use super::{Request, Response, ResponseBody, Watch};
use crate::server::{ApiServer, ApiServerOptions, RequestInfo};
use crate::watch_log::HISTORY_COUNT_MAX;

const NOW: Time = Time::from_unix(1_700_000_000);
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(super) const PODS: &str = "/api/v1/namespaces/default/pods";

pub(super) fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 7, ..ApiServerOptions::default() });
    server.bootstrap(&RequestInfo::new(NOW, "test")).expect("an empty server");
    server
}

pub(super) fn call(server: &mut ApiServer, method: &str, path: &str, query: &[(&str, &str)], body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let patch = (method == "PATCH").then_some("application/merge-patch+json");
    let request = Request {
        method,
        path,
        query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        content_type: patch,
        user_agent: "test/1",
        body: text.as_bytes(),
        ..Request::default()
    };
    server.serve(NOW, &request)
}

pub(super) fn json_of(response: Response) -> (u16, Value) {
    match response.body {
        ResponseBody::Json(body) => (response.code, body),
        other => panic!("{other:?}"),
    }
}

fn get(server: &mut ApiServer, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
    json_of(call(server, "GET", path, query, &Value::Null))
}

pub(super) fn create(server: &mut ApiServer, path: &str, body: &Value) -> Value {
    let (code, body) = json_of(call(server, "POST", path, &[], body));
    assert_eq!(code, 201, "{body}");
    body
}

fn config_map(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|i| i["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

fn watch(server: &mut ApiServer, path: &str, query: &[(&str, &str)]) -> Watch {
    let mut all = vec![("watch", "true")];
    all.extend(query);
    match call(server, "GET", path, &all, &Value::Null).body {
        ResponseBody::Watch(watch) => *watch,
        other => panic!("{other:?}"),
    }
}

/// Events as `TYPE name`.
fn told(watch: &mut Watch, server: &ApiServer, now: Time) -> Vec<String> {
    let events = watch.poll(server, now);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    events.iter().map(|e| format!("{} {}", text(&e["type"]), text(&e["object"]["metadata"]["name"]))).collect()
}

#[test]
fn pages_show_what_there_was_at_the_first() {
    let mut server = server();
    for name in ["a", "b", "c", "d", "e"] {
        create(&mut server, CONFIG_MAPS, &config_map(name, &json!({})));
    }
    let (_, first) = get(&mut server, CONFIG_MAPS, &[("limit", "2")]);
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    let version = first["metadata"]["resourceVersion"].clone();
    // What happens between the pages is not in them: one that goes, one that comes, one that changes.
    call(&mut server, "DELETE", &format!("{CONFIG_MAPS}/c"), &[], &Value::Null);
    create(&mut server, CONFIG_MAPS, &config_map("cc", &json!({})));
    call(&mut server, "PATCH", &format!("{CONFIG_MAPS}/d"), &[], &json!({"data": {"new": "x"}}));
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    let (_, second) = get(&mut server, CONFIG_MAPS, &[("limit", "2"), ("continue", &token)]);
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["items"][1]["data"], Value::Null);
    assert_eq!(second["metadata"]["resourceVersion"], version);
    let token = second["metadata"]["continue"].as_str().expect("a token").to_owned();
    let (_, last) = get(&mut server, CONFIG_MAPS, &[("limit", "2"), ("continue", &token)]);
    assert_eq!(names(&last), ["e"]);
    assert_eq!(last["metadata"].get("continue"), None);
}

#[test]
fn a_token_that_is_too_old_gets_another_to_go_on_with() {
    let mut server = server();
    for name in ["a", "b", "c"] {
        create(&mut server, CONFIG_MAPS, &config_map(name, &json!({})));
    }
    let (_, first) = get(&mut server, CONFIG_MAPS, &[("limit", "1")]);
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    let version = first["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    for count in 0..=HISTORY_COUNT_MAX {
        let body = json!({"data": {"count": count.to_string()}});
        call(&mut server, "PATCH", &format!("{CONFIG_MAPS}/c"), &[], &body);
    }
    let end = server.store().log().end();
    server.store_mut().log_mut().trim(end);

    let (code, gone) = get(&mut server, CONFIG_MAPS, &[("limit", "1"), ("continue", &token)]);
    assert_eq!((code, &gone["reason"]), (410, &json!("Expired")));
    let again = gone["metadata"]["continue"].as_str().expect("a token").to_owned();
    let (code, rest) = get(&mut server, CONFIG_MAPS, &[("continue", &again)]);
    assert_eq!((code, names(&rest)), (200, vec!["b".to_owned(), "c".to_owned()]));

    let exact = [("resourceVersion", version.as_str()), ("resourceVersionMatch", "Exact")];
    let (code, gone) = get(&mut server, CONFIG_MAPS, &exact);
    assert_eq!(code, 410, "{gone}");
    assert_eq!(gone["message"], "The resourceVersion for the provided list is too old.");

    let mut late = watch(&mut server, CONFIG_MAPS, &[("resourceVersion", &version)]);
    let events = late.poll(&server, NOW);
    assert_eq!((events[0]["type"].as_str(), events[0]["object"]["code"].as_u64()), (Some("ERROR"), Some(410)));
    assert!(late.is_over(NOW));
}

#[test]
fn a_watch_whose_place_was_trimmed_says_so_and_ends() {
    let mut server = server();
    create(&mut server, CONFIG_MAPS, &config_map("a", &json!({})));
    let mut slow = watch(&mut server, CONFIG_MAPS, &[]);
    assert_eq!(told(&mut slow, &server, NOW), ["ADDED a"]);
    for count in 0..=HISTORY_COUNT_MAX {
        let body = json!({"data": {"count": count.to_string()}});
        call(&mut server, "PATCH", &format!("{CONFIG_MAPS}/a"), &[], &body);
    }
    let end = server.store().log().end();
    server.store_mut().log_mut().trim(end);
    assert_eq!(told(&mut slow, &server, NOW), ["ERROR "]);
    assert!(slow.is_over(NOW) && told(&mut slow, &server, NOW).is_empty());
}

#[test]
fn to_begin_to_match_is_to_appear_and_to_stop_is_to_go() {
    let mut server = server();
    let path = |name: &str| format!("{CONFIG_MAPS}/{name}");
    create(&mut server, CONFIG_MAPS, &config_map("a", &json!({"app": "web"})));
    let mut web = watch(&mut server, CONFIG_MAPS, &[("labelSelector", "app=web")]);
    assert_eq!(told(&mut web, &server, NOW), ["ADDED a"]);
    create(&mut server, CONFIG_MAPS, &config_map("b", &json!({"app": "db"})));
    call(&mut server, "PATCH", &path("b"), &[], &json!({"metadata": {"labels": {"app": "web"}}}));
    call(&mut server, "PATCH", &path("b"), &[], &json!({"data": {"k": "v"}}));
    call(&mut server, "PATCH", &path("a"), &[], &json!({"metadata": {"labels": {"app": "db"}}}));
    call(&mut server, "PATCH", &path("a"), &[], &json!({"data": {"k": "v"}}));
    call(&mut server, "DELETE", &path("b"), &[], &Value::Null);
    call(&mut server, "DELETE", &path("a"), &[], &Value::Null);
    assert_eq!(told(&mut web, &server, NOW), ["ADDED b", "MODIFIED b", "DELETED a", "DELETED b"]);
}

#[test]
fn bookmarks_come_each_minute_and_before_the_end() {
    let mut server = server();
    let query = [("allowWatchBookmarks", "true"), ("timeoutSeconds", "100")];
    let mut watch = watch(&mut server, CONFIG_MAPS, &query);
    let at = |seconds: i64| NOW.plus_seconds(seconds);
    let rows = [(59, 0), (60, 1), (61, 0), (97, 0), (98, 1), (99, 0)];
    for (seconds, count) in rows {
        assert_eq!(watch.poll(&server, at(seconds)).len(), count, "after {seconds} s");
    }
    assert!(!watch.is_over(at(99)) && watch.is_over(at(100)));
}

#[test]
fn a_collection_is_deleted_by_its_selectors() {
    let mut server = server();
    for (name, app) in [("a", "web"), ("b", "web"), ("c", "db")] {
        create(&mut server, CONFIG_MAPS, &config_map(name, &json!({"app": app})));
    }
    let found = json_of(call(&mut server, "DELETE", CONFIG_MAPS, &[("labelSelector", "app=web")], &Value::Null));
    assert_eq!((found.0, names(&found.1)), (200, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(names(&get(&mut server, CONFIG_MAPS, &[]).1), ["c"]);
}

#[test]
fn discovery_tells_all_at_once_to_those_who_ask() {
    let mut server = server();
    let request = Request {
        method: "GET",
        path: "/apis",
        accept: Some("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"),
        ..Request::default()
    };
    let (code, body) = json_of(server.serve(NOW, &request));
    assert_eq!((code, &body["kind"]), (200, &json!("APIGroupDiscoveryList")));
    let apps = body["items"].as_array().expect("groups").iter().find(|g| g["metadata"]["name"] == "apps");
    let resources = apps.expect("apps")["versions"][0]["resources"].as_array().expect("resources");
    let deployments = resources.iter().find(|r| r["resource"] == "deployments").expect("deployments");
    assert_eq!(deployments["subresources"].as_array().map(Vec::len), Some(2));
    assert_eq!(deployments["shortNames"], json!(["deploy"]));
}

#[test]
fn only_a_table_reads_what_its_rows_include() {
    let mut server = server();
    let mut ask = |accept| {
        let request = Request {
            method: "GET",
            path: "/api/v1/namespaces/default/services/kubernetes",
            query: vec![("includeObject".to_owned(), "All".to_owned())],
            accept: Some(accept),
            ..Request::default()
        };
        json_of(server.serve(NOW, &request))
    };
    let (code, body) = ask("application/json;as=Table;g=meta.k8s.io;v=v1");
    let text = "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty";
    assert_eq!((code, &body["reason"], &body["message"]), (400, &json!("BadRequest"), &json!(text)));
    assert_eq!(ask("application/json").0, 200);
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}},
           "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i:1"}]}})
}

fn set_status(server: &mut ApiServer, path: &str, status: &Value) {
    let (code, body) = json_of(call(server, "PATCH", &format!("{path}/status"), &[], &json!({"status": status})));
    assert_eq!(code, 200, "{body}");
}

/// Makes a running pod, ready or not, and a budget with a status; returns what an eviction is answered.
fn eviction(ready: &str, budget_spec: &Value, budget_status: &Value) -> (u16, Value, Value) {
    let mut server = server();
    create(&mut server, PODS, &pod("p"));
    let conditions = json!([{"type": "Ready", "status": ready}]);
    set_status(&mut server, &format!("{PODS}/p"), &json!({"phase": "Running", "conditions": conditions}));
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let mut spec = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}});
    spec.as_object_mut().expect("a map").extend(budget_spec.as_object().cloned().unwrap_or_default());
    let budget =
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec});
    create(&mut server, budgets, &budget);
    set_status(&mut server, &format!("{budgets}/b"), budget_status);
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    let (code, answer) = json_of(call(&mut server, "POST", &format!("{PODS}/p/eviction"), &[], &body));
    let (_, budget) = get(&mut server, &format!("{budgets}/b"), &[]);
    (code, answer, budget["status"].clone())
}

fn status(allowed: i32, current: i32, desired: i32) -> Value {
    json!({"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": current, "desiredHealthy": desired,
           "expectedPods": current})
}

#[test]
fn an_eviction_is_charged_to_the_budget_or_refused_by_it() {
    let none = json!({});
    let (code, _, after) = eviction("True", &none, &status(1, 2, 1));
    assert_eq!((code, &after["disruptionsAllowed"]), (201, &json!(0)));
    assert!(after["disruptedPods"]["p"].is_string(), "{after}");

    let (code, answer, _) = eviction("True", &none, &status(0, 1, 1));
    assert_eq!((code, &answer["reason"]), (429, &json!("TooManyRequests")));
    assert_eq!(answer["message"], "Cannot evict pod as it would violate the pod's disruption budget.");
    let cause = &answer["details"]["causes"][0];
    assert_eq!(cause["message"], "The disruption budget b needs 1 healthy pods and has 1 currently");

    let mut stale = status(1, 2, 1);
    stale["observedGeneration"] = json!(0);
    let (code, answer, _) = eviction("True", &none, &stale);
    assert_eq!((code, &answer["details"]["retryAfterSeconds"]), (429, &json!(10)));
    let cause = &answer["details"]["causes"][0];
    assert_eq!(cause["message"], "The disruption budget b is still being processed by the server.");
}

#[test]
fn a_pod_that_is_not_ready_goes_by_the_budgets_policy() {
    let (none, always) = (json!({}), json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"}));
    // The budget is met without the pod: it goes and is not counted.
    let (code, _, after) = eviction("False", &none, &status(0, 1, 1));
    assert_eq!((code, after.get("disruptedPods")), (201, None));
    // The budget is not met: it stays, unless the policy says otherwise.
    assert_eq!(eviction("False", &none, &status(0, 0, 1)).0, 429);
    assert_eq!(eviction("False", &always, &status(0, 0, 1)).0, 201);
}

#[test]
fn a_refused_call_changes_nothing() {
    let mut server = server();
    create(&mut server, CONFIG_MAPS, &config_map("a", &json!({})));
    let before = (server.store().resource_version(), server.store().log().end());
    let bad = [
        ("POST", CONFIG_MAPS, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A"}})),
        ("POST", CONFIG_MAPS, config_map("a", &json!({}))),
        ("PUT", "/api/v1/namespaces/default/configmaps/a", config_map("b", &json!({}))),
        ("PATCH", "/api/v1/namespaces/default/configmaps/a", json!({"metadata": {"labels": {"-": "x"}}})),
        ("DELETE", "/api/v1/namespaces/default/configmaps/a", json!({"preconditions": {"uid": "x"}})),
        ("DELETE", "/api/v1/namespaces/default", Value::Null),
        ("POST", "/api/v1/namespaces/none/pods", pod("p")),
    ];
    for (method, path, body) in bad {
        let response = call(&mut server, method, path, &[], &body);
        assert!(response.code >= 400, "{method} {path}: {response:?}");
        assert_eq!((server.store().resource_version(), server.store().log().end()), before, "{method} {path}");
    }
}

#[test]
fn events_are_stricter_in_their_own_group() {
    const CORE: &str = "/api/v1/namespaces/default/events";
    const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
    let mut server = server();
    let event = |name: &str| {
        json!({
            "metadata": {"name": name, "namespace": "default"}, "regarding": {"kind": "Pod", "namespace": "default", "name": "p"},
            "note": "said", "reason": "R", "action": "A", "type": "Normal", "eventTime": "2023-11-14T22:13:20.000000Z",
            "reportingController": "test.io/c", "reportingInstance": "c-0"
        })
    };
    let made = create(&mut server, EVENTS, &event("e"));
    assert_eq!(
        (&made["apiVersion"], &made["note"], &made["message"]),
        (&json!("events.k8s.io/v1"), &json!("said"), &Value::Null)
    );
    let (_, core) = get(&mut server, &format!("{CORE}/e"), &[]);
    assert_eq!((&core["message"], &core["involvedObject"]["name"]), (&json!("said"), &json!("p")));
    for (selector, count) in [("regarding.name=p", 1), ("reportingController=other", 0)] {
        let (_, list) = get(&mut server, EVENTS, &[("fieldSelector", selector)]);
        assert_eq!(names(&list).len(), count, "{selector}");
    }
    let refused = [
        (json!({"eventTime": null}), "eventTime: Required value"),
        (json!({"deprecatedCount": 2}), "count: Invalid value: \"\": needs to be unset"),
        (
            json!({"series": {"count": 1, "lastObservedTime": "2023-11-14T22:13:20.000000Z"}}),
            "series.count: Invalid value: \"\": should be at least 2",
        ),
        (
            json!({"apiVersion": "v1"}),
            "the API version in the data (v1) does not match the expected API version (events.k8s.io/v1)",
        ),
    ];
    for (edit, want) in refused {
        let mut body = event("f");
        edit.as_object().expect("an edit").iter().for_each(|(k, v)| body[k] = v.clone());
        let (_, status) = json_of(call(&mut server, "POST", EVENTS, &[], &body));
        assert!(status["message"].to_string().replace("\\\"", "\"").contains(want), "{status}");
    }
    let (code, status) = json_of(call(&mut server, "PATCH", &format!("{EVENTS}/e"), &[], &json!({"note": "other"})));
    assert!(code == 422 && status["message"].to_string().contains("message: Invalid value"), "{status}");
    let response = call(&mut server, "PATCH", &format!("{EVENTS}/e"), &[], &json!({"message": "other"}));
    assert_eq!((response.code, response.warnings), (200, vec!["unknown field \"message\"".to_owned()]));
    let (code, _) = json_of(call(&mut server, "PATCH", &format!("{CORE}/e"), &[], &json!({"message": "other"})));
    assert_eq!(code, 200, "core/v1 lets an Event change");
}

#[test]
fn every_call_of_endpoints_warns() {
    let mut server = server();
    let want = ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"];
    let endpoints = "/api/v1/namespaces/default/endpoints";
    let one = format!("{endpoints}/e");
    let body = json!({"metadata": {"name": "e"}});
    for (method, path, query, code) in [
        ("POST", endpoints, None, 201),
        ("GET", &one, None, 200),
        ("GET", endpoints, None, 200),
        ("GET", endpoints, Some(("watch", "true")), 200),
        ("PUT", &one, None, 200),
        ("PATCH", &one, None, 200),
        ("DELETE", &one, None, 200),
        ("DELETE", endpoints, None, 200),
        ("GET", &one, None, 404),
    ] {
        let body = if matches!(method, "GET" | "DELETE") { &Value::Null } else { &body };
        let response = call(&mut server, method, path, query.as_slice(), body);
        assert_eq!((response.code, response.warnings), (code, want.map(str::to_owned).to_vec()), "{method} {path}");
    }
}

#[test]
fn a_scale_is_applied_by_an_owner_of_its_own() {
    const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";
    let mut server = server();
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    create(
        &mut server,
        "/apis/apps/v1/namespaces/default/deployments",
        &json!({"metadata": {"name": "web"}, "spec": spec}),
    );
    let scale =
        |replicas: i32| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": replicas}});
    let mut apply = |body: &Value, force: &str| {
        let text = body.to_string();
        let request = Request {
            method: "PATCH",
            path: &format!("{WEB}/scale"),
            query: vec![("fieldManager".to_owned(), "m".to_owned()), ("force".to_owned(), force.to_owned())],
            content_type: Some("application/apply-patch+yaml"),
            body: text.as_bytes(),
            ..Request::default()
        };
        json_of(server.serve(NOW, &request))
    };
    let (code, status) = apply(&scale(3), "false");
    let want = "Apply failed with 1 conflict: conflict with \"test\" using autoscaling/v1: .spec.replicas";
    assert_eq!((code, &status["message"]), (409, &json!(want)));
    assert_eq!(apply(&scale(-1), "true").0, 422);
    assert_eq!(apply(&json!({"apiVersion": "v1", "kind": "Pod"}), "true").0, 400);
    let (code, scaled) = apply(&scale(3), "true");
    assert_eq!((code, &scaled["kind"], &scaled["spec"]["replicas"]), (200, &json!("Scale"), &json!(3)));
    let (_, web) = get(&mut server, WEB, &[]);
    assert_eq!((&web["spec"]["replicas"], &web["metadata"]["generation"]), (&json!(3), &json!(2)));
    let owners = web["metadata"]["managedFields"].as_array().expect("owners");
    assert!(
        owners.iter().any(|o| o["subresource"] == "scale" && o["manager"] == "m" && o["operation"] == "Apply"),
        "{owners:?}"
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut server = server();
    let rc = json!({"metadata": {"name": "rc"}, "spec": {"selector": {"a": "b"}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    create(&mut server, "/api/v1/namespaces/default/replicationcontrollers", &rc);
    let path = "/api/v1/namespaces/default/replicationcontrollers/rc";
    let (code, status) =
        json_of(call(&mut server, "PATCH", &format!("{path}/scale"), &[], &json!({"spec": {"replicas": "x"}})));
    let message = status["message"].to_string();
    assert!(
        code == 422 && message.contains("patch: Invalid value") && message.contains("ScaleSpec.spec.replicas"),
        "{status}"
    );
    let (code, status) = json_of(call(&mut server, "DELETE", path, &[("gracePeriodSeconds", "x")], &Value::Null));
    let want = json!("strconv.ParseInt: parsing \"x\": invalid syntax");
    assert_eq!((code, &status["message"]), (400, &want));
    assert_eq!(get(&mut server, path, &[]).0, 200);
}

#[test]
fn a_put_that_creates_warns_as_a_post() {
    let mut server = server();
    let body = json!({
        "metadata": {"name": "s"},
        "spec": {"clusterIP": "None", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]}
    });
    let services = "/api/v1/namespaces/default/services";
    let posted = call(&mut server, "POST", services, &[("dryRun", "All")], &body);
    let put = call(&mut server, "PUT", &format!("{services}/s"), &[], &body);
    assert!(put.code == 201 && !put.warnings.is_empty(), "{:?}", put.body);
    assert_eq!(put.warnings, posted.warnings);
}

#[test]
fn a_pod_gets_the_place_of_its_node_with_it() {
    let mut server = server();
    let labels = json!({"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "disk": "ssd"});
    create(&mut server, "/api/v1/nodes", &json!({"metadata": {"name": "placed", "labels": labels}}));
    create(&mut server, "/api/v1/nodes", &json!({"metadata": {"name": "plain"}}));
    let labels_of = |server: &mut ApiServer, pod: &str| {
        get(server, &format!("/api/v1/namespaces/default/pods/{pod}"), &[]).1["metadata"]["labels"].clone()
    };
    let place = json!({"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"});
    let with_app = json!({"app": "x", "topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"});
    let own_zone = json!({"app": "x", "topology.kubernetes.io/zone": "mine"});
    // The pod's labels, its node, those of the binding, and what comes of it.
    let rows = [
        ("a", json!({}), "placed", json!({}), place),
        ("b", json!({"app": "x"}), "placed", json!({}), with_app.clone()),
        ("c", own_zone.clone(), "placed", json!({}), with_app.clone()),
        ("d", own_zone.clone(), "placed", json!({"topology.kubernetes.io/zone": "sent"}), with_app.clone()),
        (
            "e",
            own_zone.clone(),
            "plain",
            json!({"disk": "x"}),
            json!({"app": "x", "disk": "x", "topology.kubernetes.io/zone": "mine"}),
        ),
        ("f", own_zone.clone(), "missing", json!({}), own_zone.clone()),
    ];
    for (name, labels, node, sent, want) in rows {
        let mut pod = pod(name);
        pod["metadata"]["labels"] = labels.clone();
        pod["spec"]["nodeName"] = Value::Null;
        create(&mut server, "/api/v1/namespaces/default/pods", &pod);
        let path = format!("/api/v1/namespaces/default/pods/{name}/binding");
        let binding = json!({"apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": name, "labels": sent, "annotations": {"note": "n"}}, "target": {"kind": "Node", "name": node}});
        let tried = json_of(call(&mut server, "POST", &path, &[("dryRun", "All")], &binding));
        assert_eq!((tried.0, labels_of(&mut server, name)), (201, or_null(labels)), "{name}: nothing is written");
        assert_eq!(json_of(call(&mut server, "POST", &path, &[], &binding)).0, 201);
        assert_eq!(labels_of(&mut server, name), want, "{name}");
        let bound = get(&mut server, &format!("/api/v1/namespaces/default/pods/{name}"), &[]).1;
        assert_eq!(
            (&bound["spec"]["nodeName"], &bound["metadata"]["annotations"]["note"]),
            (&json!(node), &json!("n"))
        );
    }
    // A pod that comes with its node.
    let mut pod = pod("g");
    pod["spec"]["nodeName"] = json!("placed");
    assert_eq!(
        create(&mut server, "/api/v1/namespaces/default/pods", &pod)["metadata"]["labels"]["topology.kubernetes.io/zone"],
        "z1"
    );
}

/// What an empty map is once it is stored.
fn or_null(map: Value) -> Value {
    if map == json!({}) { Value::Null } else { map }
}
