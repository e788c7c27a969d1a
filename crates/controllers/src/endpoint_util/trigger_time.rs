//! Since when what a slice shows is so: the time in the annotation by which the lag of a proxy is measured.
//!
//! Mirrors k8s.io/endpointslice/util/trigger_time_tracker.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{Pod, Service, Str, StrMap, Time};

use super::pods::pod_trigger_time;
use super::{ANNOTATION_LAST_CHANGE_TRIGGER_TIME, Changed};

/// The times of one Service and its pods as of its last sync.
#[derive(Debug, Default)]
pub(crate) struct TriggerTimes {
    is_known: bool,
    service: Option<Time>,
    pods: BTreeMap<Str, Time>,
}

impl TriggerTimes {
    /// The earliest time that is new since the last call; `None` where nothing is. Mirrors
    /// `ComputeEndpointLastChangeTriggerTime`.
    pub(crate) fn compute<'a>(
        &mut self,
        service: &Service,
        changed: &Changed,
        pods: impl Iterator<Item = &'a Arc<Pod>>,
    ) -> Option<Time> {
        let before = match changed {
            Changed::All => std::mem::take(&mut self.pods),
            Changed::Pods(names) => names.iter().filter_map(|name| self.pods.remove_entry(name)).collect(),
        };
        let mut earliest: Option<Time> = None;
        let mut note = |time: Time| earliest = Some(earliest.map_or(time, |e| e.min(time)));
        for pod in pods {
            let Some(time) = pod_trigger_time(pod) else { continue };
            if before.get(&pod.meta.name).is_none_or(|last| time > *last) {
                note(time);
            }
            self.pods.insert(pod.meta.name.clone(), time);
        }
        let created = service.meta.created();
        if self.service.is_none_or(|last| created > last) {
            note(created);
        }
        self.service = Some(created);
        if std::mem::replace(&mut self.is_known, true) { earliest } else { Some(created) }
    }
}

/// Sets the annotation, or takes it away. Mirrors `addTriggerTimeAnnotation`.
pub(crate) fn set_trigger_time(annotations: &mut StrMap, time: Option<Time>) {
    match time {
        Some(time) => annotations.insert(ANNOTATION_LAST_CHANGE_TRIGGER_TIME, time.to_string()),
        None => drop(annotations.remove(ANNOTATION_LAST_CHANGE_TRIGGER_TIME)),
    }
}
