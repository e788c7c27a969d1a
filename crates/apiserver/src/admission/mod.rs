//! The admission plugins that a real cluster has on by default, in upstream's order.
//!
//! Mirrors plugin/pkg/admission (v1.36). What a plugin changes or refuses before validation is in `Strategy::admit_create`, what
//! it refuses after validation in `Strategy::check_create`, and quotas come last. TaintNodesByCondition sits in the strategy of
//! nodes, the one default PriorityClass in the strategy of those.

mod label_keys;
mod limit_ranger;
mod namespace_lifecycle;
mod pod;
mod resource_quota;
mod runtime_class;
mod service_account;
mod storage;
mod topology;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::field::ErrorList;
use seatrial_api::{Condition, ConditionStatus, Conditions, Kind, PodSpec, Str, StrMap, Time, pod_condition};

use crate::store::Store;

pub(crate) use limit_ranger::{LIMIT_RANGER_ANNOTATION, check_claim};
pub(crate) use pod::{
    admit_default_toleration_seconds, admit_pod_spec, check_pod_limits, check_pod_spec, check_priority_class,
    set_pod_limits,
};
pub use resource_quota::{QuotaUsage, usage_of_namespace};
pub use storage::{PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER, class_of, default_storage_class};
pub(crate) use storage::{WithClass, check_claim_resize, protect_object_in_use, set_default_storage_class};

/// How many different shared specs are remembered with what admission made of them.
const ADMITTED_COUNT_MAX: usize = 4096;

/// What admission remembers between requests.
#[derive(Debug, Default)]
pub struct AdmissionState {
    /// Whether pods get a ServiceAccount.
    pub(crate) service_accounts: bool,
    /// The seed of the names of token volumes.
    pub(crate) seed: u64,
    /// How many token volumes there were.
    pub(crate) token_volume_count: u64,
    /// Shared pod specs by address and namespace, with what admission made of them.
    admitted: FxHashMap<(usize, Str), AdmittedSpec>,
    /// What the plugins and validation say of the admitted specs, by their addresses.
    verdicts: FxHashMap<usize, Verdict>,
    /// The versions of the kinds that `admitted` was made with.
    versions: [u64; ADMITTING_KINDS.len()],
    /// The lists of conditions that pods were written with last, so that pods that became alike share one.
    pub(crate) recent_conditions: Vec<Conditions>,
    /// What was made last of a claim's spec that named no class.
    pub(crate) with_class: Option<WithClass>,
    /// The conditions of the pod that was bound last, as far as it had none before.
    scheduled: Conditions,
    /// The labels that pods got with their nodes lately.
    placed: topology::Placed,
    /// Admitted specs with what labels of pods added.
    labeled: label_keys::Labeled,
}

/// The kinds that decide what becomes of a pod's spec.
const ADMITTING_KINDS: [Kind; 3] = [Kind::PriorityClass, Kind::LimitRange, Kind::ServiceAccount];

/// What admission made of a shared spec. Pods of one template are admitted once.
#[derive(Clone, Debug)]
pub(crate) struct AdmittedSpec {
    /// The spec as it was sent; its address is the key, so that it is kept alive here.
    source: Arc<PodSpec>,
    /// The spec as it is stored.
    pub(crate) spec: Arc<PodSpec>,
    /// What LimitRanger filled in.
    pub(crate) limit_ranger: Option<Str>,
    /// Whether its selectors name keys of labels, whose values each pod adds.
    pub(crate) names_label_keys: bool,
    /// The annotations of the last pod, without and with LimitRanger's.
    annotations: (StrMap, StrMap),
    /// What is wrong with it.
    pub(crate) verdict: Verdict,
}

/// What is wrong with an admitted spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// What validation says, where admission filled something in that nobody validated yet.
    pub(crate) invalid: ErrorList,
    /// What the plugins say after validation.
    pub(crate) refusal: Option<Str>,
}

impl AdmittedSpec {
    pub(crate) fn new(source: &Arc<PodSpec>, spec: PodSpec) -> Self {
        let annotations = (StrMap::default(), StrMap::default());
        Self {
            source: Arc::clone(source),
            spec: Arc::new(spec),
            limit_ranger: None,
            names_label_keys: false,
            annotations,
            verdict: Verdict::default(),
        }
    }

