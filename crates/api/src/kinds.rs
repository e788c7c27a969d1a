//! The list of kinds: one line each. Everything that must know all kinds is generated from it.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::apps::v1 as appsv1;
use k8s_openapi::api::autoscaling::v2 as autoscalingv2;
use k8s_openapi::api::batch::v1 as batchv1;
use k8s_openapi::api::coordination::v1 as coordinationv1;
use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::api::discovery::v1 as discoveryv1;
use k8s_openapi::api::policy::v1 as policyv1;
use k8s_openapi::api::scheduling::v1 as schedulingv1;
use k8s_openapi::api::storage::v1 as storagev1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;
use serde_json::Value;

use crate::group::{GroupKind, GroupResource};
use crate::objects::claim::ClaimBody;
use crate::objects::cron_job::CronJobBody;
use crate::objects::lease::LeaseBody;
use crate::objects::parts::Parts;
use crate::objects::plain::Plain;
use crate::objects::volume::VolumeBody;
use crate::schema::{print_zero_times, type_named};
use crate::{ApiError, NamespacedName, ObjectMeta, Str};

pub use crate::objects::daemon_set::DaemonSet;
pub use crate::objects::deployment::Deployment;
pub use crate::objects::endpoint_slice::EndpointSlice;
pub use crate::objects::endpoints::Endpoints;
pub use crate::objects::event::Event;
pub use crate::objects::pod::Pod;
pub use crate::objects::replica_set::ReplicaSet;
pub use crate::objects::replication_controller::ReplicationController;

/// A ConfigMap.
pub type ConfigMap = Plain<corev1::ConfigMap>;
/// A ControllerRevision.
pub type ControllerRevision = Plain<appsv1::ControllerRevision>;
/// A CronJob.
pub type CronJob = Plain<CronJobBody>;
/// A HorizontalPodAutoscaler.
pub type HorizontalPodAutoscaler = Plain<autoscalingv2::HorizontalPodAutoscaler>;
/// A Job.
pub type Job = Plain<Parts<batchv1::JobSpec, batchv1::JobStatus>>;
/// A Lease.
pub type Lease = Plain<LeaseBody>;
/// A LimitRange.
pub type LimitRange = Plain<corev1::LimitRange>;
/// A Namespace.
pub type Namespace = Plain<corev1::Namespace>;
/// A Node.
pub type Node = Plain<corev1::Node>;
/// A PersistentVolume.
pub type PersistentVolume = Plain<VolumeBody>;
/// A PersistentVolumeClaim.
pub type PersistentVolumeClaim = Plain<ClaimBody>;
/// A PodDisruptionBudget.
pub type PodDisruptionBudget = Plain<policyv1::PodDisruptionBudget>;
/// A PodTemplate.
pub type PodTemplate = Plain<corev1::PodTemplate>;
/// A PriorityClass.
pub type PriorityClass = Plain<schedulingv1::PriorityClass>;
/// A ResourceQuota.
pub type ResourceQuota = Plain<corev1::ResourceQuota>;
/// A Secret.
pub type Secret = Plain<corev1::Secret>;
/// A Service.
pub type Service = Plain<corev1::Service>;
/// A ServiceAccount.
pub type ServiceAccount = Plain<corev1::ServiceAccount>;
/// A StatefulSet.
pub type StatefulSet = Plain<Parts<appsv1::StatefulSetSpec, appsv1::StatefulSetStatus>>;
/// A StorageClass.
pub type StorageClass = Plain<storagev1::StorageClass>;

/// What is known of a kind without looking at any object.
#[derive(Debug)]
pub struct KindInfo {
    /// `Pod`
    pub kind: &'static str,
    /// `apps`, or empty for the core group.
    pub group: &'static str,
    /// `v1`
    pub version: &'static str,
    /// `v1`, `apps/v1`
    pub api_version: &'static str,
    /// `pods`
    pub plural: &'static str,
    /// `pod`
    pub singular: &'static str,
    /// `po`
    pub short_names: &'static [&'static str],
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// What every object type can do. Implemented by the list of kinds, one line a kind.
pub trait Resource: Clone + PartialEq + Sized + 'static {
    /// The kind.
    const KIND: Kind;
    /// The type users meet.
    type Api: serde::de::DeserializeOwned + Clone + serde::Serialize + k8s_openapi::Metadata<Ty = metav1::ObjectMeta>;
    /// The metadata.
    fn meta(&self) -> &ObjectMeta;
    /// The metadata, to be changed.
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    /// The object as one of any kind.
    fn wrap(object: Arc<Self>) -> Object;
    /// The object of this kind inside, if it is one.
    fn unwrap(object: &Object) -> Option<&Arc<Self>>;
    /// The type users meet, made from the object.
    fn to_api_object(&self) -> Self::Api;
    /// The object made from the type users meet.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    fn from_api_object(api: Self::Api) -> Result<Self, ApiError>;
    /// The object's namespace and name.
    fn namespaced_name(&self) -> NamespacedName {
        NamespacedName { namespace: self.meta().namespace.clone(), name: self.meta().name.clone() }
    }
    /// The object's key.
    fn key(&self) -> ObjectKey {
        ObjectKey { kind: Self::KIND, namespace: self.meta().namespace.clone(), name: self.meta().name.clone() }
    }
}

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The kind.
    pub kind: Kind,
    /// The namespace, empty for cluster-scoped kinds.
    pub namespace: Str,
    /// The name.
    pub name: Str,
}

