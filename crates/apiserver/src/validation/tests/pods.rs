//! Rules of pods that came later: one row a rule.

use super::*;

#[test]
fn claims_restart_rules_and_operating_systems() {
    let rule =
        |action: &str, operator: &str| json!([{"action": action, "exitCodes": {"operator": operator, "values": [1]}}]);
    check_container(
        &json!({"restartPolicy": "Never", "restartPolicyRules": rule("RestartAllContainers", "NotIn")}),
        &[],
    );
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"restartPolicyRules": rule("Restart", "In")}),
            &["restartPolicy: Required value: must specify restartPolicy when restart rules are used"],
        ),
        (
            json!({"restartPolicy": "Never", "restartPolicyRules": rule("Stop", "Is")}),
            &[
                "restartPolicyRules[0].action: Unsupported value: \"Stop\": supported values: \"Restart\", \"RestartAllContainers\"",
                "restartPolicyRules[0].exitCodes.operator: Unsupported value: \"Is\": supported values: \"In\", \"NotIn\"",
            ],
        ),
        (
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]}),
            &["restartPolicyRules[0].exitCodes: Required value: must be specified"],
        ),
        (
            json!({"securityContext": {"procMount": "Unmasked"}}),
            &["securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`"],
        ),
    ];
    for (fields, want) in rows {
        check_container(fields, want);
    }
    let rows: &[(Value, &[&str])] = &[
        (json!({"resourceClaims": [{"name": "a", "resourceClaimName": "x"}]}), &[]),
        (
            json!({"resourceClaims": [{"name": "", "resourceClaimName": "x"}, {"name": "a", "resourceClaimTemplateName": "x"}, {"name": "a", "resourceClaimName": "x"}]}),
            &["spec.resourceClaims[0].name: Required value", "spec.resourceClaims[2].name: Duplicate value: \"a\""],
        ),
        (json!({"os": {"name": ""}}), &["spec.os.name: Required value: cannot be empty"]),
        (
            json!({"os": {"name": "plan9"}}),
            &["spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""],
        ),
        (
            json!({"os": {"name": "windows"}, "hostPID": true, "securityContext": {"runAsUser": 1}}),
            &[
                "spec.hostPID: Forbidden: cannot be set for a windows pod",
                "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            ],
        ),
        (
            json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {"runAsUserName": "x"}}}),
            &["spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
        ),
        (json!({"dnsConfig": {"searches": [".", "_a.b_c.d.", "a"]}}), &[]),
        (
            json!({"resources": {"requests": {"cpu": "1"}}, "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}]}),
            &[
                "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2",
            ],
        ),
    ];
    for (spec, want) in rows {
        check_pod(spec, want);
    }
    let errors = validate_pod_create(&pod(&json!({"dnsConfig": {"searches": ["A"]}})));
    assert!(errors[0].to_string().contains("'-', '_' or '.'"), "{errors:?}");
}

fn annotated(annotations: &Value, spec: &Value) -> Pod {
    let mut pod = pod(spec);
    pod.metadata.annotations = Some(object(annotations));
    pod
}

#[test]
fn old_annotations_agree_with_fields() {
    let app_armor = "container.apparmor.security.beta.kubernetes.io/c";
    let rows: &[(Value, Value, &[&str])] = &[
        (json!({app_armor: "runtime/default"}), json!({}), &[]),
        (
            json!({app_armor: "mine"}),
            json!({}),
            &[
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: \"mine\": invalid AppArmor profile name: \"mine\"",
            ],
        ),
        (
            json!({app_armor: "unconfined"}),
            json!({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}),
            &[
                "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
            ],
        ),
        (
            json!({"seccomp.security.alpha.kubernetes.io/pod": "localhost/a"}),
            json!({"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "b"}}}),
            &[
                "spec.securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match",
            ],
        ),
    ];
    for (annotations, spec, want) in rows {
        check(annotations, &validate_pod_create(&annotated(annotations, spec)), want);
    }
}

fn versioned(mut pod: Pod) -> Pod {
    pod.metadata.resource_version = Some("1".to_owned());
    pod
}

#[test]
fn resizes_and_debugging_containers() {
    let of = |resources: Value| json!({"containers": [{"name": "c", "image": "app:1", "resources": resources}]});
    let old = of(json!({"requests": {"cpu": "1", "memory": "1Gi"}}));
    let rows: &[(Value, &[&str])] = &[
        (of(json!({"requests": {"cpu": "2", "memory": "1Gi"}})), &[]),
        (
            of(json!({"requests": {"cpu": "2"}})),
            &["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
        ),
        (
            of(json!({"requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}})),
            &["spec: Forbidden: only cpu and memory resources are mutable"],
        ),
        (
            of(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}})),
            &["spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"],
        ),
    ];
    for (spec, want) in rows {
        let (new, old) = (versioned(pod(spec)), versioned(pod(&old)));
        check(spec, &validate_pod_resize(&new, &old), want);
    }
    let debugged = |name: &str, image: &str| {
        let mut debugged = versioned(pod(&json!({})));
        let spec = debugged.spec.as_mut().unwrap();
        spec.ephemeral_containers = Some(vec![object(&json!({"name": name, "image": image}))]);
        defaults::set_defaults_pod(&mut debugged);
        debugged
    };
    for (new, want) in [
        (debugged("d", "i"), None),
        (
            debugged("d", "j"),
            Some("spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be changed"),
        ),
        (
            debugged("e", "i"),
            Some("spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be removed\n"),
        ),
    ] {
        let errors = validate_pod_ephemeral_containers_update(&new, &debugged("d", "i"));
        assert_eq!(texts(&errors).first().map(String::as_str), want);
    }
}

#[test]
fn a_gated_pod_may_only_be_narrowed() {
    let term = |values: &[&str]| json!({"matchExpressions": [{"key": "a", "operator": "In", "values": values}]});
    let spec = |terms: &[Value]| {
        json!({"schedulingGates": [{"name": "g"}], "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
    };
    let mut more = term(&["x"]);
    more["matchExpressions"].as_array_mut().unwrap().push(json!({"key": "b", "operator": "Exists"}));
    let path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    for (new, want) in [
        (spec(&[more]), None),
        (spec(&[term(&["y"])]), Some("[0]: Invalid value: ")),
        (spec(&[term(&["x"]), term(&["x"])]), Some(": Invalid value: ")),
    ] {
        let errors = validate_pod_update(&versioned(pod(&new)), &versioned(pod(&spec(&[term(&["x"])]))));
        assert_eq!(errors.len(), usize::from(want.is_some()), "{errors:?}");
        if let Some(want) = want {
            assert!(errors[0].to_string().starts_with(&format!("{path}{want}")), "{errors:?}");
        }
    }
}

#[test]
fn status() {
    let with = |status: Value| {
        let mut pod = versioned(pod(&json!({})));
        pod.status = Some(object(&status));
        pod
    };
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.4"}], "podIPs": [{"ip": "1.2.3.4"}, {"ip": "fd00::1"}]}),
            &[],
        ),
        (
            json!({"hostIPs": [{"ip": "1.2.3.4"}]}),
            &["status.hostIPs[0].ip: Invalid value: \"1.2.3.4\": must be equal to `hostIP`"],
        ),
        (
            json!({"resourceClaimStatuses": [{"name": "a"}]}),
            &[
                "status.resourceClaimStatuses[0].name: Invalid value: \"a\": must match the name of an entry in `spec.resourceClaims`",
            ],
        ),
    ];
    for (new, want) in rows {
        check(new, &validate_pod_status_update(&with(new.clone()), &with(json!({}))), want);
    }
    let ended = json!({"ephemeralContainerStatuses": [{"name": "e", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 1}}}]});
    let mut running = ended.clone();
    running["ephemeralContainerStatuses"][0]["state"] = json!({"running": {}});
    let errors = validate_pod_status_update(&with(running), &with(ended));
    let want = "status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
    assert_eq!(texts(&errors), [want]);
}

#[test]
fn pod_warnings() {
    let ports = |ports: Value| json!({"containers": [{"name": "c", "image": "i", "ports": ports}]});
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
            &["spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead"],
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}]}),
            &["spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"],
        ),
        (
            json!({"hostAliases": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}]}),
            &["spec.hostAliases[1].ip: duplicate ip \"1.1.1.1\""],
        ),
        (
            json!({"hostAliases": [{"ip": "010.1.1.1"}, {"ip": "FD00::1"}]}),
            &[
                "spec.hostAliases[0].ip: non-standard IP address \"010.1.1.1\" will be considered invalid in a future Kubernetes release: use \"10.1.1.1\"",
                "spec.hostAliases[1].ip: IPv6 address \"FD00::1\" should be in RFC 5952 canonical format (\"fd00::1\")",
            ],
        ),
        (
            json!({"imagePullSecrets": [{"name": "a"}, {"name": "a"}]}),
            &["spec.imagePullSecrets[1].name: duplicate name \"a\""],
        ),
        (
            ports(json!([{"containerPort": 1, "hostIP": "1.2.3.4"}])),
            &[
                "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:1 Protocol:TCP HostIP:1.2.3.4}",
            ],
        ),
        (
            ports(
                json!([{"containerPort": 1, "name": "a"}, {"containerPort": 1}, {"containerPort": 1, "hostPort": 2}]),
            ),
            &[
                "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
                "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
                "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
            ],
        ),
        (
            json!({"terminationGracePeriodSeconds": -1}),
            &["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
        ),
        (
            json!({"volumes": [{"name": "v", "configMap": {"name": "m", "items": [{"key": "a", "path": "p"}, {"key": "b", "path": "p/q"}]}}]}),
            &["volume \"v\" (ConfigMap \"m\"): overlapping paths: \"p/q\" with \"p\""],
        ),
        (
            json!({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"secret": {"name": "s", "items": [{"key": "a", "path": "t"}]}}]}}]}),
            &["volume \"v\" (Projected): overlapping paths: \"t\" (Secret \"s\") with \"t\" (ServiceAccountToken)"],
        ),
        (
            json!({"containers": [{"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}, {"name": "A", "value": "3"}]}]}),
            &["spec.containers[0].env[2]: hides previous definition of \"A\", which may be dropped when using apply"],
        ),
    ];
    for (spec, want) in rows {
        assert_eq!(warnings_for_pod(&pod(spec)), *want, "{spec}");
    }
}

#[test]
fn events_through_the_newer_version() {
    let event = |more: &Value| -> Event {
        let base = json!({"metadata": {"name": "e", "namespace": "default", "resourceVersion": "1"}, "involvedObject": {"namespace": "default"},
            "eventTime": "2024-01-01T00:00:00.000000Z", "reportingComponent": "c", "reportingInstance": "i", "action": "a",
            "reason": "r", "type": "Normal"});
        object(&merged(base, more))
    };
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"type": "Odd"}), &["type: Invalid value: \"\": has invalid value: Odd"]),
        (
            json!({"count": 1, "source": {"host": "h"}}),
            &["count: Invalid value: \"\": needs to be unset", "source: Invalid value: \"\": needs to be unset"],
        ),
        (
            json!({"series": {"count": 1, "lastObservedTime": "2024-01-01T00:00:00.000000Z"}}),
            &["series.count: Invalid value: \"\": should be at least 2"],
        ),
    ];
    for (more, want) in rows {
        check(more, &validate_event_create_strict(&event(more)), want);
    }
    let changed = validate_event_update_strict(&event(&json!({"reason": "other"})), &event(&json!({})));
    assert_eq!(texts(&changed), ["reason: Invalid value: \"other\": field is immutable"]);
}

