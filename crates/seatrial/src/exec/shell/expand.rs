//! From words to arguments: variables and commands are put in, and what was not quoted is split at blanks.

use super::run::Session;
use super::{Piece, Word};

impl Session<'_> {
    /// The arguments that words make.
    pub(super) fn arguments(&mut self, words: &[Word]) -> Vec<String> {
        let mut all = Vec::new();
        for word in words {
            self.push_arguments(word, &mut all);
        }
        all
    }

    /// A word that stays one.
    pub(super) fn one(&mut self, word: &Word) -> String {
        let mut text = String::new();
        for piece in &word.0 {
            let (value, _) = self.value(piece);
            text.push_str(&value);
        }
        text
    }

    fn push_arguments(&mut self, word: &Word, all: &mut Vec<String>) {
        let mut current: Option<String> = None;
        for piece in &word.0 {
            let (value, splits) = self.value(piece);
            if !splits {
                current.get_or_insert_default().push_str(&value);
                continue;
            }
            let mut fields = value.split([' ', '\t', '\n']);
            // What stands before the first blank goes on with the word, and what is after the last begins the next.
            let first = fields.next().unwrap_or_default();
            if !first.is_empty() {
                current.get_or_insert_default().push_str(first);
            }
            for field in fields {
                all.extend(current.take());
                if !field.is_empty() {
                    current = Some(field.to_owned());
                }
            }
        }
        all.extend(current);
    }

    /// A piece's text, and whether it is split.
    fn value(&mut self, piece: &Piece) -> (String, bool) {
        match piece {
            Piece::Text(text) => (text.clone(), false),
            Piece::Empty => (String::new(), false),
            Piece::Variable { name, default, quoted } => {
                let value = self.variable(name).filter(|value| default.is_none() || !value.is_empty());
                (value.or_else(|| default.clone()).unwrap_or_default(), !quoted)
            }
            Piece::Command { text, quoted } => {
                let output = self.substitute(text);
                (output.trim_end_matches('\n').to_owned(), !quoted)
            }
        }
    }
}
