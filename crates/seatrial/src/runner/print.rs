//! What `print` steps show: what kubectl would show.

use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_api::{Deployment, EndpointSlice, Event, Kind, NamespacedName, Object, Pod, PodPhase, Resource};

use super::Runner;
use super::journal::LineKind;
use crate::cluster::logs::default_container;
use crate::cluster::reads::kind_named;
use crate::cluster::rollout_status::status_of;
use crate::cluster::{Cluster, LogOptions};
use crate::kubectl::describe::{Surroundings, describe};
use crate::kubectl::history::{history, revision_history};
use crate::kubectl::table::{Wide, table};
use crate::kubectl::yaml::to_yaml;
use crate::manifest::{Manifest, Position};
use crate::scenario::model::{Print, Query, Target};

impl Runner<'_> {
    pub(super) fn print(&mut self, prints: &[Print], position: Position) {
        for print in prints {
            match self.cluster.printed(print) {
                Ok(text) => self.say(LineKind::Print, text.trim_end_matches('\n')),
                Err(message) => self.fail(Some(position), message),
            }
        }
    }
}

impl Runner<'_> {
    /// The tables of what plain manifests came to: the kinds they name, and the pods.
    pub(super) fn print_tables(&mut self, manifests: &[Manifest]) {
        let kinds: BTreeSet<Kind> = manifests
            .iter()
            .filter_map(|m| Kind::of(m.object["apiVersion"].as_str()?, m.object["kind"].as_str()?))
            .chain([Kind::Pod])
            .collect();
        for kind in kinds {
            let objects = self.cluster.objects_of(kind, None);
            if let Some(text) = table(&objects, Wide::No, self.cluster.api_time()) {
                self.say(LineKind::Print, text.trim_end_matches('\n'));
            }
        }
    }
}

impl Cluster {
    fn printed(&self, print: &Print) -> Result<String, String> {
        match print {
            Print::Get { query, wide } => self.printed_table(query, if *wide { Wide::Yes } else { Wide::No }),
            Print::Yaml(query) => {
                let pages: Vec<String> = self.queried(query)?.into_iter().map(|o| to_yaml(&o.to_json())).collect();
                Ok(pages.join("---\n"))
            }
            Print::Describe(query) => {
                let pages: Result<Vec<String>, String> =
                    self.queried(query)?.into_iter().map(|o| self.described(o)).collect();
                Ok(pages?.join("\n\n"))
            }
            Print::History { target, revision } => {
                let object = self.targeted(target)?;
                match Deployment::unwrap(object) {
                    Some(deployment) => history(deployment, &self.replica_sets_of(deployment), *revision),
                    None => revision_history(&object.key(), &self.controller_revisions_of(&object.key()), *revision),
                }
            }
            Print::Status(target) => status_of(self.targeted(target)?).map(|(text, _)| text).map_err(|e| e.to_string()),
            Print::Logs { target, container, previous, tail, since, timestamps } => {
                let options = LogOptions {
                    container: container.clone(),
                    previous: *previous,
                    tail: *tail,
                    since: *since,
                    timestamps: *timestamps,
                };
                self.printed_logs(target, options)
            }
            Print::Events => self.printed_table(&Query { kind: "events".to_owned(), name: None }, Wide::No),
        }
    }

    /// As `kubectl logs` prints them: of several containers it takes the first, and says so.
    fn printed_logs(&self, target: &Target, mut options: LogOptions) -> Result<String, String> {
        let object = self.targeted(target)?;
        let Some(pod) = Pod::unwrap(object) else {
            return Err(format!("logs are those of pods, and {target} is none"));
        };
        let mut told = String::new();
        if options.container.is_none()
            && let Some((container, text)) = default_container(pod)
        {
            (options.container, told) = (Some(container), text);
        }
        let lines = self.logs_of(pod, &options);
        let refused = |e: seatrial_api::ApiError| match e.reason().as_str() {
            "" => format!("Error from server: {}", e.message()),
            reason => format!("Error from server ({reason}): {}", e.message()),
        };
        lines.map(|lines| told + &lines).map_err(refused)
    }

    fn queried(&self, query: &Query) -> Result<Vec<&Object>, String> {
        let objects = self.objects_of_query(query).map_err(|e| e.to_string())?;
        match &query.name {
            Some(name) if objects.is_empty() && !name.contains('*') => {
                let kind = kind_named(&query.kind).map_err(|e| e.to_string())?;
                Err(format!("Error from server (NotFound): {} \"{name}\" not found", kind.resource()))
            }
            _ => Ok(objects),
        }
    }

