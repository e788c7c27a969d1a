//! Who owns what: the entries of `metadata.managedFields`.
//!
//! Mirrors apimachinery util/managedfields/internal/managedfields.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use seatrial_api::Time;
use seatrial_api::field::quote;
use serde_json::Value;

use super::field_set::FieldSet;

/// How a manager came by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What a manager owns.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    pub(crate) time: Option<Time>,
    pub(crate) set: FieldSet,
}

impl Owned {
    /// What tells entries apart: the JSON that upstream sorts by. An apply counts as one whatever its version.
    pub(crate) fn identifier(&self) -> String {
        let version = if self.operation == Operation::Apply { "" } else { &self.api_version };
        let pairs = [
            ("manager", self.manager.as_str()),
            ("operation", self.operation.as_str()),
            ("apiVersion", version),
            ("subresource", &self.subresource),
        ];
        let set = pairs.iter().filter(|(_, value)| !value.is_empty());
        let texts: Vec<String> = set.map(|(key, value)| format!("\"{key}\":{}", Value::from(*value))).collect();
        format!("{{{}}}", texts.join(","))
    }

    /// The manager as conflicts name it.
    pub(crate) fn printed(&self) -> String {
        let mut text = quote(&self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {}", quote(&self.subresource)));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// All entries of an object, by their identifiers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Managed(pub(crate) BTreeMap<String, Owned>);

/// The entries as an object keeps them.
pub(crate) type Entries = Option<Arc<Vec<ManagedFieldsEntry>>>;

impl Managed {
    /// Reads entries.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn decode(entries: &[ManagedFieldsEntry]) -> Result<Self, String> {
        let mut managed = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let operation = match entry.operation.as_deref() {
                Some("Apply") => Operation::Apply,
                Some("Update") => Operation::Update,
                _ => return Err("operation must be `Apply` or `Update`".to_owned()),
            };
            let api_version = entry.api_version.clone().unwrap_or_default();
            if api_version.is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            match entry.fields_type.as_deref() {
                Some("FieldsV1") => {}
                None | Some("") => return Err(format!("missing fieldsType in managed fields entry {index}")),
                Some(other) => {
                    return Err(format!("invalid fieldsType {} in managed fields entry {index}", quote(other)));
                }
            }
            let set = match &entry.fields_v1 {
                Some(FieldsV1(fields)) => FieldSet::from_json(fields).ok_or("error decoding set")?,
                None => FieldSet::default(),
            };
            managed.put(Owned {
                manager: entry.manager.clone().unwrap_or_default(),
                operation,
                api_version,
                subresource: entry.subresource.clone().unwrap_or_default(),
                time: entry.time.as_ref().map(Into::into),
                set,
            });
        }
        Ok(managed)
    }

    /// The entries as an object keeps them: applies first, then by time and name.
    pub(crate) fn encode(&self) -> Entries {
        let mut owners: Vec<&Owned> = self.0.values().collect();
        let seconds = |owned: &Owned| owned.time.map_or(0, Time::unix);
        owners.sort_by_key(|o| (o.operation, seconds(o), &o.manager, &o.api_version, &o.subresource));
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let entries = owners.into_iter().map(|owned| ManagedFieldsEntry {
            api_version: text(&owned.api_version),
            fields_type: Some("FieldsV1".to_owned()),
            fields_v1: Some(FieldsV1(owned.set.to_json())),
            manager: text(&owned.manager),
            operation: text(owned.operation.as_str()),
            subresource: text(&owned.subresource),
            time: owned.time.map(Into::into),
        });
        let entries: Vec<ManagedFieldsEntry> = entries.collect();
        (!entries.is_empty()).then(|| Arc::new(entries))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn put(&mut self, owned: Owned) {
        self.0.insert(owned.identifier(), owned);
    }

    /// Drops managers that own nothing.
    pub(crate) fn drop_empty(&mut self) {
        self.0.retain(|_, owned| !owned.set.is_empty());
    }

    /// Merges the oldest updates into one entry a version until there are no more than ten. Mirrors `capUpdateManagers`.
    pub(crate) fn cap_updates(&mut self) {
        const UPDATE_MANAGERS_MAX: usize = 10;
        const BUCKET: &str = "ancient-changes";
        let mut updates: Vec<(i64, String)> = self
            .0
            .iter()
            .filter(|(_, owned)| owned.operation == Operation::Update)
            .map(|(id, owned)| (owned.time.map_or(0, Time::unix), id.clone()))
            .collect();
        updates.sort();
        let mut count = updates.len();
        let mut first_of_version: BTreeMap<String, String> = BTreeMap::new();
        for (_, id) in updates {
            if count <= UPDATE_MANAGERS_MAX {
                return;
            }
            let Some(owned) = self.0.get(&id).cloned() else { continue };
            let Some(first) = first_of_version.get(&owned.api_version) else {
                first_of_version.insert(owned.api_version.clone(), id);
                continue;
            };
            let bucket = Owned { manager: BUCKET.to_owned(), subresource: String::new(), ..owned.clone() };
            let bucket_id = bucket.identifier();
            let there = if self.0.contains_key(&bucket_id) { bucket_id.clone() } else { first.clone() };
            let set = self.0.remove(&there).map_or_else(FieldSet::default, |there| there.set);
            if id != bucket_id {
                self.0.remove(&id);
            }
            self.0.insert(bucket_id, Owned { set: set.union(&owned.set), ..bucket });
            count -= 1;
        }
    }
}

/// Whether two lists of entries differ in their times alone.
pub(crate) fn same_but_times(a: &Entries, b: &Entries) -> bool {
    let timeless = |entries: &Entries| -> Vec<ManagedFieldsEntry> {
        let entries = entries.as_deref().map_or(&[][..], Vec::as_slice);
        entries.iter().map(|entry| ManagedFieldsEntry { time: None, ..entry.clone() }).collect()
    };
    // Their order depends on the times.
    let sorted = |mut entries: Vec<ManagedFieldsEntry>| {
        entries.sort_by_key(|e| (e.manager.clone(), e.operation.clone(), e.api_version.clone(), e.subresource.clone()));
        entries
    };
    sorted(timeless(a)) == sorted(timeless(b))
}
