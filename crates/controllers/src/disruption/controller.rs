//! What wakes the controller, and the sync of a budget.
//!
//! Mirrors pkg/controller/disruption/disruption.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::selector::Selector;
use seatrial_api::{ApiError, Kind, NamespacedName, Object, Pod, PodDisruptionBudget, Resource, Str};
use seatrial_machinery::{Aspects, Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext};

use super::counts::{Budget, Counts};
use super::expected::expected_pod_count;
use super::stale::{stale_in, sync_stale_pod_disruption};
use super::status::{disrupted_pods, fail_safe, update_pdb_status};

/// The prefix of the keys of pods whose mark may be stale; keys of budgets have their own namespace.
const STALE: &str = "/stale/";
/// The prefix of the keys of pods with more than one budget.
const MULTIPLE: &str = "/multiple/";

/// The disruption controller.
#[derive(Debug, Default)]
pub struct DisruptionController {
    queue: Queue,
    budgets: BTreeMap<NamespacedName, Budget>,
}

impl Controller for DisruptionController {
    const NAME: &'static str = "controllermanager";
    const WATCHES: &'static [Kind] = &[Kind::PodDisruptionBudget, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::PodDisruptionBudget(pdb)) => {
                let key = pdb.namespaced_name();
                self.budget_changed(cx, &key, delivery.old_as(), delivery.new_as());
                self.queue.add(key, cx.cause);
            }
            Some(Object::Pod(_)) => self.pod_changed(cx, delivery.old_as(), delivery.new_as()),
            _ => {}
        }
    }

    fn heeds(&self) -> Aspects {
        if self.budgets.is_empty() { Aspects::DISRUPTION } else { Aspects::ANY }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if let Some(namespace) = key.namespace.strip_prefix(STALE) {
            if let Some(wait) = sync_stale_pod_disruption(cx, namespace, &key.name)? {
                self.queue.add_after_in_background(key.clone(), wait, cx.clock().now());
            }
            return Ok(());
        }
        if let Some(namespace) = key.namespace.strip_prefix(MULTIPLE) {
            self.tell_of_several_budgets(cx, namespace, &key.name);
            return Ok(());
        }
        let pdb = cx.informers.pod_disruption_budgets.get(&key.namespace, &key.name).cloned();
        let Some(pdb) = pdb else { return Ok(()) };
        match self.try_sync(cx, &pdb) {
            Ok(()) => Ok(()),
            // Somebody else wrote: it is tried again, and nothing is wrong.
            Err(Failure::Refused(error)) if error.is_conflict() => Err(error),
            Err(failure) => fail_safe(cx, &pdb, &failure.to_string()),
        }
    }
}

/// Why a budget's status is not known.
enum Failure {
    /// It cannot be calculated.
    Unknown(String),
    /// It cannot be written.
    Refused(ApiError),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(text) => f.write_str(text),
            Self::Refused(error) => f.write_str(error.message()),
        }
    }
}

impl DisruptionController {
    fn budget_changed(
        &mut self,
        cx: &EventContext<'_>,
        key: &NamespacedName,
        old: Option<&Arc<PodDisruptionBudget>>,
        new: Option<&Arc<PodDisruptionBudget>>,
    ) {
        let selector = |pdb: &PodDisruptionBudget| pdb.body.spec.as_ref().and_then(|s| s.selector.clone());
        let Some(new) = new else {
            self.budgets.remove(key);
            return;
        };
        if old.is_some_and(|old| selector(old) == selector(new)) && self.budgets.contains_key(key) {
            return;
        }
        let selector = Selector::from_optional_label_selector(selector(new).as_ref());
        let mut budget = Budget { selector, counts: Counts::default() };
        for pod in cx.informers.pods.list(Some(&key.namespace)) {
            budget.replace(None, Some(pod));
        }
        self.budgets.insert(key.clone(), budget);
    }

    /// A pod came, changed or went: it is counted anew, and the budget that it has now is synced.
    fn pod_changed(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let Some(pod) = new.or(old) else { return };
        if !self.budgets.is_empty() {
            self.count_pod(cx, pod, (old.map(|p| &**p), new.map(|p| &**p)));
        }
        if let Some(wait) = new.and_then(|pod| stale_in(pod, cx.clock)) {
            self.queue.add_after_in_background(tagged(STALE, pod), wait, cx.clock.now());
        }
    }

