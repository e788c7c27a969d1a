//! The claims of a set's pods, and who owns them.
//!
//! Mirrors pkg/controller/statefulset/stateful_pod_control.go and stateful_set_utils.go (claims) (v1.36).

use std::sync::Arc;

use seatrial_api::{
    ApiError, ClaimBody, ClaimSpec, ClaimStatus, Finalizers, ObjectMeta, OwnerReference, OwnerReferences,
    PersistentVolumeClaim, Plain, Pod, Shared, StatefulSet, Str, StrMap, Uid, own_claim_name,
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
        Plain { meta, body: ClaimBody { spec, volume_name, status, volume_slot: Default::default() } }
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

/// A claim as it is stored, unless it is not there or has no owners and is to have none. One that was only just made is
/// seen, as it is by the time upstream has made its pod.
fn claim_to_look_at<'c>(
    cx: &'c SyncContext<'_>,
    set: &StatefulSet,
    name: &str,
    wanted: Wanted,
) -> Option<&'c Arc<PersistentVolumeClaim>> {
    let claim = cx.client.server().store().get_as::<PersistentVolumeClaim>(&set.meta.namespace, name);
    claim.filter(|claim| wanted != Wanted::Nobody || !claim.meta.owner_references.is_empty())
}

/// Who may own the claims of a pod, and who is to.
#[derive(Clone, Copy)]
struct Owning<'a> {
    set: &'a StatefulSet,
    pod: &'a Pod,
    policy: &'a Policy,
    wanted: Wanted,
}

impl<'a> Owning<'a> {
    fn of(set: &'a StatefulSet, claims: &'a Claims, pod: &'a Pod) -> Option<Self> {
        let ordinal = member_ordinal(&set.meta.name, &pod.meta.name)?;
        let policy = &claims.policy;
        Some(Self { set, pod, policy, wanted: policy.wanted(is_in_range(set, ordinal)) })
    }

    /// The uid of the set or the pod, if a reference names it. Mirrors `matchesRef`.
    fn named_by(&self, reference: &OwnerReference) -> Option<&'a Uid> {
        let names = |api_version: &str, kind: &str, meta: &ObjectMeta| {
            reference.api_version == api_version && reference.kind == kind && reference.name == meta.name
        };
        if names("apps/v1", "StatefulSet", &self.set.meta) {
            return Some(&self.set.meta.uid);
        }
        names("v1", "Pod", &self.pod.meta).then_some(&self.pod.meta.uid)
    }

    /// Whether a reference is to the set or the pod themselves. Mirrors `hasOwnerRef` for both.
    fn is_own(&self, reference: &OwnerReference) -> bool {
        reference.uid == self.set.meta.uid || reference.uid == self.pod.meta.uid
    }

    /// Mirrors `hasStaleOwnerRef` for both: an earlier set or pod of the name has the claim still.
    fn is_stale(&self, references: &OwnerReferences) -> bool {
        references.iter().any(|r| self.named_by(r).is_some_and(|uid| r.uid != *uid))
    }

    /// Mirrors `hasUnexpectedController`.
    fn has_unexpected_controller(&self, references: &OwnerReferences) -> bool {
        let is_unexpected = |r: &OwnerReference| match self.named_by(r) {
            Some(uid) => r.uid != *uid,
            None => r.controller == Some(true),
        };
        !self.policy.wants_nobody() && references.iter().any(is_unexpected)
    }

    /// Mirrors `isClaimOwnerUpToDate`.
    fn is_up_to_date(&self, references: &OwnerReferences) -> bool {
        if self.is_stale(references) {
            return true;
        }
        let own = || references.iter().filter(|r| self.is_own(r));
        if self.has_unexpected_controller(references) {
            return own().next().is_none();
        }
        let has = |uid: &Uid| references.iter().any(|r| r.uid == *uid);
        own().all(|r| r.controller == Some(true))
            && has(&self.set.meta.uid) == (self.wanted == Wanted::Set)
            && has(&self.pod.meta.uid) == (self.wanted == Wanted::Pod)
    }

    /// The owners that a claim should have. Mirrors `updateClaimOwnerRefForSetAndPod`.
    fn owners(&self, references: &OwnerReferences) -> OwnerReferences {
        let others = references.iter().filter(|r| self.named_by(r).is_none()).cloned();
        let own = match self.wanted {
            _ if self.has_unexpected_controller(references) => None,
            Wanted::Nobody => None,
            Wanted::Set => Some(new_controller_ref(self.set)),
            Wanted::Pod => Some(new_controller_ref(self.pod)),
        };
        let own = own.filter(|own| references.iter().all(|r| r.uid != own.uid || self.named_by(r).is_some()));
        others.chain(own).collect()
    }
}

/// Whether the owners of a pod's claims are as the policy wants them. Mirrors `ClaimsMatchRetentionPolicy`.
pub(super) fn claims_match_retention_policy(
    cx: &mut SyncContext<'_>,
    set: &StatefulSet,
    claims: &Claims,
    pod: &Pod,
) -> bool {
    let Some(owning) = Owning::of(set, claims, pod) else { return true };
    claims.templates.iter().all(|template| {
        let claim = claim_to_look_at(cx, set, &template.claim_name(&pod.meta.name), owning.wanted);
        claim.is_none_or(|claim| owning.is_up_to_date(&claim.meta.owner_references))
    })
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
    let Some(owning) = Owning::of(set, claims, pod) else { return Ok(()) };
    for template in &claims.templates {
        let name = template.claim_name(&pod.meta.name);
        let Some(claim) = claim_to_look_at(cx, set, &name, owning.wanted).map(Arc::clone) else { continue };
        let references = &claim.meta.owner_references;
        if owning.has_unexpected_controller(references) {
            let message = format!(
                "PersistentVolumeClaim {name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim"
            );
            cx.client.event(&ObjectRef::of(set), &EventText::warning("ConflictingController", &message));
        }
        if owning.is_up_to_date(references) {
            continue;
        }
        let mut changed = PersistentVolumeClaim::clone(&claim);
        changed.meta.owner_references = owning.owners(references);
        cx.client.update(changed).map_err(|error| {
            ApiError::unknown(format!("could not update claim {name} for delete policy ownerRefs: {error}"))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
