//! The one error of the files users write: where, what was wanted, and a hint.

use std::fmt;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1; 0 where the error is about the whole file.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    /// The position of what concerns the file as a whole (it cannot be read, it is empty).
    pub const FILE: Position = Position { line: 0, column: 0 };

    /// A position from a line and a column, both from 1.
    pub fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }
}

/// A place in a named file, as users read it: `rollout.yaml:14:7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it.
    pub file: String,
    /// The place in it.
    pub position: Position,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        match line {
            0 => write!(f, "{}", self.file),
            _ => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// Bad input: a scenario or manifest file that cannot be used.
///
/// Shown as `FILE:LINE:COLUMN: MESSAGE`, and where there is a hint a blank line and `hint: HINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    source: Source,
    message: String,
    hint: Option<String>,
}

impl InputError {
    /// An error at a position of a file that is named later, by [`InputError::in_file`].
    #[cold]
    pub(crate) fn at(position: Position, message: impl Into<String>) -> Self {
        let source = Source { file: String::new(), position };
        Self(Box::new(Parts { source, message: message.into(), hint: None }))
    }

    /// Adds what the user may do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a hint, if there is one.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.0.hint = hint.or(self.0.hint);
        self
    }

    /// Names the file, unless the error already has one.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        if self.0.source.file.is_empty() {
            file.clone_into(&mut self.0.source.file);
        }
        self
    }

    /// Places an error that names no file and no line at what made us look for the file.
    pub(crate) fn at_if_file(mut self, position: Position) -> Self {
        if self.0.source.file.is_empty() && self.0.source.position == Position::FILE {
            self.0.source.position = position;
        }
        self
    }

    /// Where the error is.
    pub fn source_position(&self) -> &Source {
        &self.0.source
    }

    /// What is wrong, without the place and the hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, if anything is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.source, self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InputError {}
