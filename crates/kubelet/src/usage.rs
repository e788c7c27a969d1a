//! What mock containers use, as the resource metrics of their pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{NamespacedName, Pod};
use seatrial_machinery::{Clock, ContainerUsage, Samples};

use crate::behavior::{Behavior, Usage};
use crate::kubelets::Kubelets;

impl Kubelets {
    /// The samples of pods, now. A pod has one as soon as a container of it runs whose behavior says what it uses; of its
    /// other containers it is zero.
    pub fn measure(&self, pods: &[&Arc<Pod>], clock: Clock) -> Samples {
        let sharers = self.sharers(pods);
        let usages = || self.behaviors().iter().flat_map(|behavior| &behavior.usage);
        let is_custom = |name: &String| !matches!(name.as_str(), "cpu" | "memory");
        let mut samples = Samples {
            has_resources: usages().next().is_some(),
            has_custom: usages().flat_map(|usage| usage.milli.keys()).any(is_custom),
            of_pods: BTreeMap::new(),
        };
        for pod in pods {
            let key = NamespacedName { namespace: pod.meta.namespace.clone(), name: pod.meta.name.clone() };
            if let Some(usages) = self.sample(pod, clock, &sharers) {
                samples.of_pods.insert(key, usages);
            }
        }
        samples
    }

    fn sample(&self, pod: &Pod, clock: Clock, sharers: &[(*const Behavior, usize)]) -> Option<Vec<ContainerUsage>> {
        let mut usages = Vec::new();
        let mut is_told = false;
        for spec in &pod.spec.api().containers {
            let container = self.container_of(pod, &spec.name).filter(|c| c.is_running());
            let behavior = container.and_then(|c| c.behavior.as_ref());
            let mut usage = ContainerUsage { container: spec.name.as_str().into(), milli: BTreeMap::new() };
            usage.milli.extend([("cpu".to_owned(), 0), ("memory".to_owned(), 0)]);
            if let (Some(container), Some(behavior)) = (container, behavior) {
                let age = clock.now().since_start().saturating_sub(container.started_at.since_start());
                let known = behavior.usage.iter().rev();
                let now = known.into_iter().find(|u| u.from <= if u.shared { clock.now().since_start() } else { age });
                if let Some(now) = now {
                    is_told = true;
                    let count =
                        sharers.iter().find(|(b, _)| std::ptr::eq(*b, &**behavior)).map_or(1, |(_, count)| *count);
                    usage.milli.extend(values(now, count));
                }
            }
            usages.push(usage);
        }
        is_told.then_some(usages)
    }

    /// How many running containers share the load of a behavior.
    fn sharers(&self, pods: &[&Arc<Pod>]) -> Vec<(*const Behavior, usize)> {
        let mut counts: Vec<(*const Behavior, usize)> = Vec::new();
        for pod in pods {
            for spec in &pod.spec.api().containers {
                let container = self.container_of(pod, &spec.name).filter(|c| c.is_running() && c.ready);
                let Some(behavior) = container.and_then(|c| c.behavior.as_ref()) else { continue };
                if !behavior.usage.iter().any(|usage| usage.shared) {
                    continue;
                }
                match counts.iter_mut().find(|(known, _)| std::ptr::eq(*known, &**behavior)) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((Arc::as_ptr(behavior), 1)),
                }
            }
        }
        counts
    }
}

/// The values of one container: its own, or its share.
fn values(usage: &Usage, sharers: usize) -> impl Iterator<Item = (String, i64)> {
    let parts = if usage.shared { i64::try_from(sharers).unwrap_or(i64::MAX).max(1) } else { 1 };
    usage.milli.iter().map(move |(name, value)| (name.clone(), value / parts))
}
