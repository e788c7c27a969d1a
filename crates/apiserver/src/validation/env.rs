//! Validation of environment variables and of the references they and volumes make.
//!
//! Mirrors `ValidateEnv` and its neighbours in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{
    NameUse, is_config_map_key, is_qualified_name, is_relaxed_env_var_name, name_is_dns_subdomain,
};
use seatrial_api::quantity::Quantity;

use super::volume::validate_path_no_backsteps;
use super::{invalid_each, text};

/// Fields of the pod which a variable may hold, sorted.
const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields of the pod which the API knows how to name at all.
const KNOWN_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Resources of a container which may be referred to, sorted.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Mirrors `ValidateEnv`.
pub(super) fn validate_env(errs: &mut ErrorList, variables: &[EnvVar], path: &Path<'_>) {
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        if variable.name.is_empty() {
            errs.push(Error::required(&path.child("name"), ""));
        } else {
            let messages = is_relaxed_env_var_name(&variable.name);
            invalid_each(errs, &path.child("name"), &variable.name, messages);
        }
        if let Some(source) = &variable.value_from {
            let has_value = !text(&variable.value).is_empty();
            validate_env_var_value_from(errs, source, has_value, &path.child("valueFrom"));
        }
    }
}

/// Mirrors `validateEnvVarValueFrom`.
fn validate_env_var_value_from(errs: &mut ErrorList, source: &EnvVarSource, has_value: bool, path: &Path<'_>) {
    let mut sources = 0;
    if let Some(selector) = &source.field_ref {
        sources += 1;
        validate_object_field_selector(errs, selector, &ENV_FIELDS, &path.child("fieldRef"));
    }
    if let Some(selector) = &source.resource_field_ref {
        sources += 1;
        let path = path.child("resourceFieldRef");
        validate_container_resource_field_selector(errs, selector, false, &path);
    }
    if let Some(selector) = &source.config_map_key_ref {
        sources += 1;
        validate_key_selector(errs, &selector.name, &selector.key, &path.child("configMapKeyRef"));
    }
    if let Some(selector) = &source.secret_key_ref {
        sources += 1;
        validate_key_selector(errs, &selector.name, &selector.key, &path.child("secretKeyRef"));
    }
    if let Some(selector) = &source.file_key_ref {
        sources += 1;
        let path = path.child("fileKeyRef");
        validate_path_no_backsteps(errs, &selector.path, &path.child("path"));
    }
    let detail = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
              `secretKeyRef`"
        }
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errs.push(Error::invalid(path, "", detail));
}

/// Mirrors `validateConfigMapKeySelector` and `validateSecretKeySelector`.
fn validate_key_selector(errs: &mut ErrorList, name: &str, key: &str, path: &Path<'_>) {
    invalid_each(errs, &path.child("name"), name, name_is_dns_subdomain(name, NameUse::Name));
    if key.is_empty() {
        errs.push(Error::required(&path.child("key"), ""));
    } else {
        invalid_each(errs, &path.child("key"), key, is_config_map_key(key));
    }
}

/// Mirrors `ValidateEnvFrom`.
pub(super) fn validate_env_from(errs: &mut ErrorList, list: &[EnvFromSource], path: &Path<'_>) {
    for (index, source) in list.iter().enumerate() {
        let item_path = path.index(index);
        let prefix = text(&source.prefix);
        if !prefix.is_empty() {
            let messages = is_relaxed_env_var_name(prefix);
            invalid_each(errs, &item_path.child("prefix"), prefix, messages);
        }
        let refs = [
            ("configMapRef", source.config_map_ref.as_ref().map(|r| r.name.as_str())),
            ("secretRef", source.secret_ref.as_ref().map(|r| r.name.as_str())),
        ];
        let mut sources = 0;
        for (field, name) in refs {
            let Some(name) = name else { continue };
            sources += 1;
            let ref_path = item_path.child(field);
            let name_path = ref_path.child("name");
            if name.is_empty() {
                errs.push(Error::required(&name_path, ""));
            } else {
                let messages = name_is_dns_subdomain(name, NameUse::Prefix);
                invalid_each(errs, &name_path, name, messages);
            }
        }
        let detail = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        errs.push(Error::invalid(path, "", detail));
    }
}

