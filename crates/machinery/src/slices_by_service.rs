//! Which EndpointSlices name which Service. Stands for a list by the label `kubernetes.io/service-name`.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use seatrial_api::{EndpointSlice, NamespacedName, Str};

/// The label of an EndpointSlice that names its Service.
pub const LABEL_SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The names of the EndpointSlices of each Service.
#[derive(Debug, Default)]
pub struct SlicesByService {
    slices: FxHashMap<NamespacedName, BTreeSet<Str>>,
}

impl SlicesByService {
    /// The names of a Service's EndpointSlices, in their order.
    pub fn names(&self, service: &NamespacedName) -> impl Iterator<Item = &Str> {
        self.slices.get(service).into_iter().flatten()
    }

    /// Takes a change of an EndpointSlice over.
    pub(crate) fn apply(&mut self, old: Option<&EndpointSlice>, new: Option<&EndpointSlice>) {
        let (from, to) = (old.and_then(service_of), new.and_then(service_of));
        if from == to {
            return;
        }
        if let (Some(from), Some(old)) = (from, old)
            && let Some(names) = self.slices.get_mut(&from)
        {
            names.remove(&old.meta.name);
            if names.is_empty() {
                self.slices.remove(&from);
            }
        }
        if let (Some(to), Some(new)) = (to, new) {
            self.slices.entry(to).or_default().insert(new.meta.name.clone());
        }
    }
}

/// The Service that an EndpointSlice belongs to. Mirrors `ServiceControllerKey`.
pub fn service_of(slice: &EndpointSlice) -> Option<NamespacedName> {
    let name = slice.meta.labels.get(LABEL_SERVICE_NAME).filter(|name| !name.is_empty())?;
    Some(NamespacedName::new(&slice.meta.namespace, name))
}
