//! The claims of a set's pods, and who owns them.
//!
//! Mirrors pkg/controller/statefulset/stateful_pod_control.go and stateful_set_utils.go (claims) (v1.36).

use std::sync::Arc;

use seatrial_api::{
    ApiError, ClaimBody, ClaimSpec, ClaimStatus, Finalizers, ObjectMeta, OwnerReference, OwnerReferences,
    PersistentVolumeClaim, Plain, Pod, Resource, Shared, StatefulSet, Str, StrMap, Uid, own_claim_name,
};
use seatrial_machinery::{EventText, ObjectRef, Piece, SyncContext, new_controller_ref};

use super::utils::{end_ordinal, member_ordinal, spec_of, start_ordinal};

const RETAIN: &str = "Retain";

/// What a set says of its pods' claims.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) templates: Vec<ClaimTemplate>,
    policy: Policy,
}

impl Claims {
    /// What a set says.
    pub(super) fn of(set: &StatefulSet) -> Arc<Self> {
        Arc::new(Self { templates: ClaimTemplate::all_of(set), policy: Policy::of(set) })
    }
}

/// A claim template as the claims of all pods have it in common.
#[derive(Debug)]
pub(super) struct ClaimTemplate {
    /// The template's name, with which the names of its claims begin.
    pub(super) name: Str,
    labels: StrMap,
    annotations: StrMap,
    finalizers: Finalizers,
    spec: Shared<ClaimSpec>,
    /// The volume that all claims name, or none.
    volume_name: Str,
    /// That of a claim that is not there yet.
    status: Shared<ClaimStatus>,
}

impl ClaimTemplate {
    /// The claim templates of a set.
    fn all_of(set: &StatefulSet) -> Vec<Self> {
        let spec = spec_of(set);
        let templates = spec.volume_claim_templates.iter().flatten().map(|template| {
            let mut labels = StrMap::from_api(template.metadata.labels.clone());
            for (key, value) in spec.selector.match_labels.iter().flatten() {
                labels.insert(key.as_str(), value.as_str());
            }
            Self {
                name: template.metadata.name.clone().unwrap_or_default().into(),
                labels,
                annotations: StrMap::from_api(template.metadata.annotations.clone()),
                finalizers: template.metadata.finalizers.iter().flatten().map(|f| f.as_str().into()).collect(),
                spec: ClaimSpec::new(template.spec.clone().unwrap_or_default()).into(),
                status: Shared::default(),
                volume_name: template.spec.as_ref().and_then(|s| s.volume_name.as_deref()).unwrap_or_default().into(),
            }
        });
        templates.collect()
    }

    /// The name of a pod's claim. Mirrors `getPersistentVolumeClaimName`.
    pub(super) fn claim_name(&self, pod: &str) -> Str {
        own_claim_name(&self.name, pod)
    }

    /// The claim of a pod as it is made. Mirrors `getPersistentVolumeClaims`.
    fn claim(&self, namespace: &Str, name: Str) -> PersistentVolumeClaim {
        let meta = ObjectMeta {
            name,
            namespace: namespace.clone(),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            finalizers: self.finalizers.clone(),
            ..ObjectMeta::default()
        };
        let (spec, volume_name, status) = (self.spec.clone(), self.volume_name.clone(), self.status.clone());
        Plain { meta, body: ClaimBody { spec, volume_name, status } }
    }
}

