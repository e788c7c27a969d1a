//! What is written in containers: bytes by where they live. A claim's live with its volume, those of an emptyDir with the
//! pod, those of a hostPath with the node, and all others with the container.

use std::collections::BTreeMap;
use std::fmt;

use seatrial_api::{Object, PersistentVolume, Time, Uid};

use super::container::{ContainerView, Mount, Source};

/// Where bytes live.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// With a volume, by what it is behind its object: a handle, a path on a server; or the object's uid.
    Volume(String),
    /// With a pod, by the name of its volume.
    EmptyDir(Uid, String),
    /// With a node.
    Node(String),
    /// With a container's life: its pod, its name, and how often it was restarted.
    Root(Uid, String, i32),
}

/// A file or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The bytes of a file; `None` for a folder.
    pub(crate) bytes: Option<Vec<u8>>,
    /// When it was last written.
    pub(crate) time: Time,
}

/// Files and folders by their paths from the tree's root, which is there without saying.
pub(crate) type Tree = BTreeMap<String, Entry>;

/// What goes wrong with files, in the words of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileError {
    /// ENOENT
    NotFound,
    /// EISDIR
    IsDirectory,
    /// ENOTDIR
    NotDirectory,
    /// EROFS
    ReadOnly,
    /// EEXIST
    Exists,
    /// EBUSY
    Busy,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::IsDirectory => "Is a directory",
            Self::NotDirectory => "Not a directory",
            Self::ReadOnly => "Read-only file system",
            Self::Exists => "File exists",
            Self::Busy => "Device or resource busy",
        })
    }
}

/// The unit in which disks give room.
const BLOCK_BYTES: u64 = 4096;

/// All bytes of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Files {
    trees: BTreeMap<Place, Tree>,
}

/// A path without `.`, `..` and double slashes.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn parent_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

impl Files {
    fn tree_of<'a>(&'a self, mount: &'a Mount) -> Option<&'a Tree> {
        match &mount.source {
            Source::Stored(place) => self.trees.get(place),
            Source::Rendered(tree) => Some(tree),
        }
    }

    /// What is at a path; a mount's own place is a folder.
    pub(crate) fn entry(&self, view: &ContainerView, path: &str) -> Option<Entry> {
        let (mount, inner) = view.resolve(path);
        let folder = Entry { bytes: None, time: view.started_at };
        let tree = self.tree_of(mount);
        let entry = tree.and_then(|tree| tree.get(&inner)).cloned();
        if entry.is_none() && (inner == "/" || view.has_mount_below(path)) {
            return Some(folder);
        }
        // Folders above what a volume holds (a subPath, a path on a node) are there without saying.
        entry.or_else(|| tree.is_some_and(|tree| has_below(tree, &inner)).then_some(folder))
    }

    /// A file's bytes.
    pub(crate) fn read(&self, view: &ContainerView, path: &str) -> Result<Vec<u8>, FileError> {
        match self.entry(view, path) {
            Some(Entry { bytes: Some(bytes), .. }) => Ok(bytes),
            Some(_) => Err(FileError::IsDirectory),
            None => Err(FileError::NotFound),
        }
    }

    /// Writes a file anew, or at its end.
    pub(crate) fn write(
        &mut self,
        view: &ContainerView,
        path: &str,
        (bytes, append): (&[u8], bool),
        time: Time,
    ) -> Result<(), FileError> {
        let there = self.entry(view, path);
        if there.as_ref().is_some_and(|entry| entry.bytes.is_none()) {
            return Err(FileError::IsDirectory);
        }
        self.check_parent(view, path)?;
        let mut all = there.and_then(|entry| entry.bytes).filter(|_| append).unwrap_or_default();
        all.extend_from_slice(bytes);
        self.put(view, path, Entry { bytes: Some(all), time })
    }

    /// Makes a folder.
    pub(crate) fn make_folder(&mut self, view: &ContainerView, path: &str, time: Time) -> Result<(), FileError> {
        if self.entry(view, path).is_some() {
            return Err(FileError::Exists);
        }
        self.check_parent(view, path)?;
        self.put(view, path, Entry { bytes: None, time })
    }

    /// Makes a folder unless something is there; nothing is said where that cannot be.
    pub(crate) fn ensure_folder(&mut self, view: &ContainerView, path: &str) {
        if self.entry(view, path).is_none() {
            let entry = Entry { bytes: None, time: view.started_at };
            let _ = self.insert(view, path, entry);
        }
    }

