//! `print`, `expect` and `wait`.

use super::{COUNT, INT32, Shape, Type, optional, required, shape};

pub(super) const PRINT: Type = Type::OneOf(&[ITEM, Type::List(&ITEM)]);
const ITEM: Type = Type::OneOf(&[Type::Query, Type::Map(&PRINT_ITEM)]);

static PRINT_ITEM: Shape = Shape {
    name: "print",
    doc: "What to show, as the kubectl command of that name does",
    keys: &[
        optional("get", Type::Query, "kubectl get"),
        optional("yaml", Type::Query, "kubectl get -o yaml"),
        optional("describe", Type::Query, "kubectl describe"),
        optional("history", Type::Target, "kubectl rollout history"),
        optional("status", Type::Target, "kubectl rollout status"),
        optional("logs", Type::Target, "kubectl logs"),
        optional("events", Type::Bool, "true: kubectl events"),
        optional("wide", Type::Bool, "With `get`: the columns of -o wide"),
        optional("revision", INT32, "With `history`: one revision in full"),
        optional("container", Type::Text, "With `logs`: which container"),
        optional("previous", Type::Bool, "With `logs`: of the container's life before"),
        optional("tail", COUNT, "With `logs`: so many lines from the end"),
        optional("since", Type::Duration, "With `logs`: only lines that are not older"),
        optional("timestamps", Type::Bool, "With `logs`: each line begins with its time"),
    ],
    choose: &["get", "yaml", "describe", "history", "status", "logs", "events"],
};

pub(super) const EXPECT: Type = Type::OneOf(&[Type::Map(&EXPECTATION), Type::List(&Type::Map(&EXPECTATION))]);

static EXPECTATION: Shape = Shape {
    name: "expectation",
    doc: "What must hold now",
    keys: &[
        optional("target", Type::Target, "Which objects: kind/name, with *"),
        optional("kind", Type::Kind, "Or all objects of a kind"),
        optional("selector", Type::Texts, "With `kind`: labels they must have"),
        optional("count", COUNT, "How many of them there are that `match` and `that` hold for"),
        optional("match", Type::Mapping, "A part of the object that each of them must have"),
        optional("that", Type::Cel, "A CEL expression that must hold for each of them, as `object`"),
        optional("absent", Type::Bool, "There must be none"),
    ],
    choose: &["target", "kind"],
};

pub(super) static WAIT: Shape = shape(
    "wait",
    "Time passes until something holds",
    &[
        required("target", Type::Target, "Which object"),
        required(
            "for",
            Type::WaitFor,
            "What to wait for: Available, Complete, Failed, Ready, rollout, deleted, or a CEL expression",
        ),
        optional("timeout", Type::Duration, "The step fails after this long"),
    ],
);
