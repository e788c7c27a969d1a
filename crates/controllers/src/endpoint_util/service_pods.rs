//! Which pods each Service selects, and which of them have changed since its last sync.
//!
//! Upstream lists and compares all pods of a Service in every sync. Here deliveries keep the books, so that one pod costs
//! a sync one look, and a cluster without Services costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};
use seatrial_api::{NamespacedName, Object, Pod, Resource, Service, Str, StrMap};
use seatrial_machinery::{Delivery, Informers};

use super::pods::PodChange;
use super::spec_of;

/// The pods of Services that have a selector.
#[derive(Debug, Default)]
pub(crate) struct ServicePods {
    namespaces: BTreeMap<Str, NamespaceServices>,
}

#[derive(Debug, Default)]
struct NamespaceServices {
    services: BTreeMap<Str, Selected>,
    /// The Services by a hash of the first label they ask for.
    by_label: FxHashMap<u64, Vec<Str>>,
}

#[derive(Debug)]
struct Selected {
    selector: BTreeMap<String, String>,
    pods: BTreeSet<Str>,
    changed: Changed,
}

/// What a sync has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Everything.
    All,
    /// These pods, by name.
    Pods(BTreeSet<Str>),
}

impl Changed {
    fn mark(&mut self, pod: &Str) {
        if let Self::Pods(pods) = self {
            pods.insert(pod.clone());
        }
    }

    /// Whether the pod has to be looked at.
    pub(crate) fn has(&self, pod: &str) -> bool {
        match self {
            Self::All => true,
            Self::Pods(pods) => pods.contains(pod),
        }
    }
}

fn hash_of(key: &str, value: &str) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

fn matches(selector: &BTreeMap<String, String>, labels: &StrMap) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value.as_str()))
}

