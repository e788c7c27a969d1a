//! `provisioners[]`: how the storage behind StorageClasses behaves.

use super::{COUNT, Key, Shape, Type, optional, shape};

pub(super) static PROVISIONER: Shape = shape(
    "provisioner",
    "How the storage of the classes that match behaves",
    &[
        optional("match", Type::Map(&MATCH), "Which storage; all given must hold (default all)"),
        ABSENT,
        PROVISION,
        DELETE,
        EXPAND,
        CAPACITY,
        TOPOLOGY,
    ],
);

pub(super) const ABSENT: Key = optional("absent", Type::Bool, "Nobody makes volumes (default false)");
pub(super) const PROVISION: Key = optional("provision", Type::Map(&OPERATION), "Making a volume (default at once)");
pub(super) const DELETE: Key = optional("delete", Type::Map(&OPERATION), "Deleting a volume (default at once)");
static NEVER_OR_OPERATION: &[Type] = &[Type::Choice(&["never"]), Type::Map(&OPERATION)];
pub(super) const EXPAND: Key = optional(
    "expand",
    Type::OneOf(NEVER_OR_OPERATION),
    "Growing a volume (default at once; never for sim.seatrial.dev/disk)",
);
pub(super) const CAPACITY: Key =
    optional("capacity", Type::Quantity, "How much there is for all volumes of a class (default no end)");
pub(super) const TOPOLOGY: Key = optional(
    "topology",
    Type::Text,
    "The node label by which volumes are reached: only from nodes with one value of it (default from all)",
);

static MATCH: Shape = shape(
    "provisionerMatch",
    "Which storage; all given must hold",
    &[
        optional("class", Type::Text, "Pattern of the StorageClass's name; * stands for any letters"),
        optional("provisioner", Type::Text, "Pattern of the provisioner's name"),
        optional("claim", Type::Text, "Pattern of the claim's name"),
    ],
);

static OPERATION: Shape = shape(
    "storageOperation",
    "How long something takes, and how it fails",
    &[
        optional("after", Type::When, "How long it takes (default 0s)"),
        optional("fail", Type::Text, "The driver's text, if it fails"),
        optional("failTimes", COUNT, "How many times it fails (default all)"),
    ],
);
