//! Which kinds Kubernetes knows, beyond those that are served here: what a body of another kind is told depends on it.
//!
//! Mirrors pkg/api/legacyscheme (v1.36).

use seatrial_api::Kind;

/// Versions and their kinds that are registered but not served here under that version; each has a list too.
const REGISTERED: &[(&str, &str)] = &[
    (
        "v1",
        "Binding ComponentStatus List Status PodStatusResult RangeAllocation SerializedReference APIGroup APIVersions \
         CreateOptions DeleteOptions GetOptions ListOptions PatchOptions UpdateOptions PodLogOptions PodExecOptions \
         PodAttachOptions PodPortForwardOptions PodProxyOptions NodeProxyOptions ServiceProxyOptions WatchEvent",
    ),
    ("apps/v1", "DeleteOptions WatchEvent"),
    ("apps/v1beta1", "ControllerRevision Deployment DeploymentRollback Scale StatefulSet"),
    ("apps/v1beta2", "ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet"),
    ("extensions/v1beta1", "DaemonSet Deployment DeploymentRollback Ingress NetworkPolicy ReplicaSet Scale"),
    ("autoscaling/v1", "HorizontalPodAutoscaler Scale"),
    ("batch/v1beta1", "CronJob"),
    ("policy/v1", "Eviction"),
    ("policy/v1beta1", "Eviction PodDisruptionBudget"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"),
    ("events.k8s.io/v1", "Event"),
    ("events.k8s.io/v1beta1", "Event"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"),
    ("scheduling.k8s.io/v1alpha1", "PriorityClass"),
    ("coordination.k8s.io/v1beta1", "Lease LeaseCandidate"),
    ("networking.k8s.io/v1", "Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR"),
    ("networking.k8s.io/v1beta1", "Ingress IngressClass IPAddress ServiceCIDR"),
    ("node.k8s.io/v1", "RuntimeClass"),
    ("storage.k8s.io/v1", "CSIDriver CSINode CSIStorageCapacity VolumeAttachment VolumeAttributesClass"),
    (
        "storage.k8s.io/v1beta1",
        "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass",
    ),
    ("rbac.authorization.k8s.io/v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy \
         ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    ),
    ("authentication.k8s.io/v1", "SelfSubjectReview TokenRequest TokenReview"),
    (
        "authorization.k8s.io/v1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    ),
    ("certificates.k8s.io/v1", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema PriorityLevelConfiguration"),
    ("resource.k8s.io/v1", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice"),
];

/// Whether Kubernetes knows a kind in a version.
pub(super) fn is_registered(api_version: &str, kind: &str) -> bool {
    let item = kind.strip_suffix("List").filter(|item| !item.is_empty()).unwrap_or(kind);
    if [kind, item].iter().any(|k| Kind::of(api_version, k).is_some()) {
        return true;
    }
    let mut rows = REGISTERED.iter().filter(|(version, _)| *version == api_version);
    rows.any(|(_, kinds)| kinds.split_ascii_whitespace().any(|k| k == kind || k == item))
}

/// The Go package of a kind's internal type: `core`, `apps`, `discovery`.
pub(super) fn internal_package(kind: Kind) -> &'static str {
    match kind.info().group {
        "" => "core",
        group => group.split('.').next().unwrap_or(group),
    }
}