/// Creates the claims of a pod that are not there. Returns whether nobody owns any of its claims and nobody is to.
/// Mirrors `createPersistentVolumeClaims`.
///
/// # Errors
/// Every failure, joined as upstream's aggregate is.
pub(super) fn create_persistent_volume_claims(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &str,
) -> Result<bool, ApiError> {
    let (mut failures, mut is_plain) = (Vec::new(), claims.policy.wants_nobody());
    for template in &claims.templates {
        let name = template.claim_name(pod);
        match cx.informers.persistent_volume_claims.get(&set.meta.namespace, &name) {
            Some(there) if there.meta.is_deleting() => failures.push(format!("pvc {name} is being deleted")),
            // What was written since it was heard of counts, as in `claims_to_update`.
            Some(there) => is_plain = is_plain && has_no_owners(cx.client.live_at(there.meta.slot), there),
            None => {
                let made = cx.client.create(template.claim(&set.meta.namespace, name.clone()));
                if made.as_ref().err().is_none_or(|error| !error.is_already_exists()) {
                    record_claim_event(cx, set, pod, &name, made.as_ref().err());
                }
                is_plain = is_plain && made.is_ok();
                if let Err(error) = made {
                    failures.push(format!("failed to create PVC {name}: {error}"));
                }
            }
        }
    }
    match failures.len() {
        0 => Ok(is_plain),
        1 => Err(ApiError::unknown(failures.remove(0))),
        _ => Err(ApiError::unknown(format!("[{}]", failures.join(", ")))),
    }
}

/// Whether a claim as it is stored is the one that was heard of, and nobody's.
fn has_no_owners(live: Option<&Arc<PersistentVolumeClaim>>, heard: &PersistentVolumeClaim) -> bool {
    live.is_some_and(|claim| claim.meta.uid == heard.meta.uid && claim.meta.owner_references.is_empty())
}

fn record_claim_event(cx: &mut SyncContext<'_>, set: &StatefulSet, pod: &str, claim: &str, error: Option<&ApiError>) {
    let (about, set_name) = (ObjectRef::of(set), &set.meta.name);
    match error {
        None => {
            let whose = Str::concat(&[claim, " Pod ", pod]);
            let pieces = [
                Piece::Text("Create Claim "),
                Piece::Arg(&whose),
                Piece::Text(" in StatefulSet "),
                Piece::Name,
                Piece::Text(" success"),
            ];
            cx.client.event(&about, &EventText::normal_pieces("SuccessfulCreate", &pieces));
        }
        Some(error) => {
            let message = format!("Create Claim {claim} for Pod {pod} in StatefulSet {set_name} failed error: {error}");
            cx.client.event(&about, &EventText::warning("FailedCreate", &message));
        }
    }
}

/// Who is to own a pod's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nobody,
    Set,
    Pod,
}

#[derive(Debug)]
struct Policy {
    deletes_with_set: bool,
    deletes_with_scale: bool,
}

impl Policy {
    fn of(set: &StatefulSet) -> Self {
        let spec = spec_of(set);
        let policy = spec.persistent_volume_claim_retention_policy.as_ref();
        let deletes = |value: Option<&String>| value.is_some_and(|v| v != RETAIN);
        Self {
            deletes_with_set: deletes(policy.and_then(|p| p.when_deleted.as_ref())),
            deletes_with_scale: deletes(policy.and_then(|p| p.when_scaled.as_ref())),
        }
    }

    /// Whether no claim is to have an owner, whichever pod it is of.
    fn wants_nobody(&self) -> bool {
        !self.deletes_with_set && !self.deletes_with_scale
    }

    fn wanted(&self, in_range: bool) -> Wanted {
        match (self.deletes_with_set, self.deletes_with_scale, in_range) {
            (_, true, false) => Wanted::Pod,
            (true, _, _) => Wanted::Set,
            _ => Wanted::Nobody,
        }
    }
}

fn is_in_range(set: &StatefulSet, ordinal: i32) -> bool {
    (start_ordinal(set)..=end_ordinal(set)).contains(&ordinal)
}

/// Whether a claim still belongs to an earlier pod of the name. Mirrors `PodClaimIsStale`.
pub(super) fn pod_claim_is_stale(cx: &SyncContext<'_>, set: &StatefulSet, claims: &Claims, pod: &str) -> bool {
    if !claims.policy.deletes_with_scale {
        return false;
    }
    claims.templates.iter().any(|template| {
        let claim = cx.informers.persistent_volume_claims.get(&set.meta.namespace, &template.claim_name(pod));
        claim.is_some_and(|c| c.meta.owner_references.iter().any(|r| r.kind == "Pod" && r.name == *pod))
    })
}

