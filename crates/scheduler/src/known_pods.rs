//! What pods say about other pods, worked out once for all pods that say the same.
//!
//! Mirrors plugins/podtopologyspread (`buildDefaultConstraints`) and plugins/helper/spread.go (`DefaultSelector`) (v1.36).

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rustc_hash::FxHashMap;
use seatrial_api::{Pod, PodSpec, ReplicaSet, ReplicationController, Service, StatefulSet, Str, StrMap, Uid};
use seatrial_machinery::Client;

use crate::identity::{are_siblings, is_of_identity};
use crate::pod_index::PodIndex;
use crate::terms::{PodTerms, Term};

/// How many specs are remembered.
const SPECS_MAX: usize = 4096;
/// How many questions are remembered: two a spec, for the default spread.
const QUESTIONS_MAX: usize = 2 * SPECS_MAX;
pub(crate) const LABEL_HOSTNAME: &str = "kubernetes.io/hostname";
pub(crate) const LABEL_ZONE: &str = "topology.kubernetes.io/zone";

/// The pods with which a pod without constraints of its own is spread: all that its services and its owner select.
/// The numbers of two questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DefaultSpread {
    pub(crate) hostname: u32,
    pub(crate) zone: u32,
}

/// What a pod says about others, itself or by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The same for pods that say the same, as long as numbers of questions mean the same.
    pub(crate) number: u64,
    pub(crate) terms: Option<Arc<PodTerms>>,
    pub(crate) spread: Option<DefaultSpread>,
}

impl Known {
    /// What it says itself.
    pub(crate) fn terms(&self) -> Option<&PodTerms> {
        self.terms.as_deref()
    }
}

#[derive(Debug)]
struct Entry {
    /// Keeps the address from meaning another spec.
    spec: Arc<PodSpec>,
    namespace: Str,
    labels: StrMap,
    owner: Option<Uid>,
    /// Whether pods whose labels differ in who they are say the same: neither they nor a Service ask for that.
    is_of_siblings: bool,
    known: Known,
}

impl Entry {
    fn is_of(&self, pod: &Pod) -> bool {
        let labels = &pod.meta.labels;
        Arc::ptr_eq(&self.spec, &pod.spec)
            && self.namespace == pod.meta.namespace
            && if self.is_of_siblings { are_siblings(&self.labels, labels) } else { self.labels == *labels }
            && self.owner.as_ref() == pod.meta.controller_of().map(|o| &o.uid)
    }
}

/// What is known, by the address of the spec.
#[derive(Debug, Default)]
pub(crate) struct KnownPods {
    by_spec: FxHashMap<usize, Entry>,
    /// How many pods were told apart so far.
    told_apart: u64,
}

impl KnownPods {
    /// What a pod says. Numbers of questions that were handed out before may mean nothing afterwards.
    pub(crate) fn of(&mut self, pod: &Pod, index: &mut PodIndex, client: &Client<'_>) -> Known {
        let address = Arc::as_ptr(&pod.spec) as usize;
        if let Some(entry) = self.by_spec.get_mut(&address).filter(|entry| entry.is_of(pod)) {
            if index.tells_siblings_apart() && entry.labels != pod.meta.labels {
                // What others say about the pod may still be its own.
                self.told_apart += 1;
                entry.known.number = self.told_apart;
                entry.labels = pod.meta.labels.clone();
            }
            return entry.known.clone();
        }
        self.make_room(index);
        let has_constraints = pod.spec.api().topology_spread_constraints.as_ref().is_some_and(|c| !c.is_empty());
        let spread = if has_constraints { None } else { default_spread(pod, index, client) };
        let terms = PodTerms::of(pod).map(|terms| Arc::new(terms.asking(index)));
        self.told_apart += 1;
        let known = Known { number: self.told_apart, terms, spread };
        let (spec, namespace, labels) = (Arc::clone(&pod.spec), pod.meta.namespace.clone(), pod.meta.labels.clone());
        let owner = pod.meta.controller_of().map(|o| o.uid.clone());
        let is_of_siblings = !has_constraints && !PodTerms::may_have(pod) && !is_identity_selected(&namespace, client);
        self.by_spec.insert(address, Entry { spec, namespace, labels, owner, is_of_siblings, known: known.clone() });
        known
    }

    /// Forgets everything once it is much: pods of one spec may ask different questions, as those of one Job after another
    /// do that a CronJob makes.
    fn make_room(&mut self, index: &mut PodIndex) {
        if self.by_spec.len() >= SPECS_MAX || index.question_count() >= QUESTIONS_MAX {
            self.by_spec.clear();
            index.forget_questions();
        }
    }