impl NamespaceServices {
    /// The names of the Services that select these labels, in their order.
    fn matching(&self, labels: &StrMap) -> Vec<Str> {
        let mut names: Vec<Str> = Vec::new();
        for (key, value) in labels.iter() {
            let Some(candidates) = self.by_label.get(&hash_of(key, value)) else { continue };
            let selects = |name: &&Str| self.services.get(*name).is_some_and(|s| matches(&s.selector, labels));
            names.extend(candidates.iter().filter(selects).cloned());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn remove(&mut self, name: &str) {
        let Some(selected) = self.services.remove(name) else { return };
        let Some((key, value)) = selected.selector.first_key_value() else { return };
        let label = hash_of(key, value);
        if let Some(names) = self.by_label.get_mut(&label) {
            names.retain(|other| other != name);
            if names.is_empty() {
                self.by_label.remove(&label);
            }
        }
    }

    fn insert(&mut self, name: &Str, selected: Selected) {
        if let Some((key, value)) = selected.selector.first_key_value() {
            self.by_label.entry(hash_of(key, value)).or_default().push(name.clone());
        }
        self.services.insert(name.clone(), selected);
    }
}

impl ServicePods {
    /// A pod or a Service came, changed or went: tells which Services to sync.
    pub(crate) fn on_delivery(
        &mut self,
        informers: &Informers,
        delivery: &Delivery<'_>,
        mut wake: impl FnMut(NamespacedName),
    ) {
        match delivery.object() {
            Some(Object::Pod(_)) => self.pod_changed(delivery.old_as(), delivery.new_as(), wake),
            Some(Object::Service(service)) => {
                let (old, new) = (delivery.old_as::<Service>(), delivery.new_as::<Service>());
                self.service_changed(informers, old.map(|s| &**s), new.map(|s| &**s));
                if new.is_none() || spec_of(service).selector.is_some() {
                    wake(service.namespaced_name());
                }
            }
            _ => {}
        }
    }

    /// A Service came, changed or went.
    fn service_changed(&mut self, informers: &Informers, old: Option<&Service>, new: Option<&Service>) {
        let Some(service) = new.or(old) else { return };
        let meta = &service.meta;
        let selector = new.and_then(|new| {
            let spec = spec_of(new);
            spec.selector.clone().filter(|s| !s.is_empty() && spec.type_.as_deref() != Some("ExternalName"))
        });
        let Some(selector) = selector else {
            if let Some(services) = self.namespaces.get_mut(&meta.namespace) {
                services.remove(&meta.name);
                if services.services.is_empty() {
                    self.namespaces.remove(&meta.namespace);
                }
            }
            return;
        };
        let same = |old: &Service, new: &Service| {
            old.body.spec == new.body.spec
                && old.meta.labels == new.meta.labels
                && old.meta.annotations == new.meta.annotations
                && old.meta.uid == new.meta.uid
                && old.meta.deletion == new.meta.deletion
        };
        let services = self.namespaces.entry(meta.namespace.clone()).or_default();
        match services.services.get_mut(&meta.name).filter(|known| known.selector == selector) {
            Some(_) if old.zip(new).is_some_and(|(old, new)| same(old, new)) => {}
            Some(known) => known.changed = Changed::All,
            None => {
                services.remove(&meta.name);
                let pods = informers.pods.list(Some(&meta.namespace)).into_iter();
                let pods = pods.filter(|pod| matches(&selector, &pod.meta.labels)).map(|pod| pod.meta.name.clone());
                let pods = pods.collect();
                services.insert(&meta.name, Selected { selector, pods, changed: Changed::All });
            }
        }
    }

    /// A pod came, changed or went: tells which Services to sync. Mirrors `GetServicesToUpdateOnPodChange`.
    fn pod_changed(&mut self, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>, mut wake: impl FnMut(NamespacedName)) {
        let Some(pod) = new.or(old) else { return };
        // Nearly every cluster of a benchmark ends here.
        let Some(services) = self.namespaces.get_mut(&pod.meta.namespace) else { return };
        match (old, new) {
            (Some(old), Some(new)) if old.meta.uid == new.meta.uid => {
                let change = PodChange::of(old, new);
                if !change.is_any() {
                    return;
                }
                let before = if change.labels { services.matching(&old.meta.labels) } else { Vec::new() };
                let after = services.matching(&new.meta.labels);
                for name in before.iter().filter(|name| !after.contains(name)) {
                    services.note(name, pod, false);
                    wake(NamespacedName::new(&pod.meta.namespace, name));
                }
                for name in &after {
                    services.note(name, pod, true);
                    if change.pod || (change.labels && !before.contains(name)) {
                        wake(NamespacedName::new(&pod.meta.namespace, name));
                    }
                }
            }
            (old, new) => {
                for (pod, is_there) in old.map(|p| (p, false)).into_iter().chain(new.map(|p| (p, true))) {
                    for name in services.matching(&pod.meta.labels) {
                        services.note(&name, pod, is_there);
                        wake(NamespacedName::new(&pod.meta.namespace, &name));
                    }
                }
            }
        }
    }

    /// Every Service has to be looked at as a whole: something changed that all endpoints show.
    pub(crate) fn all_changed(&mut self) {
        for services in self.namespaces.values_mut() {
            for selected in services.services.values_mut() {
                selected.changed = Changed::All;
            }
        }
    }

    /// A Service has to be looked at as a whole.
    pub(crate) fn set_changed(&mut self, service: &NamespacedName) {
        if let Some(selected) = self.selected_mut(service) {
            selected.changed = Changed::All;
        }
    }

    /// What has changed since the last time; from now on nothing has.
    pub(crate) fn take_changed(&mut self, service: &NamespacedName) -> Changed {
        match self.selected_mut(service) {
            Some(selected) => std::mem::replace(&mut selected.changed, Changed::Pods(BTreeSet::new())),
            None => Changed::All,
        }
    }

    /// The pods to look at: those that have changed and are selected still, by name.
    pub(crate) fn pods_to_look_at<'a>(
        &'a self,
        informers: &'a Informers,
        service: &'a NamespacedName,
        changed: &'a Changed,
    ) -> impl Iterator<Item = &'a Arc<Pod>> {
        let selected = self.namespaces.get(&service.namespace).and_then(|s| s.services.get(&service.name));
        let names: Box<dyn Iterator<Item = &'a Str>> = match (selected, changed) {
            (None, _) => Box::new(std::iter::empty()),
            (Some(selected), Changed::All) => Box::new(selected.pods.iter()),
            (Some(selected), Changed::Pods(names)) => {
                Box::new(names.iter().filter(|name| selected.pods.contains(*name)))
            }
        };
        names.filter_map(|name| informers.pods.get(&service.namespace, name))
    }

    fn selected_mut(&mut self, service: &NamespacedName) -> Option<&mut Selected> {
        self.namespaces.get_mut(&service.namespace)?.services.get_mut(&service.name)
    }

    /// Whether any Service selects pods.
    pub(crate) fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
    }
}

impl NamespaceServices {
    fn note(&mut self, service: &str, pod: &Pod, is_there: bool) {
        let Some(selected) = self.services.get_mut(service) else { return };
        if is_there {
            if !selected.pods.contains(&pod.meta.name) {
                selected.pods.insert(pod.meta.name.clone());
            }
        } else {
            selected.pods.remove(&pod.meta.name);
        }
        selected.changed.mark(&pod.meta.name);
    }
}