#[test]
fn scope_selectors_of_quotas() {
    let quota = |term: &Value| -> ResourceQuota {
        object(&json!({"metadata": {"name": "q", "namespace": "default"},
            "spec": {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [term]}}}))
    };
    let path = "spec.scopeSelector.matchExpressions";
    for (term, want) in [
        (json!({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}), None),
        (
            json!({"scopeName": "PriorityClass", "operator": "In"}),
            Some(".values: Required value: must be at least one value"),
        ),
        (
            json!({"scopeName": "PriorityClass", "operator": "Like"}),
            Some(".operator: Invalid value: \"Like\": not a valid selector operator"),
        ),
        (
            json!({"scopeName": "Terminating", "operator": "DoesNotExist"}),
            Some(".operator: Invalid value: \"DoesNotExist\": must be 'Exist' when"),
        ),
        (
            json!({"scopeName": "Odd", "operator": "Exists"}),
            Some(".scopeName: Invalid value: \"Odd\": unsupported scope"),
        ),
    ] {
        let errors = texts(&validate_resource_quota(&quota(&term)));
        assert_eq!(errors.len(), usize::from(want.is_some()), "{errors:?}");
        if let Some(want) = want {
            assert!(errors[0].starts_with(&format!("{path}{want}")), "{errors:?}");
        }
    }
}

