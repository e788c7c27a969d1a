//! Pod specs and templates: one immutable spec behind a shared pointer, with the facts every reader asks for.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::resources::{PodRequests, QosClass};
use crate::{Str, StrMap};

/// The part of a pod's spec that all pods of a template share: all of it but `nodeName`.
///
/// The k8s-openapi value is what users see, but for claims named after the pod, as those of a StatefulSet are: their names
/// are left empty, which no valid spec has, and [`crate::Pod::claim_of`] tells them. The other fields but `hostname` are
/// computed once, here, instead of once a pod.
#[derive(Clone, Debug)]
pub struct PodSpec {
    api: corev1::PodSpec,
    requests: PodRequests,
    qos_class: QosClass,
    claim_count: u32,
    has_own_claims: bool,
    hostname: PodHostname,
}

/// Where the hostname of a spec's pods is written. Pods whose hostnames follow from their names can share a spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodHostname {
    /// In the spec, or nowhere.
    #[default]
    Spec,
    /// It is the pod's name, as in a StatefulSet.
    Name,
    /// It is the prefix that the pod's name was made from, without the dash, as in an indexed Job.
    GenerateName,
}

impl PodSpec {
    /// Wraps a spec; its `nodeName` is dropped, since pods and templates keep their own.
    pub fn new(mut api: corev1::PodSpec) -> Self {
        api.node_name = None;
        let requests = PodRequests::of(&api);
        let qos_class = QosClass::of(&api);
        let is_claim = |v: &corev1::Volume| v.persistent_volume_claim.is_some() || v.ephemeral.is_some();
        let claim_count = api.volumes.iter().flatten().filter(|v| is_claim(v)).count() as u32;
        let has_own_claims = api.volumes.iter().flatten().any(|v| v.ephemeral.is_some());
        Self { api, requests, qos_class, claim_count, has_own_claims, hostname: PodHostname::Spec }
    }

    /// The same spec, for pods whose hostname is written elsewhere.
    #[must_use]
    pub fn with_hostname(mut self, hostname: PodHostname) -> Self {
        if hostname != PodHostname::Spec {
            self.api.hostname = None;
        }
        self.hostname = hostname;
        self
    }

    /// Where the hostname of the pods is written.
    #[inline]
    pub fn hostname(&self) -> PodHostname {
        self.hostname
    }

    /// Whether both say the same of the hostname.
    pub fn has_hostname_of(&self, other: &Self) -> bool {
        self.hostname == other.hostname && self.api.hostname == other.api.hostname
    }

    /// The same spec with another one's hostname.
    #[must_use]
    pub fn with_hostname_of(&self, other: &Self) -> Self {
        let mut same = self.clone();
        same.hostname = other.hostname;
        same.api.hostname.clone_from(&other.api.hostname);
        same
    }

    /// The spec as k8s-openapi holds it, without `nodeName`.
    #[inline]
    pub fn api(&self) -> &corev1::PodSpec {
        &self.api
    }

    /// What the scheduler counts. Mirrors `resource.PodRequests`.
    #[inline]
    pub fn requests(&self) -> &PodRequests {
        &self.requests
    }

    /// The quality-of-service class. Mirrors `qos.ComputePodQOS`.
    pub fn qos_class(&self) -> QosClass {
        self.qos_class
    }

    /// Whether any volume is a claim.
    #[inline]
    pub fn has_claims(&self) -> bool {
        self.claim_count > 0
    }

    /// Whether just one volume is a claim.
    #[inline]
    pub fn has_one_claim(&self) -> bool {
        self.claim_count == 1
    }

    /// Whether any volume is a claim that is made for the pod and goes with it.
    #[inline]
    pub fn has_own_claims(&self) -> bool {
        self.has_own_claims
    }

    /// `terminationGracePeriodSeconds`, 30 where it is not set.
    pub fn termination_grace_period_seconds(&self) -> i64 {
        self.api.termination_grace_period_seconds.unwrap_or(30)
    }

    /// The pod's priority, 0 where admission set none.
    pub fn priority(&self) -> i32 {
        self.api.priority.unwrap_or(0)
    }
}

impl PartialEq for PodSpec {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.hostname == other.hostname && self.api == other.api)
    }
}

/// What a workload makes pods from. Mirrors `v1.PodTemplateSpec`.
#[derive(Clone, Debug)]
pub struct PodTemplateSpec {
    /// The labels every pod gets.
    pub labels: StrMap,
    /// The annotations every pod gets.
    pub annotations: StrMap,
    /// The rest of the template's metadata, which is nearly always empty (labels and annotations left out).
    pub other_meta: Option<Box<metav1::ObjectMeta>>,
    /// The pods' spec.
    pub spec: Arc<PodSpec>,
    /// The node that every pod is made for, past the scheduler, or empty.
    pub node_name: Str,
}

impl PartialEq for PodTemplateSpec {
    fn eq(&self, other: &Self) -> bool {
        // Most comparisons are of an object with a changed copy of itself, which share the template.
        std::ptr::eq(self, other)
            || (self.labels == other.labels
                && self.annotations == other.annotations
                && self.other_meta == other.other_meta
                && self.node_name == other.node_name
                && (Arc::ptr_eq(&self.spec, &other.spec) || self.spec == other.spec))
    }
}

impl PodTemplateSpec {
    /// Reads a template as k8s-openapi holds it.
    pub fn from_api(template: corev1::PodTemplateSpec) -> Self {
        let mut spec = template.spec.unwrap_or_default();
        let node_name = spec.node_name.take().unwrap_or_default().into();
        let spec = Arc::new(PodSpec::new(spec));
        Self { node_name, ..Self::with_spec(template.metadata.unwrap_or_default(), spec) }
    }

    /// A template with the metadata that k8s-openapi holds and a spec that others share; it names no node.
    pub fn with_spec(mut meta: metav1::ObjectMeta, spec: Arc<PodSpec>) -> Self {
        let labels = StrMap::from_api(meta.labels.take());
        let annotations = StrMap::from_api(meta.annotations.take());
        let other_meta = (meta != metav1::ObjectMeta::default()).then(|| Box::new(meta));
        Self { labels, annotations, other_meta, spec, node_name: Str::default() }
    }

    /// The template as k8s-openapi writes it.
    pub fn to_api(&self) -> corev1::PodTemplateSpec {
        let metadata = metav1::ObjectMeta {
            labels: self.labels.to_api(),
            annotations: self.annotations.to_api(),
            ..self.other_meta.as_deref().cloned().unwrap_or_default()
        };
        let node_name = (!self.node_name.is_empty()).then(|| self.node_name.to_string());
        let spec = corev1::PodSpec { node_name, ..self.spec.api.clone() };
        corev1::PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }
    }

    /// The finalizers every pod gets.
    pub fn finalizers(&self) -> &[String] {
        self.other_meta.as_deref().and_then(|m| m.finalizers.as_deref()).unwrap_or_default()
    }
}