impl ObjectKey {
    /// The key of an object.
    pub fn new(kind: Kind, namespace: impl Into<Str>, name: impl Into<Str>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    /// `deployment.apps/web`, as kubectl names an object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.kind.info();
        f.write_str(info.singular)?;
        if !info.group.is_empty() {
            write!(f, ".{}", info.group)?;
        }
        write!(f, "/{}", self.name)
    }
}

macro_rules! kinds {
    ($( $name:ident: $api:ty, $group:literal $version:literal, $plural:literal $singular:literal [$($short:literal),*] $namespaced:literal; )*) => {
        /// Every kind the simulator serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind { $(
            #[doc = concat!("`", $plural, "`")]
            $name,
        )* }

        /// An object of any kind, shared and immutable.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object { $(
            #[doc = concat!("One of the `", $plural, "`.")]
            $name(Arc<$name>),
        )* }

        impl Kind {
            /// All kinds, in the order of the list.
            pub const ALL: &'static [Kind] = &[$( Kind::$name ),*];

            /// What is known of the kind.
            pub fn info(self) -> &'static KindInfo {
                match self { $( Kind::$name => const { &KindInfo {
                    kind: stringify!($name), group: $group, version: $version, plural: $plural, singular: $singular,
                    api_version: if $group.is_empty() { $version } else { concat!($group, "/", $version) },
                    short_names: &[$($short),*], namespaced: $namespaced,
                } }, )* }
            }
        }

        impl Object {
            /// The metadata.
            #[inline]
            pub fn meta(&self) -> &ObjectMeta {
                match self { $( Object::$name(o) => &o.meta, )* }
            }

            /// The kind.
            #[inline]
            pub fn kind(&self) -> Kind {
                match self { $( Object::$name(_) => Kind::$name, )* }
            }

            /// The object as JSON, with `apiVersion` and `kind`.
            pub fn to_json(&self) -> Value {
                let mut value = match self { $( Object::$name(o) => json_of(o.to_api()), )* };
                if let Some(ty) = type_named(self.kind().info().kind) {
                    print_zero_times(&mut value, ty);
                }
                crate::objects::nil::print_nil_lists(self.kind(), &mut value);
                value
            }

            /// A copy with other metadata.
            #[must_use]
            pub fn with_meta(&self, change: impl FnOnce(&mut ObjectMeta)) -> Object {
                match self { $( Object::$name(o) => {
                    let mut o = $name::clone(o);
                    change(&mut o.meta);
                    Object::$name(Arc::new(o))
                } )* }
            }

            /// A copy with another version, for which nothing is rendered.
            #[must_use]
            pub fn with_version(&self, version: u64) -> Object {
                if let Object::Event(event) = self
                    && let Some(event) = event.with_version(version)
                {
                    return Object::Event(Arc::new(event));
                }
                self.with_meta(|meta| meta.resource_version = version)
            }

            /// Whether both are one shared object, without looking inside.
            pub fn ptr_eq(&self, other: &Object) -> bool {
                match (self, other) { $( (Object::$name(a), Object::$name(b)) => Arc::ptr_eq(a, b), )* _ => false }
            }
        }

        $( impl Resource for $name {
            const KIND: Kind = Kind::$name;
            type Api = $api;
            #[inline]
            fn meta(&self) -> &ObjectMeta { &self.meta }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.meta }
            fn wrap(object: Arc<Self>) -> Object { Object::$name(object) }
            #[inline]
            fn unwrap(object: &Object) -> Option<&Arc<Self>> {
                match object { Object::$name(o) => Some(o), _ => None }
            }
            fn to_api_object(&self) -> Self::Api { self.to_api() }
            fn from_api_object(api: Self::Api) -> Result<Self, ApiError> { $name::from_api(api) }
        } )*
    };
}

