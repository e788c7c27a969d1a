//! Targets of steps: the objects that `kind/name` with its stars means.

use seatrial_api::{Kind, Object, ObjectKey};

use crate::cluster::Cluster;
use crate::cluster::reads::{ReadError, kind_named};
use crate::scenario::model::{Query, Target};

impl Cluster {
    /// The keys a target means, by name; one without a star means itself, there or not.
    pub(super) fn keys_of(&self, target: &Target) -> Result<Vec<ObjectKey>, ReadError> {
        let kind = kind_named(&target.kind)?;
        if !target.is_pattern() {
            return Ok(vec![self.key(kind, &target.name)]);
        }
        Ok(self.objects_of(kind, Some(&target.name)).into_iter().map(Object::key).collect())
    }

    pub(super) fn key(&self, kind: Kind, name: &str) -> ObjectKey {
        let namespace = if kind.info().namespaced { self.namespace() } else { "" };
        ObjectKey::new(kind, namespace, name)
    }

    /// The objects of a kind whose names match a pattern, by name.
    pub(super) fn objects_of(&self, kind: Kind, pattern: Option<&str>) -> Vec<&Object> {
        let namespace = kind.info().namespaced.then_some(self.namespace());
        let all = self.api_server().store().list(kind, namespace);
        all.into_iter().filter(|o| pattern.is_none_or(|p| glob(p, &o.meta().name))).collect()
    }

    pub(super) fn objects_of_query(&self, query: &Query) -> Result<Vec<&Object>, ReadError> {
        Ok(self.objects_of(kind_named(&query.kind)?, query.name.as_deref()))
    }
}

/// Whether a text matches a pattern in which `*` stands for any letters.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_letters() {
        let rows = [
            ("web", "web", true),
            ("web", "web2", false),
            ("web-*", "web-1", true),
            ("web-*", "web", false),
            ("*", "", true),
            ("*-b", "a-b", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("*a", "ba", true),
            ("a*a", "a", false),
        ];
        for (pattern, text, want) in rows {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
