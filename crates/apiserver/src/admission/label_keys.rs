//! Admitted specs whose selectors name keys of labels, with the values that pods add.

use std::sync::Arc;

use seatrial_api::{PodSpec, Str, StrMap};

use super::Verdict;
use crate::pod_label_keys::{apply_label_keys, label_keys};
use crate::validation::validate_pod_label_keys;

/// How many specs are kept, so that pods with the same values share one.
const RECENT_MAX: usize = 16;

/// The specs that were made last.
#[derive(Debug, Default)]
pub(super) struct Labeled(Vec<LabeledSpec>);

#[derive(Debug)]
struct LabeledSpec {
    admitted: Arc<PodSpec>,
    /// The values of the labels whose keys it names.
    values: Vec<Option<Str>>,
    spec: Arc<PodSpec>,
    verdict: Verdict,
}

impl Labeled {
    /// An admitted spec with the values of a pod's labels.
    pub(super) fn spec(&mut self, admitted: &Arc<PodSpec>, labels: &StrMap, of: Option<&Verdict>) -> Arc<PodSpec> {
        let value = |key: &String| labels.get(key).map(Str::from);
        let values: Vec<Option<Str>> = label_keys(admitted.api()).iter().map(value).collect();
        let mut known = self.0.iter();
        if let Some(known) = known.find(|known| Arc::ptr_eq(&known.admitted, admitted) && known.values == values) {
            return Arc::clone(&known.spec);
        }
        let mut api = admitted.api().clone();
        apply_label_keys(&mut api, |key| labels.get(key));
        let mut verdict = of.cloned().unwrap_or_default();
        verdict.invalid.extend(validate_pod_label_keys(&api));
        let spec = Arc::new(PodSpec::new(api).with_hostname(admitted.hostname()));
        if self.0.len() >= RECENT_MAX {
            self.0.remove(0);
        }
        let admitted = Arc::clone(admitted);
        self.0.push(LabeledSpec { admitted, values, spec: Arc::clone(&spec), verdict });
        spec
    }

    /// What is wrong with a spec that was made here.
    pub(super) fn verdict(&self, spec: &Arc<PodSpec>) -> Option<&Verdict> {
        self.0.iter().find(|known| Arc::ptr_eq(&known.spec, spec)).map(|known| &known.verdict)
    }
}
