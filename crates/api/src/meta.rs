//! Object metadata as the simulator holds it: integers until somebody prints them, shared where objects agree.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::{ApiError, Slot, Str, StrMap, Time, Uid};

/// What every object carries. Mirrors `metav1.ObjectMeta`.
#[derive(Clone, Debug, Default)]
pub struct ObjectMeta {
    /// The object's name; empty only before `generateName` is resolved.
    pub name: Str,
    /// The namespace, empty for cluster-scoped objects.
    pub namespace: Str,
    /// The prefix the name was made from, or empty.
    pub generate_name: Str,
    /// The unique id; nil before the object is created.
    pub uid: Uid,
    /// The store's version of the last write; 0 stands for "not set".
    pub resource_version: u64,
    /// The generation of the spec; 0 for kinds that have none.
    pub generation: i64,
    /// When the object was created; `None` before that.
    pub creation_timestamp: Option<Time>,
    /// Set once somebody asked for the object's deletion and it could not go at once.
    pub deletion: Option<Box<Deletion>>,
    /// The labels.
    pub labels: StrMap,
    /// The annotations.
    pub annotations: StrMap,
    /// The owners.
    pub owner_references: OwnerReferences,
    /// The finalizers; the object stays until the list is empty.
    pub finalizers: Finalizers,
    /// Field ownership of server-side apply, kept as it is written.
    pub managed_fields: Option<Arc<Vec<metav1::ManagedFieldsEntry>>>,
    /// Where tables keep the object. The store gives it, nobody prints it, and objects are equal whatever it is.
    pub slot: Slot,
}

/// `deletionTimestamp` and `deletionGracePeriodSeconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// When the object is due to be gone: the time of the request plus the grace period.
    pub timestamp: Time,
    /// The grace period in seconds.
    pub grace_period_seconds: Option<i64>,
}

/// A reference to an owner. Mirrors `metav1.OwnerReference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerReference {
    /// `group/version` of the owner.
    pub api_version: Str,
    /// The owner's kind.
    pub kind: Str,
    /// The owner's name.
    pub name: Str,
    /// The owner's uid.
    pub uid: Uid,
    /// Whether this owner is the managing controller.
    pub controller: Option<bool>,
    /// Whether a foreground deletion of the owner waits for this object.
    pub block_owner_deletion: Option<bool>,
}

/// A shared list of owners; the empty list owns nothing.
pub type OwnerReferences = SharedList<OwnerReference>;
/// A shared list of finalizers; the empty list owns nothing.
pub type Finalizers = SharedList<Str>;

/// An immutable list behind one shared pointer.
#[derive(Debug)]
pub struct SharedList<T>(Option<Arc<Items<T>>>);

/// Most lists have one item, which needs no allocation of its own.
#[derive(Debug)]
enum Items<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> SharedList<T> {
    /// The items.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        match self.0.as_deref() {
            None => &[],
            Some(Items::One(item)) => std::slice::from_ref(item),
            Some(Items::Many(items)) => items,
        }
    }

    /// Whether both are one shared list (or both empty), without looking at the items.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl<T> std::ops::Deref for SharedList<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> Clone for SharedList<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Two versions of an object nearly always share the list already: nothing is counted then.
    #[inline]
    fn clone_from(&mut self, other: &Self) {
        if !self.ptr_eq(other) {
            self.0.clone_from(&other.0);
        }
    }
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> PartialEq for SharedList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || self.as_slice() == other.as_slice()
    }
}

impl<T> From<Vec<T>> for SharedList<T> {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<T> FromIterator<T> for SharedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        let mut iter = iter.into_iter();
        let Some(first) = iter.next() else { return Self(None) };
        let items = match iter.next() {
            None => Items::One(first),
            Some(second) => Items::Many([first, second].into_iter().chain(iter).collect()),
        };
        Self(Some(Arc::new(items)))
    }
}

impl PartialEq for ObjectMeta {
    fn eq(&self, other: &Self) -> bool {
        // Every field is named, so that a new one cannot be forgotten here.
        let Self {
            name,
            namespace,
            generate_name,
            uid,
            resource_version,
            generation,
            creation_timestamp,
            deletion,
            labels,
            annotations,
            owner_references,
            finalizers,
            managed_fields,
            slot: _,
        } = self;
        *resource_version == other.resource_version
            && *generation == other.generation
            && *uid == other.uid
            && *name == other.name
            && *namespace == other.namespace
            && *generate_name == other.generate_name
            && *creation_timestamp == other.creation_timestamp
            && *deletion == other.deletion
            && *labels == other.labels
            && *annotations == other.annotations
            && *owner_references == other.owner_references
            && *finalizers == other.finalizers
            && same_managed_fields(managed_fields.as_ref(), other.managed_fields.as_ref())
    }
}

/// Field ownership is a tree of JSON, and nearly always the very same one.
fn same_managed_fields(
    a: Option<&Arc<Vec<metav1::ManagedFieldsEntry>>>,
    b: Option<&Arc<Vec<metav1::ManagedFieldsEntry>>>,
) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}

