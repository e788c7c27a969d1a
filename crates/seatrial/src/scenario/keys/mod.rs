//! The keys of the scenario file: one table that the parser checks files with, the JSON schema is
//! generated from, and the reference in docs/scenarios.md is tested against.

mod behavior;
mod cluster;
mod print;
mod provisioner;
mod scenario;
mod step;

pub(crate) use scenario::SCENARIO;
#[cfg(test)]
pub(crate) use step::VERBS;

/// A mapping of known keys.
pub(crate) struct Shape {
    /// The name of its definition in the JSON schema.
    pub(crate) name: &'static str,
    /// What it is, in a few words.
    pub(crate) doc: &'static str,
    /// All keys it may have.
    pub(crate) keys: &'static [Key],
    /// Of these, exactly one is given.
    pub(crate) choose: &'static [&'static str],
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) required: bool,
    pub(crate) doc: &'static str,
}

/// What the value of a key may be.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    /// Any value.
    Any,
    /// Any mapping.
    Mapping,
    /// A Kubernetes object, or `{file: PATTERN}`.
    Manifest,
    Text,
    /// A word that becomes the name of a file.
    Name,
    Bool,
    /// A whole number in a range.
    Int(i64, i64),
    Duration,
    /// A duration or `never`.
    When,
    /// An RFC 3339 time.
    Time,
    /// `kind/name`.
    Target,
    /// `kind` or `kind/name`.
    Query,
    Kind,
    Cel,
    /// A condition's name, `rollout`, `deleted` or CEL.
    WaitFor,
    /// A Kubernetes quantity, as text or number.
    Quantity,
    Choice(&'static [&'static str]),
    /// Text to text.
    Texts,
    /// Text to text, or to null, which removes the key.
    Changes,
    /// Resource to quantity.
    Quantities,
    Map(&'static Shape),
    List(&'static Type),
    OneOf(&'static [Type]),
}

/// Any 32-bit number: where the API server is the judge of the value.
const INT32: Type = Type::Int(i32::MIN as i64, i32::MAX as i64);
/// A number of things.
const COUNT: Type = Type::Int(0, u32::MAX as i64);

const fn optional(name: &'static str, kind: Type, doc: &'static str) -> Key {
    Key { name, kind, required: false, doc }
}

const fn required(name: &'static str, kind: Type, doc: &'static str) -> Key {
    Key { name, kind, required: true, doc }
}

const fn shape(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Shape {
    Shape { name, doc, keys, choose: &[] }
}

/// All shapes that can be reached from the root, the root first.
pub(crate) fn all_shapes() -> Vec<&'static Shape> {
    let mut shapes: Vec<&'static Shape> = vec![&SCENARIO];
    let mut next = 0;
    while next < shapes.len() {
        for key in shapes[next].keys {
            collect(&key.kind, &mut shapes);
        }
        next += 1;
    }
    shapes
}

fn collect(kind: &Type, shapes: &mut Vec<&'static Shape>) {
    match kind {
        Type::Map(shape) if !shapes.iter().any(|known| known.name == shape.name) => shapes.push(shape),
        Type::List(item) => collect(item, shapes),
        Type::OneOf(kinds) => kinds.iter().for_each(|kind| collect(kind, shapes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{VERBS, all_shapes};

    #[test]
    fn names_are_unique_and_choices_exist() {
        let shapes = all_shapes();
        assert!(shapes.len() > 30);
        for shape in &shapes {
            let mut names: Vec<_> = shape.keys.iter().map(|key| key.name).collect();
            for choice in shape.choose {
                assert!(names.contains(choice), "{}: {choice}", shape.name);
            }
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), shape.keys.len(), "{}", shape.name);
        }
        let step = shapes.iter().find(|shape| shape.name == "step").expect("steps are reachable");
        assert_eq!(step.keys.iter().map(|key| key.name).collect::<Vec<_>>(), VERBS);
    }
}
