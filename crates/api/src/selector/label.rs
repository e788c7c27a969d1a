//! Label selectors, compiled from their two spellings.
//!
//! Mirrors k8s.io/apimachinery/pkg/labels and `metav1.LabelSelectorAsSelector` (v1.36).

mod parse;

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::field::{self, BadValue, Path};
use crate::names::{is_qualified_name, is_valid_label_value};
use crate::{Str, StrMap};

/// Something that has labels.
pub trait LabelLookup {
    /// The value of a label.
    fn label(&self, key: &str) -> Option<&str>;
}

impl LabelLookup for StrMap {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)
    }
}

impl LabelLookup for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

/// Pairs in the order of their keys.
impl<K: AsRef<str>, V: AsRef<str>> LabelLookup for [(K, V)] {
    fn label(&self, key: &str) -> Option<&str> {
        let index = self.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        Some(self[index].1.as_ref())
    }
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of the list (`=` is a list of one).
    In,
    /// The label is missing or its value is none of the list.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// The value is a number above.
    GreaterThan,
    /// The value is a number below.
    LessThan,
}

/// The operator as it was written: `=`, `==` and `!=` are lists of one that print otherwise. Mirrors `selection.Operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    Equals,
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Selection {
    fn operator(self) -> Operator {
        match self {
            Self::Equals | Self::DoubleEquals | Self::In => Operator::In,
            Self::NotEquals | Self::NotIn => Operator::NotIn,
            Self::Exists => Operator::Exists,
            Self::DoesNotExist => Operator::DoesNotExist,
            Self::GreaterThan => Operator::GreaterThan,
            Self::LessThan => Operator::LessThan,
        }
    }

    /// What is wrong with so many values.
    fn count_error(self, count: usize) -> Option<&'static str> {
        match self {
            Self::In | Self::NotIn if count == 0 => Some("for 'in', 'notin' operators, values set can't be empty"),
            Self::Equals | Self::DoubleEquals | Self::NotEquals if count != 1 => {
                Some("exact-match compatibility requires one single value")
            }
            Self::Exists | Self::DoesNotExist if count != 0 => {
                Some("values set must be empty for exists and does not exist")
            }
            Self::GreaterThan | Self::LessThan if count != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label.
    pub key: Str,
    /// How it is compared.
    pub operator: Operator,
    /// With what; sorted.
    pub values: Vec<Str>,
    selection: Selection,
}

impl Requirement {
    /// Checks the parts. Mirrors `labels.NewRequirement`.
    fn new(key: &str, selection: Selection, mut values: Vec<Str>) -> Result<Self, String> {
        let mut errors = Vec::new();
        let messages = is_qualified_name(key);
        if !messages.is_empty() {
            errors.push(field::Error::invalid(&Path::new("key"), key, messages.join("; ")));
        }
        let path = Path::new("values");
        if let Some(detail) = selection.count_error(values.len()) {
            let texts: Vec<&str> = values.iter().map(Str::as_str).collect();
            // Go's empty list is nil here.
            let bad_value = if texts.is_empty() { BadValue::Bare("null".to_owned()) } else { BadValue::json(&texts) };
            errors.push(field::Error::invalid(&path, bad_value, detail));
        }
        let numeric = matches!(selection, Selection::GreaterThan | Selection::LessThan);
        for (index, value) in values.iter().enumerate().filter(|(_, v)| numeric && v.parse::<i64>().is_err()) {
            let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
            errors.push(field::Error::invalid(&path.index(index), value.as_str(), detail));
        }
        for (index, value) in values.iter().enumerate() {
            let messages = is_valid_label_value(value);
            if !messages.is_empty() {
                errors.push(field::Error::invalid(&path.index(index).key(key), value.as_str(), messages.join("; ")));
            }
        }
        if !errors.is_empty() {
            return Err(field::aggregate(&errors));
        }
        values.sort();
        Ok(Self { key: key.into(), operator: selection.operator(), values, selection })
    }

    fn has_value(&self, value: &str) -> bool {
        self.values.iter().any(|v| v == value)
    }

    fn matches(&self, labels: &(impl LabelLookup + ?Sized)) -> bool {
        let value = labels.label(&self.key);
        let number = |text: &str| text.parse::<i64>().ok();
        match self.operator {
            Operator::In => value.is_some_and(|v| self.has_value(v)),
            Operator::NotIn => value.is_none_or(|v| !self.has_value(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let than = self.values.first().and_then(|v| number(v));
                let (Some(have), Some(than)) = (value.and_then(number), than) else { return false };
                if self.operator == Operator::GreaterThan { have > than } else { have < than }
            }
        }
    }
}

/// A compiled label selector: all requirements have to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl Selector {
    /// Selects everything.
    pub const fn everything() -> Self {
        Self { requirements: Vec::new(), nothing: false }
    }

    /// Selects nothing.
    pub const fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    /// Compiles a selector object; the empty one selects everything. Mirrors `metav1.LabelSelectorAsSelector`.
    ///
    /// # Errors
    /// An operator that is unknown or has the wrong number of values, a key or value that no label can have.
    pub fn from_label_selector(selector: &metav1::LabelSelector) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::new(key, Selection::Equals, vec![value.into()])?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let selection = match expression.operator.as_str() {
                "In" => Selection::In,
                "NotIn" => Selection::NotIn,
                "Exists" => Selection::Exists,
                "DoesNotExist" => Selection::DoesNotExist,
                other => return Err(format!("{} is not a valid label selector operator", field::quote(other))),
            };
            let values = expression.values.iter().flatten().map(Str::from).collect();
            requirements.push(Requirement::new(&expression.key, selection, values)?);
        }
        Ok(Self::new(requirements))
    }

    /// As [`Self::from_label_selector`]; a selector that is not there selects nothing.
    ///
    /// # Errors
    /// As [`Self::from_label_selector`].
    pub fn from_optional_label_selector(selector: Option<&metav1::LabelSelector>) -> Result<Self, String> {
        selector.map_or_else(|| Ok(Self::nothing()), Self::from_label_selector)
    }

    /// Selects what has all of these labels, unchecked; no labels select everything. Mirrors `labels.SelectorFromSet`.
    pub fn from_set<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let selection = Selection::Equals;
        let requirement = |(key, value): (&str, &str)| Requirement {
            key: key.into(),
            operator: selection.operator(),
            values: vec![value.into()],
            selection,
        };
        Self::new(labels.into_iter().map(requirement).collect())
    }

    /// Compiles the text of `kubectl -l` and `?labelSelector=`. Mirrors `labels.Parse`.
    ///
    /// # Errors
    /// Text that is no selector, with upstream's message.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self::new)
    }

    /// Whether something with these labels is selected.
    pub fn matches(&self, labels: &(impl LabelLookup + ?Sized)) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels))
    }

    /// Whether there is no requirement at all.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether this selects nothing, whatever its labels.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The requirements, sorted by label.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The one value that a label has to have, for an index by it. Mirrors `RequiresExactMatch`.
    pub fn requires_exact(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.iter().find(|r| r.key == key)?;
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

impl fmt::Display for Requirement {
    /// `app=web`, `tier in (a,b)`, `!nope`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, between, after) = match self.selection {
            Selection::Equals => ("", "=", ""),
            Selection::DoubleEquals => ("", "==", ""),
            Selection::NotEquals => ("", "!=", ""),
            Selection::In => ("", " in (", ")"),
            Selection::NotIn => ("", " notin (", ")"),
            Selection::Exists => ("", "", ""),
            Selection::DoesNotExist => ("!", "", ""),
            Selection::GreaterThan => ("", ">", ""),
            Selection::LessThan => ("", "<", ""),
        };
        write!(f, "{before}{}{between}", self.key)?;
        for (index, value) in self.values.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            f.write_str(value)?;
        }
        f.write_str(after)
    }
}

impl fmt::Display for Selector {
    /// The canonical text, sorted by label; empty for everything and nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
