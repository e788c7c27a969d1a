//! `steps[]`: every verb and what it takes.

use super::behavior::BEHAVIOR;
use super::cluster::TAINT;
use super::print::{EXPECT, PRINT, WAIT};
use super::provisioner::PROVISIONER;
use super::{COUNT, INT32, Shape, Type, optional, required, shape};

/// Every verb, in the order of the table.
pub(crate) const VERBS: &[&str] = &[
    "create",
    "apply",
    "patch",
    "scale",
    "setImage",
    "delete",
    "rollout",
    "node",
    "behave",
    "provisioners",
    "settle",
    "advance",
    "snapshot",
    "call",
    "expect",
    "wait",
    "label",
    "annotate",
    "evict",
    "drain",
    "fault",
    "exec",
    "print",
];

const OBJECTS: Type = Type::OneOf(&[Type::Manifest, Type::List(&Type::Manifest)]);

pub(super) static STEP: Shape = Shape {
    name: "step",
    doc: "One step: one verb",
    keys: &[
        optional("create", OBJECTS, "POST of one object or several"),
        optional("apply", OBJECTS, "kubectl apply (client-side) of one object or several"),
        optional("patch", Type::Map(&PATCH), "PATCH"),
        optional("scale", Type::Map(&SCALE), "Sets replicas through the scale subresource"),
        optional("setImage", Type::Map(&SET_IMAGE), "Sets an image of the pod template"),
        optional("delete", Type::Map(&DELETE), "DELETE"),
        optional("rollout", Type::Map(&ROLLOUT), "kubectl rollout"),
        optional("node", Type::Map(&NODE_STEP), "Something happens to a node"),
        optional("behave", Type::List(&Type::Map(&BEHAVIOR)), "Puts behaviors in front of the list"),
        optional(
            "provisioners",
            Type::List(&Type::Map(&PROVISIONER)),
            "Puts behaviors of storage in front of the list",
        ),
        optional("settle", Type::Map(&SETTLE), "Time passes until nothing changes any more"),
        optional("advance", Type::Duration, "Time passes"),
        optional("snapshot", Type::Name, "Records every object under this name"),
        optional("call", Type::Map(&CALL), "A raw API request"),
        optional("expect", EXPECT, "What must hold now"),
        optional("wait", Type::Map(&WAIT), "Time passes until something holds"),
        optional("label", Type::Map(&LABEL), "kubectl label"),
        optional("annotate", Type::Map(&ANNOTATE), "kubectl annotate"),
        optional("evict", Type::Map(&EVICT), "Evicts pods, as budgets allow"),
        optional("drain", Type::Map(&DRAIN), "kubectl drain"),
        optional("fault", Type::Map(&FAULT), "Something goes wrong in the control plane, or with a node"),
        optional("exec", Type::Map(&EXEC), "kubectl exec"),
        optional("print", PRINT, "Shows something"),
    ],
    choose: VERBS,
};

static PATCH: Shape = shape(
    "patch",
    "PATCH",
    &[
        required("target", Type::Target, "Which objects: kind/name, with *"),
        optional("type", Type::Choice(&["strategic", "merge", "json"]), "The kind of patch (default strategic)"),
        required("patch", Type::Any, "The patch"),
        optional("subresource", Type::Text, "The subresource it goes to, such as status"),
    ],
);

static SCALE: Shape = shape(
    "scale",
    "Sets replicas",
    &[required("target", Type::Target, "Which object"), required("replicas", INT32, "The wanted number")],
);

static SET_IMAGE: Shape = shape(
    "setImage",
    "Sets an image of the pod template",
    &[
        required("target", Type::Target, "Which object"),
        required("container", Type::Text, "Which container of its template; * for all"),
        required("image", Type::Text, "The new image"),
    ],
);

static DELETE: Shape = shape(
    "delete",
    "DELETE",
    &[
        required("target", Type::Target, "Which objects: kind/name, with *"),
        optional(
            "propagation",
            Type::Choice(&["background", "foreground", "orphan"]),
            "What happens to dependents (default background)",
        ),
        optional("gracePeriod", Type::Duration, "The grace period (default the object's own)"),
    ],
);

static ROLLOUT: Shape = shape(
    "rollout",
    "kubectl rollout",
    &[
        required("action", Type::Choice(&["undo", "restart", "pause", "resume"]), "What to do"),
        required("target", Type::Target, "Which object"),
        optional("toRevision", INT32, "With undo: to which revision (default the one before)"),
    ],
);