    /// Removes a file, or a folder with all that is in it.
    pub(crate) fn remove(&mut self, view: &ContainerView, path: &str) -> Result<(), FileError> {
        self.entry(view, path).ok_or(FileError::NotFound)?;
        let (mount, inner) = view.resolve(path);
        if inner == "/" || mount.path == path || view.has_mount_below(path) {
            return Err(FileError::Busy);
        }
        let Source::Stored(place) = &mount.source else { return Err(FileError::ReadOnly) };
        if mount.read_only {
            return Err(FileError::ReadOnly);
        }
        if let Some(tree) = self.trees.get_mut(place) {
            let below = format!("{inner}/");
            tree.retain(|path, _| *path != inner && !path.starts_with(&below));
        }
        Ok(())
    }

    /// The names in a folder, in their order.
    pub(crate) fn names(&self, view: &ContainerView, path: &str) -> Vec<String> {
        let (mount, inner) = view.resolve(path);
        let prefix = if inner == "/" { inner } else { format!("{inner}/") };
        let child = |rest: &str| rest.split('/').next().unwrap_or_default().to_owned();
        let tree = self.tree_of(mount).into_iter().flatten();
        let own = tree.filter_map(|(path, _)| path.strip_prefix(prefix.as_str())).map(child);
        let outer = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let mounts = view.mounts.iter().filter_map(|m| m.path.strip_prefix(outer.as_str())).map(child);
        let mut names: Vec<String> = own.chain(mounts).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many bytes a mount's files take, in whole blocks.
    pub(crate) fn used(&self, mount: &Mount) -> u64 {
        let bytes =
            |entry: &Entry| entry.bytes.as_ref().map_or(0, |b| (b.len() as u64).div_ceil(BLOCK_BYTES) * BLOCK_BYTES);
        self.tree_of(mount).map_or(0, |tree| tree.values().map(bytes).sum())
    }

    fn check_parent(&self, view: &ContainerView, path: &str) -> Result<(), FileError> {
        match self.entry(view, parent_of(path)) {
            Some(Entry { bytes: None, .. }) => Ok(()),
            Some(_) => Err(FileError::NotDirectory),
            None => Err(FileError::NotFound),
        }
    }

    fn put(&mut self, view: &ContainerView, path: &str, entry: Entry) -> Result<(), FileError> {
        if view.resolve(path).0.read_only {
            return Err(FileError::ReadOnly);
        }
        self.insert(view, path, entry)
    }

    fn insert(&mut self, view: &ContainerView, path: &str, entry: Entry) -> Result<(), FileError> {
        let (mount, inner) = view.resolve(path);
        let Source::Stored(place) = &mount.source else { return Err(FileError::ReadOnly) };
        self.trees.entry(place.clone()).or_default().insert(inner, entry);
        Ok(())
    }

    /// Something is gone: what was written in it goes with it.
    pub(crate) fn gone(&mut self, object: &Object) {
        if self.trees.is_empty() {
            return;
        }
        match object {
            Object::Pod(pod) => {
                let uid = &pod.meta.uid;
                self.trees.retain(|place, _| match place {
                    Place::EmptyDir(of, _) | Place::Root(of, ..) => of != uid,
                    _ => true,
                });
            }
            Object::PersistentVolume(volume) if !is_retained(volume) => {
                self.trees.remove(&place_of(volume));
            }
            Object::Node(node) => drop(self.trees.remove(&Place::Node(node.meta.name.to_string()))),
            _ => {}
        }
    }
}

/// Whether any path of a tree is below another.
fn has_below(tree: &Tree, path: &str) -> bool {
    let below = format!("{path}/");
    tree.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
}

fn is_retained(volume: &PersistentVolume) -> bool {
    volume.body.spec.api().persistent_volume_reclaim_policy.as_deref().unwrap_or("Retain") == "Retain"
}

/// Where the bytes of a volume live: what two objects name alike is one and the same disk.
pub(crate) fn place_of(volume: &PersistentVolume) -> Place {
    let spec = volume.body.spec.api();
    let place = match (&spec.csi, &spec.nfs) {
        (Some(csi), _) => Some(format!("{}:{}", csi.driver, volume.csi_handle())),
        (None, Some(nfs)) => Some(format!("{}:{}", nfs.server, nfs.path)),
        _ => None,
    };
    Place::Volume(place.unwrap_or_else(|| volume.meta.uid.to_string()))
}
