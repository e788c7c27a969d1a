use super::*;

type Validator = fn(&str) -> Messages;

fn check(what: &str, validator: Validator, value: &str, want: &[&str]) {
    assert_eq!(validator(value), want, "{what} {value:?}");
}

#[test]
fn dns_names() {
    let long = "a".repeat(64);
    let rows: &[(&str, Validator, &str, &[&str])] = &[
        ("label", is_dns1123_label, "a-b", &[]),
        ("label", is_dns1123_label, "0", &[]),
        ("label", is_dns1123_label, "a.b", &["must not contain dots"]),
        ("label", is_dns1123_label, "", &[DNS1123_LABEL_MSG]),
        ("label", is_dns1123_label, "A", &[DNS1123_LABEL_MSG]),
        ("label", is_dns1123_label, "a-", &[DNS1123_LABEL_MSG]),
        ("label", is_dns1123_label, &long, &["must be no more than 63 characters"]),
        ("subdomain", is_dns1123_subdomain, "a.b-c.d", &[]),
        ("subdomain", is_dns1123_subdomain, "a..b", &[DNS1123_SUBDOMAIN_MSG]),
        ("subdomain", is_dns1123_subdomain, "a.-b", &[DNS1123_SUBDOMAIN_MSG]),
        ("subdomain", is_dns1123_subdomain, "\u{e9}", &[DNS1123_SUBDOMAIN_MSG]),
        ("1035", is_dns1035_label, "a1", &[]),
        ("1035", is_dns1035_label, "1a", &[DNS1035_LABEL_MSG]),
        ("1035", is_dns1035_label, "", &[DNS1035_LABEL_MSG]),
    ];
    for (what, validator, value, want) in rows {
        check(what, *validator, value, want);
    }
    assert_eq!(is_dns1123_subdomain(&"a".repeat(254)), ["must be no more than 253 characters"]);
}

#[test]
fn keys_and_values() {
    let name = format!("name part {QUALIFIED_NAME_MSG}");
    let slashes = format!(
        "a valid label key {QUALIFIED_NAME_MSG} with an optional DNS subdomain prefix and '/' \
         (e.g. 'example.com/MyName')"
    );
    let prefix = format!("prefix part {DNS1123_SUBDOMAIN_MSG}");
    let long = "v".repeat(64);
    let rows: &[(&str, Validator, &str, &[&str])] = &[
        ("key", is_qualified_name, "a", &[]),
        ("key", is_qualified_name, "example.com/A_b", &[]),
        ("key", is_qualified_name, "", &["name part must be non-empty", &name]),
        ("key", is_qualified_name, "/x", &["prefix part must be non-empty"]),
        ("key", is_qualified_name, "X/x", &[&prefix]),
        ("key", is_qualified_name, "a b", &[&name]),
        ("key", is_qualified_name, "a/b/c", &[&slashes]),
        ("key", is_qualified_name, &long, &["name part must be no more than 63 bytes"]),
        ("value", is_valid_label_value, "", &[]),
        ("value", is_valid_label_value, "A.b_c-1", &[]),
        ("value", is_valid_label_value, "-a", &[LABEL_VALUE_MSG]),
        ("value", is_valid_label_value, &long, &["must be no more than 63 bytes"]),
    ];
    for (what, validator, value, want) in rows {
        check(what, *validator, value, want);
    }
}

#[test]
fn config_keys_and_identifiers() {
    let rows: &[(&str, Validator, &str, &[&str])] = &[
        ("config", is_config_map_key, "a.b", &[]),
        ("config", is_config_map_key, "a b", &[CONFIG_MAP_KEY_MSG]),
        ("config", is_config_map_key, ".", &["must not be '.'"]),
        ("config", is_config_map_key, "..a", &["must not start with '..'"]),
        ("env", is_env_var_name, "A.b", &[]),
        ("env", is_env_var_name, "1", &[ENV_VAR_NAME_MSG]),
        ("relaxed", is_relaxed_env_var_name, "1 a", &[]),
        ("relaxed", is_relaxed_env_var_name, "a=", &[RELAXED_ENV_VAR_NAME_MSG]),
        ("relaxed", is_relaxed_env_var_name, "", &["environment variable name must be non-empty"]),
        ("c", is_c_identifier, "_a1", &[]),
        ("c", is_c_identifier, "1a", &[C_IDENTIFIER_MSG]),
        ("percent", is_valid_percent, "07%", &[]),
        ("percent", is_valid_percent, "%", &[PERCENT_MSG]),
        ("percent", is_valid_percent, "5", &[PERCENT_MSG]),
        ("header", is_http_header_name, "X-A", &[]),
        ("header", is_http_header_name, "X_A", &[HTTP_HEADER_MSG]),
    ];
    for (what, validator, value, want) in rows {
        check(what, *validator, value, want);
    }
}

#[test]
fn ports_addresses_and_paths() {
    let charset = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
    let letter = "must contain at least one letter (a-z)";
    let rows: &[(&str, Validator, &str, &[&str])] = &[
        ("port", is_valid_port_name, "http", &[]),
        ("port", is_valid_port_name, "123", &[letter]),
        ("port", is_valid_port_name, "UP", &[charset, letter]),
        (
            "port",
            is_valid_port_name,
            "-a--b",
            &["must not contain consecutive hyphens", "must not begin or end with a hyphen"],
        ),
        ("port", is_valid_port_name, "abcdefghijklmnop", &["must be no more than 15 characters"]),
        ("ip", is_valid_ip, "10.0.0.1", &[]),
        ("ip", is_valid_ip, "010.0.0.001", &["must not have leading 0s"]),
        ("ip", is_valid_ip, "0.0.0.0", &[]),
        ("ip", is_valid_ip, "::ffff:1.2.3.4", &["must not be an IPv4-mapped IPv6 address"]),
        ("ip", is_valid_ip, "fe80::1%eth0", &[IP_MSG]),
        ("ip", is_valid_ip, "::1", &[]),
        ("ip", is_valid_ip, "10.0.0", &[IP_MSG]),
        ("ip", is_valid_ip, "10.0.0.256", &[IP_MSG]),
        ("ip", is_valid_ip, "", &[IP_MSG]),
        ("path", is_valid_path_segment_name, "a:b", &[]),
        ("path", is_valid_path_segment_name, "..", &["may not be '..'"]),
        ("path", is_valid_path_segment_name, "a/%", &["may not contain '/'", "may not contain '%'"]),
    ];
    for (what, validator, value, want) in rows {
        check(what, *validator, value, want);
    }
    assert_eq!(is_valid_port_num(0), ["must be between 1 and 65535, inclusive"]);
    assert!(is_valid_port_num(65535).is_empty());
}

#[test]
fn a_prefix_may_end_with_a_dash() {
    assert!(name_is_dns_subdomain("web-", NameUse::Prefix).is_empty());
    assert_eq!(name_is_dns_subdomain("web-", NameUse::Name), [DNS1123_SUBDOMAIN_MSG]);
    assert_eq!(name_is_dns_label("-", NameUse::Prefix), [DNS1123_LABEL_MSG]);
    assert_eq!(name_is_dns_subdomain("Web-", NameUse::Prefix), [DNS1123_SUBDOMAIN_MSG]);
    assert!(name_is_dns1035_label("w-", NameUse::Prefix).is_empty());
    assert!(validate_path_segment_name("..", NameUse::Prefix).is_empty());
}
