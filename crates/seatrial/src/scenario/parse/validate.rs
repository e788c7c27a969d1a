//! Checks a document against the tables of keys: the first key or value that is wrong is the error.

use super::leaf;
use crate::manifest::node::{Data, Entry, Node};
use crate::manifest::{InputError, suggest};
use crate::scenario::keys::{Key, Shape, Type};

/// Checks `node`, which stands at `path` (empty for the document itself), against its type.
pub(super) fn validate(node: &Node, kind: &Type, path: &str) -> Result<(), InputError> {
    match kind {
        Type::Any => Ok(()),
        Type::Map(shape) => validate_shape(node, shape, path),
        Type::List(item) => validate_list(node, item, path),
        Type::OneOf(kinds) => match kinds.iter().find(|kind| accepts(kind, node)) {
            Some(kind) => validate(node, kind, path),
            None => Err(mismatch(node, kind, path)),
        },
        _ if !accepts(kind, node) => Err(mismatch(node, kind, path)),
        Type::Choice(choices) => validate_choice(node, choices, path),
        Type::Int(minimum, maximum) => validate_int(node, (*minimum, *maximum), path),
        Type::Texts | Type::Changes | Type::Quantities => validate_values(node, kind, path),
        _ => validate_leaf(node, kind),
    }
}

fn validate_leaf(node: &Node, kind: &Type) -> Result<(), InputError> {
    match kind {
        Type::Name => leaf::name(node),
        Type::Duration => leaf::duration(node).map(drop),
        Type::When => leaf::when(node).map(drop),
        Type::Time => leaf::time(node).map(drop),
        Type::Target => leaf::target(node).map(drop),
        Type::Query => leaf::query(node).map(drop),
        Type::Kind => leaf::kind(node).map(drop),
        Type::Cel => leaf::cel(node).map(drop),
        Type::WaitFor => leaf::wait_for(node).map(drop),
        Type::Quantity => leaf::quantity(node).map(drop),
        _ => Ok(()),
    }
}

/// Whether the value has the right form: text, number, list or mapping. Durations and times judge
/// numbers themselves, as they have a better hint for them.
fn accepts(kind: &Type, node: &Node) -> bool {
    match kind {
        Type::Any => true,
        Type::Bool => matches!(node.data, Data::Bool(_)),
        Type::Int(..) => matches!(node.data, Data::Number(_) | Data::Huge(_)),
        Type::List(_) => matches!(node.data, Data::List(_)),
        Type::Map(_) | Type::Mapping | Type::Manifest | Type::Texts | Type::Changes | Type::Quantities => {
            matches!(node.data, Data::Map(_))
        }
        Type::Duration | Type::When | Type::Quantity | Type::Time => {
            matches!(node.data, Data::Text(_) | Data::Number(_))
        }
        Type::OneOf(kinds) => kinds.iter().any(|kind| accepts(kind, node)),
        _ => matches!(node.data, Data::Text(_)),
    }
}

fn describe(kind: &Type) -> String {
    match kind {
        Type::Any => "a value".to_owned(),
        Type::Bool => "`true` or `false`".to_owned(),
        Type::Int(..) => "a whole number".to_owned(),
        Type::List(_) => "a list".to_owned(),
        Type::Manifest => "an object".to_owned(),
        Type::Map(_) | Type::Mapping | Type::Texts | Type::Changes | Type::Quantities => "a mapping".to_owned(),
        Type::Duration => "a duration".to_owned(),
        Type::When => "a duration or `never`".to_owned(),
        Type::Time => "a time".to_owned(),
        Type::Target => "a target (`kind/name`)".to_owned(),
        Type::Query => "a target (`kind` or `kind/name`)".to_owned(),
        Type::Quantity => "a quantity".to_owned(),
        Type::Choice(choices) => suggest::either(choices),
        Type::OneOf(kinds) => kinds.iter().map(describe).collect::<Vec<_>>().join(" or "),
        _ => "text".to_owned(),
    }
}

fn mismatch(node: &Node, kind: &Type, path: &str) -> InputError {
    let message = format!("`{path}` must be {}, not {}", describe(kind), node.describe());
    let error = InputError::at(node.position, message);
    let wants_text = matches!(kind, Type::Text | Type::Name | Type::Cel | Type::Choice(_));
    let wants_object = matches!(kind, Type::Manifest) || matches!(kind, Type::OneOf([Type::Manifest, ..]));
    match &node.data {
        Data::Text(text) if wants_object => error.hint(format!("a file is named so: `{{file: {text}}}`")),
        Data::Number(_) | Data::Bool(_) if wants_text => error.hint("put it in quotes if it is text"),
        _ => error,
    }
}

fn validate_int(node: &Node, (minimum, maximum): (i64, i64), path: &str) -> Result<(), InputError> {
    let number = match &node.data {
        Data::Number(number) => number,
        Data::Huge(digits) => {
            let message = format!("`{path}` must be from {minimum} to {maximum}, not `{digits}`");
            return Err(InputError::at(node.position, message));
        }
        _ => return Ok(()),
    };
    match number.as_i64() {
        Some(value) if (minimum..=maximum).contains(&value) => Ok(()),
        None if !number.is_u64() => {
            Err(InputError::at(node.position, format!("`{path}` must be a whole number, not `{number}`")))
        }
        _ => {
            Err(InputError::at(node.position, format!("`{path}` must be from {minimum} to {maximum}, not `{number}`")))
        }
    }
}

