//! What a write does to ownership, and what an apply does to the object.
//!
//! Mirrors sigs.k8s.io/structured-merge-diff/v6/merge and the managers round it in apimachinery util/managedfields/internal
//! (v1.36). Differs: all versions of a kind have the same fields here, so entries of other versions are not converted.

use seatrial_api::Time;
use seatrial_api::schema::TypeRef;
use serde_json::Value;

use super::field_set::{FieldSet, PathElement};
use super::managers::{Managed, Operation, Owned};
use super::typed::{Comparison, Shape, compare, field_set, merge, remove, validate, with_named_fields};

/// The manager of fields that were there before anybody tracked them.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who writes what part of which object.
#[derive(Debug)]
pub(crate) struct Updater<'a> {
    pub(crate) ty: TypeRef,
    pub(crate) api_version: String,
    pub(crate) subresource: &'static str,
    pub(crate) manager: &'a str,
    pub(crate) now: Time,
    /// The fields that this part of the object does not take.
    pub(crate) ignored: FieldSet,
}

/// A field that somebody else owns.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    pub(crate) owner: Owned,
    pub(crate) path: Vec<PathElement>,
}

/// Why an apply did not happen.
#[derive(Debug)]
pub(crate) enum ApplyError {
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit the type.
    Config(String),
}

impl Updater<'_> {
    fn shape(&self) -> Shape<'static> {
        Shape::of_type(self.ty)
    }

    fn owned(&self, manager: &str, operation: Operation, set: FieldSet) -> Owned {
        Owned {
            manager: manager.to_owned(),
            operation,
            api_version: self.api_version.clone(),
            subresource: self.subresource.to_owned(),
            time: Some(self.now),
            set,
        }
    }

    /// A write that is no apply: the writer gets what it changed or added, the others lose it.
    pub(crate) fn update(&self, live: &Value, new: &Value, managed: Managed) -> Managed {
        self.update_as(self.manager, live, new, managed)
    }

    fn update_as(&self, manager: &str, live: &Value, new: &Value, mut managed: Managed) -> Managed {
        let comparison = compare(live, new, self.shape()).without(&self.ignored);
        take_from_others(&mut managed, &comparison, None);
        let set = comparison.added.union(&comparison.modified).difference(&stripped());
        if !set.is_empty() {
            let owned = self.owned(manager, Operation::Update, set);
            let id = owned.identifier();
            let set = managed.0.get(&id).map_or_else(|| owned.set.clone(), |before| owned.set.union(&before.set));
            managed.0.insert(id, Owned { set, ..owned });
        }
        managed.cap_updates();
        managed
    }

    /// Lays a configuration over the live object; `None` where that changes nothing.
    ///
    /// # Errors
    /// Fields that others own, unless they are taken by force, and what does not fit the type.
    pub(crate) fn apply(
        &self,
        (live, empty): (&Value, &Value),
        config: &Value,
        mut managed: Managed,
        force: bool,
    ) -> Result<(Option<Value>, Managed), ApplyError> {
        validate(config, self.shape()).map_err(ApplyError::Config)?;
        if managed.is_empty() {
            managed = self.update_as(BEFORE_FIRST_APPLY, empty, live, managed);
        }
        let mut new = merge(live, config, self.shape());
        let set = field_set(config, self.shape()).recursive_difference(&self.ignored);
        let mut owned = self.owned(self.manager, Operation::Apply, set);
        let id = owned.identifier();
        let last = managed.0.get(&id).cloned();
        owned.time = last.as_ref().and_then(|last| last.time);
        managed.0.insert(id.clone(), owned);
        if let Some(last) = last.filter(|last| !last.set.is_empty()) {
            let last = last.set.recursive_difference(&self.ignored);
            new = self.prune(&new, &managed, &last);
        }
        let comparison = compare(live, &new, self.shape()).without(&self.ignored);
        let conflicts = conflicts_of(&managed, &comparison, &id);
        if !force && !conflicts.is_empty() {
            return Err(ApplyError::Conflicts(conflicts));
        }
        take_from_others(&mut managed, &comparison, Some(&id));
        let changed = !comparison.is_same();
        if let Some(owned) = managed.0.get_mut(&id) {
            owned.set = owned.set.difference(&stripped());
            if changed {
                owned.time = Some(self.now);
            }
        }
        managed.drop_empty();
        Ok((changed.then_some(new), managed))
    }

    /// Removes what the manager applied last time and no more, unless another applier owns it.
    fn prune(&self, merged: &Value, managed: &Managed, last: &FieldSet) -> Value {
        let shape = self.shape();
        let named = |set: &FieldSet| with_named_fields(set, shape);
        let last = named(last);
        let mut pruned = remove(merged, &last, shape);
        // What other appliers own comes back.
        let appliers = managed.0.values().filter(|owned| owned.operation == Operation::Apply);
        let theirs = appliers.fold(FieldSet::default(), |all, owned| all.union(&owned.set));
        let merged_set = named(&field_set(merged, shape));
        let kept = named(&field_set(&pruned, shape)).union(&named(&theirs));
        pruned = remove(merged, &merged_set.difference(&kept), shape);
        // So does what nobody applied last time.
        let pruned_set = named(&field_set(&pruned, shape));
        remove(merged, &merged_set.difference(&pruned_set).intersection(&last), shape)
    }
}

/// The owners, other than the writer, of what changes.
fn conflicts_of(managed: &Managed, comparison: &Comparison, own: &str) -> Vec<Conflict> {
    let changes = comparison.modified.union(&comparison.added);
    let others = managed.0.iter().filter(|(id, _)| *id != own);
    others
        .flat_map(|(_, owner)| {
            let paths = owner.set.intersection(&changes).paths();
            paths.into_iter().map(|path| Conflict { owner: owner.clone(), path })
        })
        .collect()
}

/// Takes what changed or went from all managers but one.
fn take_from_others(managed: &mut Managed, comparison: &Comparison, own: Option<&str>) {
    let changes = comparison.modified.union(&comparison.added);
    for (id, owned) in &mut managed.0 {
        if own != Some(id.as_str()) {
            let lost = owned.set.intersection(&changes);
            owned.set = owned.set.difference(&lost).difference(&comparison.removed);
        }
    }
    managed.drop_empty();
}

/// Fields that nobody owns. Mirrors `stripMetaManager`.
fn stripped() -> FieldSet {
    FieldSet::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
}
