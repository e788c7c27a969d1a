//! Field selectors: equalities on a few fields of a kind.
//!
//! Mirrors k8s.io/apimachinery/pkg/fields (v1.36).

use std::fmt;

/// One term of a field selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    /// `metadata.name`
    pub field: String,
    /// The value to compare with.
    pub value: String,
    /// Whether the field has to have the value, or must not.
    pub equal: bool,
}

/// A field selector: all terms have to hold. Which fields a kind knows is the caller's check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// The terms, in the order of their texts.
    pub terms: Vec<FieldTerm>,
}

impl FieldSelector {
    /// Reads `metadata.name=x,status.phase!=Running`. Mirrors `fields.ParseSelector`.
    ///
    /// # Errors
    /// A term without an operator, or a value with `,`, `=` or a backslash that is not escaped.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|p| !p.is_empty()) {
            let Some((field, value, equal)) = split_term(part) else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            terms.push(FieldTerm { field: field.to_owned(), value: unescape_value(value)?, equal });
        }
        Ok(Self { terms })
    }

    /// Whether an object is selected, given how to read a field of it; a field it does not have reads as empty.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|t| (value_of(&t.field).unwrap_or_default() == t.value) == t.equal)
    }

    /// Whether there is no term at all.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value that a field has to have, for an index by it. Mirrors `RequiresExactMatch`.
    pub fn requires_exact(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|t| t.equal && t.field == field).map(|t| t.value.as_str())
    }
}

/// Splits at the commas that are not escaped.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut in_slash) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if in_slash => in_slash = false,
            '\\' => in_slash = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// The field, the value as written, and whether they have to be equal: split at the first operator.
fn split_term(term: &str) -> Option<(&str, &str, bool)> {
    let index =
        term.char_indices().map(|(i, _)| i).find(|i| term[*i..].starts_with("!=") || term[*i..].starts_with('='))?;
    let (field, rest) = term.split_at(index);
    match rest.strip_prefix("!=") {
        Some(value) => Some((field, value, false)),
        None => Some((field, rest.strip_prefix("==").or(rest.strip_prefix('='))?, true)),
    }
}

fn unescape_value(text: &str) -> Result<String, String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => value.push(escaped),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(format!("invalid field selector: invalid escape sequence: {sequence}"));
                }
            },
            // Upstream prints the number of the character.
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {}", c as u32)),
            _ => value.push(c),
        }
    }
    Ok(value)
}

impl fmt::Display for FieldSelector {
    /// `metadata.name=x,status.phase!=Running`, with the values escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            f.write_str(&term.field)?;
            f.write_str(if term.equal { "=" } else { "!=" })?;
            for c in term.value.chars() {
                if matches!(c, '\\' | ',' | '=') {
                    f.write_str("\\")?;
                }
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_compare_and_print() {
        let value_of = |field: &str| match field {
            "metadata.name" => Some("web"),
            "status.phase" => Some("Running"),
            "message" => Some(r"a,b=c\"),
            _ => None,
        };
        let rows = [
            ("", true, ""),
            (",,", true, ""),
            ("metadata.name=web", true, "metadata.name=web"),
            ("metadata.name==web", true, "metadata.name=web"),
            ("metadata.name!=web", false, "metadata.name!=web"),
            ("status.phase!=Pending,metadata.name==web", true, "metadata.name=web,status.phase!=Pending"),
            ("metadata.name=web,status.phase=Failed", false, "metadata.name=web,status.phase=Failed"),
            ("spec.x=", true, "spec.x="),
            ("spec.x!=", false, "spec.x!="),
            (r"message=a\,b\=c\\", true, r"message=a\,b\=c\\"),
            ("metadata.name= web", false, "metadata.name= web"),
        ];
        for (text, want, printed) in rows {
            let selector = FieldSelector::parse(text).expect(text);
            let got = (selector.matches(value_of), selector.to_string(), selector.is_everything());
            assert_eq!(got, (want, printed.to_owned(), printed.is_empty()), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_selectors() {
        let rows = [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
            ("x=1,b,a", "invalid selector: 'x=1,b,a'; can't understand 'a'"),
            ("a=b=c", "invalid field selector: unescaped character in value: 61"),
            ("a===b", "invalid field selector: unescaped character in value: 61"),
            (r"a=b\c", r"invalid field selector: invalid escape sequence: \c"),
            (r"a=b\", r"invalid field selector: invalid escape sequence: \"),
        ];
        for (text, want) in rows {
            assert_eq!(FieldSelector::parse(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn exact_values_serve_an_index() {
        let selector = FieldSelector::parse("a!=1,a=2,b!=3").expect("a selector");
        assert_eq!((selector.requires_exact("a"), selector.requires_exact("b")), (Some("2"), None));
    }
}
