//! The Go types behind the JSON: field names, kinds and merge keys of every type the simulator serves.
//!
//! One table (`types.txt`) serves four readers: the template hash, strict decoding, canonical storage and strategic merge.
//! Mirrors k8s.io/api (v1.36).

mod canonical;
mod check;
mod go_time;
pub mod hash;
mod parse;
mod zero;

use std::sync::LazyLock;

pub use canonical::{canonicalize, to_typed_value};
pub use check::{Issue, check, check_value};
pub use zero::{fill_zero_times, print_zero_times};

/// A struct type of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef(usize);

/// A field of a struct type.
#[derive(Debug)]
pub struct Field {
    /// The field's name in Go.
    pub go_name: String,
    /// The key in JSON; empty for embedded structs.
    pub json_name: String,
    /// The field's type as Go writes it: `*v1.Probe`, `[]string`.
    pub go_type: String,
    /// The field's type.
    pub ty: Type,
    /// How a strategic merge patch treats the field.
    pub merge: MergeStrategy,
    /// How server-side apply splits the field's list or map.
    pub ownership: Ownership,
    /// Whether Go writes a list that is not there, as null.
    pub always_written: bool,
}

/// How server-side apply splits a list or map into what managers own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Lists are owned as a whole, maps key by key.
    #[default]
    Default,
    /// A map that is owned as a whole.
    Atomic,
    /// A list of values, each owned by itself.
    Set,
    /// A list of objects that are named by these keys.
    Keys(Vec<String>),
}

/// How a strategic merge patch treats a field. Mirrors the tags `patchStrategy` and `patchMergeKey`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MergeStrategy {
    /// Whether a list is merged and not replaced.
    pub merge: bool,
    /// The key by which a list of objects is merged.
    pub key: Option<String>,
    /// Whether `$retainKeys` is sent.
    pub retain_keys: bool,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string, or a type that is one.
    String,
    /// A boolean.
    Bool,
    /// An int32.
    Int32,
    /// An int64.
    Int64,
    /// A struct.
    Struct(TypeRef),
    /// A list.
    Slice(Box<Type>),
    /// Values by name.
    Map(Box<Type>),
    /// A value that may be missing.
    Pointer(Box<Type>),
    /// A resource quantity.
    Quantity,
    /// A number or a string.
    IntOrString,
    /// RFC 3339 in seconds.
    Time,
    /// RFC 3339 in microseconds.
    MicroTime,
    /// Base64.
    Bytes,
    /// Anything.
    Raw,
}

impl Type {
    /// The type without its pointer.
    pub fn target(&self) -> &Type {
        match self {
            Type::Pointer(target) => target,
            other => other,
        }
    }

    /// Whether a time that is no pointer is somewhere inside, given whether one is in a struct.
    fn holds_times(&self, in_struct: impl Fn(TypeRef) -> bool) -> bool {
        match self {
            Type::Time | Type::MicroTime => true,
            Type::Struct(inner) => in_struct(*inner),
            Type::Slice(inner) | Type::Map(inner) | Type::Pointer(inner) => {
                matches!(&**inner, Type::Struct(inner) if in_struct(*inner))
            }
            _ => false,
        }
    }
}

static TABLE: LazyLock<parse::Table> =
    LazyLock::new(|| parse::Table::parse(include_str!("types.txt"), include_str!("ownership.txt")));

/// The struct type with a Go name, as in `PodSpec`.
pub fn type_named(name: &str) -> Option<TypeRef> {
    TABLE.find(name)
}

impl TypeRef {
    /// The Go name.
    pub fn name(self) -> &'static str {
        &TABLE.types[self.0].name
    }

    /// The fields in the order of Go, embedded structs as one.
    pub fn fields(self) -> &'static [Field] {
        &TABLE.types[self.0].fields
    }

    /// Whether a time that is no pointer is somewhere inside.
    fn holds_times(self) -> bool {
        TABLE.types[self.0].holds_times
    }

    /// Whether server-side apply owns the struct as a whole.
    pub fn is_atomic(self) -> bool {
        TABLE.types[self.0].atomic
    }

    /// The field with a JSON key; keys of embedded structs are found too.
    pub fn field(self, json_name: &str) -> Option<&'static Field> {
        self.fields().iter().find_map(|f| match &f.ty {
            Type::Struct(inner) if f.json_name.is_empty() => inner.field(json_name),
            _ => (f.json_name == json_name).then_some(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_about_ownership_names_a_field_that_there_is() {
        for line in include_str!("ownership.txt").lines().filter(|l| !l.starts_with('#')) {
            let (name, rest) = line.split_once(['{', '!']).unwrap_or((line, ""));
            let fields = rest.trim_end_matches('}').split(", ").filter(|f| !f.is_empty());
            let ty = type_named(name);
            for field in fields.filter_map(|f| f.split('=').next()) {
                assert!(ty.is_some_and(|t| t.field(field).is_some()), "{name} has no {field}");
            }
        }
    }

    #[test]
    fn the_table_parses_and_every_type_is_reachable_by_name() {
        for name in ["Deployment", "PodTemplateSpec", "Lease", "VolumeSource"] {
            assert_eq!(type_named(name).map(TypeRef::name), Some(name));
        }
        let volume = type_named("Volume").expect("Volume");
        assert!(volume.field("emptyDir").is_some() && volume.field("name").is_some() && volume.field("nope").is_none());
        let ports = type_named("Container").and_then(|t| t.field("ports")).expect("ports");
        assert_eq!(ports.ownership, Ownership::Keys(vec!["containerPort".to_owned(), "protocol".to_owned()]));
        assert!(type_named("LabelSelector").is_some_and(TypeRef::is_atomic));
        let containers = type_named("PodSpec").and_then(|t| t.field("containers")).expect("containers");
        assert_eq!((containers.go_type.as_str(), containers.merge.key.as_deref()), ("[]v1.Container", Some("name")));
    }
}
