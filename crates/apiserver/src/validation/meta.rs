//! Validation of metadata: names, labels, annotations, owners, finalizers.
//!
//! Mirrors apimachinery/pkg/api/validation/objectmeta.go and `ValidateObjectMeta` in
//! pkg/apis/core/validation (v1.36).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use seatrial_api::field::{BadValue, Error, ErrorList, Path, quote};
use seatrial_api::names::{NameUse, ValidateNameFn, is_qualified_name, is_valid_label_value, name_is_dns_label};
use serde::Serialize;

use super::{invalid_each, items, text, validate_immutable_field, validate_nonnegative_field};

/// Bytes which the keys and values of all annotations may have together.
const TOTAL_ANNOTATION_SIZE_LIMIT_BYTES: usize = 256 * 1024;
const FINALIZER_ORPHAN_DEPENDENTS: &str = "orphan";
const FINALIZER_DELETE_DEPENDENTS: &str = "foregroundDeletion";

/// Whether the objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace, which must be set.
    Namespaced,
    /// In no namespace.
    Cluster,
}

/// Metadata of an object to be created. Mirrors `ValidateObjectMeta`.
#[must_use]
pub fn validate_object_meta(meta: &ObjectMeta, scope: Scope, name_fn: ValidateNameFn, path: &Path<'_>) -> ErrorList {
    let errs = &mut ErrorList::new();
    let generate_name = text(&meta.generate_name);
    if !generate_name.is_empty() {
        let messages = name_fn(generate_name, NameUse::Prefix);
        invalid_each(errs, &path.child("generateName"), generate_name, messages);
    }
    let name = text(&meta.name);
    if name.is_empty() {
        errs.push(Error::required(&path.child("name"), "name or generateName is required"));
    } else {
        invalid_each(errs, &path.child("name"), name, name_fn(name, NameUse::Name));
    }
    validate_namespace_field(errs, text(&meta.namespace), scope, &path.child("namespace"));
    let generation = meta.generation.unwrap_or_default();
    validate_nonnegative_field(errs, generation, &path.child("generation"));
    validate_labels(errs, meta.labels.as_ref(), &path.child("labels"));
    validate_annotations(errs, meta.annotations.as_ref(), &path.child("annotations"));
    let owners = items(&meta.owner_references);
    validate_owner_references(errs, owners, &path.child("ownerReferences"));
    validate_finalizers(errs, items(&meta.finalizers), &path.child("finalizers"));
    validate_kube_finalizer_names(errs, items(&meta.finalizers), &path.child("finalizers"));
    std::mem::take(errs)
}

fn validate_namespace_field(errs: &mut ErrorList, namespace: &str, scope: Scope, path: &Path<'_>) {
    match scope {
        Scope::Namespaced if namespace.is_empty() => errs.push(Error::required(path, "")),
        Scope::Namespaced => {
            invalid_each(errs, path, namespace, name_is_dns_label(namespace, NameUse::Name));
        }
        Scope::Cluster if namespace.is_empty() => {}
        Scope::Cluster => errs.push(Error::forbidden(path, "not allowed on this type")),
    }
}

/// Metadata of an object to be replaced. Mirrors `ValidateObjectMetaUpdate`.
#[must_use]
pub fn validate_object_meta_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let errs = &mut ErrorList::new();
    if old.deletion_timestamp.is_some() {
        let finalizers = path.child("finalizers");
        validate_no_new_finalizers(errs, items(&new.finalizers), items(&old.finalizers), &finalizers);
    }
    if text(&new.resource_version).is_empty() {
        let detail = "must be specified for an update";
        errs.push(Error::invalid(&path.child("resourceVersion"), "", detail));
    }
    let generation = new.generation.unwrap_or_default();
    if generation < old.generation.unwrap_or_default() {
        errs.push(Error::invalid(&path.child("generation"), generation, "must not be decremented"));
    }
    for (field, new, old) in
        [("name", &new.name, &old.name), ("namespace", &new.namespace, &old.namespace), ("uid", &new.uid, &old.uid)]
    {
        validate_immutable_field(errs, &text(new), &text(old), &path.child(field), |&v| v.into());
    }
    for (field, new, old) in [
        ("creationTimestamp", &new.creation_timestamp, &old.creation_timestamp),
        ("deletionTimestamp", &new.deletion_timestamp, &old.deletion_timestamp),
    ] {
        let bad_value = |value: &_| BadValue::json(value);
        validate_immutable_field(errs, new, old, &path.child(field), bad_value);
    }
    validate_immutable_field(
        errs,
        &new.deletion_grace_period_seconds,
        &old.deletion_grace_period_seconds,
        &path.child("deletionGracePeriodSeconds"),
        |seconds| seconds.map_or(BadValue::Null, BadValue::from),
    );
    validate_labels(errs, new.labels.as_ref(), &path.child("labels"));
    validate_annotations(errs, new.annotations.as_ref(), &path.child("annotations"));
    let owners = items(&new.owner_references);
    validate_owner_references(errs, owners, &path.child("ownerReferences"));
    validate_kube_finalizer_names(errs, items(&new.finalizers), &path.child("finalizers"));
    std::mem::take(errs)
}

