mod pods;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Node, Pod, ResourceQuota, Secret};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::defaults;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
    or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

pub(super) fn object<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// The JSON of `base` with the fields of `more` in place of its own, at every level.
pub(super) fn merged(mut base: Value, more: &Value) -> Value {
    match (base.as_object_mut(), more.as_object()) {
        (Some(map), Some(more)) => {
            for (key, value) in more {
                let old = map.remove(key).unwrap_or_default();
                map.insert(key.clone(), if old.is_object() { merged(old, value) } else { value.clone() });
            }
            base
        }
        _ => more.clone(),
    }
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(Error::to_string).collect()
}

pub(super) fn check(what: &Value, errors: &ErrorList, want: &[&str]) {
    assert_eq!(texts(errors), want, "{what}");
}

fn pod(spec: &Value) -> Pod {
    let base = json!({"metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
    let mut pod: Pod = object(&merged(base, &json!({"spec": spec})));
    defaults::set_defaults_pod(&mut pod);
    pod
}

fn check_pod(spec: &Value, want: &[&str]) {
    check(spec, &validate_pod_create(&pod(spec)), want);
}

/// Checks a pod whose only container has these fields besides a name and an image.
fn check_container(fields: &Value, want: &[&str]) {
    let container = merged(json!({"name": "c", "image": "app:1"}), fields);
    let want: Vec<String> = want.iter().map(|text| format!("spec.containers[0].{text}")).collect();
    let spec = json!({"containers": [container], "volumes": [{"name": "v"}]});
    check_pod(&spec, &want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn metadata() {
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"name": ""}), &["metadata.name: Required value: name or generateName is required"]),
        (json!({"name": "A"}), &[&format!("metadata.name: Invalid value: \"A\": {SUBDOMAIN}")]),
        (json!({"generateName": "a-"}), &[]),
        (json!({"namespace": ""}), &["metadata.namespace: Required value"]),
        (json!({"labels": {"/x": "x"}}), &["metadata.labels: Invalid value: \"/x\": prefix part must be non-empty"]),
        (
            json!({"annotations": {"a b": "x"}}),
            &[&format!("metadata.annotations: Invalid value: \"a b\": {NAME_PART}")],
        ),
        (
            json!({"annotations": {"a": "x".repeat(262_144)}}),
            &["metadata.annotations: Too long: may not be more than 262144 bytes"],
        ),
        (
            json!({"finalizers": ["hold"]}),
            &["metadata.finalizers[0]: Invalid value: \"hold\": name is neither a standard finalizer name nor is \
               it fully qualified"],
        ),
        (
            json!({"finalizers": ["foregroundDeletion", "orphan"]}),
            &["metadata.finalizers: Invalid value: [\"foregroundDeletion\",\"orphan\"]: finalizer orphan and \
               foregroundDeletion cannot be both set"],
        ),
        (
            json!({"ownerReferences": [{"apiVersion": "a/b/c", "kind": "Pod", "name": "x", "uid": ""}]}),
            &[
                "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
            ],
        ),
        (
            json!({"ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u1", "controller": true},
                {"apiVersion": "v1", "kind": "Pod", "name": "y", "uid": "u2", "controller": true}]}),
            &["metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"x\",\
               \"uid\":\"u1\",\"controller\":true},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"y\",\
               \"uid\":\"u2\",\"controller\":true}]: Only one reference can have Controller set to true. Found \
               \"true\" in references for Pod/x and Pod/y"],
        ),
    ];
    for (fields, want) in rows {
        let meta = merged(json!({"name": "m", "namespace": "default"}), fields);
        let config_map: ConfigMap = object(&json!({"metadata": meta}));
        check(fields, &validate_config_map(&config_map), want);
    }
}

#[test]
fn metadata_update() {
    let old = json!({"name": "m", "namespace": "default", "uid": "1", "resourceVersion": "5", "generation": 2,
        "deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["a.b/c"]});
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"uid": "2"}), &["metadata.uid: Invalid value: \"2\": field is immutable"]),
        (
            json!({"resourceVersion": ""}),
            &["metadata.resourceVersion: Invalid value: \"\": must be specified for an update"],
        ),
        (json!({"generation": 1}), &["metadata.generation: Invalid value: 1: must not be decremented"]),
        (
            json!({"finalizers": ["a.b/c", "d.e/f"]}),
            &["metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, \
               found new finalizers []string{\"d.e/f\"}"],
        ),
    ];
    for (fields, want) in rows {
        let errors =
            validate_object_meta_update(&object(&merged(old.clone(), fields)), &object(&old), &Path::new("metadata"));
        check(fields, &errors, want);
    }
}

