//! Field selectors: equalities on a few fields of a kind.
//!
//! Mirrors k8s.io/apimachinery/pkg/fields (v1.36).

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

/// A field selector: all terms have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// The terms, as they were written.
    pub terms: Vec<FieldTerm>,
}

impl FieldSelector {
    /// Reads `metadata.name=x,status.phase!=Running`. Mirrors `fields.ParseSelector`.
    ///
    /// # Errors
    /// A term without an operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let split = [("!=", false), ("==", true), ("=", true)]
                .into_iter()
                .find_map(|(sign, equal)| part.split_once(sign).map(|(field, value)| (field, value, equal)));
            let Some((field, value, equal)) = split else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            terms.push(FieldTerm { field: field.to_owned(), value: value.to_owned(), equal });
        }
        Ok(Self { terms })
    }

    /// Whether an object is selected, given how to read a field of it.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|t| (value_of(&t.field).unwrap_or_default() == t.value) == t.equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_compare_or_refuse() {
        let value_of = |field: &str| match field {
            "metadata.name" => Some("web"),
            "status.phase" => Some("Running"),
            _ => None,
        };
        for (text, want) in [
            ("", true),
            ("metadata.name=web", true),
            ("metadata.name!=web", false),
            ("metadata.name==web,status.phase!=Pending", true),
            ("spec.x=", true),
        ] {
            assert_eq!(FieldSelector::parse(text).expect(text).matches(value_of), want, "{text}");
        }
        assert_eq!(FieldSelector::parse("a").unwrap_err(), "invalid selector: 'a'; can't understand 'a'");
    }
}
