//! From a text to tokens.

use super::{Piece, Word};

/// How deep `$(...)` may be nested.
const DEPTH_MAX: usize = 20;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `&&`, `||`, `;`, `|`, `&`, `(`, `)`
    Operator(&'static str),
    /// `>`, `>>`, `<`, `>&`, with the number in front of it.
    Redirect(&'static str, u8),
}

const OPERATORS: [&str; 7] = ["&&", "||", ";", "|", "&", "(", ")"];

struct Lexer<'a> {
    rest: &'a str,
}

/// Reads a text.
///
/// # Errors
/// What is wrong with it, as a shell says it.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer { rest: text };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Token>, String> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.find('\n').map_or("", |at| &self.rest[at..]);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.take("\n") {
            return Ok(Some(Token::Operator(";")));
        }
        if let Some(redirect) = self.redirect() {
            return Ok(Some(redirect));
        }
        if let Some(operator) = OPERATORS.into_iter().find(|operator| self.take(operator)) {
            return Ok(Some(Token::Operator(operator)));
        }
        self.word().map(|word| Some(Token::Word(word)))
    }

    fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn redirect(&mut self) -> Option<Token> {
        if self.take("&>") {
            return Some(Token::Redirect("&>", 1));
        }
        let digit = self.rest.chars().next().filter(|c| matches!(c, '0'..='2'));
        let after = digit.map_or(self.rest, |_| &self.rest[1..]);
        let kind = [">>", ">&", ">", "<"].into_iter().find(|kind| after.starts_with(kind))?;
        self.rest = &after[kind.len()..];
        let default = u8::from(kind != "<");
        Some(Token::Redirect(kind, digit.and_then(|c| c.to_digit(10)).map_or(default, |d| d as u8)))
    }

    fn word(&mut self) -> Result<Word, String> {
        let mut pieces = Vec::new();
        while let Some(c) = self.rest.chars().next() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => {
                    self.rest = &self.rest[1..];
                    let end = self.rest.find('\'').ok_or("unexpected EOF while looking for matching `''")?;
                    push_text(&mut pieces, &self.rest[..end]);
                    pieces.push(Piece::Empty);
                    self.rest = &self.rest[end + 1..];
                }
                '"' => {
                    self.rest = &self.rest[1..];
                    self.quoted(&mut pieces)?;
                }
                '\\' => {
                    let escaped = self.rest[1..].chars().next();
                    self.rest = &self.rest[1 + escaped.map_or(0, char::len_utf8)..];
                    match escaped {
                        Some('\n') | None => {}
                        Some(c) => push_text(&mut pieces, c.encode_utf8(&mut [0; 4])),
                    }
                }
                '$' | '`' => self.dollar(&mut pieces, false)?,
                c => {
                    push_text(&mut pieces, c.encode_utf8(&mut [0; 4]));
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        Ok(Word(pieces))
    }

    /// What is between two `"`.
    fn quoted(&mut self, pieces: &mut Vec<Piece>) -> Result<(), String> {
        pieces.push(Piece::Empty);
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' => {
                    self.rest = &self.rest[1..];
                    return Ok(());
                }
                '\\' => {
                    let escaped = self.rest[1..].chars().next();
                    match escaped {
                        Some(c @ ('"' | '\\' | '$' | '`')) => push_text(pieces, c.encode_utf8(&mut [0; 4])),
                        Some('\n') => {}
                        Some(c) => push_text(pieces, &format!("\\{c}")),
                        None => push_text(pieces, "\\"),
                    }
                    self.rest = &self.rest[1 + escaped.map_or(0, char::len_utf8)..];
                }
                '$' | '`' => self.dollar(pieces, true)?,
                c => {
                    push_text(pieces, c.encode_utf8(&mut [0; 4]));
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        Err("unexpected EOF while looking for matching `\"'".to_owned())
    }

    fn dollar(&mut self, pieces: &mut Vec<Piece>, quoted: bool) -> Result<(), String> {
        if self.take("`") {
            let end = self.rest.find('`').ok_or("unexpected EOF while looking for matching ``'")?;
            pieces.push(Piece::Command { text: self.rest[..end].to_owned(), quoted });
            self.rest = &self.rest[end + 1..];
            return Ok(());
        }
        self.rest = &self.rest[1..];
        if self.take("(") {
            let end = closing(self.rest).ok_or("unexpected EOF while looking for matching `)'")?;
            pieces.push(Piece::Command { text: self.rest[..end].to_owned(), quoted });
            self.rest = &self.rest[end + 1..];
            return Ok(());
        }
        if self.take("{") {
            let end = self.rest.find('}').ok_or("unexpected EOF while looking for matching `}'")?;
            let inside = &self.rest[..end];
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default.to_owned())),
                None => (inside, None),
            };
            let is_name = name_length(name) == name.len() && !name.is_empty() || matches!(name, "?" | "$" | "#");
            if !is_name {
                return Err(format!("${{{inside}}}: bad substitution"));
            }
            pieces.push(Piece::Variable { name: name.to_owned(), default, quoted });
            self.rest = &self.rest[end + 1..];
            return Ok(());
        }
        let length = match self.rest.chars().next() {
            Some('?' | '$' | '#' | '0'..='9' | '@' | '*') => 1,
            _ => name_length(self.rest),
        };
        if length == 0 {
            push_text(pieces, "$");
        } else {
            let name = self.rest[..length].to_owned();
            pieces.push(Piece::Variable { name, default: None, quoted });
            self.rest = &self.rest[length..];
        }
        Ok(())
    }
}

/// How many letters of a text make the name of a variable.
pub(super) fn name_length(text: &str) -> usize {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.chars().next().is_some_and(is_first) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Where the `)` is that closes what is open at the start of the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (quote, c) {
            (None | Some('"'), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return None;
                }
            }
            (None, ')') if depth == 0 => return Some(at),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}