#[test]
fn containers_ports_and_env() {
    let rows: &[(Value, &[&str])] = &[
        (json!({"name": ""}), &["name: Required value"]),
        (json!({"image": ""}), &["image: Required value"]),
        (json!({"image": " x"}), &["image: Invalid value: \" x\": must not have leading or trailing whitespace"]),
        (
            json!({"imagePullPolicy": "Maybe"}),
            &["imagePullPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"IfNotPresent\", \
               \"Never\""],
        ),
        (
            json!({"ports": [{"containerPort": 0}, {"containerPort": 70000, "name": "UP1", "protocol": "ICMP"}]}),
            &[
                "ports[0].containerPort: Required value",
                "ports[1].name: Invalid value: \"UP1\": must contain only alpha-numeric characters (a-z, 0-9), \
                 and hyphens (-)",
                "ports[1].name: Invalid value: \"UP1\": must contain at least one letter (a-z)",
                "ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "ports[1].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        ),
        (
            json!({"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]}),
            &["ports[1].hostPort: Duplicate value: \"TCP//5\""],
        ),
        (
            json!({"env": [{"name": ""}, {"name": "A=B"}]}),
            &[
                "env[0].name: Required value",
                "env[1].name: Invalid value: \"A=B\": a valid environment variable name must consist only of \
                 printable ASCII characters other than '='",
            ],
        ),
        (
            json!({"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.no"}}}]}),
            &[
                "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.no\": error converting fieldPath: \
                 field label not supported: metadata.no",
                "env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty",
            ],
        ),
        (json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}}]}), &[]),
        (
            json!({"envFrom": [{}]}),
            &["envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"],
        ),
    ];
    for (fields, want) in rows {
        check_container(fields, want);
    }
}

#[test]
fn probes_resources_and_mounts() {
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"livenessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}, "successThreshold": 2}}),
            &[
                "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                "livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (json!({"readinessProbe": {}}), &["readinessProbe: Required value: must specify a handler type"]),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": -1}}}}),
            &["lifecycle.preStop.sleep: Invalid value: -1: must be non-negative and less than \
               terminationGracePeriodSeconds (30)"],
        ),
        (
            json!({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}),
            &["resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"],
        ),
        (
            json!({"resources": {"requests": {"gpu": "1"}}}),
            &[
                "resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully \
                 qualified",
                "resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource for containers",
            ],
        ),
        (
            json!({"resources": {"limits": {"a.b/gpu": "2"}, "requests": {"a.b/gpu": "1"}}}),
            &["resources.requests: Invalid value: \"1\": must be equal to a.b/gpu limit of 2"],
        ),
        (
            json!({"volumeMounts": [{"name": "no", "mountPath": "/a"}, {"name": "v", "mountPath": "/a",
                "subPath": "../x"}]}),
            &[
                "volumeMounts[0].name: Not found: \"no\"",
                "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
                "volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'",
            ],
        ),
        (
            json!({"volumeDevices": [{"name": "v", "devicePath": "/d"}]}),
            &["volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of \
               PersistentVolumeClaim or Ephemeral for block mode"],
        ),
        (
            json!({"securityContext": {"runAsUser": -3, "allowPrivilegeEscalation": false, "privileged": true}}),
            &[
                "securityContext.runAsUser: Invalid value: -3: must be between 0 and 2147483647, inclusive",
                "securityContext.allowPrivilegeEscalation: Invalid value: false: cannot set \
                 `allowPrivilegeEscalation` to false and `privileged` to true",
            ],
        ),
    ];
    for (fields, want) in rows {
        check_container(fields, want);
    }
}

