//! A small shell: lists, pipes, redirections, quotes, variables and command substitution.

mod expand;
mod lexer;
mod parser;
mod run;
#[cfg(test)]
mod tests;

pub(super) use run::{NOT_FOUND, Output, Session};

/// A word: pieces that are put together, and split where they were not quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Piece>);

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Letters as they are; quoted or not.
    Text(String),
    /// `"..."` or `'...'` of nothing still is a word.
    Empty,
    /// `$NAME`, `${NAME}`, `${NAME:-WORD}`.
    Variable {
        /// The name.
        name: String,
        /// What stands for it if it is not set, or empty.
        default: Option<String>,
        /// Whether it was quoted, and so is not split.
        quoted: bool,
    },
    /// `$(...)` or backquotes.
    Command {
        /// The text between.
        text: String,
        /// Whether it was quoted, and so is not split.
        quoted: bool,
    },
}

/// Where output goes, or input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirection {
    /// `<`
    Input(Word),
    /// `>`, `2>`, `>>`, `2>>`
    File {
        /// 1 or 2.
        fd: u8,
        /// Where.
        path: Word,
        /// Whether what is there stays.
        append: bool,
    },
    /// `2>&1`
    Duplicate {
        /// 1 or 2.
        fd: u8,
        /// 1 or 2.
        of: u8,
    },
}

/// A command with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// `NAME=VALUE` in front.
    pub(super) assignments: Vec<(String, Word)>,
    /// The command and its arguments.
    pub(super) words: Vec<Word>,
    /// In their order.
    pub(super) redirections: Vec<Redirection>,
}

/// Commands whose output is the next one's input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// `!`
    pub(super) negated: bool,
    /// One or more.
    pub(super) commands: Vec<Simple>,
}

/// When a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// After `;`, a new line, or at the start.
    Always,
    /// After `&&`.
    Succeeded,
    /// After `||`.
    Failed,
}