/// Mirrors `validateObjectFieldSelector`.
pub(super) fn validate_object_field_selector(
    errs: &mut ErrorList,
    selector: &ObjectFieldSelector,
    fields: &[&str],
    path: &Path<'_>,
) {
    let version = text(&selector.api_version);
    if version.is_empty() {
        errs.push(Error::required(&path.child("apiVersion"), ""));
        return;
    }
    let field_path = path.child("fieldPath");
    let label = selector.field_path.as_str();
    if label.is_empty() {
        errs.push(Error::required(&field_path, ""));
        return;
    }
    let label = match convert_downward_api_field_label(version, label) {
        Ok(label) => label,
        Err(error) => {
            let detail = format!("error converting fieldPath: {error}");
            errs.push(Error::invalid(&field_path, label, detail));
            return;
        }
    };
    match split_maybe_subscripted_path(label) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            invalid_each(errs, path, &key, is_qualified_name(&key));
        }
        Some(("metadata.labels", key)) => invalid_each(errs, path, key, is_qualified_name(key)),
        Some((other, _)) => errs.push(Error::invalid(path, other, "does not support subscript")),
        None => super::validate_supported(errs, label, fields, &field_path),
    }
}

/// Mirrors `ConvertDownwardAPIFieldLabel`.
fn convert_downward_api_field_label<'a>(version: &str, label: &'a str) -> Result<&'a str, String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    if let Some((path, _)) = split_maybe_subscripted_path(label) {
        return match path {
            "metadata.annotations" | "metadata.labels" => Ok(label),
            _ => Err(format!("field label does not support subscript: {label}")),
        };
    }
    match label {
        "spec.host" => Ok("spec.nodeName"),
        known if KNOWN_FIELDS.contains(&known) => Ok(known),
        _ => Err(format!("field label not supported: {label}")),
    }
}

/// `metadata.labels['key']` as the path and the key. Mirrors `SplitMaybeSubscriptedPath`.
fn split_maybe_subscripted_path(label: &str) -> Option<(&str, &str)> {
    let (path, key) = label.strip_suffix("']")?.split_once("['")?;
    (!path.is_empty()).then_some((path, key))
}

/// Mirrors `validateContainerResourceFieldSelector`; a volume has to name the container.
pub(super) fn validate_container_resource_field_selector(
    errs: &mut ErrorList,
    selector: &ResourceFieldSelector,
    is_volume: bool,
    path: &Path<'_>,
) {
    let resource = selector.resource.as_str();
    let is_huge_page = ["requests.hugepages-", "limits.hugepages-"].iter().any(|prefix| resource.starts_with(prefix));
    if is_volume && text(&selector.container_name).is_empty() {
        errs.push(Error::required(&path.child("containerName"), ""));
    } else if resource.is_empty() {
        errs.push(Error::required(&path.child("resource"), ""));
    } else if !is_huge_page {
        super::validate_supported(errs, resource, &RESOURCES, &path.child("resource"));
    }
    let divisor = selector.divisor.as_ref().and_then(|d| Quantity::try_from(d).ok());
    let Some(divisor) = divisor.filter(|divisor| !divisor.is_zero()) else { return };
    let divisor = divisor.to_string();
    let kind = match resource {
        "limits.cpu" | "requests.cpu" => "cpu",
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if is_huge_page => "hugepages",
        _ => return,
    };
    let (listed, allowed): (&str, &[&str]) = if kind == "cpu" {
        ("1m and 1", &["1m", "1"])
    } else {
        let sizes = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
        (sizes, &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"])
    };
    if !allowed.contains(&divisor.as_str()) {
        let detail = format!("only divisor's values {listed} are supported with the {kind} resource");
        errs.push(Error::invalid(&path.child("divisor"), resource, detail));
    }
}
