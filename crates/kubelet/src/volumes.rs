//! Volumes of pods: attached to one node at a time where they may not be shared, and mounted once all they are made from is
//! there. A pod waits in ContainerCreating until then.
//!
//! Mirrors pkg/kubelet/volumemanager (`WaitForAttachAndMount`), pkg/volume/util/operationexecutor and
//! pkg/controller/volume/attachdetach (v1.36).
//! Differs: attaching takes no time and leaves no VolumeAttachment, and nodes do not tell of it in their status.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use rustc_hash::FxHashMap;
use seatrial_api::{ConfigMap, Kind, PersistentVolume, PersistentVolumeClaim, Secret, Str};
use seatrial_machinery::volumes::{claim_phase, volume_name};
use seatrial_machinery::{Client, EventText, NO_PHRASE, ObjectRef, Piece, SimTime};

use crate::kubelets::KubeletEvent;
use crate::worker::{PodWorker, Turn, WorkerEvent};

/// How long a sync waits. Mirrors `podAttachAndMountTimeout`.
const ATTACH_AND_MOUNT_TIMEOUT: Duration = Duration::from_secs(123);
/// The first wait after a mount that failed, and the longest. Mirrors `exponentialbackoff`.
const BACKOFF_INITIAL: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(122);
/// How long a volume stays attached to a node that does not answer. Mirrors `maxWaitForUnmountDuration`.
pub(crate) const FORCED_DETACH_AFTER: Duration = Duration::from_secs(360);
const ATTACH_DETACH: &str = "attachdetach-controller";
const FAILED_MOUNT: &str = "FailedMount";
/// Every namespace has it in a real cluster; no pod waits for it here.
const ROOT_CA: &str = "kube-root-ca.crt";

/// What the nodes have attached, and which pods wait for their volumes.
#[derive(Debug, Default)]
pub(crate) struct Volumes {
    attached: FxHashMap<Str, Attachment>,
    /// By worker: what it has attached.
    of_worker: FxHashMap<u32, Vec<Str>>,
    mounting: FxHashMap<u32, Mounting>,
}

/// A volume that is attached.
#[derive(Debug, Default)]
struct Attachment {
    /// Who uses it, by node and worker. Mostly that is one pod.
    users: Vec<User>,
    /// Who goes on when it is detached.
    waiting: Vec<KubeletEvent>,
}

/// A pod that uses a volume on a node.
#[derive(Debug)]
struct User {
    node: Str,
    worker: u32,
    namespace: Str,
    name: Str,
}

/// A pod that waits for its volumes.
#[derive(Debug)]
struct Mounting {
    /// When the sync began to wait.
    since: Option<SimTime>,
    failures: u32,
    next_try: SimTime,
    /// Volumes whose attachment was refused, as was told already.
    told: BTreeSet<Str>,
}

/// Why a volume is not mounted.
enum Trouble {
    /// What is to be mounted cannot be told.
    Unprocessed(String),
    /// It is attached elsewhere.
    Unattached,
    /// It cannot be set up.
    Unmounted(String),
}

/// How mounting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mounts {
    /// All is mounted.
    Done,
    /// The sync waits.
    Waits,
    /// The sync has failed.
    Failed,
}