static NODE_STEP: Shape = shape(
    "nodeStep",
    "Something happens to a node",
    &[
        required(
            "action",
            Type::Choice(&["add", "remove", "fail", "recover", "cordon", "uncordon", "taint", "label"]),
            "What happens",
        ),
        required("name", Type::Text, "Which node"),
        optional("capacity", Type::Quantities, "With add: its capacity"),
        optional("labels", Type::Changes, "With add and label: labels; null removes one"),
        optional("taints", Type::List(&Type::Map(&TAINT)), "With add and taint: all its taints"),
    ],
);

static SETTLE: Shape = shape(
    "settle",
    "Time passes until nothing changes any more",
    &[
        optional("quiet", Type::Duration, "Until no object has changed for this long (default 4s)"),
        optional("timeout", Type::Duration, "But not longer than this (default 240s)"),
    ],
);

static CALL: Shape = shape(
    "call",
    "A raw API request",
    &[
        required("method", Type::Text, "The HTTP method"),
        required("path", Type::Text, "The path"),
        optional("query", Type::Texts, "Query parameters"),
        optional("contentType", Type::Text, "The media type of the body (default application/json)"),
        optional("headers", Type::Texts, "Other headers, such as Accept"),
        optional("body", Type::Any, "The body, sent as JSON"),
        optional("raw", Type::Text, "The body, sent as it is"),
    ],
);

static LABEL: Shape = shape(
    "label",
    "kubectl label",
    &[
        required("target", Type::Target, "Which objects: kind/name, with *"),
        required("labels", Type::Changes, "The labels; null removes one"),
    ],
);

static ANNOTATE: Shape = shape(
    "annotate",
    "kubectl annotate",
    &[
        required("target", Type::Target, "Which objects: kind/name, with *"),
        required("annotations", Type::Changes, "The annotations; null removes one"),
    ],
);

static EVICT: Shape = shape(
    "evict",
    "Evicts pods",
    &[
        required("target", Type::Target, "Which pods: pod/NAME, with *"),
        optional("gracePeriod", Type::Duration, "The grace period (default the pod's own)"),
    ],
);

static DRAIN: Shape = shape(
    "drain",
    "kubectl drain",
    &[
        required("name", Type::Text, "Which node"),
        optional("gracePeriod", Type::Duration, "The pods' grace period (default their own)"),
        optional("timeout", Type::Duration, "How long refused evictions are retried (default for ever)"),
        optional("force", Type::Bool, "Also pods that no controller manages (default false)"),
        optional("ignoreDaemonSets", Type::Bool, "Go on although there are DaemonSet pods (default true)"),
        optional("deleteEmptyDirData", Type::Bool, "Also pods with emptyDir volumes (default false)"),
    ],
);

static FAULT: Shape = shape(
    "fault",
    "Something goes wrong in the control plane, or with a node",
    &[
        optional(
            "type",
            Type::Choice(&[
                "lag",
                "drop",
                "reorder",
                "conflict",
                "error",
                "latency",
                "crash",
                "down",
                "partition",
                "restart",
                "recover",
            ]),
            "What goes wrong (with a node default down)",
        ),
        optional("node", Type::Text, "With which node, with *; its types are down, partition, restart and recover"),
        optional("controller", Type::Text, "For which controller, such as deployment (default all)"),
        optional("kind", Type::Kind, "For objects of which kind (default all)"),
        optional("delay", Type::Duration, "With lag and latency: by how much"),
        optional("for", Type::Duration, "How long it lasts (default to the end; restart: 10s)"),
        optional("count", COUNT, "How many times it happens at most"),
        optional("percent", Type::Int(0, 100), "In how many of 100 cases it happens (default 100)"),
    ],
);

static EXEC: Shape = shape(
    "exec",
    "kubectl exec",
    &[
        required("target", Type::Target, "Which pod"),
        optional("container", Type::Text, "Which container (default the first)"),
        required("command", Type::List(&Type::Text), "The command and its arguments"),
        optional("expect", Type::Map(&EXEC_EXPECT), "What must come of it"),
    ],
);

static EXEC_EXPECT: Shape = shape(
    "execExpect",
    "What must come of a command",
    &[
        optional("stdout", Type::Text, "What it writes; * stands for any letters, the last line's end is left out"),
        optional("stderr", Type::Text, "What it complains of"),
        optional("exitCode", Type::Int(0, 255), "Its exit code (default 0)"),
    ],
);
