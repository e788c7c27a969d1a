use serde_json::{Value, json};

use super::*;

fn container(mut more: Value) -> Value {
    let defaults =
        json!({"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {}});
    for (key, value) in defaults.as_object().expect("a map") {
        more.as_object_mut().expect("a map").entry(key.clone()).or_insert(value.clone());
    }
    more
}

fn template(metadata: Value, mut spec: Value) -> Value {
    let defaults = json!({
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "securityContext": {}, "schedulerName": "default-scheduler"
    });
    for (key, value) in defaults.as_object().expect("a map") {
        spec.as_object_mut().expect("a map").entry(key.clone()).or_insert(value.clone());
    }
    json!({"metadata": metadata, "spec": spec})
}

/// The three worked examples, as the API server stores them; real clusters named their ReplicaSets so.
fn examples() -> [Value; 3] {
    let e1 = template(
        json!({"labels": {"app": "web"}}),
        json!({"containers": [container(json!({"name": "c", "image": "nginx:1.27", "imagePullPolicy": "IfNotPresent"}))]}),
    );
    let probe = json!({"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
    let e2 = template(
        json!({"labels": {"tier": "fe", "app": "web"}, "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-07-25T10:00:00Z"}}),
        json!({
            "serviceAccountName": "sa1", "serviceAccount": "sa1", "nodeSelector": {"disk": "ssd"},
            "containers": [container(json!({
                "name": "c", "image": "nginx", "imagePullPolicy": "Always", "command": ["sh", "-c"], "args": ["echo hi; sleep 1"],
                "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}
                ],
                "resources": {"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "500m", "memory": "100M"}},
                "readinessProbe": probe
            }))]
        }),
    );
    let tcp = json!({"tcpSocket": {"port": "http"}, "initialDelaySeconds": 5, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
    let e3 = template(
        json!({"labels": {"app": "web"}}),
        json!({
            "initContainers": [container(json!({"name": "i", "image": "busybox:1.36", "imagePullPolicy": "IfNotPresent", "restartPolicy": "Always"}))],
            "containers": [container(json!({
                "name": "c", "image": "nginx:1.27", "imagePullPolicy": "IfNotPresent", "livenessProbe": tcp,
                "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}],
                "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}
            }))],
            "volumes": [{"name": "v", "configMap": {"name": "cm", "defaultMode": 420}}, {"name": "e", "emptyDir": {"sizeLimit": "1Gi"}}],
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}],
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {
                "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}}]}},
            "imagePullSecrets": [{"name": "s"}]
        }),
    );
    [e1, e2, e3]
}

fn dumped(template: &Value) -> String {
    let mut out = String::new();
    dump(&mut out, template);
    out
}

#[test]
fn the_first_example_dumps_byte_for_byte() {
    assert_eq!(dumped(&examples()[0]), include_str!("e1.txt"));
}

#[test]
fn worked_examples_hash_as_real_clusters_do() {
    let want = [
        (3445, 696_204_483, ["bfb6488d7", "6cb4f5b94", "74487fb957"]),
        (5561, 1_481_906_114, ["58d5f4b558", "5dc584d85f", "58bb7dd85b"]),
        (9712, 1_839_893_065, ["5d7fdf74b9", "85dc6b5cbd", "6fc7588c9"]),
    ];
    for (template, (length, fnv, hashes)) in examples().iter().zip(want) {
        let text = dumped(template);
        let mut hash = Fnv1a32::default();
        hash.update(text.as_bytes());
        assert_eq!((text.len(), hash.value()), (length, fnv));
        assert_eq!([None, Some(1), Some(2)].map(|count| compute_hash(template, count)), hashes.map(str::to_owned));
    }
    assert_eq!(safe_encode_string("696204483"), "bfb6488d7");
}

#[test]
fn quantities_dump_with_upstreams_quirks() {
    let rows = [
        ("0", 0, 0, "0", "DecimalSI"),
        ("500m", 500, -3, "500m", "DecimalSI"),
        ("100M", 100, 6, "100M", "DecimalSI"),
        ("12e6", 12, 6, "12e6", "DecimalExponent"),
        ("1Gi", 1 << 30, 0, "1Gi", "BinarySI"),
        ("100Mi", 100 << 20, 0, "100Mi", "BinarySI"),
        ("250Ki", 250 << 10, 0, "250Ki", "BinarySI"),
        ("128Mi", 128 << 20, 0, "", "BinarySI"),
        ("64Mi", 64 << 20, 0, "", "BinarySI"),
        ("8Gi", 8i64 << 30, 0, "", "BinarySI"),
        ("1536Mi", 1536 << 20, 0, "", "BinarySI"),
    ];
    for (text, value, scale, cached, format) in rows {
        let mut out = String::new();
        quantity(&mut out, text).expect("a string takes any text");
        let want = format!(
            "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){cached} Format:(resource.Format){format}}}"
        );
        assert_eq!(out, want);
    }
    let mut out = String::new();
    quantity(&mut out, "100Ti").expect("a string takes any text");
    assert!(out.contains("abs:(big.nat)[") && out.contains("scale:(inf.Scale)9"), "{out}");
}

#[test]
fn nulls_and_empties_hash_alike() {
    let mut other = examples()[0].clone();
    other["spec"]["volumes"] = json!([]);
    other["spec"]["nodeSelector"] = json!({});
    other["spec"]["affinity"] = Value::Null;
    assert_eq!(compute_hash(&other, None), compute_hash(&examples()[0], None));
}