    /// A pod's annotations with LimitRanger's; pods that share theirs go on sharing them.
    pub(crate) fn annotate(&mut self, annotations: &StrMap) -> StrMap {
        let Some(text) = &self.limit_ranger else { return annotations.clone() };
        if self.annotations.1.is_empty() || self.annotations.0 != *annotations {
            let mut with = annotations.clone();
            with.insert(LIMIT_RANGER_ANNOTATION, text.clone());
            self.annotations = (annotations.clone(), with);
        }
        self.annotations.1.clone()
    }
}

impl AdmissionState {
    /// The state of a new server.
    pub(crate) fn new(service_accounts: bool, seed: u64) -> Self {
        Self { service_accounts, seed, ..Self::default() }
    }

    /// Forgets what was made with objects that have changed since.
    pub(crate) fn refresh(&mut self, store: &Store) {
        let versions = ADMITTING_KINDS.map(|kind| store.kind_version(kind));
        if self.versions != versions {
            self.forget();
            self.versions = versions;
        }
    }

    /// What became of a spec in a namespace.
    pub(crate) fn admitted(&mut self, source: &Arc<PodSpec>, namespace: &Str) -> Option<&mut AdmittedSpec> {
        self.admitted.get_mut(&(Arc::as_ptr(source) as usize, namespace.clone()))
    }

    /// Remembers what became of a spec in a namespace.
    pub(crate) fn remember(&mut self, namespace: &Str, admitted: AdmittedSpec) {
        if self.admitted.len() >= ADMITTED_COUNT_MAX {
            self.forget();
        }
        self.verdicts.insert(Arc::as_ptr(&admitted.spec) as usize, admitted.verdict.clone());
        self.admitted.insert((Arc::as_ptr(&admitted.source) as usize, namespace.clone()), admitted);
    }

    /// What is wrong with an admitted spec.
    pub(crate) fn verdict(&self, spec: &Arc<PodSpec>) -> Option<&Verdict> {
        let verdict = self.verdicts.get(&(Arc::as_ptr(spec) as usize));
        verdict.or_else(|| self.labeled.verdict(spec))
    }

    /// An admitted spec with what a pod's labels add to its selectors.
    pub(crate) fn with_label_keys(&mut self, spec: &Arc<PodSpec>, labels: &StrMap) -> Arc<PodSpec> {
        let verdict = self.verdicts.get(&(Arc::as_ptr(spec) as usize));
        self.labeled.spec(spec, labels, verdict)
    }

    /// The addresses in both maps are those of specs that the first keeps alive, so that they go together.
    fn forget(&mut self) {
        self.admitted.clear();
        self.verdicts.clear();
    }
}

/// How many lists of conditions are looked at for one to share.
const RECENT_CONDITIONS_MAX: usize = 8;

impl AdmissionState {
    /// The conditions of a pod that is bound and had none: many are bound in one second.
    pub(crate) fn scheduled(&mut self, now: Time) -> Conditions {
        let is_known = matches!(&*self.scheduled, [only] if only.last_transition_time == Some(now));
        if !is_known {
            let mut scheduled = [scheduled(now)].into_iter().collect();
            self.share_conditions(&mut scheduled);
            self.scheduled = scheduled;
        }
        self.scheduled.clone()
    }

    /// The same conditions, in the list of another pod where there is one among the latest.
    pub(crate) fn share_conditions(&mut self, conditions: &mut Conditions) {
        let recent = self.recent_conditions.iter();
        // Who made them shares them as well, so that most need no look inside.
        let shared = recent.clone().position(|known| known.ptr_eq(conditions));
        if let Some(index) = shared.or_else(|| recent.clone().position(|known| known == conditions)) {
            self.recent_conditions[..=index].rotate_right(1);
            conditions.clone_from(&self.recent_conditions[0]);
            return;
        }
        if self.recent_conditions.len() >= RECENT_CONDITIONS_MAX {
            self.recent_conditions.pop();
        }
        self.recent_conditions.insert(0, conditions.clone());
    }
}

/// The condition of a pod that has its node.
pub(crate) fn scheduled(now: Time) -> Condition {
    Condition::new(pod_condition::POD_SCHEDULED, ConditionStatus::True, now)
}