impl Volumes {
    /// Whether a worker has anything to release.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.of_worker.contains_key(&number) || self.mounting.contains_key(&number)
    }

    /// A pod's volumes are unmounted, and detached where nobody else on the node uses them. Returns who goes on.
    pub(crate) fn release(&mut self, number: u32) -> Vec<KubeletEvent> {
        self.mounting.remove(&number);
        let mut woken = Vec::new();
        for volume in self.of_worker.remove(&number).unwrap_or_default() {
            let Some(attachment) = self.attached.get_mut(&volume) else { continue };
            attachment.users.retain(|user| user.worker != number);
            if attachment.users.is_empty() {
                woken.append(&mut attachment.waiting);
                self.attached.remove(&volume);
            }
        }
        woken
    }

    /// Attaches a volume to a node. Gives whether it was not there before, or the pods elsewhere that are in the way.
    fn attach(&mut self, volume: &Str, is_shared: bool, worker: &PodWorker) -> Result<bool, Vec<(Str, Str)>> {
        let (node, meta) = (&worker.pod.node_name, &worker.pod.meta);
        let attachment = self.attached.entry(volume.clone()).or_default();
        let is_here = |user: &User| user.node == *node;
        if !is_shared && !attachment.users.iter().all(is_here) {
            attachment.waiting.push(worker.event_of(WorkerEvent::Continue(worker.ticket + 1)));
            let others = attachment.users.iter().filter(|user| !is_here(user));
            return Err(others.map(|user| (user.namespace.clone(), user.name.clone())).collect());
        }
        let is_new = !attachment.users.iter().any(is_here);
        let place = attachment.users.partition_point(|user| (&user.node, user.worker) < (node, worker.number));
        if attachment.users.get(place).is_none_or(|user| !is_here(user) || user.worker != worker.number) {
            let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
            // There is hardly ever a second one.
            attachment.users.reserve_exact(1);
            attachment.users.insert(place, User { node: node.clone(), worker: worker.number, namespace, name });
        }
        let of_worker = self.of_worker.entry(worker.number).or_default();
        if !of_worker.contains(volume) {
            of_worker.reserve_exact(1);
            of_worker.push(volume.clone());
        }
        Ok(is_new)
    }
}

impl PodWorker {
    /// The same where there is anything to mount.
    pub(crate) fn mount_all(&mut self, turn: &mut Turn<'_, '_>) -> Mounts {
        if self.plan.has_doubtful_volumes() { self.mount_volumes(turn) } else { Mounts::Done }
    }

    /// Attaches and mounts the pod's volumes, as far as that can be done. Mirrors `WaitForAttachAndMount`.
    fn mount_volumes(&mut self, turn: &mut Turn<'_, '_>) -> Mounts {
        let plan = Arc::clone(&self.plan);
        let mut troubles: Vec<(Str, Trouble)> = Vec::new();
        for volume in plan.mounted_volumes() {
            if let Some(trouble) = self.trouble_with(turn, volume) {
                troubles.push((volume.name.as_str().into(), trouble));
            }
        }
        self.waits_for_ever = false;
        if troubles.is_empty() {
            turn.volumes.mounting.remove(&self.number);
            return Mounts::Done;
        }
        troubles.sort_by(|(a, _), (b, _)| a.cmp(b));
        let now = turn.now;
        let fresh = || Mounting { since: None, failures: 0, next_try: now, told: BTreeSet::new() };
        let mounting = turn.volumes.mounting.entry(self.number).or_insert_with(fresh);
        let since = *mounting.since.get_or_insert(now);
        let has_try = mounting.next_try <= now;
        if has_try {
            let wait = BACKOFF_INITIAL.saturating_mul(1 << mounting.failures.min(16)).min(BACKOFF_MAX);
            (mounting.failures, mounting.next_try) = (mounting.failures + 1, now + wait);
        }
        let next_try = mounting.next_try;
        let unmounted = troubles.iter().filter_map(|(name, trouble)| match trouble {
            Trouble::Unmounted(why) if has_try => Some((name, why)),
            _ => None,
        });
        for (name, why) in unmounted {
            let text = format!("MountVolume.SetUp failed for volume {:?} : {why}", name.as_str());
            self.event(turn, &NO_PHRASE, &EventText::warning(FAILED_MOUNT, &text));
        }
        let deadline = since + ATTACH_AND_MOUNT_TIMEOUT;
        if let Some(why) = why_it_ends(&troubles, now >= deadline) {
            if let Some(mounting) = turn.volumes.mounting.get_mut(&self.number) {
                mounting.since = None;
            }
            self.event(turn, &NO_PHRASE, &EventText::warning(FAILED_MOUNT, &summary(&troubles, &why)));
            return Mounts::Failed;
        }
        // Nobody waits for a retry; what is missing comes from outside, and the pod may be deleted meanwhile.
        self.ticket += 1;
        self.waits_for_ever = true;
        let event = WorkerEvent::Continue(self.ticket);
        self.set(turn, next_try.min(deadline), true, event);
        Mounts::Waits
    }

    fn trouble_with(&self, turn: &mut Turn<'_, '_>, volume: &corev1::Volume) -> Option<Trouble> {
        if let Some((claim, _)) = self.pod.claim_of(volume) {
            return self.trouble_with_claim(turn, &claim);
        }
        missing_content(turn.client, &self.pod.meta.namespace, volume).map(Trouble::Unmounted)
    }

