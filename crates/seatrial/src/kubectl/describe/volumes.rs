//! The volumes of pods and of templates, and what volumes and claims say of themselves.
//!
//! Mirrors `describeVolumes`, `describePersistentVolume`, `describePersistentVolumeClaim` (v1.36).

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ObjectMeta, PersistentVolume, PersistentVolumeClaim, StrMap};
use seatrial_apiserver::class_of_claim;
use seatrial_apiserver::printers::{access_modes, age};
use seatrial_machinery::volumes::class_of_volume;

use super::{Surroundings, annotations, labels, name_lines};
use crate::kubectl::TabWriter;

/// `Volumes:`, each with its type and what belongs to the type. The names of a template's are indented by one blank more.
pub(super) fn volumes_lines(out: &mut TabWriter, is_template: bool, volumes: Option<&[corev1::Volume]>) {
    let (level, blank) = if is_template { (1, " ") } else { (0, "") };
    let volumes = volumes.unwrap_or_default();
    if volumes.is_empty() {
        return out.line(level, "Volumes:\t<none>");
    }
    out.line(level, "Volumes:");
    for volume in volumes {
        out.line(1, &format!("{blank}{}:", volume.name));
        match rows_of(volume) {
            None => out.line(1, "<unknown>"),
            Some((type_, rows)) => {
                out.line(2, &format!("Type:\t{type_}"));
                rows.into_iter().for_each(|(title, value)| out.line(2, &format!("{title}:\t{value}")));
            }
        }
        for item in volume.downward_api.iter().flat_map(|d| d.items.iter().flatten()) {
            let field = item.field_ref.as_ref().map(|f| f.field_path.as_str());
            let resource = item.resource_field_ref.as_ref().map(|r| r.resource.as_str());
            field.into_iter().chain(resource).for_each(|of| out.line(3, &format!("{of} -> {}", item.path)));
        }
        if let Some(template) = volume.ephemeral.as_ref().and_then(|e| e.volume_claim_template.as_ref()) {
            claim_template_lines(out, template);
        }
    }
}

type Rows = (&'static str, Vec<(&'static str, String)>);

const CLAIM: &str = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)";
const EPHEMERAL: &str =
    "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)";
const PROJECTED: &str = "Projected (a volume that contains injected data from multiple sources)";
const CSI: &str = "CSI (a Container Storage Interface (CSI) volume source)";
const NFS: &str = "NFS (an NFS mount that lasts the lifetime of a pod)";
const HOST_PATH: &str = "HostPath (bare host directory volume)";

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn flag(value: Option<bool>) -> String {
    value.unwrap_or(false).to_string()
}

fn rows_of(volume: &corev1::Volume) -> Option<Rows> {
    if let Some(h) = &volume.host_path {
        return Some((HOST_PATH, host_path_rows(h)));
    }
    if let Some(e) = &volume.empty_dir {
        let limit = e.size_limit.as_ref().map_or("<unset>", |q| q.0.as_str());
        let rows = vec![("Medium", text(e.medium.as_deref())), ("SizeLimit", limit.to_owned())];
        return Some(("EmptyDir (a temporary directory that shares a pod's lifetime)", rows));
    }
    if let Some(s) = &volume.secret {
        let rows = vec![("SecretName", text(s.secret_name.as_deref())), ("Optional", flag(s.optional))];
        return Some(("Secret (a volume populated by a Secret)", rows));
    }
    if let Some(m) = &volume.config_map {
        let rows = vec![("Name", m.name.clone()), ("Optional", flag(m.optional))];
        return Some(("ConfigMap (a volume populated by a ConfigMap)", rows));
    }
    if let Some(n) = &volume.nfs {
        return Some((NFS, nfs_rows(n)));
    }
    if let Some(c) = &volume.persistent_volume_claim {
        return Some((CLAIM, vec![("ClaimName", c.claim_name.clone()), ("ReadOnly", flag(c.read_only))]));
    }
    if volume.ephemeral.is_some() {
        return Some((EPHEMERAL, Vec::new()));
    }
    if volume.downward_api.is_some() {
        return Some(("DownwardAPI (a volume populated by information about the pod)\n    Items:", Vec::new()));
    }
    if let Some(p) = &volume.projected {
        return Some((PROJECTED, p.sources.iter().flatten().flat_map(projection_rows).collect()));
    }
    if let Some(c) = &volume.csi {
        let attributes = c.volume_attributes.as_ref().and_then(|a| a.iter().next());
        let attributes = attributes.map_or_else(|| "<none>".to_owned(), |(key, value)| format!("{key}={value}"));
        let rows = vec![
            ("Driver", c.driver.clone()),
            ("FSType", text(c.fs_type.as_deref())),
            ("ReadOnly", flag(c.read_only)),
            ("VolumeAttributes", attributes),
        ];
        return Some((CSI, rows));
    }
    let image = volume.image.as_ref()?;
    let rows =
        vec![("Reference", text(image.reference.as_deref())), ("PullPolicy", text(image.pull_policy.as_deref()))];
    Some(("Image (a container image or OCI artifact)", rows))
}

