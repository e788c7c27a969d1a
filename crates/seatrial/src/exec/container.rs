//! A container as a process in it sees it: what is mounted where, and what is in the volumes made from objects.

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{Pod, Time};

use super::files::{Entry, Place, Tree};
use crate::cluster::Cluster;

pub(super) mod rendered;
mod volumes;

/// What is mounted at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where, from the root.
    pub(crate) path: String,
    /// The part of the source that is shown, from its root.
    pub(crate) base: String,
    /// Where its bytes are.
    pub(crate) source: Source,
    /// Whether it cannot be written.
    pub(crate) read_only: bool,
    /// What `df` calls it.
    pub(crate) device: String,
    /// How large it is, in bytes.
    pub(crate) size: u64,
}

/// Where the bytes of a mount are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// They are kept.
    Stored(Place),
    /// They are made from objects, anew each time.
    Rendered(Tree),
}

/// The files of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerView {
    /// Those with longer paths first; the last one is the container's own root.
    pub(crate) mounts: Vec<Mount>,
    /// Where processes start.
    pub(crate) folder: String,
    /// When the container started.
    pub(crate) started_at: Time,
    /// The pod's namespace and name.
    pub(crate) pod: (String, String),
    /// The container's name.
    pub(crate) container: String,
}

/// The size of a node's disk, which is told of everything that lives there.
const NODE_DISK_BYTES: u64 = 100 << 30;
/// Folders that every image has.
const FOLDERS: [&str; 12] =
    ["/bin", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/sys", "/tmp", "/usr", "/usr/bin", "/var"];

impl ContainerView {
    /// The mount that a path is in, and the path in its source.
    pub(crate) fn resolve(&self, path: &str) -> (&Mount, String) {
        let last = self.mounts.len() - 1;
        let is_in = |mount: &&Mount| {
            path == mount.path || path.strip_prefix(mount.path.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let mount = self.mounts[..last].iter().find(is_in).unwrap_or(&self.mounts[last]);
        let rest = if mount.path == "/" { path } else { &path[mount.path.len()..] };
        (mount, super::files::clean(&format!("{}/{rest}", mount.base)))
    }

    /// Whether something is mounted below a path, or at it.
    pub(crate) fn has_mount_below(&self, path: &str) -> bool {
        let below = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        self.mounts.iter().any(|m| m.path.starts_with(&below) || m.path == path)
    }

    /// What a container that runs has mounted.
    pub(crate) fn of(cluster: &Cluster, pod: &Pod, container: &corev1::Container, status: &Life) -> Self {
        let mut mounts: Vec<Mount> = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            mounts.extend(volumes::mount(cluster, pod, mount));
        }
        mounts.extend(files_of_kubelet(cluster, pod));
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        let root = Place::Root(pod.meta.uid.clone(), container.name.clone(), status.restarts);
        let is_read_only = |c: &corev1::SecurityContext| c.read_only_root_filesystem == Some(true);
        mounts.push(Mount {
            path: "/".to_owned(),
            base: "/".to_owned(),
            source: Source::Stored(root),
            read_only: container.security_context.as_ref().is_some_and(is_read_only),
            device: "overlay".to_owned(),
            size: NODE_DISK_BYTES,
        });
        let folder = container.working_dir.clone().filter(|dir| dir.starts_with('/')).unwrap_or_else(|| "/".to_owned());
        Self {
            mounts,
            folder: super::files::clean(&folder),
            started_at: status.started_at,
            pod: (pod.meta.namespace.to_string(), pod.meta.name.to_string()),
            container: container.name.clone(),
        }
    }

    /// Makes the folders of the image, once a life of the container.
    pub(crate) fn prepare(&self, files: &mut super::files::Files) {
        for folder in FOLDERS.into_iter().chain([self.folder.as_str()]) {
            let mut path = String::new();
            for part in folder.split('/').filter(|part| !part.is_empty()) {
                path = format!("{path}/{part}");
                files.ensure_folder(self, &path);
            }
        }
    }
}

/// A container's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) restarts: i32,
    pub(crate) started_at: Time,
}

/// What the kubelet writes into every container: `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
fn files_of_kubelet(cluster: &Cluster, pod: &Pod) -> Vec<Mount> {
    let time = pod.status.start_time.unwrap_or_default();
    let hostname = super::dns::hostname(pod);
    let own = match (pod.status.pod_ip, super::dns::fqdn(pod)) {
        (Some(ip), Some(fqdn)) => format!("{ip}\t{fqdn}\t{hostname}\n"),
        (Some(ip), None) => format!("{ip}\t{hostname}\n"),
        (None, _) => String::new(),
    };
    let aliases: String = pod
        .spec
        .api()
        .host_aliases
        .iter()
        .flatten()
        .map(|alias| format!("{}\t{}\n", alias.ip, alias.hostnames.clone().unwrap_or_default().join("\t")))
        .collect();
    let hosts = format!("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n{own}{aliases}");
    let resolv = super::dns::Resolver::of(cluster, pod).resolv_conf();
    let files = [("/etc/hostname", format!("{hostname}\n")), ("/etc/hosts", hosts), ("/etc/resolv.conf", resolv)];
    let mount = |(path, text): (&str, String)| {
        let tree: Tree = [("/file".to_owned(), Entry { bytes: Some(text.into_bytes()), time })].into();
        Mount {
            path: path.to_owned(),
            base: "/file".to_owned(),
            source: Source::Rendered(tree),
            read_only: true,
            device: String::new(),
            size: 0,
        }
    };
    files.into_iter().map(mount).collect()
}