/// A pod's claims whose owners are not as the retention policy wants them, as they should be.
fn claims_to_update(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> Vec<PersistentVolumeClaim> {
    let Some(ordinal) = member_ordinal(&set.meta.name, &pod.meta.name) else { return Vec::new() };
    let policy = &claims.policy;
    let wanted = policy.wanted(is_in_range(set, ordinal));
    let mut changed = Vec::new();
    for template in &claims.templates {
        let name = template.claim_name(&pod.meta.name);
        // A claim that was only just made is seen, as it is by the time upstream has made its pod.
        let live = cx.client.server().store().get_as::<PersistentVolumeClaim>(&set.meta.namespace, &name);
        let needs_look =
            |c: &&Arc<_>| wanted != Wanted::Nobody || !PersistentVolumeClaim::meta(c).owner_references.is_empty();
        let Some(claim) = live.filter(needs_look).map(Arc::clone) else { continue };
        let references = owners(set, pod, &claim, wanted);
        let Some(references) = references else {
            if policy.deletes_with_set || policy.deletes_with_scale {
                let message = format!(
                    "PersistentVolumeClaim {name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim"
                );
                cx.client.event(&ObjectRef::of(set), &EventText::warning("ConflictingController", &message));
            }
            let scrubbed = scrub(set, pod, &claim.meta.owner_references);
            if scrubbed != claim.meta.owner_references {
                changed.push(with_owners(&claim, scrubbed));
            }
            continue;
        };
        if references != claim.meta.owner_references {
            changed.push(with_owners(&claim, references));
        }
    }
    changed
}

fn with_owners(claim: &PersistentVolumeClaim, owners: OwnerReferences) -> PersistentVolumeClaim {
    let mut claim = claim.clone();
    claim.meta.owner_references = owners;
    claim
}

fn is_reference_to(reference: &OwnerReference, kind: &str, uid: &Uid) -> bool {
    reference.kind == kind && reference.uid == *uid
}

/// The references without those to the set and the pod themselves.
fn scrub(set: &StatefulSet, pod: &Pod, references: &OwnerReferences) -> OwnerReferences {
    let own = |r: &&OwnerReference| {
        !is_reference_to(r, "StatefulSet", &set.meta.uid) && !is_reference_to(r, "Pod", &pod.meta.uid)
    };
    references.iter().filter(own).cloned().collect()
}

/// The owners that a claim should have; `None` where somebody else controls it.
fn owners(set: &StatefulSet, pod: &Pod, claim: &PersistentVolumeClaim, wanted: Wanted) -> Option<OwnerReferences> {
    let references = &claim.meta.owner_references;
    // A claim that still names an earlier set or pod of the name is left to the garbage collector.
    let stale = references.iter().any(|r| {
        (r.kind == "StatefulSet" && r.name == set.meta.name && r.uid != set.meta.uid)
            || (r.kind == "Pod" && r.name == pod.meta.name && r.uid != pod.meta.uid)
    });
    if stale {
        return Some(references.clone());
    }
    let others = scrub(set, pod, references);
    if others.iter().any(|r| r.controller == Some(true)) {
        return None;
    }
    let own = match wanted {
        Wanted::Nobody => None,
        Wanted::Set => Some(new_controller_ref(set)),
        Wanted::Pod => Some(new_controller_ref(pod)),
    };
    Some(others.iter().cloned().chain(own).collect())
}

/// Whether the owners of a pod's claims are as the policy wants them. Mirrors `ClaimsMatchRetentionPolicy`.
pub(super) fn claims_match_retention_policy(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> bool {
    claims_to_update(cx, set, claims, pod).is_empty()
}

/// Gives a pod's claims the owners that the policy wants. Mirrors `UpdatePodClaimForRetentionPolicy`.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_pod_claim_for_retention_policy(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> Result<(), ApiError> {
    for claim in claims_to_update(cx, set, claims, pod) {
        let name = claim.namespaced_name().name;
        cx.client.update(claim).map_err(|error| {
            ApiError::unknown(format!("could not update claim {name} for delete policy ownerRefs: {error}"))
        })?;
    }
    Ok(())
}
