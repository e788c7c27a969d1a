//! Expectations, waits and invariants.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Query, Target};
use crate::manifest::Position;

/// A CEL expression, compiled when the file was read.
#[derive(Clone)]
pub struct Cel {
    /// The expression as written.
    pub text: String,
    /// Where it is written.
    pub position: Position,
    program: Arc<cel::Program>,
}

impl Cel {
    /// Compiles an expression.
    ///
    /// # Errors
    /// The parser's message and the column in the expression, if it is not CEL.
    pub fn compile(text: &str, position: Position) -> Result<Self, String> {
        match cel::Program::compile(text) {
            Ok(program) => Ok(Self { text: text.to_owned(), position, program: Arc::new(program) }),
            Err(errors) => Err(match errors.errors.first() {
                Some(first) => {
                    // What the grammar would have taken is a long list that helps nobody.
                    let what = first.msg.split(" expecting").next().unwrap_or(&first.msg);
                    format!("{} (line {}, column {} of it)", what, first.pos.0, first.pos.1)
                }
                None => "it cannot be parsed".to_owned(),
            }),
        }
    }

    /// The compiled expression. The variables are the runner's: `object` and its parts.
    pub fn program(&self) -> &cel::Program {
        &self.program
    }
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cel({:?})", self.text)
    }
}

impl PartialEq for Cel {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.position == other.position
    }
}

/// Which objects an expectation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `target`.
    Target(Target),
    /// `kind`, and `selector` if given.
    Kind {
        /// The kind as written.
        kind: String,
        /// Labels that must be there.
        selector: BTreeMap<String, String>,
    },
}

/// `expect[]`: what must hold when the step is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Which objects.
    pub subject: Subject,
    /// How many of them there are (of those that `match` and `that` hold for).
    pub count: Option<u64>,
    /// A part of the object that each of them must have.
    pub matches: Option<Value>,
    /// An expression that must hold for each of them.
    pub that: Option<Cel>,
    /// There must be none.
    pub absent: bool,
    /// Where it is written.
    pub position: Position,
}

/// `wait`: time passes until a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// Which object.
    pub target: Target,
    /// Until when.
    pub wait_for: WaitFor,
    /// The step fails after this long; the runner's default if not given.
    pub timeout: Option<Duration>,
}

/// `wait.for`.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitFor {
    /// The condition of this type is True: `Available`, `Complete`, `Failed`, `Ready`.
    Condition(String),
    /// `rollout`: what `kubectl rollout status` waits for.
    Rollout,
    /// `deleted`: the object is gone.
    Deleted,
    /// Any other text: a CEL expression that becomes true.
    That(Cel),
}

/// `always[]`: what must hold after every write.
#[derive(Clone, Debug, PartialEq)]
pub struct Invariant {
    /// Its name in reports.
    pub name: String,
    /// Which objects.
    pub target: Query,
    /// The expression that must hold for each of them.
    pub that: Cel,
    /// Where it is written.
    pub position: Position,
}