fn host_path_rows(h: &corev1::HostPathVolumeSource) -> Vec<(&'static str, String)> {
    let type_ = h.type_.clone().unwrap_or_else(|| "<none>".to_owned());
    vec![("Path", h.path.clone()), ("HostPathType", type_)]
}

fn nfs_rows(n: &corev1::NFSVolumeSource) -> Vec<(&'static str, String)> {
    vec![("Server", n.server.clone()), ("Path", n.path.clone()), ("ReadOnly", flag(n.read_only))]
}

fn projection_rows(source: &corev1::VolumeProjection) -> Vec<(&'static str, String)> {
    if let Some(secret) = &source.secret {
        return vec![("SecretName", secret.name.clone()), ("Optional", flag(secret.optional))];
    }
    if source.downward_api.is_some() {
        return vec![("DownwardAPI", "true".to_owned())];
    }
    if let Some(map) = &source.config_map {
        return vec![("ConfigMapName", map.name.clone()), ("Optional", flag(map.optional))];
    }
    let token = source.service_account_token.as_ref();
    token.map(|t| ("TokenExpirationSeconds", t.expiration_seconds.unwrap_or(3600).to_string())).into_iter().collect()
}

fn claim_template_lines(out: &mut TabWriter, template: &corev1::PersistentVolumeClaimTemplate) {
    let meta = template.metadata.clone().unwrap_or_default();
    let spec = &template.spec;
    out.line(2, &format!("StorageClass:\t{}", spec.storage_class_name.as_deref().unwrap_or_default()));
    out.line(2, "Volume:\t");
    labels(out, 2, "Labels", &StrMap::from_api(meta.labels));
    annotations(out, 2, "Annotations", &StrMap::from_api(meta.annotations));
    out.line(2, "Capacity:\t");
    out.line(2, "Access Modes:\t");
    if let Some(mode) = &spec.volume_mode {
        out.line(2, &format!("VolumeMode:\t{mode}"));
    }
}

/// As Go prints a list of strings.
pub(super) fn go_list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.as_ref().to_owned()).collect();
    format!("[{}]", items.join(" "))
}

fn status_line(out: &mut TabWriter, meta: &ObjectMeta, phase: &str, around: &Surroundings<'_>) {
    match meta.deletion.as_deref() {
        Some(deletion) => {
            let lasts = age(Some(deletion.timestamp), around.now);
            out.line(0, &format!("Status:\tTerminating (lasts {lasts})"));
        }
        None => out.line(0, &format!("Status:\t{phase}")),
    }
}

/// The page of a PersistentVolume.
pub(super) fn describe_volume(out: &mut TabWriter, pv: &PersistentVolume, around: &Surroundings<'_>) {
    let (spec, status) = (pv.body.spec.api(), &pv.body.status);
    out.line(0, &format!("Name:\t{}", pv.meta.name));
    labels(out, 0, "Labels", &pv.meta.labels);
    annotations(out, 0, "Annotations", &pv.meta.annotations);
    out.line(0, &format!("Finalizers:\t{}", go_list(pv.meta.finalizers.iter())));
    out.line(0, &format!("StorageClass:\t{}", class_of_volume(pv)));
    status_line(out, &pv.meta, &status.phase, around);
    let claim = pv.body.claim_ref.as_ref().map(|claim| format!("{}/{}", claim.namespace, claim.name));
    out.line(0, &format!("Claim:\t{}", claim.unwrap_or_default()));
    out.line(0, &format!("Reclaim Policy:\t{}", text(spec.persistent_volume_reclaim_policy.as_deref())));
    out.line(0, &format!("Access Modes:\t{}", access_modes(spec.access_modes.as_deref())));
    if let Some(mode) = &spec.volume_mode {
        out.line(0, &format!("VolumeMode:\t{mode}"));
    }
    let capacity = spec.capacity.as_ref().and_then(|c| c.get("storage")).map_or("0", |q| q.0.as_str());
    out.line(0, &format!("Capacity:\t{capacity}"));
    node_affinity(out, spec.node_affinity.as_ref().and_then(|a| a.required.as_ref()));
    out.line(0, &format!("Message:\t{}", status.message));
    out.line(0, "Source:");
    source_lines(out, pv);
}