#[test]
fn pod_specs() {
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"containers": []}), &["spec.containers: Required value"]),
        (
            json!({"restartPolicy": "Sometimes"}),
            &["spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \
               \"Never\""],
        ),
        (
            json!({"dnsPolicy": "None"}),
            &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
        ),
        (
            json!({"activeDeadlineSeconds": 0}),
            &["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            json!({"initContainers": [{"name": "c", "image": "x", "readinessProbe": {"tcpSocket": {"port": 1}}}]}),
            &[
                "spec.initContainers[0].name: Duplicate value: \"c\"",
                "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without \
                 restartPolicy=Always",
            ],
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}, {"name": "w",
                "secret": {"secretName": "", "defaultMode": 4096}}]}),
            &[
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
                "spec.volumes[1].secret.secretName: Required value",
                "spec.volumes[1].secret.defaultMode: Invalid value: 4096: must be a number between 0 and 0777 \
                 (octal), both inclusive",
            ],
        ),
        (
            json!({"tolerations": [{"operator": "Equal"}, {"key": "a", "effect": "Odd"}]}),
            &[
                "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is \
                 empty, which means \"match all values and all keys\"",
                "spec.tolerations[1].effect: Unsupported value: \"Odd\": supported values: \"NoSchedule\", \
                 \"PreferNoSchedule\", \"NoExecute\"",
            ],
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Odd"}]}),
            &[
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
                "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"Odd\": supported \
                 values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            ],
        ),
        (
            json!({"hostPID": true, "shareProcessNamespace": true}),
            &["spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID \
               cannot both be enabled"],
        ),
    ];
    for (spec, want) in rows {
        check_pod(spec, want);
    }
}

