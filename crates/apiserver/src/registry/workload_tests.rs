//! What the strategies of the workload kinds write into an object, asked as a client asks.

use seatrial_api::Time;
use serde_json::{Value, json};

use crate::rest::{Request, Response, ResponseBody};
use crate::server::{ApiServer, ApiServerOptions, RequestInfo};

const NOW: Time = Time::from_unix(1_700_000_000);
const STATEFUL_SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";
const DAEMON_SETS: &str = "/apis/apps/v1/namespaces/default/daemonsets";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const CONTROLLERS: &str = "/api/v1/namespaces/default/replicationcontrollers";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const CRON_JOBS: &str = "/apis/batch/v1/namespaces/default/cronjobs";

struct Client(ApiServer);

impl Client {
    fn new() -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed: 7, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(NOW, "test")).expect("an empty server");
        Self(server)
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Response {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method,
            path,
            content_type: (method == "PATCH").then_some("application/merge-patch+json"),
            user_agent: "test/1",
            body: text.as_bytes(),
            ..Request::default()
        };
        self.0.serve(NOW, &request)
    }

    /// The body of a call that has to go well.
    fn ok(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.call(method, path, body);
        let code = response.code;
        match response.body {
            ResponseBody::Json(body) if code < 300 => body,
            other => panic!("{method} {path}: {code} {other:?}"),
        }
    }

    /// The message of a call that has to be refused.
    fn refused(&mut self, method: &str, path: &str, body: &Value) -> String {
        let response = self.call(method, path, body);
        let code = response.code;
        match response.body {
            ResponseBody::Json(body) if code >= 400 => body["message"].as_str().expect("a message").to_owned(),
            other => panic!("{method} {path}: {code} {other:?}"),
        }
    }
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}})
}

fn workload(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": template()}})
}

fn job(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"template":
        {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}]}}}})
}

#[test]
fn a_job_gets_its_selector_and_labels() {
    let mut client = Client::new();
    let made = client.ok("POST", JOBS, &job("j"));
    let uid = made["metadata"]["uid"].clone();
    let generated = json!({"controller-uid": uid, "batch.kubernetes.io/controller-uid": uid, "job-name": "j",
        "batch.kubernetes.io/job-name": "j"});
    assert_eq!(made["spec"]["template"]["metadata"]["labels"], generated);
    assert_eq!(made["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    assert_eq!(made["metadata"]["labels"], generated, "a Job without labels has its template's");

    let mut labelled = job("k");
    labelled["metadata"]["labels"] = json!({"own": "yes"});
    assert_eq!(client.ok("POST", JOBS, &labelled)["metadata"]["labels"], json!({"own": "yes"}));

    let mut manual = job("m");
    manual["spec"]["manualSelector"] = json!(true);
    manual["spec"]["selector"] = json!({"matchLabels": {"a": "b"}});
    manual["spec"]["template"]["metadata"] = json!({"labels": {"a": "b"}});
    let made = client.ok("POST", JOBS, &manual);
    assert_eq!(made["spec"]["template"]["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(made["metadata"]["labels"], json!({"a": "b"}));

    let mut nameless = job("");
    nameless["metadata"] = json!({"generateName": "n-"});
    let response = client.call("POST", JOBS, &nameless);
    assert_eq!(response.warnings, Vec::<String>::new(), "the name is good once it is there");
    let ResponseBody::Json(made) = response.body else { panic!("no JSON") };
    assert_eq!(made["spec"]["template"]["metadata"]["labels"]["job-name"], made["metadata"]["name"]);
}

#[test]
fn a_job_that_is_deleted_without_a_policy_leaves_its_pods() {
    let mut client = Client::new();
    client.ok("POST", JOBS, &job("j"));
    let text = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
        them or set propagationPolicy=Orphan to suppress this warning";
    let path = format!("{JOBS}/j");
    let response = client.call("DELETE", &path, &Value::Null);
    assert_eq!(response.warnings, [text]);
    assert_eq!(client.ok("GET", &path, &Value::Null)["metadata"]["finalizers"], json!(["orphan"]));
    client.ok("POST", JOBS, &job("k"));
    let options = json!({"propagationPolicy": "Background"});
    assert_eq!(client.call("DELETE", &format!("{JOBS}/k"), &options).warnings, Vec::<String>::new());
}

#[test]
fn a_daemon_set_counts_its_templates() {
    const KEY: &str = "deprecated.daemonset.template.generation";
    let mut client = Client::new();
    let path = format!("{DAEMON_SETS}/w");
    let of =
        |object: &Value| (object["metadata"]["annotations"][KEY].clone(), object["metadata"]["generation"].clone());
    let made = client.ok("POST", DAEMON_SETS, &workload("w"));
    assert_eq!(of(&made), (json!("1"), json!(1)));
    let rows = [
        (json!({"metadata": {"annotations": {KEY: "9"}}}), "1", 1),
        (json!({"metadata": {"annotations": {KEY: null}}}), "1", 1),
        (json!({"spec": {"minReadySeconds": 3}}), "1", 2),
        (json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}), "2", 3),
        (json!({"metadata": {"labels": {"a": "b"}}}), "2", 3),
    ];
    for (patch, template_generation, generation) in rows {
        let patched = client.ok("PATCH", &path, &patch);
        assert_eq!(of(&patched), (json!(template_generation), json!(generation)), "{patch}");
    }
    // What the set is created with counts.
    let mut given = workload("v");
    given["metadata"]["annotations"] = json!({KEY: "5"});
    assert_eq!(client.ok("POST", DAEMON_SETS, &given)["metadata"]["annotations"][KEY], "5");
    given["metadata"] = json!({"name": "u", "annotations": {KEY: "x"}});
    let want =
        "DaemonSet in version \"v1\" cannot be handled as a DaemonSet: strconv.ParseInt: parsing \"x\": invalid syntax";
    assert_eq!(client.refused("POST", DAEMON_SETS, &given), want);
}

#[test]
fn a_deployment_to_be_rolled_back_by_an_annotation() {
    const KEY: &str = "deprecated.deployment.rollback.to";
    let mut client = Client::new();
    let mut deployment = workload("w");
    deployment["metadata"]["annotations"] = json!({KEY: "-1"});
    let want = "Deployment.apps \"w\" is invalid: spec.rollback.version: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!(client.refused("POST", DEPLOYMENTS, &deployment), want);
    deployment["metadata"]["annotations"] = json!({KEY: "x"});
    let want = "Deployment in version \"v1\" cannot be handled as a Deployment: strconv.ParseInt: parsing \"x\": invalid syntax";
    assert_eq!(client.refused("POST", DEPLOYMENTS, &deployment), want);
    deployment["metadata"]["annotations"] = json!({KEY: "0"});
    client.ok("POST", DEPLOYMENTS, &deployment);
}

#[test]
fn the_scale_of_every_kind_that_has_one() {
    let mut client = Client::new();
    for (path, object) in [
        (DEPLOYMENTS, workload("w")),
        ("/apis/apps/v1/namespaces/default/replicasets", workload("w")),
        (STATEFUL_SETS, workload("w")),
        (CONTROLLERS, json!({"metadata": {"name": "w"}, "spec": {"template": template()}})),
    ] {
        client.ok("POST", path, &object);
        let scale_path = format!("{path}/w/scale");
        let scale = client.ok("GET", &scale_path, &Value::Null);
        assert_eq!(scale["spec"], json!({"replicas": 1}), "{path}");
        assert_eq!(scale["status"], json!({"replicas": 0, "selector": "app=w"}), "{path}");
        let scale = client.ok("PATCH", &scale_path, &json!({"spec": {"replicas": 4}}));
        assert_eq!(scale["spec"], json!({"replicas": 4}), "{path}");
        let object = client.ok("GET", &format!("{path}/w"), &Value::Null);
        assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(4), &json!(2)), "{path}");
        let refused = client.refused("PATCH", &scale_path, &json!({"spec": {"replicas": -1}}));
        let want =
            "Scale.autoscaling \"w\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
        assert_eq!(refused, want, "{path}");
    }
    client.ok("POST", DAEMON_SETS, &workload("w"));
    let message = client.refused("GET", &format!("{DAEMON_SETS}/w/scale"), &Value::Null);
    assert_eq!(message, "the server could not find the requested resource");
}

