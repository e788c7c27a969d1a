//! `spec.cluster`, and what a node step shares with it.

use super::provisioner::{ABSENT, CAPACITY, DELETE, EXPAND, PROVISION, TOPOLOGY};
use super::{COUNT, Shape, Type, optional, required, shape};

pub(super) static CLUSTER: Shape = shape(
    "cluster",
    "The cluster a scenario starts with",
    &[
        optional("nodes", Type::List(&Type::Map(&NODE)), "The nodes (default: node-0, node-1, node-2)"),
        optional("controllers", Type::Choice(&["all", "none"]), "none: the API server alone acts (default all)"),
        optional(
            "storageClasses",
            Type::List(&Type::OneOf(&[Type::Text, Type::Map(&STORAGE_CLASS)])),
            "StorageClasses that exist from the start; a name alone has the defaults",
        ),
        optional(
            "loadBalancers",
            Type::Map(&LOAD_BALANCERS),
            "Services of type LoadBalancer get an address (default: they wait for ever, as without a cloud provider)",
        ),
        optional("defaults", Type::Map(&DEFAULTS), "What holds where a node does not say"),
    ],
);

static DEFAULTS: Shape = shape(
    "clusterDefaults",
    "What holds where a node does not say",
    &[
        optional("nodes", COUNT, "How many nodes there are if `nodes` is not given (default 3)"),
        optional("capacity", Type::Quantities, "The capacity of nodes (default cpu 8, memory 32Gi, pods 110)"),
    ],
);

static LOAD_BALANCERS: Shape = shape(
    "loadBalancers",
    "The load balancers of the cluster's provider",
    &[optional("after", Type::Duration, "How long it takes to make one (default 5s)")],
);

static NODE: Shape = shape(
    "node",
    "A node, or several alike",
    &[
        required("name", Type::Text, "The name; with `count` the part before -0, -1, ..."),
        optional("count", COUNT, "How many such nodes there are, named NAME-0, NAME-1, ..."),
        optional("capacity", Type::Quantities, "Its capacity (default cpu 8, memory 32Gi, pods 110)"),
        optional("labels", Type::Texts, "Its labels"),
        optional("taints", Type::List(&Type::Map(&TAINT)), "Its taints"),
    ],
);

pub(super) static TAINT: Shape = shape(
    "taint",
    "A taint of a node",
    &[
        required("key", Type::Text, "The key"),
        optional("value", Type::Text, "The value (default empty)"),
        required("effect", Type::Choice(&["NoSchedule", "PreferNoSchedule", "NoExecute"]), "The effect"),
    ],
);

static STORAGE_CLASS: Shape = shape(
    "storageClass",
    "A StorageClass",
    &[
        required("name", Type::Text, "The name"),
        optional("provisioner", Type::Text, "The provisioner (default sim.seatrial.dev/disk); any is served"),
        optional("default", Type::Bool, "Whether it is the default class (default false)"),
        optional(
            "reclaimPolicy",
            Type::Choice(&["Delete", "Retain"]),
            "What happens to a released volume (default Delete)",
        ),
        optional(
            "volumeBindingMode",
            Type::Choice(&["Immediate", "WaitForFirstConsumer"]),
            "When a claim gets its volume (default Immediate)",
        ),
        optional("allowVolumeExpansion", Type::Bool, "Whether claims may grow (default false)"),
        ABSENT,
        PROVISION,
        DELETE,
        EXPAND,
        CAPACITY,
        TOPOLOGY,
    ],
);