    fn count_pod(&mut self, cx: &EventContext<'_>, pod: &Pod, (old, new): (Option<&Pod>, Option<&Pod>)) {
        let start = NamespacedName { namespace: pod.meta.namespace.clone(), name: Str::default() };
        let mut chosen = None;
        let mut is_ambiguous = false;
        for (key, budget) in self.budgets.range_mut(start..) {
            if key.namespace != pod.meta.namespace {
                break;
            }
            budget.replace(old, new);
            if budget.selects(pod) {
                is_ambiguous = chosen.is_some();
                chosen.get_or_insert_with(|| key.clone());
            }
        }
        if is_ambiguous {
            self.queue.add(tagged(MULTIPLE, pod), cx.cause);
        }
        if let Some(key) = chosen {
            self.queue.add(key, cx.cause);
        }
    }

    /// Mirrors what `getPdbForPod` says of a pod that several budgets select.
    fn tell_of_several_budgets(&self, cx: &mut SyncContext<'_>, namespace: &str, name: &str) {
        let Some(pod) = cx.informers.pods.get(namespace, name).cloned() else { return };
        let mut own = self.budgets.iter().filter(|(key, b)| key.namespace == namespace && b.selects(&pod));
        let (Some((chosen, _)), Some(_)) = (own.next(), own.next()) else { return };
        let text = format!(
            "Pod {namespace:?}/{name:?} matches multiple PodDisruptionBudgets.  Chose {:?} arbitrarily.",
            chosen.name.as_str()
        );
        cx.client.event(&ObjectRef::of(&*pod), &EventText::warning("MultiplePodDisruptionBudgets", &text));
    }

    /// Mirrors `trySync`.
    fn try_sync(&mut self, cx: &mut SyncContext<'_>, pdb: &Arc<PodDisruptionBudget>) -> Result<(), Failure> {
        let key = pdb.namespaced_name();
        let Some(budget) = self.budgets.get(&key) else { return Ok(()) };
        if let Err(error) = &budget.selector {
            tell(cx, pdb, &EventText::warning("NoPods", &format!("Failed to get pods: {error}")));
            return Err(Failure::Unknown(error.clone()));
        }
        if budget.counts.pods == 0 {
            tell(cx, pdb, &EventText::normal("NoPods", "No matching pods found"));
        }
        let spec = pdb.body.spec.clone().unwrap_or_default();
        let expected = expected_pod_count(cx, &key.namespace, &spec, &budget.counts).map_err(|error| {
            let text = format!("Failed to calculate the number of expected pods: {error}");
            tell(cx, pdb, &EventText::warning("CalculateExpectedPodCountFailed", &text));
            Failure::Unknown(error)
        })?;
        if expected.has_unmanaged {
            tell(cx, pdb, &EventText::warning("UnmanagedPods", &unmanaged_text(spec.selector.as_ref())));
        }
        let disrupted = disrupted_pods(cx, pdb, budget);
        let healthy = budget.counts.healthy - disrupted.healthy;
        update_pdb_status(cx, pdb, healthy, expected, disrupted.pods).map_err(Failure::Refused)?;
        if let Some(wait) = disrupted.recheck {
            // A moment later, so that the time is over when it is looked at.
            let wait = wait + std::time::Duration::from_nanos(1);
            self.queue.add_after_in_background(key, wait, cx.clock().now());
        }
        Ok(())
    }
}

fn tell(cx: &mut SyncContext<'_>, pdb: &Arc<PodDisruptionBudget>, text: &EventText<'_>) {
    cx.client.event(&ObjectRef::of(&**pdb), text);
}

fn tagged(tag: &str, pod: &Pod) -> NamespacedName {
    NamespacedName { namespace: format!("{tag}{}", pod.meta.namespace).into(), name: pod.meta.name.clone() }
}

fn unmanaged_text(selector: Option<&LabelSelector>) -> String {
    format!(
        "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of \
         the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please \
         set \".spec.minAvailable\" field of the PDB to an integer value.",
        go_text(selector)
    )
}

/// A selector as Go's generated `String` prints it.
pub(crate) fn go_text(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else { return "nil".to_owned() };
    let labels: String =
        selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}: {value},")).collect();
    let one = |r: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement| {
        let values = r.values.as_deref().unwrap_or_default().join(" ");
        format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},", r.key, r.operator)
    };
    let expressions: String = selector.match_expressions.iter().flatten().map(one).collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