fn node_affinity(out: &mut TabWriter, required: Option<&corev1::NodeSelector>) {
    let Some(required) = required else { return out.line(0, "Node Affinity:\t<none>") };
    out.line(0, "Node Affinity:\t");
    out.line(1, "Required Terms:\t");
    for (index, term) in required.node_selector_terms.iter().enumerate() {
        let requirements = term.match_expressions.as_deref().unwrap_or_default();
        if requirements.is_empty() {
            out.line(2, &format!("Term {index}:\t<none>"));
        }
        for (row, r) in requirements.iter().enumerate() {
            let head = if row == 0 { format!("Term {index}:") } else { String::new() };
            let values = r.values.as_deref().filter(|v| !v.is_empty());
            let values = values.map(|v| format!(" [{}]", v.join(", "))).unwrap_or_default();
            out.line(2, &format!("{head}\t{} {}{values}", r.key, r.operator.to_lowercase()));
        }
    }
}

fn source_lines(out: &mut TabWriter, pv: &PersistentVolume) {
    let spec = pv.body.spec.api();
    let (type_, rows) = if let Some(h) = &spec.host_path {
        (HOST_PATH, host_path_rows(h))
    } else if let Some(n) = &spec.nfs {
        (NFS, nfs_rows(n))
    } else if let Some(l) = &spec.local {
        ("LocalVolume (a persistent volume backed by local storage on a node)", vec![("Path", l.path.clone())])
    } else if let Some(c) = &spec.csi {
        let mut rows = vec![
            ("Driver", c.driver.clone()),
            ("FSType", text(c.fs_type.as_deref())),
            ("VolumeHandle", pv.csi_handle().to_owned()),
            ("ReadOnly", flag(c.read_only)),
        ];
        let attributes = c.volume_attributes.iter().flatten().map(|(key, value)| format!("{key}={value}"));
        let titles = std::iter::once("VolumeAttributes").chain(std::iter::repeat(""));
        rows.extend(titles.zip(attributes));
        if rows.len() == 4 {
            rows.push(("VolumeAttributes", "<none>".to_owned()));
        }
        (CSI, rows)
    } else {
        return out.line(1, "<unknown>");
    };
    out.line(2, &format!("Type:\t{type_}"));
    for (title, value) in rows {
        let colon = if title.is_empty() { "" } else { ":" };
        out.line(2, &format!("{title}{colon}\t{value}"));
    }
}

/// The page of a PersistentVolumeClaim.
pub(super) fn describe_claim(out: &mut TabWriter, claim: &PersistentVolumeClaim, around: &Surroundings<'_>) {
    let (spec, status) = (claim.body.spec.api(), claim.body.status.api());
    name_lines(out, &claim.meta);
    out.line(0, &format!("StorageClass:\t{}", class_of_claim(claim)));
    status_line(out, &claim.meta, claim.body.status.phase(), around);
    let volume = claim.body.volume_name.as_str();
    out.line(0, &format!("Volume:\t{volume}"));
    labels(out, 0, "Labels", &claim.meta.labels);
    annotations(out, 0, "Annotations", &claim.meta.annotations);
    out.line(0, &format!("Finalizers:\t{}", go_list(claim.meta.finalizers.iter())));
    let capacity = status.capacity.as_ref().and_then(|c| c.get("storage")).map_or("0", |q| q.0.as_str());
    let (capacity, modes) =
        if volume.is_empty() { ("", String::new()) } else { (capacity, access_modes(status.access_modes.as_deref())) };
    out.line(0, &format!("Capacity:\t{capacity}"));
    out.line(0, &format!("Access Modes:\t{modes}"));
    if let Some(mode) = &spec.volume_mode {
        out.line(0, &format!("VolumeMode:\t{mode}"));
    }
    if let Some(source) = &spec.data_source {
        out.line(0, "DataSource:");
        if let Some(group) = &source.api_group {
            out.line(1, &format!("APIGroup:\t{group}"));
        }
        out.line(1, &format!("Kind:\t{}", source.kind));
        out.line(1, &format!("Name:\t{}", source.name));
    }
    if around.users.is_empty() {
        out.line(0, "Used By:\t<none>");
    }
    for (index, user) in around.users.iter().enumerate() {
        out.line(0, &format!("{}\t{user}", if index == 0 { "Used By:" } else { "" }));
    }
    if let Some(conditions) = status.conditions.as_deref().filter(|list| !list.is_empty()) {
        conditions_table(out, conditions);
    }
}

