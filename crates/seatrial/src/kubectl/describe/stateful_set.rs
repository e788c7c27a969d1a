//! The page of a StatefulSet.
//!
//! Mirrors `describeStatefulSet` (v1.36).

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use seatrial_api::{PodTemplateSpec, StatefulSet, StrMap, selector::Selector};

use super::pod_template::describe_pod_template;
use super::volumes::go_list;
use super::{Surroundings, annotations, int_or_string, labels, name_lines, pods_status};
use crate::kubectl::TabWriter;

const ANNOTATION_BETA_STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) fn describe(out: &mut TabWriter, set: &StatefulSet, around: &Surroundings<'_>) {
    let no_spec = Default::default();
    let spec = set.body.spec.as_ref().unwrap_or(&no_spec);
    name_lines(out, &set.meta);
    out.line(0, &format!("CreationTimestamp:\t{}", set.meta.created().to_rfc1123z()));
    let selector = Selector::from_label_selector(&spec.selector).unwrap_or_else(|_| Selector::nothing());
    out.line(0, &format!("Selector:\t{selector}"));
    labels(out, 0, "Labels", &set.meta.labels);
    annotations(out, 0, "Annotations", &set.meta.annotations);
    let (wanted, there) = (spec.replicas.unwrap_or(0), set.body.status.as_ref().map_or(0, |s| s.replicas));
    out.line(0, &format!("Replicas:\t{wanted} desired | {there} total"));
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    out.line(0, &format!("Update Strategy:\t{}", strategy.type_.unwrap_or_default()));
    if let Some(rolling) = strategy.rolling_update
        && let Some(partition) = rolling.partition
    {
        out.line(1, &format!("Partition:\t{partition}"));
        if let Some(max_unavailable) = &rolling.max_unavailable {
            out.line(1, &format!("MaxUnavailable:\t{}", int_or_string(max_unavailable)));
        }
    }
    pods_status(out, around);
    describe_pod_template(out, &PodTemplateSpec::from_api(spec.template.clone()));
    claim_templates(out, spec.volume_claim_templates.as_deref().unwrap_or_default());
}

/// Mirrors `describeVolumeClaimTemplates`.
fn claim_templates(out: &mut TabWriter, templates: &[PersistentVolumeClaim]) {
    if templates.is_empty() {
        return out.line(0, "Volume Claims:\t<none>");
    }
    out.line(0, "Volume Claims:");
    for claim in templates {
        let no_spec = Default::default();
        let spec = claim.spec.as_ref().unwrap_or(&no_spec);
        let meta = claim.metadata.clone();
        let (of_labels, of_annotations) = (StrMap::from_api(meta.labels), StrMap::from_api(meta.annotations));
        out.line(1, &format!("Name:\t{}", meta.name.unwrap_or_default()));
        let class = of_annotations.get(ANNOTATION_BETA_STORAGE_CLASS).or(spec.storage_class_name.as_deref());
        out.line(1, &format!("StorageClass:\t{}", class.unwrap_or_default()));
        labels(out, 1, "Labels", &of_labels);
        // Printed as labels are.
        labels(out, 1, "Annotations", &of_annotations);
        let requests = spec.resources.as_ref().and_then(|r| r.requests.as_ref());
        let capacity = requests.and_then(|r| r.get("storage")).map_or("<default>", |q| q.0.as_str());
        out.line(1, &format!("Capacity:\t{capacity}"));
        out.line(1, &format!("Access Modes:\t{}", go_list(spec.access_modes.iter().flatten())));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kubectl::describe::tests::page;

    #[test]
    fn a_page_tells_of_the_strategy_and_the_claims() {
        let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": "default", "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
                "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": "db:1"}]}},
                "volumeClaimTemplates": [
                    {"metadata": {"name": "data", "labels": {"a": "1", "b": "2"}}, "spec": {"storageClassName": "fast",
                        "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}}},
                    {"metadata": {"name": "log", "annotations": {"volume.beta.kubernetes.io/storage-class": "old"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}]},
            "status": {"replicas": 2}});
        let want = "\
Name:               db
Namespace:          default
CreationTimestamp:  Mon, 01 Jan 2024 00:00:00 +0000
Selector:           app=db
Labels:             <none>
Annotations:        <none>
Replicas:           3 desired | 2 total
Update Strategy:    RollingUpdate
  Partition:        2
Pods Status:        2 Running / 1 Waiting / 0 Succeeded / 0 Failed
Pod Template:
  Labels:  app=db
  Containers:
   c:
    Image:         db:1
    Port:          <none>
    Host Port:     <none>
    Environment:   <none>
    Mounts:        <none>
  Volumes:         <none>
  Node-Selectors:  <none>
  Tolerations:     <none>
Volume Claims:
  Name:          data
  StorageClass:  fast
  Labels:        a=1
                 b=2
  Annotations:   <none>
  Capacity:      1Gi
  Access Modes:  [ReadWriteOnce ReadOnlyMany]
  Name:          log
  StorageClass:  old
  Labels:        <none>
  Annotations:   volume.beta.kubernetes.io/storage-class=old
  Capacity:      <default>
  Access Modes:  [ReadWriteOnce]
Events:          <none>
";
        assert_eq!(page(set, [2, 1, 0, 0], &[]), want);
    }
}