kinds! {
    Namespace:               corev1::Namespace,                       ""                    "v1", "namespaces"               "namespace"               ["ns"]     false;
    Node:                    corev1::Node,                            ""                    "v1", "nodes"                    "node"                    ["no"]     false;
    PriorityClass:           schedulingv1::PriorityClass,             "scheduling.k8s.io"   "v1", "priorityclasses"          "priorityclass"           ["pc"]     false;
    StorageClass:            storagev1::StorageClass,                 "storage.k8s.io"      "v1", "storageclasses"           "storageclass"            ["sc"]     false;
    PersistentVolume:        corev1::PersistentVolume,                ""                    "v1", "persistentvolumes"        "persistentvolume"        ["pv"]     false;
    ConfigMap:               corev1::ConfigMap,                       ""                    "v1", "configmaps"               "configmap"               ["cm"]     true;
    Secret:                  corev1::Secret,                          ""                    "v1", "secrets"                  "secret"                  []         true;
    ServiceAccount:          corev1::ServiceAccount,                  ""                    "v1", "serviceaccounts"          "serviceaccount"          ["sa"]     true;
    LimitRange:              corev1::LimitRange,                      ""                    "v1", "limitranges"              "limitrange"              ["limits"] true;
    ResourceQuota:           corev1::ResourceQuota,                   ""                    "v1", "resourcequotas"           "resourcequota"           ["quota"]  true;
    Lease:                   coordinationv1::Lease,                   "coordination.k8s.io" "v1", "leases"                   "lease"                   []         true;
    PersistentVolumeClaim:   corev1::PersistentVolumeClaim,           ""                    "v1", "persistentvolumeclaims"   "persistentvolumeclaim"   ["pvc"]    true;
    Service:                 corev1::Service,                         ""                    "v1", "services"                 "service"                 ["svc"]    true;
    Endpoints:               corev1::Endpoints,                       ""                    "v1", "endpoints"                "endpoints"               ["ep"]     true;
    EndpointSlice:           discoveryv1::EndpointSlice,              "discovery.k8s.io"    "v1", "endpointslices"           "endpointslice"           []         true;
    PodTemplate:             corev1::PodTemplate,                     ""                    "v1", "podtemplates"             "podtemplate"             []         true;
    ControllerRevision:      appsv1::ControllerRevision,              "apps"                "v1", "controllerrevisions"      "controllerrevision"      []         true;
    Deployment:              appsv1::Deployment,                      "apps"                "v1", "deployments"              "deployment"              ["deploy"] true;
    ReplicaSet:              appsv1::ReplicaSet,                      "apps"                "v1", "replicasets"              "replicaset"              ["rs"]     true;
    StatefulSet:             appsv1::StatefulSet,                     "apps"                "v1", "statefulsets"             "statefulset"             ["sts"]    true;
    DaemonSet:               appsv1::DaemonSet,                       "apps"                "v1", "daemonsets"               "daemonset"               ["ds"]     true;
    ReplicationController:   corev1::ReplicationController,           ""                    "v1", "replicationcontrollers"   "replicationcontroller"   ["rc"]     true;
    Job:                     batchv1::Job,                            "batch"               "v1", "jobs"                     "job"                     []         true;
    CronJob:                 batchv1::CronJob,                        "batch"               "v1", "cronjobs"                 "cronjob"                 ["cj"]     true;
    HorizontalPodAutoscaler: autoscalingv2::HorizontalPodAutoscaler,  "autoscaling"         "v2", "horizontalpodautoscalers" "horizontalpodautoscaler" ["hpa"]    true;
    PodDisruptionBudget:     policyv1::PodDisruptionBudget,           "policy"              "v1", "poddisruptionbudgets"     "poddisruptionbudget"     ["pdb"]    true;
    Pod:                     corev1::Pod,                             ""                    "v1", "pods"                     "pod"                     ["po"]     true;
    Event:                   corev1::Event,                           ""                    "v1", "events"                   "event"                   ["ev"]     true;
}

/// Serialises a value that cannot fail to serialise: k8s-openapi types hold only strings, numbers, lists and string maps.
fn json_of(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl Kind {
    /// The kind of `apiVersion` and `kind`, if the simulator serves it.
    pub fn of(api_version: &str, kind: &str) -> Option<Kind> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let is_meant = |k: &Kind| {
            let info = k.info();
            // A slash with nothing before it is no way to write the core group.
            info.kind == kind && info.version == version && info.group == group && !api_version.starts_with('/')
        };
        Self::ALL.iter().copied().find(is_meant)
    }

    /// The kind that users spell `deploy`, `deployments`, `deployment.apps`, `Deployment` ... as kubectl resolves it.
    pub fn from_user_text(text: &str) -> Option<Kind> {
        let (name, group) = text.split_once('.').map_or((text, None), |(n, g)| (n, Some(g)));
        let lower = name.to_ascii_lowercase();
        Self::ALL.iter().copied().find(|k| {
            let info = k.info();
            let named = lower == info.plural || lower == info.singular || info.short_names.contains(&lower.as_str());
            named
                && group.is_none_or(|g| {
                    g == info.group
                        || g.strip_prefix(info.version).is_some_and(|g| g.trim_start_matches('.') == info.group)
                })
        })
    }

    /// `v1`, `apps/v1`
    pub fn api_version(self) -> String {
        self.info().api_version.to_owned()
    }

    /// `deployments.apps`
    pub fn resource(self) -> GroupResource {
        GroupResource::new_static(self.info().group, self.info().plural)
    }

    /// `Deployment.apps`
    pub fn group_kind(self) -> GroupKind {
        GroupKind::new_static(self.info().group, self.info().kind)
    }
}

impl Object {
    /// The object's key.
    pub fn key(&self) -> ObjectKey {
        let meta = self.meta();
        ObjectKey { kind: self.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() }
    }

    /// The object of a kind, if it is one.
    pub fn downcast<R: Resource>(&self) -> Option<&Arc<R>> {
        R::unwrap(self)
    }
}
