//! Laws of bodies and patches, over objects that are made up.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use seatrial_api::schema::{canonicalize, type_named};
use seatrial_api::{Kind, ObjectKey, Time};
use seatrial_apiserver::patch::{apply_merge_patch, apply_strategic_merge_patch, create_two_way_merge_patch};
use seatrial_apiserver::{ApiServer, ApiServerOptions, Body, RequestInfo, Subresource, fuzzing, parse_object};
use serde_json::{Map, Value, json};

const CASES: u32 = 32;

fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
    let namespace = Body::from(json!({"metadata": {"name": "default"}}));
    server.create_json(&request(), Kind::Namespace, "", &namespace).expect("a namespace");
    server
}

fn request() -> RequestInfo<'static> {
    RequestInfo::new(Time::from_unix(1), "test")
}

fn name() -> impl Strategy<Value = String> {
    // serde_yaml writes YAML 1.2 and would leave `n` and `yes` without quotes.
    "[a-d][a-z0-9]{0,4}"
}

/// Items of a list that is merged by `key`, each with its own, in any order.
fn keyed(key: &'static str, item: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let named = move |(name, mut item): (String, Value)| {
        item[key] = name.into();
        item
    };
    btree_map(name(), item, 0..4)
        .prop_map(move |items| items.into_iter().map(named).collect::<Vec<Value>>())
        .prop_shuffle()
        .prop_map(Value::Array)
        .boxed()
}

fn texts() -> impl Strategy<Value = Value> {
    btree_map(name(), name(), 0..3).prop_map(|map| json!(map))
}

fn container() -> impl Strategy<Value = Value> {
    let quantity = select(vec!["1", "500m", "0.5", "1Gi", "1e3", "128974848", "0.1"]);
    let ports =
        btree_set(1_u16..9, 0..3).prop_map(|ports| ports.into_iter().map(|p| json!({"containerPort": p})).collect());
    let env = keyed("name", name().prop_map(|value| json!({"value": value})));
    (name(), env, ports, vec(name(), 0..3), quantity, any::<bool>()).prop_map(
        |(image, env, ports, args, cpu, tty): (_, _, Vec<Value>, _, _, _)| {
            json!({"image": image, "env": env, "ports": ports, "args": args, "tty": tty, "resources": {"limits": {"cpu": cpu}}})
        },
    )
}

fn volume() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"emptyDir": {}})),
        name().prop_map(|n| json!({"hostPath": {"path": format!("/{n}")}})),
        name().prop_map(|n| json!({"configMap": {"name": n}})),
    ]
}

prop_compose! {
    fn pod_spec()(
        first in container(), more in keyed("name", container()), volumes in keyed("name", volume()), selector in texts(),
        grace in 0_i64..100,
    ) -> Value {
        let mut first = first;
        first["name"] = "first-one".into();
        let mut containers = vec![first];
        containers.extend(more.as_array().cloned().unwrap_or_default());
        json!({"containers": containers, "volumes": volumes, "nodeSelector": selector, "terminationGracePeriodSeconds": grace})
    }
}

prop_compose! {
    fn deployment()(
        spec in pod_spec(), labels in texts(), replicas in 0..5, finalizers in btree_set("x/[a-d]", 0..3),
        recreate in any::<bool>(),
    ) -> Value {
        let strategy = if recreate {
            json!({"type": "Recreate"})
        } else {
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "50%"}})
        };
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "namespace": "default", "labels": labels, "finalizers": finalizers},
            "spec": {"replicas": replicas, "strategy": strategy, "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}
        })
    }
}

