//! Reads `types.txt`.

use super::zero::LOCAL_OBJECT_REFERENCE;
use super::{Field, MergeStrategy, Ownership, Type, TypeRef};

/// All types, sorted by name.
pub(super) struct Table {
    pub(super) types: Vec<TypeDef>,
}

/// One struct type.
pub(super) struct TypeDef {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    /// Whether a time that is no pointer is somewhere inside.
    pub(super) holds_times: bool,
    /// Whether server-side apply owns it as a whole.
    pub(super) atomic: bool,
}

impl Table {
    /// Reads the table. The text is part of the program, so a line that cannot be read is skipped and a test notices.
    pub(super) fn parse(text: &str, ownership: &str) -> Self {
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        let mut rows: Vec<(&str, &str)> = lines.filter_map(|l| l.strip_suffix('}')?.split_once('{')).collect();
        rows.sort_unstable();
        let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        let types = rows
            .iter()
            .map(|(name, fields)| TypeDef {
                name: (*name).to_owned(),
                fields: fields.split(", ").filter_map(|f| parse_field(f, &names)).collect(),
                // The one type with a name that k8s-openapi prints empty and Go does not is found by the same walk.
                holds_times: *name == LOCAL_OBJECT_REFERENCE,
                atomic: false,
            })
            .collect();
        let mut table = Self { types };
        table.mark_times();
        ownership.lines().filter(|l| !l.starts_with('#')).for_each(|line| table.read_ownership(line));
        table
    }

    /// Reads a line of `ownership.txt`.
    fn read_ownership(&mut self, line: &str) {
        let (name, fields) = line.split_once(['{', '!']).unwrap_or((line, ""));
        let Some(index) = self.types.binary_search_by(|t| t.name.as_str().cmp(name)).ok() else { return };
        let ty = &mut self.types[index];
        ty.atomic |= fields.is_empty();
        for row in fields.trim_end_matches('}').split(", ") {
            let (name, how) = row.split_once('=').unwrap_or((row, "!"));
            let Some(field) = ty.fields.iter_mut().find(|f| f.json_name == name) else { continue };
            match how {
                "!" => field.always_written = true,
                "atomic" => field.ownership = Ownership::Atomic,
                "set" => field.ownership = Ownership::Set,
                keys => field.ownership = Ownership::Keys(keys.split('+').map(str::to_owned).collect()),
            }
        }
    }

    /// Finds the types that hold times, from the inside out.
    fn mark_times(&mut self) {
        loop {
            let marked = |ty: TypeRef| self.types[ty.0].holds_times;
            let holds = |ty: &TypeDef| ty.name != "ObjectMeta" && ty.fields.iter().any(|f| f.ty.holds_times(marked));
            let found: Vec<usize> =
                (0..self.types.len()).filter(|i| !self.types[*i].holds_times && holds(&self.types[*i])).collect();
            if found.is_empty() {
                return;
            }
            for index in found {
                self.types[index].holds_times = true;
            }
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<TypeRef> {
        self.types.binary_search_by(|t| t.name.as_str().cmp(name)).ok().map(TypeRef)
    }
}

fn parse_field(text: &str, names: &[&str]) -> Option<Field> {
    let mut words = text.split(' ');
    let (head, type_text) = (words.next()?, words.next()?);
    let (go_name, json_name) = match head.split_once('=') {
        Some((name, "^")) => (name, String::new()),
        Some((name, json)) => (name, json.to_owned()),
        None => (head, lower_first(head)),
    };
    let type_text = type_text.replace('~', go_name);
    let (ty, go_type) = parse_type(&type_text, names);
    let merge = words.next().map(parse_merge).unwrap_or_default();
    let go_name = go_name.to_owned();
    Some(Field { go_name, json_name, go_type, ty, merge, ownership: Ownership::default(), always_written: false })
}

fn parse_merge(text: &str) -> MergeStrategy {
    let (key, retain_keys) = match text.trim_start_matches('@').split_once('+') {
        Some((key, _)) => (key, true),
        None => (text.trim_start_matches('@'), false),
    };
    let merge = !key.is_empty() || !retain_keys;
    MergeStrategy { merge, key: (!key.is_empty()).then(|| key.to_owned()), retain_keys }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// The Go package of a type: its version, which is v2 for autoscalers.
fn package(name: &str) -> &'static str {
    let v2 = ["HorizontalPodAutoscaler", "HPAScaling", "Metric", "CrossVersionObjectReference", "ScalingPolicySelect"];
    let is_v2 = v2.iter().any(|start| name.starts_with(start));
    if is_v2 || name.ends_with("MetricSource") || name.ends_with("MetricStatus") { "v2" } else { "v1" }
}

fn parse_type(text: &str, names: &[&str]) -> (Type, String) {
    if let Some(rest) = text.strip_prefix('*') {
        let (ty, go) = parse_type(rest, names);
        return (Type::Pointer(Box::new(ty)), format!("*{go}"));
    }
    if let Some(rest) = text.strip_prefix("[]") {
        let (ty, go) = parse_type(rest, names);
        return (Type::Slice(Box::new(ty)), format!("[]{go}"));
    }
    let own = |ty: Type, go: &str| (ty, go.to_owned());
    match text {
        "s" => own(Type::String, "string"),
        "b" => own(Type::Bool, "bool"),
        "i" => own(Type::Int32, "int32"),
        "l" => own(Type::Int64, "int64"),
        "m" => own(Type::Map(Box::new(Type::String)), "map[string]string"),
        "map[Time]" => own(Type::Map(Box::new(Type::Time)), "map[string]v1.Time"),
        "map[bytes]" => own(Type::Map(Box::new(Type::Bytes)), "map[string][]uint8"),
        "raw" => own(Type::Raw, "runtime.RawExtension"),
        "resource.Quantity" => own(Type::Quantity, text),
        "intstr.IntOrString" => own(Type::IntOrString, text),
        "types.UID" => own(Type::String, text),
        "Time" => own(Type::Time, "v1.Time"),
        "MicroTime" => own(Type::MicroTime, "v1.MicroTime"),
        "ResourceList" => own(Type::Map(Box::new(Type::Quantity)), "v1.ResourceList"),
        _ => {
            let ty = names.binary_search(&text).map_or(Type::String, |index| Type::Struct(TypeRef(index)));
            (ty, format!("{}.{text}", package(text)))
        }
    }
}
