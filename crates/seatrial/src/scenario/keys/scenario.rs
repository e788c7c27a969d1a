//! The head of the file and `spec`.

use super::behavior::BEHAVIOR;
use super::cluster::CLUSTER;
use super::provisioner::PROVISIONER;
use super::step::STEP;
use super::{Shape, Type, optional, required, shape};

pub(crate) static SCENARIO: Shape = shape(
    "scenario",
    "A seatrial scenario",
    &[
        required("apiVersion", Type::Choice(&["seatrial.dev/v1alpha1"]), "The version of this format"),
        required("kind", Type::Choice(&["Scenario"]), "Always Scenario"),
        optional("metadata", Type::Map(&METADATA), "The scenario's name"),
        required("spec", Type::Map(&SPEC), "The scenario itself"),
    ],
);

static METADATA: Shape = shape(
    "metadata",
    "The scenario's name",
    &[
        optional("name", Type::Name, "The name; the file's name without its ending if not given"),
        optional("labels", Type::Texts, "Labels, for your own use"),
        optional("annotations", Type::Texts, "Annotations, for your own use"),
    ],
);

static SPEC: Shape = shape(
    "spec",
    "The scenario itself",
    &[
        optional("seed", Type::Int(0, i64::MAX), "The root of all randomness (default 0)"),
        optional("start", Type::Time, "The wall clock at which the scenario begins (default 2024-01-01T00:00:00Z)"),
        optional("cluster", Type::Map(&CLUSTER), "The cluster (default: three nodes, all controllers)"),
        optional("behaviors", Type::List(&Type::Map(&BEHAVIOR)), "How containers behave; the first match holds"),
        optional("provisioners", Type::List(&Type::Map(&PROVISIONER)), "How storage behaves; the first match holds"),
        optional("always", Type::List(&Type::Map(&INVARIANT)), "What must hold after every write"),
        required("steps", Type::List(&Type::Map(&STEP)), "What happens, in order"),
        optional("fromFullMinute", Type::Bool, "The steps begin when the clock's seconds are at 0"),
        optional("exclusive", Type::Bool, "The case was recorded alone; no meaning otherwise"),
    ],
);

static INVARIANT: Shape = shape(
    "invariant",
    "Something that must hold after every write",
    &[
        required("name", Type::Text, "Its name in reports"),
        required("target", Type::Query, "Which objects: kind, or kind/name with *"),
        required("that", Type::Cel, "The CEL expression that must hold for each of them, as `object`"),
    ],
);
