//! What the metrics APIs would answer: the resource metrics of pods, custom metrics of objects, external metrics.
//!
//! Mirrors pkg/controller/podautoscaler/metrics (v1.36). Nobody stores metrics: the cluster measures before they are read.

use std::collections::BTreeMap;

use seatrial_api::selector::Selector;
use seatrial_api::{NamespacedName, Str, StrMap};

/// What a container uses, by the name of the resource or of the custom metric, in thousandths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    /// The container's name.
    pub container: Str,
    /// The values.
    pub milli: BTreeMap<String, i64>,
}

/// A metric of an object other than a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMetric {
    /// The object's kind.
    pub kind: String,
    /// The object.
    pub object: NamespacedName,
    /// The metric's name.
    pub metric: String,
    /// The value in thousandths.
    pub milli: i64,
}

/// A metric of something outside of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalMetric {
    /// The metric's name.
    pub metric: String,
    /// What tells it from others of its name.
    pub labels: StrMap,
    /// The value in thousandths.
    pub milli: i64,
}

/// What the containers of pods use, as the metrics APIs tell it that somebody serves: nobody does where nothing is said of
/// what containers use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Whether there is `metrics.k8s.io`.
    pub has_resources: bool,
    /// Whether there is `custom.metrics.k8s.io`.
    pub has_custom: bool,
    /// By pod; one that is not there has no sample.
    pub of_pods: BTreeMap<NamespacedName, Vec<ContainerUsage>>,
}

/// All metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// What the containers of pods use.
    pub pods: Samples,
    /// Custom metrics of objects.
    pub objects: Vec<ObjectMetric>,
    /// External metrics.
    pub external: Vec<ExternalMetric>,
}

impl Metrics {
    /// The sample of a pod.
    pub fn of_pod(&self, namespace: &Str, name: &Str) -> Option<&[ContainerUsage]> {
        let key = NamespacedName { namespace: namespace.clone(), name: name.clone() };
        self.pods.of_pods.get(&key).map(Vec::as_slice)
    }

    /// A metric of an object, by its kind and name.
    pub fn of_object(&self, namespace: &str, (kind, name): (&str, &str), metric: &str) -> Option<i64> {
        let is_meant = |m: &&ObjectMetric| {
            m.kind == kind && m.object.namespace == namespace && m.object.name == name && m.metric == metric
        };
        self.objects.iter().find(is_meant).map(|m| m.milli)
    }

    /// The sum of the external metrics of a name that a selector takes.
    pub fn external(&self, metric: &str, selector: &Selector) -> Option<i64> {
        let matching = self.external.iter().filter(|m| m.metric == metric && selector.matches(&m.labels));
        matching.map(|m| m.milli).reduce(i64::saturating_add)
    }
}