#[test]
fn generations_and_statuses() {
    let cron_job =
        json!({"metadata": {"name": "w"}, "spec": {"schedule": "@daily", "jobTemplate": {"spec": job("x")["spec"]}}});
    for (path, object, spec, status) in [
        (STATEFUL_SETS, workload("w"), json!({"replicas": 3}), json!({"replicas": 2})),
        (DAEMON_SETS, workload("w"), json!({"minReadySeconds": 3}), json!({"numberReady": 2})),
        (JOBS, job("w"), json!({"parallelism": 3}), json!({"active": 2})),
        (CRON_JOBS, cron_job, json!({"suspend": true}), json!({"lastScheduleTime": "2024-01-01T00:00:00Z"})),
    ] {
        let mut client = Client::new();
        let mut sent = object.clone();
        sent["status"] = status.clone();
        let (field, value) = status.as_object().and_then(|map| map.iter().next()).expect("a field");
        let made = client.ok("POST", path, &sent);
        assert_ne!(&made["status"][field], value, "{path}: a new object has no status");
        assert_eq!(made["metadata"]["generation"], 1, "{path}");
        let one = format!("{path}/w");
        let patched = client.ok("PATCH", &one, &json!({"spec": spec, "status": status}));
        assert_ne!(&patched["status"][field], value, "{path}: the status has its own path");
        assert_eq!(patched["metadata"]["generation"], 2, "{path}");
        let back = if spec["suspend"] == true { json!({"suspend": false}) } else { json!({"template": template()}) };
        let patched = client.ok("PATCH", &format!("{one}/status"), &json!({"spec": back, "status": status}));
        assert_eq!(&patched["status"][field], value, "{path}");
        assert_eq!(patched["metadata"]["generation"], 2, "{path}");
    }
}

#[test]
fn a_gated_field_of_stateful_sets_is_dropped() {
    let mut client = Client::new();
    let mut set = workload("w");
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxUnavailable": 0, "partition": 2}});
    let made = client.ok("POST", STATEFUL_SETS, &set);
    assert_eq!(made["spec"]["updateStrategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}));
    assert_eq!(made["status"], json!({"availableReplicas": 0, "replicas": 0}));
    let mut warned = workload("v");
    warned["spec"]["revisionHistoryLimit"] = json!(-1);
    let text =
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended";
    assert_eq!(client.call("POST", STATEFUL_SETS, &warned).warnings, [text]);
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(client.call("PATCH", &format!("{STATEFUL_SETS}/v"), &patch).warnings, [text]);
}