fn conditions_table(out: &mut TabWriter, conditions: &[corev1::PersistentVolumeClaimCondition]) {
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage");
    out.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for c in conditions {
        let time = |t: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
            t.as_ref().map_or_else(
                || "Mon, 01 Jan 0001 00:00:00 +0000".to_owned(),
                |t| seatrial_api::Time::from(t).to_rfc1123z(),
            )
        };
        let (reason, message) = (text(c.reason.as_deref()), text(c.message.as_deref()));
        let (probed, changed) = (time(&c.last_probe_time), time(&c.last_transition_time));
        out.line(1, &format!("{} \t{} \t{probed} \t{changed} \t{reason} \t{message}", c.type_, c.status));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kubectl::describe::tests::page;

    #[test]
    fn volumes_tell_their_source_and_who_may_reach_them() {
        let terms = json!([{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}, {"key": "gpu", "operator": "Exists"}]}]);
        let pv = json!({"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": "disk", "finalizers": ["kubernetes.io/pv-protection", "x/y"]},
            "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": "fast", "volumeMode": "Filesystem", "claimRef": {"namespace": "default", "name": "data"},
                "csi": {"driver": "disk.example.com", "volumeHandle": "h", "volumeAttributes": {"a": "1", "b": "2"}},
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}},
            "status": {"phase": "Bound"}});
        let want = "\
Name:              disk
Labels:            <none>
Annotations:       <none>
Finalizers:        [kubernetes.io/pv-protection x/y]
StorageClass:      fast
Status:            Bound
Claim:             default/data
Reclaim Policy:    Delete
Access Modes:      RWO,ROX
VolumeMode:        Filesystem
Capacity:          2Gi
Node Affinity:     
  Required Terms:  
    Term 0:        zone in [a, b]
                   gpu exists
Message:           
Source:
    Type:              CSI (a Container Storage Interface (CSI) volume source)
    Driver:            disk.example.com
    FSType:            
    VolumeHandle:      h
    ReadOnly:          false
    VolumeAttributes:  a=1
                       b=2
Events:                <none>
";
        assert_eq!(page(pv, [0; 4], &[]), want);
    }

    #[test]
    fn claims_tell_what_they_got_and_who_uses_it() {
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "default", "finalizers": ["kubernetes.io/pvc-protection"],
                "deletionTimestamp": "2024-01-01T00:00:20Z", "deletionGracePeriodSeconds": 0},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeName": "disk", "volumeMode": "Filesystem",
                "dataSource": {"kind": "PersistentVolumeClaim", "name": "old"}, "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"]}});
        let want = "\
Name:          data
Namespace:     default
StorageClass:  fast
Status:        Terminating (lasts 40s)
Volume:        disk
Labels:        <none>
Annotations:   <none>
Finalizers:    [kubernetes.io/pvc-protection]
Capacity:      2Gi
Access Modes:  RWO
VolumeMode:    Filesystem
DataSource:
  Kind:   PersistentVolumeClaim
  Name:   old
Used By:  web-0
          web-1
Events:   <none>
";
        assert_eq!(page(claim, [0; 4], &[]), want);
    }

    #[test]
    fn each_type_of_volume_has_its_rows() {
        let rows = [
            (
                json!({"emptyDir": {}}),
                "EmptyDir (a temporary directory that shares a pod's lifetime)",
                "Medium: SizeLimit:<unset>",
            ),
            (
                json!({"hostPath": {"path": "/x"}}),
                "HostPath (bare host directory volume)",
                "Path:/x HostPathType:<none>",
            ),
            (
                json!({"secret": {"secretName": "s"}}),
                "Secret (a volume populated by a Secret)",
                "SecretName:s Optional:false",
            ),
            (
                json!({"configMap": {"name": "m", "optional": true}}),
                "ConfigMap (a volume populated by a ConfigMap)",
                "Name:m Optional:true",
            ),
            (json!({"nfs": {"server": "h", "path": "/p"}}), super::NFS, "Server:h Path:/p ReadOnly:false"),
            (
                json!({"persistentVolumeClaim": {"claimName": "c", "readOnly": true}}),
                super::CLAIM,
                "ClaimName:c ReadOnly:true",
            ),
            (
                json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                    {"configMap": {"name": "kube-root-ca.crt"}}, {"downwardAPI": {}}]}}),
                super::PROJECTED,
                "TokenExpirationSeconds:3607 ConfigMapName:kube-root-ca.crt Optional:false DownwardAPI:true",
            ),
            (
                json!({"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}),
                "DownwardAPI (a volume populated by information about the pod)",
                "Items: metadata.labels->l",
            ),
        ];
        for (source, type_, rest) in rows {
            let mut volume = source;
            volume["name"] = json!("v");
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "default"},
                "spec": {"containers": [{"name": "c", "image": "app:1"}], "volumes": [volume]}});
            let page = page(pod, [0; 4], &[]);
            let lines: Vec<&str> = page.lines().skip_while(|line| *line != "Volumes:").collect();
            assert_eq!(lines[1], "  v:", "{page}");
            assert_eq!(lines[2].trim_start_matches("    Type:").trim(), type_);
            let rows = lines[3..].iter().take_while(|line| line.starts_with("    "));
            let rows: Vec<String> = rows.map(|line| line.split_whitespace().collect()).collect();
            assert_eq!(rows.join(" "), rest, "{page}");
        }
    }
}