    fn printed_table(&self, query: &Query, wide: Wide) -> Result<String, String> {
        let mut objects = self.queried(query)?;
        if let Some(Object::Event(_)) = objects.first() {
            // kubectl events sorts by time, as people read them.
            objects.sort_by_key(|o| Event::unwrap(o).and_then(|e| e.last_timestamp));
        }
        let none = || format!("No resources found in {} namespace.", self.namespace());
        Ok(table(&objects, wide, self.api_time()).unwrap_or_else(none))
    }

    fn targeted(&self, target: &Target) -> Result<&Object, String> {
        let keys = self.keys_of(target).map_err(|e| e.to_string())?;
        let key = keys.first().ok_or_else(|| format!("no {target}"))?;
        let not_found = || format!("Error from server (NotFound): {} {:?} not found", key.kind.resource(), key.name);
        self.api_server().store().get(key).ok_or_else(not_found)
    }

    /// The describe page of an object.
    pub(crate) fn described(&self, object: &Object) -> Result<String, String> {
        let meta = object.meta();
        let store = self.api_server().store();
        let events = store.list_as::<Event>(Some(if meta.namespace.is_empty() { "default" } else { &meta.namespace }));
        let events: Vec<&Arc<Event>> = events.into_iter().filter(|e| e.involved_object.uid == meta.uid).collect();
        let replica_sets = Deployment::unwrap(object).map(|d| self.replica_sets_of(d)).unwrap_or_default();
        let around = Surroundings {
            events: &events,
            replica_sets: &replica_sets,
            slices: &self.slices_for(object),
            users: &self.users_of(object),
            pod_counts: self.pod_counts(object),
            now: self.api_time(),
        };
        describe(object, &around).ok_or_else(|| format!("{} cannot be described by this version", object.key()))
    }

    fn slices_for(&self, service: &Object) -> Vec<Arc<EndpointSlice>> {
        if service.kind() != Kind::Service {
            return Vec::new();
        }
        let key = NamespacedName::new(&service.meta().namespace, &service.meta().name);
        self.slices_of(&key).map(Arc::clone).collect()
    }

    /// The names of the pods that use a claim. Mirrors `getPodsForPVC`.
    fn users_of(&self, claim: &Object) -> Vec<String> {
        let meta = claim.meta();
        if claim.kind() != Kind::PersistentVolumeClaim {
            return Vec::new();
        }
        let uses = |pod: &Pod| pod.claims().any(|(name, is_own)| !is_own && name == meta.name);
        let owns =
            |pod: &Pod| meta.owner_references.iter().any(|owner| owner.kind == "Pod" && owner.uid == pod.meta.uid);
        let pods = self.api_server().store().list_as::<Pod>(Some(&meta.namespace));
        let (using, owning) = (pods.iter().filter(|pod| uses(pod)), pods.iter().filter(|pod| owns(pod) && !uses(pod)));
        using.chain(owning).map(|pod| pod.meta.name.to_string()).collect()
    }

    fn pod_counts(&self, owner: &Object) -> [usize; 4] {
        let pods = self.api_server().store().list_as::<Pod>(Some(&owner.meta().namespace));
        let mine: Vec<PodPhase> =
            pods.into_iter().filter(|p| p.meta.is_controlled_by(&owner.meta().uid)).map(|p| p.status.phase).collect();
        let count = |phase: PodPhase| mine.iter().filter(|p| **p == phase).count();
        [PodPhase::Running, PodPhase::Pending, PodPhase::Succeeded, PodPhase::Failed].map(count)
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::Kind;

    use crate::Cluster;

    /// The pods of a set share a spec in which the names of their claims are left out.
    #[test]
    fn the_pods_of_a_set_use_their_claims() {
        let mut cluster = Cluster::builder().nodes(1).build();
        let manifest = "\
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: disk}, provisioner: sim.seatrial.dev/disk}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 2, serviceName: db, selector: {matchLabels: {app: db}},
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: 'db:1'}]}}, volumeClaimTemplates: [{metadata: {name: data},
    spec: {accessModes: [ReadWriteOnce], storageClassName: disk, resources: {requests: {storage: 1Gi}}}}]}}";
        cluster.create_yaml(manifest).expect("valid objects");
        cluster.settle().expect("it settles");
        for name in ["db-0", "db-1"] {
            let claims = cluster.api_server().store();
            let claim = claims.lookup(Kind::PersistentVolumeClaim, "default", &format!("data-{name}"));
            let page = cluster.described(claim.expect("the claim of the pod")).expect("a page");
            let user = page.lines().find_map(|line| line.strip_prefix("Used By:")).map(str::trim);
            assert_eq!(user, Some(name), "{page}");
        }
    }
}
