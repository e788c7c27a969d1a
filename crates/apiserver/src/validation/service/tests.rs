//! The rules of Services, one row a rule.

use serde_json::{Value, json};

use super::*;
use crate::defaults::set_defaults_service;
use crate::validation::test_rows::{check_create, check_update, edited};

fn service() -> Value {
    json!({"metadata": {"name": "s", "namespace": "default", "resourceVersion": "1"},
        "spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack", "ports": [{"port": 80}]}})
}

#[test]
fn ports() {
    check_create(
        &service(),
        set_defaults_service,
        validate_service,
        &[
            (json!({"metadata": {"name": "1s"}}), ""),
            (json!({"metadata": {"name": "a.b"}}), "metadata.name: Invalid value: \"a.b\": must not contain dots"),
            (
                json!({"metadata": {"annotations": {"service.kubernetes.io/topology-mode": "Auto", "service.kubernetes.io/topology-aware-hints": "Disabled"}}}),
                "metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: \"Auto\": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified",
            ),
            (json!({"spec": {"ports": null}}), "spec.ports: Required value"),
            (
                json!({"spec": {"ports": [{"port": 80, "protocol": "HTTP"}]}}),
                "spec.ports[0].protocol: Unsupported value: \"HTTP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ),
            (
                json!({"spec": {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]}}),
                "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
            ),
            (
                json!({"spec": {"type": "NodePort", "ports": [{"name": "a", "port": 80, "nodePort": 30001}, {"name": "b", "port": 81, "nodePort": 30001}]}}),
                "spec.ports[1].nodePort: Duplicate value: 30001",
            ),
            (
                json!({"spec": {"ports": [{"port": 80, "targetPort": "80"}]}}),
                "spec.ports[0].targetPort: Invalid value: \"80\": must contain at least one letter (a-z)",
            ),
        ],
    );
}

#[test]
fn types_and_addresses() {
    check_create(
        &service(),
        set_defaults_service,
        validate_service,
        &[
            (
                json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"], "type": "LoadBalancer"}}),
                "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
            ),
            (
                json!({"spec": {"type": "ExternalName", "externalName": "a.example."}}),
                "[spec.clusterIPs: Forbidden: may not be set for ExternalName services, \
                 spec.ipFamilies: Forbidden: may not be set for ExternalName services, \
                 spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services]",
            ),
            (
                json!({"spec": {"clusterIPs": ["10.96.0.8"]}}),
                "spec.clusterIPs: Invalid value: [\"10.96.0.8\"]: first value must match `clusterIP`",
            ),
            (
                json!({"spec": {"ipFamilies": ["IPv6"]}}),
                "spec.clusterIPs[0]: Invalid value: \"10.96.0.9\": expected an IPv6 value as indicated by `ipFamilies[0]`",
            ),
            (
                json!({"spec": {"externalIPs": ["169.254.1.1"]}}),
                "spec.externalIPs[0]: Invalid value: \"169.254.1.1\": may not be in the link-local range (169.254.0.0/16, fe80::/10)",
            ),
            (
                json!({"spec": {"loadBalancerSourceRanges": ["10.0.0.0/33"]}}),
                "[spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer', \
                 spec.LoadBalancerSourceRanges[0]: Invalid value: \"10.0.0.0/33\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)]",
            ),
            (
                json!({"spec": {"allocateLoadBalancerNodePorts": true}}),
                "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
            ),
            (
                json!({"spec": {"externalTrafficPolicy": "Local"}}),
                "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            ),
            (
                json!({"spec": {"healthCheckNodePort": 30001}}),
                "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            ),
            (
                json!({"spec": {"internalTrafficPolicy": "Odd"}}),
                "spec.internalTrafficPolicy: Unsupported value: \"Odd\": supported values: \"Cluster\", \"Local\"",
            ),
            (
                json!({"spec": {"trafficDistribution": "Odd"}}),
                "spec.trafficDistribution: Unsupported value: \"Odd\": supported values: \"PreferClose\", \"PreferSameNode\", \"PreferSameZone\"",
            ),
            // The configuration of an affinity that is not asked for is cleared without a word.
            (json!({"spec": {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}}}), ""),
            (
                json!({"spec": {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}}}),
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
            ),
        ],
    );
}

#[test]
fn updates() {
    check_update(
        &service(),
        set_defaults_service,
        validate_service_update,
        &[
            (json!({"spec": {"selector": {"a": "b"}, "publishNotReadyAddresses": true}}), ""),
            (
                json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
                "spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set",
            ),
            (
                json!({"spec": {"clusterIP": null, "clusterIPs": null}}),
                "spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset",
            ),
        ],
    );
    let mut balancer = service();
    json_patch::merge(&mut balancer, &json!({"spec": {"type": "LoadBalancer", "loadBalancerClass": "a.b/c"}}));
    check_update(
        &balancer,
        set_defaults_service,
        validate_service_update,
        &[(
            json!({"spec": {"loadBalancerClass": "a.b/d"}}),
            "spec.loadBalancerClass: Invalid value: \"a.b/d\": may not change once set",
        )],
    );
    check_update(
        &balancer,
        set_defaults_service,
        validate_service_status_update,
        &[
            (json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}), ""),
            (
                json!({"status": {"loadBalancer": {"ingress": [{"ip": "x"}]}}}),
                "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
            (
                json!({"status": {"loadBalancer": {"ingress": [{"hostname": "1.2.3.4"}]}}}),
                "status.loadBalancer.ingress[0].hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address",
            ),
        ],
    );
}

#[test]
fn warnings() {
    let rows: [(Value, &[&str]); 5] = [
        (json!({}), &[]),
        (
            json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"], "sessionAffinity": "ClientIP", "externalIPs": ["1.2.3.4"]}}),
            &[
                "spec.externalIPs is ignored for headless services",
                "spec.SessionAffinity is ignored for headless services",
            ],
        ),
        (
            json!({"spec": {"externalIPs": ["1.2.3.04"]}}),
            &[
                "spec.externalIPs[0]: non-standard IP address \"1.2.3.04\" will be considered invalid in a future Kubernetes release: use \"1.2.3.4\"",
                "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
            ],
        ),
        (
            json!({"spec": {"externalName": "x"}}),
            &["spec.externalName is ignored when spec.type is not \"ExternalName\""],
        ),
        (
            json!({"spec": {"trafficDistribution": "PreferClose"}}),
            &["spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\""],
        ),
    ];
    for (edit, want) in rows {
        let service = edited(&service(), &edit, set_defaults_service);
        assert_eq!(warnings_for_service(&service), want, "{edit}");
    }
}
