//! The rules of Endpoints and EndpointSlices, one row a rule.

use serde_json::json;

use super::*;
use crate::defaults::{set_defaults_endpoint_slice, set_defaults_endpoints};
use crate::validation::test_rows::{check_create, check_update};

#[test]
fn endpoints() {
    let base = json!({"metadata": {"name": "e", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]});
    check_create(
        &base,
        set_defaults_endpoints,
        validate_endpoints,
        &[
            (json!({}), ""),
            (
                json!({"subsets": [{"ports": [{"port": 80}]}]}),
                "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
            ),
            (
                json!({"subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 80}]}]}),
                "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            (
                json!({"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}, {"name": "b", "port": 0}]}]}),
                "[subsets[0].ports[0].name: Required value, subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive]",
            ),
        ],
    );
}

#[test]
fn endpoint_slices() {
    let base = json!({"metadata": {"name": "e", "namespace": "default"}, "addressType": "IPv4",
        "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.1.2.3"]}]});
    let defaults = set_defaults_endpoint_slice;
    check_create(
        &base,
        defaults,
        validate_endpoint_slice,
        &[
            (json!({}), ""),
            (json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a.example"]}]}), ""),
            (
                json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a"]}]}),
                "endpoints[0].addresses[0]: Invalid value: \"a\": should be a domain with at least two segments separated by dots",
            ),
            (
                json!({"addressType": "Odd"}),
                "addressType: Unsupported value: \"Odd\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
            ),
            (json!({"ports": [{"port": 80}, {"port": 81}]}), "ports[1].name: Duplicate value: \"\""),
            (
                json!({"endpoints": [{"addresses": ["10.1.2.3"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}]}}]}),
                "endpoints[0].hints.forZones[1].name: Duplicate value: \"a\"",
            ),
        ],
    );
    check_update(
        &base,
        defaults,
        validate_endpoint_slice_update,
        &[(
            json!({"addressType": "FQDN", "endpoints": null}),
            "addressType: Invalid value: \"FQDN\": field is immutable",
        )],
    );
}
