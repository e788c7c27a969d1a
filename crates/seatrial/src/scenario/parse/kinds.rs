//! The kinds a target may name, as kubectl spells them: plural, singular, short, with a group.

use crate::manifest::{InputError, Position, suggest};

/// Plural name, group, short names. The singular is the kind in lower case.
const KINDS: &[(&str, &str, &str, &[&str])] = &[
    ("pods", "pod", "", &["po"]),
    ("services", "service", "", &["svc"]),
    ("configmaps", "configmap", "", &["cm"]),
    ("secrets", "secret", "", &[]),
    ("namespaces", "namespace", "", &["ns"]),
    ("nodes", "node", "", &["no"]),
    ("events", "event", "", &["ev"]),
    ("endpoints", "endpoint", "", &["ep"]),
    ("serviceaccounts", "serviceaccount", "", &["sa"]),
    ("persistentvolumes", "persistentvolume", "", &["pv"]),
    ("persistentvolumeclaims", "persistentvolumeclaim", "", &["pvc"]),
    ("limitranges", "limitrange", "", &["limits"]),
    ("resourcequotas", "resourcequota", "", &["quota"]),
    ("replicationcontrollers", "replicationcontroller", "", &["rc"]),
    ("podtemplates", "podtemplate", "", &[]),
    ("deployments", "deployment", "apps", &["deploy"]),
    ("replicasets", "replicaset", "apps", &["rs"]),
    ("statefulsets", "statefulset", "apps", &["sts"]),
    ("daemonsets", "daemonset", "apps", &["ds"]),
    ("controllerrevisions", "controllerrevision", "apps", &[]),
    ("jobs", "job", "batch", &[]),
    ("cronjobs", "cronjob", "batch", &["cj"]),
    ("horizontalpodautoscalers", "horizontalpodautoscaler", "autoscaling", &["hpa"]),
    ("poddisruptionbudgets", "poddisruptionbudget", "policy", &["pdb"]),
    ("storageclasses", "storageclass", "storage.k8s.io", &["sc"]),
    ("volumeattachments", "volumeattachment", "storage.k8s.io", &[]),
    ("csinodes", "csinode", "storage.k8s.io", &[]),
    ("endpointslices", "endpointslice", "discovery.k8s.io", &[]),
    ("leases", "lease", "coordination.k8s.io", &[]),
    ("priorityclasses", "priorityclass", "scheduling.k8s.io", &["pc"]),
    ("ingresses", "ingress", "networking.k8s.io", &["ing"]),
    ("ipaddresses", "ipaddress", "networking.k8s.io", &["ip"]),
    ("servicecidrs", "servicecidr", "networking.k8s.io", &[]),
];

/// Refuses what is no kind of the simulated cluster.
pub(super) fn check_kind(written: &str, position: Position) -> Result<(), InputError> {
    let lower = written.to_lowercase();
    let known = KINDS.iter().any(|(plural, singular, group, short)| {
        let (name, suffix) = lower.split_once('.').unwrap_or((lower.as_str(), ""));
        let is_name = name == *plural || name == *singular || (suffix.is_empty() && short.contains(&name));
        // `deployments.v1.apps` names a version too.
        let is_group = suffix.is_empty()
            || suffix == *group
            || suffix.split_once('.').is_some_and(|(version, rest)| version.starts_with('v') && rest == *group);
        is_name && is_group
    });
    if known {
        return Ok(());
    }
    let words = KINDS.iter().flat_map(|(plural, singular, _, short)| {
        [*singular, *plural].into_iter().chain(short.iter().copied().filter(|word| word.len() > 2))
    });
    let hint = suggest::nearest(&lower, words).map(|word| format!("did you mean `{word}`?"));
    Err(InputError::at(position, format!("unknown kind `{written}`"))
        .hint("kinds are written as for kubectl: `deployment`, `deploy`, `pods`, `pvc`")
        .maybe_hint(hint))
}
