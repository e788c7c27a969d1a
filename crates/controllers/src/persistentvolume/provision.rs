//! Asking a provisioner for a volume.
//!
//! Mirrors `provisionClaim` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36). All provisioners are
//! external ones: the in-tree plugins that are left can only delete.

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolumeClaim, Str};
use seatrial_machinery::volumes::ANN_STORAGE_PROVISIONER;
use seatrial_machinery::{EventText, ObjectRef, Piece, SyncContext, class_of_claim};

use super::made::Made;

/// In-tree plugins and the drivers that took over from them.
const MIGRATED: [(&str, &str); 7] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/azure-file", "file.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
    ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
];
const IN_TREE_PREFIX: &str = "kubernetes.io/";

/// Names the provisioner on the claim and says what is waited for.
///
/// # Errors
/// What the API server answered.
pub(super) fn provision_claim(
    cx: &mut SyncContext<'_>,
    made: &mut Made,
    claim: &Arc<PersistentVolumeClaim>,
) -> Result<(), ApiError> {
    match provisioner_of(cx, claim) {
        Ok(provisioner) => {
            let claim = set_claim_provisioner(cx, made, claim, &provisioner)?;
            let pieces = [
                Piece::Text("Waiting for a volume to be created either by the external provisioner '"),
                Piece::Text(&provisioner),
                Piece::Text(
                    "' or manually by the system administrator. If volume creation is delayed, please verify that \
                     the provisioner is running and correctly registered.",
                ),
            ];
            cx.client.event(&ObjectRef::of(&*claim), &EventText::normal_pieces("ExternalProvisioning", &pieces));
        }
        Err(why) => {
            cx.client.event(&ObjectRef::of(&**claim), &EventText::warning("ProvisioningFailed", &why));
        }
    }
    Ok(())
}

/// Who provisions for a claim's class, or why nobody does. Mirrors `findProvisionablePlugin`.
fn provisioner_of(cx: &SyncContext<'_>, claim: &PersistentVolumeClaim) -> Result<Str, String> {
    let name = class_of_claim(claim);
    let class = cx.informers.storage_classes.usual("", name);
    let class = class.ok_or_else(|| format!("storageclass.storage.k8s.io {name:?} not found"))?;
    plugin_named(&class.body.provisioner)
}

/// Mirrors `FindProvisionablePluginByName` and `GetCSINameFromInTreeName`.
pub(super) fn plugin_named(provisioner: &str) -> Result<Str, String> {
    if let Some((_, driver)) = MIGRATED.iter().find(|(name, _)| *name == provisioner) {
        return Ok(Str::new_static(driver));
    }
    match provisioner.starts_with(IN_TREE_PREFIX) {
        true => Err(format!("no volume plugin matched name: {provisioner}")),
        false => Ok(provisioner.into()),
    }
}

fn set_claim_provisioner(
    cx: &mut SyncContext<'_>,
    made: &mut Made,
    claim: &Arc<PersistentVolumeClaim>,
    provisioner: &Str,
) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
    if claim.meta.annotations.get(ANN_STORAGE_PROVISIONER) == Some(provisioner.as_str()) {
        return Ok(Arc::clone(claim));
    }
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.meta.annotations = made.asking_annotations(&claim.meta.annotations, provisioner);
    cx.client.update(changed)
}