#[test]
fn nodes_that_change() {
    let node = |spec: &Value, status: &Value| -> Node {
        object(&json!({"metadata": {"name": "n", "resourceVersion": "1"}, "spec": spec, "status": status}))
    };
    let none = json!({});
    let rows: &[(Value, Value, &[&str])] = &[
        (json!({"podCIDRs": ["10.0.0.0/24"]}), none.clone(), &[]),
        (
            json!({"podCIDRs": ["10.0.1.0/24"]}),
            none.clone(),
            &["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"],
        ),
        (
            json!({"podCIDRs": ["10.0.0.0/24"]}),
            json!({"capacity": {"cpu": "-1", "pods": "1.5"}}),
            &[
                "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0",
                "status.capacity.pods: Invalid value: \"1500m\": must be an integer",
            ],
        ),
    ];
    for (spec, status, want) in rows {
        let old = node(&json!({"podCIDRs": ["10.0.0.0/24"]}), &none);
        check(spec, &validate_node_update(&node(spec, status), &old), want);
    }
    let twice = json!({"addresses": [{"type": "InternalIP", "address": "1.2.3.4"}, {"type": "InternalIP", "address": "1.2.3.4"}]});
    let errors = texts(&validate_node_update(&node(&none, &twice), &node(&none, &none)));
    assert!(errors.len() == 1 && errors[0].starts_with("status.addresses[1]: Duplicate value: "), "{errors:?}");
}

#[test]
fn keys_of_labels() {
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "t", "whenUnsatisfiable": "ScheduleAnyway",
                "matchLabelKeys": ["b", "a"], "labelSelector": {"matchLabels": {"b": "x"}, "matchExpressions":
                    [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists"}]}}]}),
            &[
                "spec.topologySpreadConstraints[0][1]: Invalid value: \"a\": exists in both matchLabelKeys and labelSelector",
            ],
        ),
        (
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "t",
                "labelSelector": {}, "matchLabelKeys": ["a", "b"], "mismatchLabelKeys": ["b"]}]}}}),
            &[
                "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[1]: Invalid value: \"b\": exists in both matchLabelKeys and mismatchLabelKeys",
            ],
        ),
    ];
    for (spec, want) in rows {
        check_pod(spec, want);
    }
}