    /// Mirrors `createVolumeSpec` of the desired state's populator, then attaches.
    fn trouble_with_claim(&self, turn: &mut Turn<'_, '_>, name: &str) -> Option<Trouble> {
        let namespace = &self.pod.meta.namespace;
        let unprocessed =
            |why: String| Some(Trouble::Unprocessed(format!("error processing PVC {namespace}/{name}: {why}")));
        let store = turn.client.server().store();
        let Some(claim) = store.get_as::<PersistentVolumeClaim>(namespace, name).map(Arc::clone) else {
            return unprocessed(format!(
                "failed to fetch PVC from API server: persistentvolumeclaims {name:?} not found"
            ));
        };
        if claim.meta.is_deleting() {
            return unprocessed("PVC is being deleted".to_owned());
        }
        let bound_to = volume_name(&claim);
        if claim_phase(&claim) != "Bound" || bound_to.is_empty() {
            return unprocessed("PVC is not bound".to_owned());
        }
        let volume = store.hinted_as::<PersistentVolume>(claim.body.volume_slot, "", bound_to).map(Arc::clone);
        let Some(volume) = volume else {
            return unprocessed(format!(
                "failed to fetch PV {bound_to:?} from API server: persistentvolumes {bound_to:?} not found"
            ));
        };
        if !is_attachable(&volume) {
            return None;
        }
        match turn.volumes.attach(&volume.meta.name, may_be_shared(&volume), self) {
            Ok(is_new) => {
                if is_new {
                    let pieces = [
                        Piece::Text("AttachVolume.Attach succeeded for volume \""),
                        Piece::Arg(bound_to),
                        Piece::Text("\" "),
                    ];
                    self.attach_event(turn, &EventText::normal_pieces("SuccessfulAttachVolume", &pieces));
                }
                None
            }
            Err(others) => {
                self.tell_multi_attach(turn, &volume.meta.name, &others);
                Some(Trouble::Unattached)
            }
        }
    }

    /// Says once which pods are in the way. Mirrors `reportMultiAttachError`.
    fn tell_multi_attach(&self, turn: &mut Turn<'_, '_>, volume: &Str, others: &[(Str, Str)]) {
        let now = turn.now;
        let fresh = || Mounting { since: None, failures: 0, next_try: now, told: BTreeSet::new() };
        let mounting = turn.volumes.mounting.entry(self.number).or_insert_with(fresh);
        if !mounting.told.insert(volume.clone()) {
            return;
        }
        let own = &self.pod.meta.namespace;
        let local: Vec<&str> = others.iter().filter(|(ns, _)| ns == own).map(|(_, name)| name.as_str()).collect();
        let elsewhere = others.len() - local.len();
        let mut text = match local.is_empty() {
            true => format!("Volume is already used by {elsewhere} pod(s) in different namespaces"),
            false => format!("Volume is already used by pod(s) {}", local.join(", ")),
        };
        if !local.is_empty() && elsewhere > 0 {
            text = format!("{text} and {elsewhere} pod(s) in different namespaces");
        }
        let text = format!("Multi-Attach error for volume {:?} {text}", volume.as_str());
        self.attach_event(turn, &EventText::warning("FailedAttachVolume", &text));
    }

    fn attach_event(&self, turn: &mut Turn<'_, '_>, text: &EventText<'_>) {
        turn.client.event_as(ATTACH_DETACH, &ObjectRef::new(Kind::Pod, &self.pod.meta), text);
    }
}

