//! Which objects a step is about.

use std::fmt;

/// One object, or all whose name matches: `deployment/web`, `pod/web-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The kind as written: `deployment`, `deploy`, `deployments.apps`.
    pub kind: String,
    /// The name; `*` stands for any letters.
    pub name: String,
}

impl Target {
    /// Whether the name is a pattern, so that the target may be several objects.
    pub fn is_pattern(&self) -> bool {
        self.name.contains('*')
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A kind, or some objects of it: `pods`, `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The kind as written.
    pub kind: String,
    /// The name, which may hold `*`; all objects of the kind if there is none.
    pub name: Option<String>,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}