impl ObjectMeta {
    /// The owner that is the managing controller. Mirrors `metav1.GetControllerOf`.
    #[inline]
    pub fn controller_of(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|r| r.controller == Some(true))
    }

    /// Whether this is the metadata of the object with a name in a namespace. A name that is shared costs no comparison.
    #[inline]
    pub fn is_at(&self, namespace: &str, name: &Str) -> bool {
        self.name == *name && self.namespace == *namespace
    }

    /// Whether this is the metadata of an object of the same name in the same namespace.
    #[inline]
    pub fn is_named_as(&self, other: &Self) -> bool {
        self.name == other.name && self.namespace == other.namespace
    }

    /// Whether the controller is the object with `uid`. Mirrors `metav1.IsControlledBy`.
    pub fn is_controlled_by(&self, uid: &Uid) -> bool {
        self.controller_of().is_some_and(|r| r.uid == *uid)
    }

    /// Whether deletion was requested.
    #[inline]
    pub fn is_deleting(&self) -> bool {
        self.deletion.is_some()
    }

    /// Whether `finalizer` is on the list.
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|f| f == finalizer)
    }

    /// The creation time, or the epoch before creation.
    #[inline]
    pub fn created(&self) -> Time {
        self.creation_timestamp.unwrap_or_default()
    }

    /// The metadata as k8s-openapi writes it.
    pub fn to_api(&self) -> metav1::ObjectMeta {
        let text = |s: &Str| (!s.is_empty()).then(|| s.to_string());
        metav1::ObjectMeta {
            annotations: self.annotations.to_api(),
            creation_timestamp: self.creation_timestamp.map(Into::into),
            deletion_grace_period_seconds: self.deletion.as_ref().and_then(|d| d.grace_period_seconds),
            deletion_timestamp: self.deletion.as_ref().map(|d| d.timestamp.into()),
            finalizers: list(&self.finalizers, |f| f.to_string()),
            generate_name: text(&self.generate_name),
            generation: (self.generation != 0).then_some(self.generation),
            labels: self.labels.to_api(),
            managed_fields: self.managed_fields.as_ref().map(|m| m.to_vec()),
            name: text(&self.name),
            namespace: text(&self.namespace),
            owner_references: list(&self.owner_references, OwnerReference::to_api),
            resource_version: (self.resource_version != 0).then(|| self.resource_version.to_string()),
            self_link: None,
            uid: (!self.uid.is_nil()).then(|| self.uid.to_string()),
        }
    }

    /// Reads metadata as k8s-openapi holds it.
    ///
    /// # Errors
    /// A `resourceVersion` that is no number is a bad request: the store only ever hands out numbers.
    pub fn from_api(meta: metav1::ObjectMeta) -> Result<Self, ApiError> {
        let resource_version = match meta.resource_version.as_deref() {
            None | Some("") => 0,
            Some(text) => text.parse().map_err(|_| {
                ApiError::bad_request(format!(
                    "invalid resource version {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
                ))
            })?,
        };
        Ok(Self {
            name: meta.name.unwrap_or_default().into(),
            namespace: meta.namespace.unwrap_or_default().into(),
            generate_name: meta.generate_name.unwrap_or_default().into(),
            uid: meta.uid.as_deref().map_or_else(Uid::default, Uid::parse),
            resource_version,
            generation: meta.generation.unwrap_or(0),
            creation_timestamp: meta.creation_timestamp.as_ref().map(Into::into),
            deletion: meta.deletion_timestamp.as_ref().map(|t| {
                Box::new(Deletion { timestamp: t.into(), grace_period_seconds: meta.deletion_grace_period_seconds })
            }),
            labels: StrMap::from_api(meta.labels),
            annotations: StrMap::from_api(meta.annotations),
            owner_references: meta.owner_references.into_iter().flatten().map(OwnerReference::from_api).collect(),
            finalizers: meta.finalizers.into_iter().flatten().map(Into::into).collect(),
            managed_fields: meta.managed_fields.filter(|m| !m.is_empty()).map(Arc::new),
            slot: Slot::NONE,
        })
    }
}

fn list<T, U>(items: &[T], convert: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!items.is_empty()).then(|| items.iter().map(convert).collect())
}

impl OwnerReference {
    /// The reference as k8s-openapi writes it.
    pub fn to_api(&self) -> metav1::OwnerReference {
        metav1::OwnerReference {
            api_version: self.api_version.to_string(),
            block_owner_deletion: self.block_owner_deletion,
            controller: self.controller,
            kind: self.kind.to_string(),
            name: self.name.to_string(),
            uid: self.uid.to_string(),
        }
    }

    /// Reads a reference as k8s-openapi holds it.
    pub fn from_api(r: metav1::OwnerReference) -> Self {
        Self {
            api_version: r.api_version.into(),
            kind: r.kind.into(),
            name: r.name.into(),
            uid: Uid::parse(&r.uid),
            controller: r.controller,
            block_owner_deletion: r.block_owner_deletion,
        }
    }
}