#[test]
fn pod_updates() {
    let refused = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
        `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
        tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"containers": [{"name": "c", "image": "app:2"}]}), &[]),
        (json!({"activeDeadlineSeconds": 50}), &[]),
        (
            json!({"activeDeadlineSeconds": 200}),
            &["spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value"],
        ),
        (json!({"tolerations": [{"key": "a"}, {"key": "b"}]}), &[]),
        (
            json!({"tolerations": []}),
            &["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
        ),
        (json!({"restartPolicy": "Never"}), &[refused]),
        (json!({"nodeName": "n"}), &[refused]),
        (
            json!({"containers": [{"name": "c", "image": "app:1"}, {"name": "d", "image": "app:1"}]}),
            &["spec.containers: Forbidden: pod updates may not add or remove containers"],
        ),
    ];
    let old_spec = json!({"activeDeadlineSeconds": 100, "tolerations": [{"key": "a"}]});
    for (spec, want) in rows {
        let (mut new, mut old) = (pod(&merged(old_spec.clone(), spec)), pod(&old_spec));
        for pod in [&mut new, &mut old] {
            pod.metadata.resource_version = Some("1".to_owned());
        }
        check(spec, &validate_pod_update(&new, &old), want);
    }
}

fn deployment(spec: &Value) -> Deployment {
    let base = json!({"metadata": {"name": "w", "namespace": "default", "resourceVersion": "1"}, "spec": {
        "selector": {"matchLabels": {"app": "w"}},
        "template": {"metadata": {"labels": {"app": "w"}},
            "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
    let raw = merged(base, &json!({"spec": spec}));
    let mut deployment: Deployment = object(&raw);
    defaults::set_defaults_deployment(&mut deployment);
    let selector = &mut deployment.spec.as_mut().unwrap().selector;
    keep_empty_selector(raw["spec"].get("selector"), selector);
    deployment
}

#[test]
fn deployment_selectors_and_templates() {
    let mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"w\"}: `selector` does not match \
                    template `labels`";
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"selector": null}), &["spec.selector: Required value", mismatch]),
        (
            json!({"selector": {"matchLabels": null}}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (json!({"selector": {"matchLabels": {"app": "x"}}}), &[mismatch]),
        (
            json!({"selector": {"matchLabels": null, "matchExpressions": [{"key": "a", "operator": "Foo"}]}}),
            &[
                "spec.selector.matchExpressions[0].operator: Invalid value: \"Foo\": not a valid selector operator",
                "spec.selector: Invalid value: {\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Foo\"}]}: \
                 invalid label selector",
            ],
        ),
        (
            json!({"template": {"metadata": {"labels": {"x y": "z"}}}}),
            &[&format!("spec.template.labels: Invalid value: \"x y\": {NAME_PART}")],
        ),
        (
            json!({"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}}),
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not \
                 Supported",
            ],
        ),
    ];
    for (spec, want) in rows {
        check(spec, &validate_deployment(&deployment(spec)), want);
    }
}

#[test]
fn deployment_strategies_and_numbers() {
    let rolling = |update: Value| json!({"strategy": {"rollingUpdate": update}});
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"replicas": -1, "minReadySeconds": -5, "revisionHistoryLimit": -1, "progressDeadlineSeconds": -5}),
            &[
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                "spec.minReadySeconds: Invalid value: -5: must be greater than or equal to 0",
                "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.progressDeadlineSeconds: Invalid value: -5: must be greater than or equal to 0",
                "spec.progressDeadlineSeconds: Invalid value: -5: must be greater than minReadySeconds",
            ],
        ),
        (
            json!({"strategy": {"type": "Blue"}}),
            &["spec.strategy: Unsupported value: {\"Type\":\"Blue\",\"RollingUpdate\":null}: supported values: \
               \"Recreate\", \"RollingUpdate\""],
        ),
        (
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            rolling(json!({"maxSurge": 0, "maxUnavailable": "0%"})),
            &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is \
               0"],
        ),
        (
            rolling(json!({"maxSurge": "150%", "maxUnavailable": "150%"})),
            &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"150%\": must not be greater than 100%"],
        ),
        (
            rolling(json!({"maxSurge": "5", "maxUnavailable": -1})),
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
                "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"5\": a valid percent string must be a \
                 numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is \
                 '[0-9]+%')",
            ],
        ),
    ];
    for (spec, want) in rows {
        check(spec, &validate_deployment(&deployment(spec)), want);
    }
}

#[test]
fn workload_updates_and_status() {
    let old = deployment(&json!({}));
    let changed =
        json!({"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}});
    let immutable = "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"x\"}}: field is immutable";
    check(&changed, &validate_deployment_update(&deployment(&changed), &old), &[immutable]);
    check(&json!({}), &validate_deployment_update(&old, &old), &[]);
    let status = json!({"replicas": 1, "updatedReplicas": 2, "readyReplicas": 0, "availableReplicas": 1});
    let mut new = old.clone();
    new.status = Some(object(&status));
    let mut counted = old.clone();
    counted.status = Some(object(&json!({"collisionCount": 1})));
    let want = [
        "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
        "status.collisionCount: Invalid value: 0: cannot be decremented",
    ];
    check(&status, &validate_deployment_status_update(&new, &counted), &want);
    let meta = json!({"name": "w", "namespace": "default", "resourceVersion": "1"});
    let rs: ReplicaSet = object(&json!({"metadata": meta, "spec": {"selector": {}},
        "status": {"replicas": 0, "fullyLabeledReplicas": 1, "observedGeneration": -1}}));
    let want = [
        "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
        "status.fullyLabeledReplicas: Invalid value: 1: cannot be greater than status.replicas",
    ];
    check(&meta, &validate_replica_set_status_update(&rs, &rs), &want);
    let mut rs = rs;
    defaults::set_defaults_replica_set(&mut rs);
    assert_eq!(texts(&validate_replica_set(&rs))[0], "spec.selector: Required value");
}

#[test]
fn configuration() {
    let meta = json!({"name": "m", "namespace": "default", "resourceVersion": "1"});
    let map = |fields: Value| -> ConfigMap { object(&merged(json!({"metadata": meta}), &fields)) };
    let new = map(json!({"data": {"..": "x", "a": "b"}, "binaryData": {"a": "AAEC"}}));
    let want = [
        "data[..]: Invalid value: \"..\": must not be '..'",
        "data[a]: Invalid value: \"a\": duplicate of key present in binaryData",
    ];
    check(&json!({}), &validate_config_map(&new), &want);
    let locked = map(json!({"data": {"a": "b"}, "immutable": true}));
    let want = [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
    ];
    check(&json!({}), &validate_config_map_update(&map(json!({})), &locked), &want);
    let secret = |fields: Value| -> Secret { object(&merged(json!({"metadata": meta}), &fields)) };
    let rows: &[(Value, &[&str])] = &[
        (json!({"type": "Opaque"}), &[]),
        (
            json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "eA=="}}),
            &["data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'x' \
               looking for beginning of value"],
        ),
        (
            json!({"type": "kubernetes.io/service-account-token"}),
            &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
        (json!({"type": "kubernetes.io/tls"}), &["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    ];
    for (fields, want) in rows {
        check(fields, &validate_secret(&secret(fields.clone())), want);
    }
    let errors = validate_secret_update(&secret(json!({"type": "x"})), &secret(json!({"type": "y"})));
    check(&json!({}), &errors, &["type: Invalid value: \"x\": field is immutable"]);
}

#[test]
fn small_kinds() {
    let namespace: Namespace = object(&json!({"metadata": {"name": "a.b"}}));
    let want = ["metadata.name: Invalid value: \"a.b\": must not contain dots"];
    check(&json!({}), &validate_namespace(&namespace), &want);
    let node: Node = object(&json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "a", "effect": "Odd"}]}}));
    let want = ["metadata.taints[0].effect: Unsupported value: \"Odd\": supported values: \"NoSchedule\", \
                 \"PreferNoSchedule\", \"NoExecute\""];
    check(&json!({}), &validate_node(&node), &want);
    let class: PriorityClass = object(&json!({"metadata": {"name": "pc"}, "value": 2_000_000_000}));
    let want = ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"];
    check(&json!({}), &validate_priority_class(&class), &want);
    let quota = json!({"metadata": {"name": "q", "namespace": "n"},
        "spec": {"hard": {"pods": "1.5", "x": "1"}, "scopes": ["Odd"]}});
    let quota: ResourceQuota = object(&quota);
    let want = [
        "spec.hard[pods]: Invalid value: \"1500m\": must be an integer",
        "spec.hard[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
        "spec.hard[x]: Invalid value: \"x\": must be a standard resource for quota",
        "spec.scopes: Invalid value: [\"Odd\"]: unsupported scope",
    ];
    check(&json!({}), &validate_resource_quota(&quota), &want);
    let event = json!({"metadata": {"name": "e", "namespace": "n"}, "involvedObject": {"namespace": "other"}});
    let want = ["involvedObject.namespace: Invalid value: \"other\": does not match event.namespace"];
    check(&event, &validate_event_create(&object::<Event>(&event)), &want);
    let scale = json!({"metadata": {"name": "w", "namespace": "n"}, "spec": {"replicas": -1}});
    let want = ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"];
    check(&scale, &validate_scale(&object(&scale)), &want);
}

#[test]
fn limit_ranges_and_leases() {
    let rows: &[(Value, &[&str])] = &[
        (json!({"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "100m"}}), &[]),
        (
            json!({"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "2"}}),
            &[
                "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than \
                 max value 1",
                "spec.limits[0].default[cpu]: Invalid value: \"1\": default value 2 is greater than max value 1",
            ],
        ),
        (
            json!({"type": "Odd"}),
            &["spec.limits[0].type: Invalid value: \"Odd\": must be a standard limit type or fully qualified"],
        ),
        (
            json!({"type": "PersistentVolumeClaim"}),
            &["spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but \
               neither was provided"],
        ),
        (
            json!({"type": "Pod", "default": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "500m"}}),
            &[
                "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1",
            ],
        ),
    ];
    for (item, want) in rows {
        let range = json!({"metadata": {"name": "l", "namespace": "n"}, "spec": {"limits": [item]}});
        let mut range = object(&range);
        defaults::set_defaults_limit_range(&mut range);
        check(item, &validate_limit_range(&range), want);
    }
    let lease = json!({"metadata": {"name": "l", "namespace": "n"},
        "spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}});
    let want = [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ];
    check(&lease, &validate_lease(&object(&lease)), &want);
}

#[test]
fn warnings() {
    let mut deployment = deployment(&json!({}));
    assert_eq!(warnings_for_deployment(&deployment), Vec::<String>::new());
    deployment.metadata.name = Some("a.b".to_owned());
    let want = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a \
                DNS label is recommended: [must not contain dots]";
    assert_eq!(warnings_for_deployment(&deployment), [want]);
    let container = json!({"name": "c", "image": "a:1", "env": [{"name": "A"}, {"name": "A"}],
        "resources": {"requests": {"memory": "100m"}}});
    let pod = pod(&json!({"containers": [container], "imagePullSecrets": [{"name": ""}],
        "volumes": [{"name": "v", "gitRepo": {"repository": "x"}}]}));
    let want = [
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        "spec.imagePullSecrets[0].name: invalid empty name \"\"",
        "spec.containers[0].resources.requests[memory]: fractional byte value \"100m\" is invalid, must be an integer",
        "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
    ];
    assert_eq!(warnings_for_pod(&pod), want);
    let secret: Secret = object(&json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}));
    assert_eq!(warnings_for_secret(&secret), ["tls: failed to find any PEM data in certificate input"]);
}