/// What ends a wait: that something cannot be processed, at once; or that the time is up.
fn why_it_ends(troubles: &[(Str, Trouble)], is_over: bool) -> Option<String> {
    let unprocessed: Vec<&str> = troubles
        .iter()
        .filter_map(|(_, trouble)| match trouble {
            Trouble::Unprocessed(why) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    match unprocessed.is_empty() {
        false => Some(unprocessed.join("; ")),
        true => is_over.then(|| "context deadline exceeded".to_owned()),
    }
}

fn summary(troubles: &[(Str, Trouble)], why: &str) -> String {
    let names = |is: fn(&Trouble) -> bool| {
        let names: Vec<&str> = troubles.iter().filter(|(_, t)| is(t)).map(|(name, _)| name.as_str()).collect();
        format!("[{}]", names.join(" "))
    };
    format!(
        "Unable to attach or mount volumes: unmounted volumes={}, unattached volumes={}, failed to process volumes={}: {why}",
        names(|_| true),
        names(|trouble| matches!(trouble, Trouble::Unattached)),
        names(|trouble| matches!(trouble, Trouble::Unprocessed(_))),
    )
}

/// Whether a volume has to be attached before it can be mounted.
fn is_attachable(volume: &PersistentVolume) -> bool {
    let spec = volume.body.spec.api();
    spec.csi.is_some()
        || spec.aws_elastic_block_store.is_some()
        || spec.azure_disk.is_some()
        || spec.cinder.is_some()
        || spec.gce_persistent_disk.is_some()
        || spec.vsphere_volume.is_some()
        || spec.fc.is_some()
        || spec.iscsi.is_some()
}

/// Mirrors `isMultiAttachForbidden`.
fn may_be_shared(volume: &PersistentVolume) -> bool {
    let modes = volume.body.spec.access_modes();
    modes.is_empty() || modes.has("ReadWriteMany") || modes.has("ReadOnlyMany")
}

/// What a volume that is made from other objects lacks.
fn missing_content(client: &Client<'_>, namespace: &str, volume: &corev1::Volume) -> Option<String> {
    if let Some(source) = volume.config_map.as_ref() {
        return config_map(client, namespace, &source.name, source.optional, source.items.as_deref());
    }
    if let Some(source) = volume.secret.as_ref() {
        let name = source.secret_name.as_deref().unwrap_or_default();
        return secret(client, namespace, name, source.optional, source.items.as_deref());
    }
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let missing: Vec<String> = sources
        .filter_map(|source| match (&source.config_map, &source.secret) {
            (Some(map), _) => config_map(client, namespace, &map.name, map.optional, map.items.as_deref()),
            (None, Some(s)) => secret(client, namespace, &s.name, s.optional, s.items.as_deref()),
            (None, None) => None,
        })
        .collect();
    match missing.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        all => Some(format!("[{}]", all.join(", "))),
    }
}

fn config_map(
    client: &Client<'_>,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
    items: Option<&[corev1::KeyToPath]>,
) -> Option<String> {
    if optional == Some(true) || name == ROOT_CA {
        return None;
    }
    let Ok(map) = client.get_live::<ConfigMap>(namespace, name) else {
        return Some(format!("configmap {name:?} not found"));
    };
    let has = |key: &str| {
        map.body.data.as_ref().is_some_and(|data| data.contains_key(key))
            || map.body.binary_data.as_ref().is_some_and(|data| data.contains_key(key))
    };
    let lacks = items.into_iter().flatten().find(|item| !has(&item.key))?;
    Some(format!("configmap references non-existent config key: {}", lacks.key))
}

fn secret(
    client: &Client<'_>,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
    items: Option<&[corev1::KeyToPath]>,
) -> Option<String> {
    if optional == Some(true) {
        return None;
    }
    let Ok(found) = client.get_live::<Secret>(namespace, name) else {
        return Some(format!("secret {name:?} not found"));
    };
    let has = |key: &str| found.body.data.as_ref().is_some_and(|data| data.contains_key(key));
    let lacks = items.into_iter().flatten().find(|item| !has(&item.key))?;
    Some(format!("references non-existent secret key: {}", lacks.key))
}

/// The volumes of a spec that its containers mount and that may not be there.
pub(crate) fn mounted_volumes(spec: &corev1::PodSpec) -> Vec<usize> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let is_doubtful = |v: &corev1::Volume| {
        v.persistent_volume_claim.is_some()
            || v.ephemeral.is_some()
            || v.config_map.is_some()
            || v.secret.is_some()
            || v.projected.is_some()
    };
    let containers = || spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let is_mounted = |v: &corev1::Volume| {
        containers().any(|c| {
            c.volume_mounts.iter().flatten().any(|m| m.name == v.name)
                || c.volume_devices.iter().flatten().any(|d| d.name == v.name)
        })
    };
    (0..volumes.len()).filter(|i| is_doubtful(&volumes[*i]) && is_mounted(&volumes[*i])).collect()
}