/// The merge patch that makes `to` of `from`.
fn merge_diff(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in to {
        match from.get(key) {
            Some(before) if before == value => {}
            Some(before @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), merge_diff(before, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

fn canonical(value: &Value) -> Value {
    let mut value = value.clone();
    canonicalize(&mut value, type_named("Deployment").expect("Deployment"));
    value
}

/// Pieces of documents, of which many fit together.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\":",
        "\"spec\":{",
        "\"metadata\":{",
        "\"name\":\"d\"",
        "\"replicas\":3",
        "\"replicas\":null",
        "\"$patch\":\"delete\"",
        "\"$patch\":\"replace\"",
        "\"$retainKeys\":[\"name\"]",
        "\"$setElementOrder/containers\":[{\"name\":\"c\"}]",
        "\"$deleteFromPrimitiveList/finalizers\":[\"x/y\"]",
        "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"",
        "}]}}",
        "\"op\":\"add\"",
        "\"op\":\"remove\"",
        "\"path\":\"/spec/replicas\"",
        "\"path\":\"/metadata/labels\"",
        "\"from\":\"/spec\"",
        "\"value\":5",
        "\"value\":{}",
        "1e9",
        "-0",
        "99999999999999999999",
        "true",
        "null",
        "\\u0000",
        "\n",
        "  ",
        "- ",
        "a: ",
        "&x ",
        "*x",
        "<<: ",
        "|\n",
        "---\n",
        "\"managedFields\":[{}]",
        "\"apiVersion\":\"apps/v1\"",
        "\"kind\":\"Deployment\"",
        "\"kind\":\"List\"",
        "\u{e4}",
    ];
    vec(select(pieces), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_survive_yaml_the_store_and_yaml_again(object in deployment()) {
        let mut server = server();
        let text = serde_yaml::to_string(&object).expect("YAML");
        let body = parse_object(text.as_bytes(), Some("application/yaml"), "Deployment").expect("it reads");
        prop_assert_eq!(&body.value, &object);
        let stored = server.create_json(&request(), Kind::Deployment, "default", &body).expect("it is valid").object.to_json();
        let text = serde_yaml::to_string(&stored).expect("YAML");
        let body = parse_object(text.as_bytes(), Some("application/yaml"), "Deployment").expect("it reads");
        let version = server.store().resource_version();
        let key = ObjectKey::new(Kind::Deployment, "default", "d");
        let again = server.update_json(&request(), &key, Subresource::Main, &body).expect("it is valid").object.to_json();
        prop_assert_eq!(again, stored);
        prop_assert_eq!(server.store().resource_version(), version);
    }

    #[test]
    fn a_patch_made_of_two_objects_makes_the_second_of_the_first(a in deployment(), b in deployment()) {
        let (a, b) = (canonical(&a), canonical(&b));
        let ty = type_named("Deployment").expect("Deployment");
        let patch = create_two_way_merge_patch(&a, &b, ty);
        let patched = apply_strategic_merge_patch(&a, &patch, ty).expect("it applies");
        prop_assert_eq!(canonical(&patched), b.clone(), "{}", patch);
        prop_assert_eq!(apply_merge_patch(&a, &merge_diff(&a, &b)), b);
    }

    #[test]
    fn whatever_is_sent_is_answered_and_refusals_leave_no_trace(data in pieces()) {
        fuzzing::fuzz_json_body(&data);
        fuzzing::fuzz_yaml_body(&data);
        fuzzing::fuzz_json_patch(&data);
        fuzzing::fuzz_merge_patch(&data);
        fuzzing::fuzz_strategic_patch(&data);
        fuzzing::fuzz_apply_patch(&data);
        fuzzing::fuzz_selector(&data);
    }

    #[test]
    fn selectors_and_quantities_read_back(selector in "[a-z!=() ,.0-9/-]{0,20}", quantity in "[+-]?[0-9.]{1,6}([eE][+-]?[0-9]{1,2}|[numkMGTPE]i?)?") {
        fuzzing::fuzz_selector(selector.as_bytes());
        fuzzing::fuzz_quantity(quantity.as_bytes());
    }

    #[test]
    fn any_bytes_are_answered(data in vec(any::<u8>(), 0..64)) {
        fuzzing::fuzz_json_body(&data);
        fuzzing::fuzz_yaml_body(&data);
        fuzzing::fuzz_quantity(&data);
    }
}

#[test]
fn hostile_bodies_end() {
    let deep = |open: &str, depth: usize| open.repeat(depth).into_bytes();
    let label = format!(r#"{{"metadata":{{"name":"d","labels":{{"a":"{}"}}}}}}"#, "x".repeat(2 << 20)).into_bytes();
    let unknown = format!(r#"{{"zzz":{}1{}}}"#, "[".repeat(9_000), "]".repeat(9_000)).into_bytes();
    for data in
        [deep("[", 1_000_000), deep("{\"a\":", 500_000), deep("- ", 500_000), deep("a: {", 300_000), label, unknown]
    {
        fuzzing::fuzz_json_body(&data);
        fuzzing::fuzz_yaml_body(&data);
        fuzzing::fuzz_merge_patch(&data);
        fuzzing::fuzz_strategic_patch(&data);
        fuzzing::fuzz_apply_patch(&data);
    }
}
