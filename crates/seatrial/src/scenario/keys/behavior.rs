//! `behaviors[]`: the shorthand and the container model.

use super::{COUNT, INT32, Shape, Type, optional, required, shape};

pub(super) static BEHAVIOR: Shape = shape(
    "behavior",
    "How the containers that match behave",
    &[
        optional("match", Type::Map(&MATCH), "Which containers; all given must hold (default all)"),
        optional("pull", Type::Map(&PULL), "How the image is pulled (default at once)"),
        optional(
            "start",
            Type::OneOf(&[Type::When, Type::Map(&START)]),
            "From binding to running, or how the runtime refuses to start (default 100ms)",
        ),
        optional(
            "ready",
            Type::OneOf(&[Type::Bool, Type::Map(&READY)]),
            "From running to ready; false: never (default at once)",
        ),
        optional("healthy", Type::List(&Type::Map(&WINDOW)), "When ports and commands answer, in the container's age"),
        optional(
            "exit",
            Type::OneOf(&[Type::Map(&EXIT), Type::List(&Type::Map(&EXIT))]),
            "The container's end by itself; a list has one item a life, the last repeats (default never)",
        ),
        optional("oom", Type::Map(&OOM), "Its end by the kernel: 137, OOMKilled (default never)"),
        optional("terminate", Type::Map(&TERMINATE), "What SIGTERM does (default: it ends after 100ms with 143)"),
        optional("message", Type::Text, "What is in the termination log when it ends"),
        optional(
            "log",
            Type::List(&Type::OneOf(&[Type::Text, Type::Map(&LOG)])),
            "The lines it logs; a text comes at once",
        ),
        optional(
            "usage",
            Type::OneOf(&[Type::Map(&USAGE), Type::List(&Type::Map(&USAGE))]),
            "What it uses, for autoscaling; a list has one item an age",
        ),
    ],
);

static MATCH: Shape = shape(
    "match",
    "Which containers; all given must hold",
    &[
        optional("image", Type::Text, "Pattern of the image; * stands for any letters"),
        optional("pod", Type::Text, "Pattern of the pod's name"),
        optional("container", Type::Text, "Pattern of the container's name"),
        optional("labels", Type::Texts, "Labels of the pod"),
    ],
);

static PULL: Shape = shape(
    "pull",
    "How an image is pulled",
    &[
        optional("after", Type::When, "How long a pull takes (default 0s)"),
        optional("fail", Type::Text, "The runtime's text, if it fails"),
        optional("failTimes", COUNT, "How many pulls fail (default all)"),
    ],
);

static START: Shape = shape(
    "start",
    "How the runtime starts a container",
    &[
        optional("after", Type::When, "From binding to running (default 100ms)"),
        optional("fail", Type::Text, "The runtime's text, if it refuses"),
        optional("failTimes", COUNT, "How many starts fail (default all)"),
    ],
);

static READY: Shape =
    shape("ready", "From running to ready", &[optional("after", Type::When, "From running to ready (default 0s)")]);

static WINDOW: Shape = Shape {
    name: "window",
    doc: "A window of the container's age in which something answers",
    keys: &[
        optional("port", Type::Int(1, 65535), "Connections to this port are accepted"),
        optional("path", Type::Text, "HTTP requests to this path are answered (default any); others get 404"),
        optional("status", Type::Int(100, 599), "The status they get (default 200)"),
        optional("exec", Type::Text, "Probes' and hooks' commands that begin with this word"),
        optional("code", INT32, "With `exec`: they end with this code (default 0); outside of all windows with 1"),
        optional("from", Type::Duration, "From this age (default 0s)"),
        optional("to", Type::When, "To this age (default never)"),
        optional("takes", Type::Duration, "How long an answer takes (default 0s)"),
        optional("restarts", COUNT, "Only in the container's life of this number; 0 is the first"),
    ],
    choose: &["port", "exec"],
};

static EXIT: Shape = shape(
    "exit",
    "The container's end by itself",
    &[required("after", Type::When, "From running to the end"), optional("code", INT32, "The exit code (default 0)")],
);

static OOM: Shape =
    shape("oom", "The container's end by the kernel", &[required("after", Type::When, "From running to the end")]);

static TERMINATE: Shape = shape(
    "terminate",
    "What SIGTERM does",
    &[
        optional("after", Type::Duration, "From the signal to the end (default 100ms)"),
        optional("exitCode", INT32, "The exit code (default 143)"),
        optional("ignore", Type::Bool, "Only SIGKILL ends it (default false)"),
    ],
);

static LOG: Shape = shape(
    "log",
    "A line that a container logs",
    &[
        required("line", Type::Text, "The line"),
        optional("after", Type::Duration, "From running to the line (default 0s)"),
        optional("every", Type::Duration, "Again after each such time (default once)"),
    ],
);

static USAGE: Shape = shape(
    "usage",
    "What a container uses",
    &[
        optional("from", Type::Duration, "From this age (default 0s)"),
        optional("cpu", Type::Quantity, "Cpu, such as 250m"),
        optional("memory", Type::Quantity, "Memory, such as 64Mi"),
        optional("custom", Type::Quantities, "Custom metrics by name"),
        optional(
            "shared",
            Type::Bool,
            "The load of all of them together, from this time of the scenario on (default false)",
        ),
    ],
);
