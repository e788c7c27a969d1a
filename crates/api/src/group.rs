//! Qualified resources and kinds, printed the way the API server prints them in its messages.
//!
//! Mirrors apimachinery/pkg/runtime/schema (v1.36).

use std::fmt;

use smol_str::SmolStr;

/// A plural resource name and its API group; prints `deployments.apps`, or `pods` for the core group.
///
/// Mirrors `schema.GroupResource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// API group, empty for the core group.
    pub group: SmolStr,
    /// Plural name, e.g. `deployments`.
    pub resource: SmolStr,
}

impl GroupResource {
    /// A resource of a group known at run time.
    #[must_use]
    pub fn new(group: &str, resource: &str) -> Self {
        Self { group: SmolStr::new(group), resource: SmolStr::new(resource) }
    }

    /// A resource of a built-in group; usable in constants.
    #[must_use]
    pub const fn new_static(group: &'static str, resource: &'static str) -> Self {
        Self { group: SmolStr::new_static(group), resource: SmolStr::new_static(resource) }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_qualified(f, &self.resource, &self.group)
    }
}

/// A kind and its API group; prints `Deployment.apps`, or `Pod` for the core group.
///
/// Mirrors `schema.GroupKind`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// API group, empty for the core group.
    pub group: SmolStr,
    /// Kind in the singular, e.g. `Deployment`.
    pub kind: SmolStr,
}

impl GroupKind {
    /// A kind of a group known at run time.
    #[must_use]
    pub fn new(group: &str, kind: &str) -> Self {
        Self { group: SmolStr::new(group), kind: SmolStr::new(kind) }
    }

    /// A kind of a built-in group; usable in constants.
    #[must_use]
    pub const fn new_static(group: &'static str, kind: &'static str) -> Self {
        Self { group: SmolStr::new_static(group), kind: SmolStr::new_static(kind) }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_qualified(f, &self.kind, &self.group)
    }
}

fn fmt_qualified(f: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    f.write_str(name)?;
    if group.is_empty() {
        return Ok(());
    }
    write!(f, ".{group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_group_is_not_printed() {
        assert_eq!(GroupResource::new("", "pods").to_string(), "pods");
        assert_eq!(GroupResource::new("apps", "deployments").to_string(), "deployments.apps");
        assert_eq!(GroupKind::new_static("", "Pod").to_string(), "Pod");
        assert_eq!(GroupKind::new_static("apps", "Deployment").to_string(), "Deployment.apps");
    }
}
