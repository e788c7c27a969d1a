//! From tokens to lists of pipelines.

use super::lexer::{Token, name_length, tokens};
use super::{Piece, Pipeline, Redirection, Simple, When, Word};

/// Words that begin what this shell does not do.
const RESERVED: [&str; 10] = ["if", "for", "while", "until", "case", "function", "select", "{", "[[", "time"];

/// Reads a script.
///
/// # Errors
/// What is wrong with it, as a shell says it.
pub(super) fn parse(text: &str) -> Result<Vec<(When, Pipeline)>, String> {
    let tokens = tokens(text)?;
    let mut list = Vec::new();
    let mut when = When::Always;
    let mut pipeline = Pipeline::default();
    let mut simple = Simple::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Word(word) => push_word(&mut pipeline, &mut simple, word)?,
            Token::Redirect(kind, fd) => {
                let Some(Token::Word(target)) = tokens.get(at) else { return Err(unexpected(tokens.get(at))) };
                at += 1;
                push_redirection(&mut simple, (kind, *fd), target)?;
            }
            Token::Operator("|") => {
                if is_empty(&simple) {
                    return Err(unexpected(Some(token)));
                }
                pipeline.commands.push(std::mem::take(&mut simple));
            }
            Token::Operator(operator @ ("&&" | "||" | ";")) => {
                let is_blank = is_empty(&simple) && pipeline.commands.is_empty() && !pipeline.negated;
                if is_empty(&simple) && !(is_blank && *operator == ";" && when == When::Always) {
                    return Err(unexpected(Some(token)));
                }
                if !is_blank {
                    pipeline.commands.push(std::mem::take(&mut simple));
                    list.push((when, std::mem::take(&mut pipeline)));
                }
                when = match *operator {
                    "&&" => When::Succeeded,
                    "||" => When::Failed,
                    _ => When::Always,
                };
            }
            Token::Operator(_) => return Err(unexpected(Some(token))),
        }
    }
    if !is_empty(&simple) {
        pipeline.commands.push(simple);
        list.push((when, pipeline));
    } else if when != When::Always || !pipeline.commands.is_empty() || pipeline.negated {
        return Err("syntax error: unexpected end of file".to_owned());
    }
    Ok(list)
}

fn is_empty(simple: &Simple) -> bool {
    simple.words.is_empty() && simple.assignments.is_empty() && simple.redirections.is_empty()
}

fn push_word(pipeline: &mut Pipeline, simple: &mut Simple, word: &Word) -> Result<(), String> {
    if simple.words.is_empty() {
        if let [Piece::Text(text)] = word.0.as_slice() {
            if text == "!" && is_empty(simple) && pipeline.commands.is_empty() {
                pipeline.negated = true;
                return Ok(());
            }
            if RESERVED.contains(&text.as_str()) {
                return Err(format!("`{text}' is not supported by the simulated shell"));
            }
        }
        if let Some((name, value)) = assignment(word) {
            simple.assignments.push((name, value));
            return Ok(());
        }
    }
    simple.words.push(word.clone());
    Ok(())
}

/// `NAME=VALUE`
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (Piece::Text(first), rest) = word.0.split_first()? else { return None };
    let length = name_length(first);
    let value = first[length..].strip_prefix('=').filter(|_| length > 0)?;
    let mut pieces = vec![Piece::Text(value.to_owned())];
    pieces.extend(rest.iter().cloned());
    Some((first[..length].to_owned(), Word(pieces)))
}

fn push_redirection(simple: &mut Simple, (kind, fd): (&str, u8), target: &Word) -> Result<(), String> {
    let path = target.clone();
    match kind {
        "<" => simple.redirections.push(Redirection::Input(path)),
        "&>" => {
            simple.redirections.push(Redirection::File { fd: 1, path, append: false });
            simple.redirections.push(Redirection::Duplicate { fd: 2, of: 1 });
        }
        ">&" => match target.0.as_slice() {
            [Piece::Text(text)] if matches!(text.as_str(), "1" | "2") => {
                let of = if text == "1" { 1 } else { 2 };
                simple.redirections.push(Redirection::Duplicate { fd, of });
            }
            _ => return Err("ambiguous redirect".to_owned()),
        },
        kind => simple.redirections.push(Redirection::File { fd, path, append: kind == ">>" }),
    }
    Ok(())
}

fn unexpected(token: Option<&Token>) -> String {
    let text = match token {
        Some(Token::Operator(operator)) => operator,
        Some(Token::Redirect(kind, _)) => kind,
        Some(Token::Word(_)) | None => "newline",
    };
    format!("syntax error near unexpected token `{text}'")
}