    /// The terms of a pod that is counted, about which nothing needs to be asked.
    pub(crate) fn terms_of(&self, pod: &Pod) -> Option<Arc<PodTerms>> {
        if !PodTerms::may_have(pod) {
            return None;
        }
        let known = self.by_spec.get(&(Arc::as_ptr(&pod.spec) as usize)).filter(|entry| entry.is_of(pod));
        known.map_or_else(|| PodTerms::of(pod).map(Arc::new), |entry| entry.known.terms.clone())
    }

    /// Services changed, and with them what pods are spread with.
    pub(crate) fn forget(&mut self) {
        self.by_spec.clear();
    }
}

/// Whether a Service of a namespace selects pods by what tells the pods of a set apart.
fn is_identity_selected(namespace: &str, client: &Client<'_>) -> bool {
    client.server().store().list_as::<Service>(Some(namespace)).into_iter().any(|service| {
        let selector = service.body.spec.as_ref().and_then(|s| s.selector.as_ref());
        selector.is_some_and(|selector| selector.keys().any(|key| is_of_identity(key)))
    })
}

fn default_spread(pod: &Pod, index: &mut PodIndex, client: &Client<'_>) -> Option<DefaultSpread> {
    let selectors = default_selectors(pod, client);
    let mut ask = |key: &str| {
        let select = |s| Term::selecting(key, &pod.meta.namespace, s);
        let terms: Vec<Arc<Term>> = selectors.iter().map(select).collect();
        Some(index.question(&terms, terms.first()?, true))
    };
    Some(DefaultSpread { hostname: ask(LABEL_HOSTNAME)?, zone: ask(LABEL_ZONE)? })
}

/// The selectors that all have to mean a pod for it to count as one of `pod`'s kind. Mirrors `DefaultSelector`.
fn default_selectors(pod: &Pod, client: &Client<'_>) -> Vec<LabelSelector> {
    let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
    let services = client.server().store().list_as::<Service>(Some(namespace));
    let selects = |service: &&Arc<Service>| {
        let selector = service.body.spec.as_ref().and_then(|s| s.selector.as_ref());
        selector.filter(|s| !s.is_empty() && s.iter().all(|(k, v)| labels.get(k) == Some(v))).cloned()
    };
    let of_services = services
        .iter()
        .filter_map(selects)
        .map(|match_labels| LabelSelector { match_labels: Some(match_labels), match_expressions: None });
    let mut all: Vec<LabelSelector> = of_services.collect();
    let is_empty = |s: &LabelSelector| {
        s.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
            && s.match_expressions.as_ref().is_none_or(Vec::is_empty)
    };
    all.extend(owners_selector(pod, client).filter(|s| !is_empty(s)));
    all
}

fn owners_selector(pod: &Pod, client: &Client<'_>) -> Option<LabelSelector> {
    let owner = pod.meta.controller_of()?;
    let (namespace, name) = (&pod.meta.namespace, &owner.name);
    match (owner.kind.as_str(), owner.api_version.as_str()) {
        ("ReplicaSet", "apps/v1") => {
            client.get_live::<ReplicaSet>(namespace, name).ok().map(|rs| rs.spec.selector.api().clone())
        }
        ("StatefulSet", "apps/v1") => {
            let sts = client.get_live::<StatefulSet>(namespace, name).ok()?;
            sts.body.spec.as_ref().map(|spec| spec.selector.clone())
        }
        ("ReplicationController", "v1") => {
            client.get_live::<ReplicationController>(namespace, name).ok().map(|rc| rc.spec.selector.api().clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_objects;

    /// One spec with `matchLabelKeys` asks another question for each value of the label.
    #[test]
    fn questions_are_forgotten_once_they_are_many() {
        let (mut known, mut index) = (KnownPods::default(), PodIndex::default());
        let spec = json!({"topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": "x"}}, "matchLabelKeys": ["job"]}]});
        let first = test_objects::pod("a", json!({"app": "x"}), spec);
        let mut most = 0;
        for job in 0..QUESTIONS_MAX + 10 {
            let mut pod = Pod::clone(&first);
            pod.meta.labels = [("app", "x"), ("job", job.to_string().as_str())].into_iter().collect();
            known.make_room(&mut index);
            let terms = PodTerms::of(&pod).expect("a constraint").asking(&mut index);
            drop(terms);
            most = most.max(index.question_count());
        }
        assert_eq!((most, index.question_count()), (QUESTIONS_MAX, 10));
    }
}
