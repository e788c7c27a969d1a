//! Patterns of names.

/// Whether a text matches a pattern in which `*` stands for any letters.
pub fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut rest = rest;
    loop {
        match rest.split_once('*') {
            None => return text.ends_with(rest),
            Some((middle, after)) => match text.find(middle) {
                Some(at) => {
                    text = &text[at + middle.len()..];
                    rest = after;
                }
                None => return false,
            },
        }
    }
}
