//! The grammar of `kubectl -l` and `?labelSelector=`.
//!
//! Mirrors `labels.Lexer` and `labels.Parser` (v1.36), whose messages show where in the grammar a text went wrong.

use std::collections::BTreeSet;

use super::{Requirement, Selection};
use crate::Str;
use crate::field::{self, Path};
use crate::names::is_qualified_name;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    EndOfString,
    ClosedPar,
    Comma,
    DoesNotExist,
    DoubleEquals,
    Equals,
    GreaterThan,
    Identifier,
    In,
    LessThan,
    NotEquals,
    NotIn,
    OpenPar,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

const END: Token<'static> = Token { kind: Kind::EndOfString, text: "" };
/// A zero byte ends an identifier, and the text where a token would start.
const NUL: char = '\0';
const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];
/// The operators, each before those that it starts with.
const SYMBOLS: [(&str, Kind); 9] = [
    ("==", Kind::DoubleEquals),
    ("!=", Kind::NotEquals),
    ("=", Kind::Equals),
    ("!", Kind::DoesNotExist),
    ("(", Kind::OpenPar),
    (")", Kind::ClosedPar),
    (",", Kind::Comma),
    (">", Kind::GreaterThan),
    ("<", Kind::LessThan),
];

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    Parser { rest: text }.parse()
}

/// Reads from the front of what is left of the text.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// The next token, taken off the text.
    fn lex(&mut self) -> Token<'a> {
        let start = self.rest.trim_start_matches(WHITESPACE);
        if start.is_empty() || start.starts_with(NUL) {
            self.rest = "";
            return END;
        }
        if let Some((symbol, kind)) = SYMBOLS.into_iter().find(|(symbol, _)| start.starts_with(symbol)) {
            let (text, rest) = start.split_at(symbol.len());
            self.rest = rest;
            return Token { kind, text };
        }
        let ends = |c: char| c == NUL || WHITESPACE.contains(&c) || "=!(),><".contains(c);
        let (text, rest) = start.split_at(start.find(ends).unwrap_or(start.len()));
        self.rest = rest.strip_prefix(NUL).unwrap_or(rest);
        let kind = match text {
            "in" => Kind::In,
            "notin" => Kind::NotIn,
            _ => Kind::Identifier,
        };
        Token { kind, text }
    }

    /// The next token, where `in` and `notin` are words like any other.
    fn consume(&mut self) -> Token<'a> {
        let token = self.lex();
        let is_word = matches!(token.kind, Kind::In | Kind::NotIn);
        Token { kind: if is_word { Kind::Identifier } else { token.kind }, text: token.text }
    }

    /// As [`Self::consume`], without taking it.
    fn lookahead(&self) -> Token<'a> {
        Parser { rest: self.rest }.consume()
    }

    fn parse(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            let first = self.lookahead();
            match first.kind {
                Kind::Identifier | Kind::DoesNotExist => {}
                Kind::EndOfString => return Ok(requirements),
                _ => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", first.text)),
            }
            let requirement = self.parse_requirement().map_err(|e| format!("unable to parse requirement: {e}"))?;
            requirements.push(requirement);
            let after = self.consume();
            match after.kind {
                Kind::EndOfString => return Ok(requirements),
                Kind::Comma => {}
                _ => return Err(format!("found '{}', expected: ',' or 'end of string'", after.text)),
            }
            let next = self.lookahead();
            if !matches!(next.kind, Kind::Identifier | Kind::DoesNotExist) {
                return Err(format!("found '{}', expected: identifier after ','", next.text));
            }
        }
    }

    fn parse_requirement(&mut self) -> Result<Requirement, String> {
        let (key, unary) = self.parse_key_and_infer_operator()?;
        if let Some(selection) = unary {
            return Requirement::new(key, selection, Vec::new());
        }
        let selection = self.parse_operator()?;
        let values = match selection {
            Selection::In | Selection::NotIn => self.parse_values()?,
            _ => vec![self.parse_exact_value()?],
        };
        Requirement::new(key, selection, values)
    }

    /// The key, and the operator where it is one that takes no value.
    fn parse_key_and_infer_operator(&mut self) -> Result<(&'a str, Option<Selection>), String> {
        let mut token = self.consume();
        let mut operator = None;
        if token.kind == Kind::DoesNotExist {
            operator = Some(Selection::DoesNotExist);
            token = self.consume();
        }
        if token.kind != Kind::Identifier {
            return Err(format!("found '{}', expected: identifier", token.text));
        }
        let messages = is_qualified_name(token.text);
        if !messages.is_empty() {
            // Upstream has no path here and prints that.
            return Err(field::Error::invalid(&Path::new("<nil>"), token.text, messages.join("; ")).to_string());
        }
        if matches!(self.lookahead().kind, Kind::EndOfString | Kind::Comma) {
            operator = operator.or(Some(Selection::Exists));
        }
        Ok((token.text, operator))
    }

    fn parse_operator(&mut self) -> Result<Selection, String> {
        let token = self.lex();
        Ok(match token.kind {
            Kind::In => Selection::In,
            Kind::NotIn => Selection::NotIn,
            Kind::Equals => Selection::Equals,
            Kind::DoubleEquals => Selection::DoubleEquals,
            Kind::NotEquals => Selection::NotEquals,
            Kind::GreaterThan => Selection::GreaterThan,
            Kind::LessThan => Selection::LessThan,
            _ => return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", token.text)),
        })
    }

    /// `(x,y,z)`; a missing word is the empty value.
    fn parse_values(&mut self) -> Result<Vec<Str>, String> {
        let open = self.consume();
        if open.kind != Kind::OpenPar {
            return Err(format!("found '{}' expected: '('", open.text));
        }
        let first = self.lookahead();
        let values = match first.kind {
            Kind::Identifier | Kind::Comma => self.parse_identifiers_list()?,
            Kind::ClosedPar => BTreeSet::from([""]),
            _ => return Err(format!("found '{}', expected: ',', ')' or identifier", first.text)),
        };
        // Both ways end before the parenthesis.
        self.consume();
        Ok(values.into_iter().map(Str::from).collect())
    }

    /// The words up to the closing parenthesis, which stays.
    fn parse_identifiers_list(&mut self) -> Result<BTreeSet<&'a str>, String> {
        let mut words = BTreeSet::new();
        loop {
            let token = self.consume();
            let next = self.lookahead();
            match (token.kind, next.kind) {
                (Kind::Identifier, kind) => {
                    words.insert(token.text);
                    match kind {
                        Kind::Comma => {}
                        Kind::ClosedPar => return Ok(words),
                        _ => return Err(format!("found '{}', expected: ',' or ')'", next.text)),
                    }
                }
                (Kind::Comma, kind) => {
                    if words.is_empty() || matches!(kind, Kind::ClosedPar | Kind::Comma) {
                        words.insert("");
                    }
                    if kind == Kind::ClosedPar {
                        return Ok(words);
                    }
                    if kind == Kind::Comma {
                        self.consume();
                    }
                }
                _ => return Err(format!("found '{}', expected: ',', or identifier", token.text)),
            }
        }
    }

    /// The value behind `=`; nothing is the empty value.
    fn parse_exact_value(&mut self) -> Result<Str, String> {
        if matches!(self.lookahead().kind, Kind::EndOfString | Kind::Comma) {
            return Ok(Str::default());
        }
        let token = self.consume();
        if token.kind == Kind::Identifier {
            return Ok(token.text.into());
        }
        Err(format!("found '{}', expected: identifier", token.text))
    }
}