/// Mirrors `ValidateNoNewFinalizers`.
fn validate_no_new_finalizers(errs: &mut ErrorList, new: &[String], old: &[String], path: &Path<'_>) {
    let extra: BTreeSet<&String> = new.iter().filter(|name| !old.contains(name)).collect();
    if extra.is_empty() {
        return;
    }
    let quoted: Vec<String> = extra.into_iter().map(|name| quote(name)).collect();
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers \
         []string{{{}}}",
        quoted.join(", ")
    );
    errs.push(Error::forbidden(path, detail));
}

/// Mirrors `ValidateLabelName`.
pub(super) fn validate_label_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    invalid_each(errs, path, name, is_qualified_name(name));
}

/// Mirrors `ValidateLabels`.
pub(super) fn validate_labels(errs: &mut ErrorList, labels: Option<&BTreeMap<String, String>>, path: &Path<'_>) {
    for (key, value) in labels.into_iter().flatten() {
        validate_label_name(errs, key, path);
        invalid_each(errs, path, value, is_valid_label_value(value));
    }
}

/// Mirrors `ValidateAnnotations`.
pub(super) fn validate_annotations(
    errs: &mut ErrorList,
    annotations: Option<&BTreeMap<String, String>>,
    path: &Path<'_>,
) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        invalid_each(errs, path, key, is_qualified_name(&key.to_lowercase()));
        size += key.len() + value.len();
    }
    if size > TOTAL_ANNOTATION_SIZE_LIMIT_BYTES {
        errs.push(Error::too_long(path, TOTAL_ANNOTATION_SIZE_LIMIT_BYTES));
    }
}

/// An owner reference in the field order of Go's struct, as messages print it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoOwnerReference<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_owner_deletion: Option<bool>,
}

impl<'a> From<&'a OwnerReference> for GoOwnerReference<'a> {
    fn from(owner: &'a OwnerReference) -> Self {
        Self {
            api_version: &owner.api_version,
            kind: &owner.kind,
            name: &owner.name,
            uid: &owner.uid,
            controller: owner.controller,
            block_owner_deletion: owner.block_owner_deletion,
        }
    }
}

/// Mirrors `ValidateOwnerReferences`.
fn validate_owner_references(errs: &mut ErrorList, owners: &[OwnerReference], path: &Path<'_>) {
    let mut controller: Option<&OwnerReference> = None;
    for owner in owners {
        validate_owner_reference(errs, owner, path);
        if owner.controller != Some(true) {
            continue;
        }
        let Some(first) = controller else {
            controller = Some(owner);
            continue;
        };
        let all: Vec<GoOwnerReference<'_>> = owners.iter().map(GoOwnerReference::from).collect();
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for \
             {}/{} and {}/{}",
            first.kind, first.name, owner.kind, owner.name
        );
        errs.push(Error::invalid(path, BadValue::json(&all), detail));
    }
}

fn validate_owner_reference(errs: &mut ErrorList, owner: &OwnerReference, path: &Path<'_>) {
    let version = match owner.api_version.split_once('/') {
        Some((_, version)) if !version.contains('/') => version,
        Some(_) => "",
        None => &owner.api_version,
    };
    if version.is_empty() {
        let value = owner.api_version.as_str();
        errs.push(Error::invalid(&path.child("apiVersion"), value, "version must not be empty"));
    }
    for (field, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
        if value.is_empty() {
            errs.push(Error::invalid(&path.child(field), "", "must not be empty"));
        }
    }
    if owner.api_version == "v1" && owner.kind == "Event" {
        let value = BadValue::json(&GoOwnerReference::from(owner));
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errs.push(Error::invalid(path, value, detail));
    }
}

/// Mirrors `ValidateFinalizers`.
fn validate_finalizers(errs: &mut ErrorList, finalizers: &[String], path: &Path<'_>) {
    for name in finalizers {
        validate_finalizer_name(errs, name, path);
    }
    let has = |wanted: &str| finalizers.iter().any(|name| name == wanted);
    if has(FINALIZER_ORPHAN_DEPENDENTS) && has(FINALIZER_DELETE_DEPENDENTS) {
        let detail = format!(
            "finalizer {FINALIZER_ORPHAN_DEPENDENTS} and {FINALIZER_DELETE_DEPENDENTS} cannot be \
             both set"
        );
        errs.push(Error::invalid(path, BadValue::json(&finalizers), detail));
    }
}

/// Mirrors `ValidateFinalizerName`.
pub(super) fn validate_finalizer_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    invalid_each(errs, path, name, is_qualified_name(name));
}

/// Mirrors `validateKubeFinalizerName`: a finalizer of our own needs a domain.
pub(super) fn validate_kube_finalizer_names(errs: &mut ErrorList, finalizers: &[String], path: &Path<'_>) {
    let standard = ["kubernetes", FINALIZER_ORPHAN_DEPENDENTS, FINALIZER_DELETE_DEPENDENTS];
    for (index, name) in finalizers.iter().enumerate() {
        if !name.contains('/') && !standard.contains(&name.as_str()) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errs.push(Error::invalid(&path.index(index), name, detail));
        }
    }
}
