//! Validation of ConfigMaps, Secrets and Namespaces.
//!
//! Mirrors `ValidateConfigMap`, `ValidateSecret` and `ValidateNamespace` in
//! pkg/apis/core/validation (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{is_config_map_key, name_is_dns_label, name_is_dns_subdomain};

use super::meta::{Scope, validate_finalizer_name, validate_object_meta, validate_object_meta_update};
use super::{invalid_each, items, text, validate_immutable_field};

const METADATA: Path<'static> = Path::new("metadata");
const DATA: Path<'static> = Path::new("data");
/// Bytes which the values of a ConfigMap or Secret may have together.
const MAX_SECRET_SIZE: usize = 1024 * 1024;
const SERVICE_ACCOUNT_NAME_KEY: &str = "kubernetes.io/service-account.name";
const IMMUTABLE_DETAIL: &str = "field is immutable when `immutable` is set";

/// A ConfigMap to be created. Mirrors `ValidateConfigMap`.
#[must_use]
pub fn validate_config_map(config_map: &ConfigMap) -> ErrorList {
    let meta = &config_map.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let binary = config_map.binary_data.as_ref();
    let mut size = 0;
    for (key, value) in config_map.data.iter().flatten() {
        invalid_each(&mut errs, &DATA.key(key), key, is_config_map_key(key));
        if binary.is_some_and(|binary| binary.contains_key(key)) {
            let detail = "duplicate of key present in binaryData";
            errs.push(Error::invalid(&DATA.key(key), key, detail));
        }
        size += value.len();
    }
    let binary_path = Path::new("binaryData");
    for (key, value) in binary.into_iter().flatten() {
        invalid_each(&mut errs, &binary_path.key(key), key, is_config_map_key(key));
        size += value.0.len();
    }
    if size > MAX_SECRET_SIZE {
        errs.push(Error::too_long(&Path::new(""), MAX_SECRET_SIZE));
    }
    errs
}

/// A ConfigMap to be replaced. Mirrors `ValidateConfigMapUpdate`.
#[must_use]
pub fn validate_config_map_update(new: &ConfigMap, old: &ConfigMap) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    if old.immutable == Some(true) {
        let is_changed = new.data.clone().unwrap_or_default() != old.data.clone().unwrap_or_default();
        let binary = |map: &ConfigMap| map.binary_data.clone().unwrap_or_default();
        for (field, is_broken) in [
            ("immutable", new.immutable != Some(true)),
            ("data", is_changed),
            ("binaryData", binary(new) != binary(old)),
        ] {
            if is_broken {
                errs.push(Error::forbidden(&Path::new(field), IMMUTABLE_DETAIL));
            }
        }
    }
    errs.extend(validate_config_map(new));
    errs
}

/// A Secret to be created. Mirrors `ValidateSecret`.
#[must_use]
pub fn validate_secret(secret: &Secret) -> ErrorList {
    let meta = &secret.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let none = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&none);
    let mut size = 0;
    for (key, value) in data {
        invalid_each(&mut errs, &DATA.key(key), key, is_config_map_key(key));
        size += value.0.len();
    }
    if size > MAX_SECRET_SIZE {
        errs.push(Error::too_long(&DATA, MAX_SECRET_SIZE));
    }
    validate_secret_type(&mut errs, secret, data);
    errs
}

/// What each type of Secret has to hold.
fn validate_secret_type(errs: &mut ErrorList, secret: &Secret, data: &BTreeMap<String, ByteString>) {
    let require = |errs: &mut ErrorList, key: &str| {
        let is_missing = !data.contains_key(key);
        if is_missing {
            errs.push(Error::required(&DATA.key(key), ""));
        }
        is_missing
    };
    match text(&secret.type_) {
        "kubernetes.io/service-account-token" => {
            let annotations = secret.metadata.annotations.as_ref();
            let name = annotations.and_then(|a| a.get(SERVICE_ACCOUNT_NAME_KEY));
            if name.is_none_or(String::is_empty) {
                let path = METADATA.child("annotations");
                errs.push(Error::required(&path.key(SERVICE_ACCOUNT_NAME_KEY), ""));
            }
        }
        kind @ ("kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson") => {
            let key = if kind.ends_with("json") { ".dockerconfigjson" } else { ".dockercfg" };
            if !require(errs, key)
                && let Some(error) = data.get(key).and_then(|value| json_error(&value.0))
            {
                let value = "<secret contents redacted>";
                errs.push(Error::invalid(&DATA.key(key), value, error));
            }
        }
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => {
            require(errs, "username");
            require(errs, "password");
        }
        "kubernetes.io/ssh-auth" if data.get("ssh-privatekey").is_none_or(|k| k.0.is_empty()) => {
            errs.push(Error::required(&DATA.key("ssh-privatekey"), ""));
        }
        "kubernetes.io/tls" => {
            require(errs, "tls.crt");
            require(errs, "tls.key");
        }
        _ => {}
    }
}

/// What Go's decoder says of text that is no JSON object, at its start or end; other errors keep
/// this decoder's words.
fn json_error(bytes: &[u8]) -> Option<String> {
    type Object = BTreeMap<String, serde_json::Value>;
    let error = serde_json::from_slice::<Object>(bytes).err()?;
    let trimmed = bytes.trim_ascii_start();
    match trimmed.first() {
        None => Some("unexpected end of JSON input".to_owned()),
        Some(b'{' | b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') if error.is_eof() => {
            Some("unexpected end of JSON input".to_owned())
        }
        Some(b'{' | b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => Some(error.to_string()),
        Some(&byte) => Some(format!("invalid character '{}' looking for beginning of value", char::from(byte))),
    }
}

/// A Secret to be replaced. Mirrors `ValidateSecretUpdate`.
#[must_use]
pub fn validate_secret_update(new: &Secret, old: &Secret) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let path = Path::new("type");
    let (new_type, old_type) = (text(&new.type_), text(&old.type_));
    validate_immutable_field(&mut errs, &new_type, &old_type, &path, |&v| v.into());
    if old.immutable == Some(true) {
        if new.immutable != Some(true) {
            errs.push(Error::forbidden(&Path::new("immutable"), IMMUTABLE_DETAIL));
        }
        if new.data.clone().unwrap_or_default() != old.data.clone().unwrap_or_default() {
            errs.push(Error::forbidden(&DATA, IMMUTABLE_DETAIL));
        }
    }
    errs.extend(validate_secret(new));
    errs
}

/// A Namespace to be created. Mirrors `ValidateNamespace`.
#[must_use]
pub fn validate_namespace(namespace: &Namespace) -> ErrorList {
    let meta = &namespace.metadata;
    let mut errs = validate_object_meta(meta, Scope::Cluster, name_is_dns_label, &METADATA);
    let finalizers = namespace.spec.as_ref().map(|spec| items(&spec.finalizers));
    let path = Path::new("spec.finalizers");
    for finalizer in finalizers.unwrap_or_default() {
        validate_finalizer_name(&mut errs, finalizer, &path);
        let is_standard = matches!(finalizer.as_str(), "kubernetes" | "orphan" | "foregroundDeletion");
        if !finalizer.contains('/') && !is_standard {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errs.push(Error::invalid(&path, finalizer, detail));
        }
    }
    errs
}

/// A Namespace to be replaced. Mirrors `ValidateNamespaceUpdate`.
#[must_use]
pub fn validate_namespace_update(new: &Namespace, old: &Namespace) -> ErrorList {
    validate_object_meta_update(&new.metadata, &old.metadata, &METADATA)
}
