//! Label selectors, compiled from their two spellings.
//!
//! Mirrors k8s.io/apimachinery/pkg/labels (v1.36).

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

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

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label.
    pub key: Str,
    /// How it is compared.
    pub operator: Operator,
    /// With what; sorted.
    pub values: Vec<Str>,
    /// Whether it was written `k=v`, which is printed so.
    equals: bool,
}

impl Requirement {
    fn new(key: &str, operator: Operator, values: &[String]) -> Self {
        let mut values: Vec<Str> = values.iter().map(Str::from).collect();
        values.sort();
        Self { key: key.into(), operator, values, equals: false }
    }

    fn matches(&self, labels: &impl LabelLookup) -> bool {
        let value = labels.label(&self.key);
        let number = |text: &str| text.parse::<i64>().ok();
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.iter().any(|w| w == v)),
            Operator::NotIn => value.is_none_or(|v| !self.values.iter().any(|w| w == v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let (Some(have), Some(than)) = (value.and_then(number), self.values.first().and_then(|v| number(v)))
                else {
                    return false;
                };
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
    pub fn everything() -> Self {
        Self { requirements: Vec::new(), nothing: false }
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Compiles a selector object; the empty one selects everything. Mirrors `metav1.LabelSelectorAsSelector`.
    ///
    /// # Errors
    /// An operator that is unknown or has the wrong number of values.
    pub fn from_label_selector(selector: &metav1::LabelSelector) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements
                .push(Requirement { equals: true, ..Requirement::new(key, Operator::In, std::slice::from_ref(value)) });
        }
        for expression in selector.match_expressions.iter().flatten() {
            let values = expression.values.as_deref().unwrap_or_default();
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("{other:?} is not a valid label selector operator")),
            };
            let listed = matches!(operator, Operator::In | Operator::NotIn);
            if listed == values.is_empty() {
                return Err(format!("wrong number of values for operator {:?}", expression.operator));
            }
            requirements.push(Requirement::new(&expression.key, operator, values));
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { requirements, nothing: false })
    }

    /// Compiles the text of `kubectl -l` and `?labelSelector=`. Mirrors `labels.Parse`.
    ///
    /// # Errors
    /// Text that is no selector.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for term in split_terms(text) {
            let term = term.trim();
            if term.is_empty() {
                if requirements.is_empty() && text.trim().is_empty() {
                    break;
                }
                return Err(format!(
                    "unable to parse requirement: found ',', expected: identifier after ','; in {text:?}"
                ));
            }
            requirements.push(parse_term(term)?);
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { requirements, nothing: false })
    }

    /// Whether something with these labels is selected.
    pub fn matches(&self, labels: &impl LabelLookup) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels))
    }

    /// Whether there is no requirement at all.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// The requirements, sorted by label.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

/// Splits at the commas outside parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut depth) = (Vec::new(), 0, 0);
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn parse_term(term: &str) -> Result<Requirement, String> {
    let unable = |why: String| format!("unable to parse requirement: {why}");
    let key_of = |key: &str| {
        let key = key.trim();
        let errors = crate::names::is_qualified_name(key);
        if errors.is_empty() {
            Ok(key.to_owned())
        } else {
            Err(unable(format!("<nil>: Invalid value: {key:?}: {}", errors.join("; "))))
        }
    };
    if let Some(key) = term.strip_prefix('!') {
        return Ok(Requirement::new(&key_of(key)?, Operator::DoesNotExist, &[]));
    }
    if let Some((head, list)) = term.split_once('(') {
        let list = list.strip_suffix(')').ok_or_else(|| unable(format!("found '{term}', expected: ')'")))?;
        let mut words = head.split_whitespace();
        let (Some(key), Some(operator), None) = (words.next(), words.next(), words.next()) else {
            return Err(unable(format!("found '{term}', expected: in, notin")));
        };
        let operator = match operator {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            other => return Err(unable(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt"))),
        };
        let values: Vec<String> = list.split(',').map(|v| v.trim().to_owned()).collect();
        return Ok(Requirement::new(&key_of(key)?, operator, &values));
    }
    for (sign, operator, equals) in [
        ("!=", Operator::NotIn, false),
        ("==", Operator::In, true),
        ("=", Operator::In, true),
        (">", Operator::GreaterThan, false),
        ("<", Operator::LessThan, false),
    ] {
        if let Some((key, value)) = term.split_once(sign) {
            let requirement = Requirement::new(&key_of(key)?, operator, &[value.trim().to_owned()]);
            return Ok(Requirement { equals, ..requirement });
        }
    }
    Ok(Requirement::new(&key_of(term)?, Operator::Exists, &[]))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.iter().map(Str::as_str).collect::<Vec<_>>().join(",");
        let key = &self.key;
        match self.operator {
            Operator::In if self.equals => write!(f, "{key}={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

impl fmt::Display for Selector {
    /// The canonical text, sorted by label; empty for everything and nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_select_and_print() {
        let labels: StrMap = [("app", "web"), ("tier", "front"), ("n", "5")].into_iter().collect();
        let rows = [
            ("", true, ""),
            ("app=web", true, "app=web"),
            ("app==web", true, "app=web"),
            ("app!=web", false, "app notin (web)"),
            ("tier in (back,front)", true, "tier in (back,front)"),
            ("tier notin (front)", false, "tier notin (front)"),
            ("x notin (c)", true, "x notin (c)"),
            ("app", true, "app"),
            ("!app", false, "!app"),
            ("!nope", true, "!nope"),
            ("tier=front,app=web", true, "app=web,tier=front"),
            ("n>4", true, "n>4"),
            ("n<4", false, "n<4"),
            ("app=web,!tier", false, "app=web,!tier"),
        ];
        for (text, want, printed) in rows {
            let selector = Selector::parse(text).expect(text);
            assert_eq!((selector.matches(&labels), selector.to_string().as_str()), (want, printed), "{text}");
        }
        for text in [",", "a=b,", "a in b", "a in (b", "a b (c)", "=x"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
        assert!(!Selector::nothing().matches(&labels) && Selector::everything().matches(&labels));
    }
}