fn validate_choice(node: &Node, choices: &[&str], path: &str) -> Result<(), InputError> {
    let text = node.text().unwrap_or_default();
    if choices.contains(&text) {
        return Ok(());
    }
    let message = format!("`{text}` is not a value of `{path}`");
    let error = InputError::at(node.position, message);
    match (choices, suggest::nearest(text, choices.iter().copied())) {
        ([only], _) => Err(error.hint(format!("it is always `{only}`"))),
        (_, Some(near)) => Err(error.hint(format!("did you mean `{near}`?"))),
        _ => Err(error.hint(format!("use {}", suggest::either(choices)))),
    }
}

fn validate_list(node: &Node, item: &Type, path: &str) -> Result<(), InputError> {
    let Data::List(items) = &node.data else {
        let hint = match accepts(item, node) {
            true => Some("put a `- ` in front of it, or `[` and `]` around it".to_owned()),
            false => None,
        };
        return Err(mismatch(node, &Type::List(&Type::Any), path).maybe_hint(hint));
    };
    items.iter().enumerate().try_for_each(|(index, node)| validate(node, item, &format!("{path}[{index}]")))
}

/// The values of a mapping with keys of the user's choice.
fn validate_values(node: &Node, kind: &Type, path: &str) -> Result<(), InputError> {
    for Entry { key, node, .. } in node.entries() {
        let path = format!("{path}.{key}");
        match (kind, &node.data) {
            (Type::Changes, Data::Null) => {}
            (Type::Quantities, _) => validate(node, &Type::Quantity, &path)?,
            _ => validate(node, &Type::Text, &path)?,
        }
    }
    Ok(())
}

fn validate_shape(node: &Node, shape: &Shape, path: &str) -> Result<(), InputError> {
    if !matches!(node.data, Data::Map(_)) {
        return Err(match path {
            "" => InputError::at(node.position, format!("a scenario is a mapping, not {}", node.describe())),
            _ => mismatch(node, &Type::Mapping, path),
        });
    }
    for entry in node.entries() {
        validate_entry(entry, shape, path)?;
    }
    for key in shape.keys.iter().filter(|key| key.required) {
        let is_given = match key.kind {
            Type::Any => node.entries().iter().any(|entry| entry.key == key.name),
            _ => node.get(key.name).is_some(),
        };
        if !is_given {
            return Err(InputError::at(node.position, format!("{} has no `{}`", place(path), key.name)).hint(format!(
                "add `{}`: {}",
                key.name,
                lower_first(key.doc)
            )));
        }
    }
    validate_choose(node, shape, path)
}

fn validate_entry(entry: &Entry, shape: &Shape, path: &str) -> Result<(), InputError> {
    let Some(key) = shape.keys.iter().find(|key| key.name == entry.key) else {
        return Err(unknown(entry, shape, path));
    };
    let path = match path {
        "" => key.name.to_owned(),
        _ => format!("{path}.{}", key.name),
    };
    match entry.node.data {
        // As in Kubernetes, null is as good as absent.
        Data::Null => Ok(()),
        _ => validate(&entry.node, &key.kind, &path),
    }
}

fn unknown(entry: &Entry, shape: &Shape, path: &str) -> InputError {
    let names: Vec<&str> = shape.keys.iter().map(|key: &Key| key.name).collect();
    let what = if shape.name == "step" { "verb" } else { "field" };
    let message = match path {
        "" => format!("unknown {what} `{}`", entry.key),
        _ => format!("unknown {what} `{}` in `{path}`", entry.key),
    };
    InputError::at(entry.position, message).hint(suggest::hint_for(&entry.key, &names))
}

/// Exactly one of the keys of `choose` is given. A null one counts where the shape is a step (`settle:`).
fn validate_choose(node: &Node, shape: &Shape, path: &str) -> Result<(), InputError> {
    if shape.choose.is_empty() {
        return Ok(());
    }
    let is_step = shape.name == "step";
    let given: Vec<&Entry> = node
        .entries()
        .iter()
        .filter(|entry| shape.choose.contains(&entry.key.as_str()))
        .filter(|entry| is_step || entry.node.data != Data::Null)
        .collect();
    match (given.as_slice(), is_step) {
        ([one], true) if one.node.data == Data::Null && one.key != "settle" => {
            Err(InputError::at(one.position, format!("the step `{}` says nothing", one.key))
                .hint("write what it is about behind the colon, or indent it below"))
        }
        ([_], _) => Ok(()),
        ([], true) => Err(InputError::at(node.position, format!("{} has no verb", place(path)))
            .hint(format!("a step is {}", suggest::either(shape.choose)))),
        ([], false) => Err(InputError::at(node.position, format!("{} lacks one of its fields", place(path)))
            .hint(format!("give {}", suggest::either(shape.choose)))),
        ([first, second, ..], _) => {
            let (hint, noun) = match is_step {
                true => ("a step has one verb: write two steps", "verbs"),
                false => ("give one of them", "fields that exclude each other"),
            };
            let message = format!("{} has two {noun}, `{}` and `{}`", place(path), first.key, second.key);
            Err(InputError::at(second.position, message).hint(hint))
        }
    }
}

fn place(path: &str) -> String {
    match path {
        "" => "the scenario".to_owned(),
        _ => format!("`{path}`"),
    }
}

/// A table's text in the middle of a sentence; words such as PATCH and CEL stay.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
