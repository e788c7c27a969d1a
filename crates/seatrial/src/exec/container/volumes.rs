//! What a volume of a pod is: a claim's disk, a folder of the node, or files made from objects.

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::quantity::Quantity;
use seatrial_api::{PersistentVolume, PersistentVolumeClaim, Pod};

use super::rendered::{config_map, downward_api, projected, secret};
use super::{Mount, NODE_DISK_BYTES, Source};
use crate::cluster::Cluster;
use crate::exec::files::{Place, Tree, clean, place_of};

/// The memory that a tmpfs without a limit has.
const TMPFS_BYTES: u64 = 16 << 30;

/// A volume as it is mounted; `None` where the pod has no such volume.
pub(super) fn mount(cluster: &Cluster, pod: &Pod, mount: &corev1::VolumeMount) -> Option<Mount> {
    let volume = pod.spec.api().volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
    let sub_path = mount.sub_path.as_deref().unwrap_or_default();
    let tmpfs = |tree: Tree| Mount {
        path: clean(&mount.mount_path),
        base: clean(sub_path),
        source: Source::Rendered(tree),
        read_only: true,
        device: "tmpfs".to_owned(),
        size: TMPFS_BYTES,
    };
    if let Some(source) = &volume.config_map {
        return Some(tmpfs(config_map(cluster, pod, &source.name, source.items.as_deref())));
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or_default();
        return Some(tmpfs(secret(cluster, pod, name, source.items.as_deref())));
    }
    if let Some(source) = &volume.downward_api {
        return Some(tmpfs(downward_api(pod, source.items.as_deref().unwrap_or_default())));
    }
    if let Some(source) = &volume.projected {
        return Some(tmpfs(projected(cluster, pod, source.sources.as_deref().unwrap_or_default())));
    }
    let (place, folder, device, size) = disk(cluster, pod, volume);
    Some(Mount {
        path: clean(&mount.mount_path),
        base: clean(&format!("{folder}/{sub_path}")),
        source: Source::Stored(place),
        read_only: mount.read_only == Some(true) || is_read_only(volume),
        device,
        size,
    })
}

fn is_read_only(volume: &corev1::Volume) -> bool {
    let claim = volume.persistent_volume_claim.as_ref().and_then(|claim| claim.read_only);
    claim.or(volume.nfs.as_ref().and_then(|nfs| nfs.read_only)) == Some(true)
}

/// Where a volume's bytes are, the folder there, what `df` calls it, and its size.
fn disk(cluster: &Cluster, pod: &Pod, volume: &corev1::Volume) -> (Place, String, String, u64) {
    let root = || "/".to_owned();
    if let Some((claim, _)) = pod.claim_of(volume)
        && let Some(found) = volume_of_claim(cluster, pod, &claim)
    {
        return disk_of(found, pod, &claim);
    }
    if let Some(host) = &volume.host_path {
        let node = Place::Node(pod.node_name.to_string());
        return (node, clean(&host.path), "/dev/sda1".to_owned(), NODE_DISK_BYTES);
    }
    if let Some(nfs) = &volume.nfs {
        let device = format!("{}:{}", nfs.server, nfs.path);
        return (Place::Volume(device.clone()), root(), device, NODE_DISK_BYTES);
    }
    let own = Place::EmptyDir(pod.meta.uid.clone(), volume.name.clone());
    let dir = volume.empty_dir.as_ref();
    let limit = dir.and_then(|dir| dir.size_limit.as_ref()).and_then(|limit| bytes(&limit.0));
    let is_memory = dir.is_some_and(|dir| dir.medium.as_deref() == Some("Memory"));
    let device = if is_memory { "tmpfs" } else { "/dev/sda1" };
    let size = if is_memory { limit.unwrap_or(TMPFS_BYTES) } else { NODE_DISK_BYTES };
    (own, root(), device.to_owned(), size)
}

fn volume_of_claim<'a>(cluster: &'a Cluster, pod: &Pod, claim: &str) -> Option<&'a PersistentVolume> {
    let claim = cluster.server.get::<PersistentVolumeClaim>(&pod.meta.namespace, claim).ok()?;
    cluster.server.get::<PersistentVolume>("", &claim.body.volume_name).ok().map(|volume| &**volume)
}

fn disk_of(volume: &PersistentVolume, pod: &Pod, claim: &str) -> (Place, String, String, u64) {
    let spec = volume.body.spec.api();
    let capacity = spec.capacity.as_ref().and_then(|c| c.get("storage")).and_then(|q| bytes(&q.0));
    let size = capacity.unwrap_or(NODE_DISK_BYTES);
    // A path on a node is what it is, whichever object names it.
    let host = spec.host_path.as_ref().map(|h| &h.path).or(spec.local.as_ref().map(|l| &l.path));
    if let Some(path) = host {
        return (Place::Node(pod.node_name.to_string()), clean(path), "/dev/sda1".to_owned(), size);
    }
    let place = place_of(volume);
    let device = match (&spec.csi, &spec.nfs) {
        (_, Some(nfs)) => format!("{}:{}", nfs.server, nfs.path),
        // As file servers name what they export for a claim.
        (Some(csi), None) => format!("{}:/{}-{claim}-{}", csi.driver, pod.meta.namespace, volume.csi_handle()),
        _ => format!("/dev/{}", volume.meta.name),
    };
    (place, "/".to_owned(), device, size)
}

fn bytes(text: &str) -> Option<u64> {
    Quantity::parse(text).ok().and_then(|quantity| u64::try_from(quantity.value()).ok())
}
