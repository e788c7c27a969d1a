//! The reader: any bytes into a [`Node`] or Go's words for what is wrong with them.
//!
//! Mirrors encoding/json (`scanner`): the same errors at the same bytes. It keeps its own stack, so depth costs no recursion.

use super::{DEPTH_KEPT_MAX, Node};

/// How deep a document may be. Mirrors `maxNestingDepth`.
const NESTING_DEPTH_MAX: usize = 10_000;

/// Reads one JSON document.
///
/// # Errors
/// Go's text: `invalid character 'x' ...`, `unexpected end of JSON input`.
pub fn parse(bytes: &[u8]) -> Result<Node, String> {
    Reader { bytes, at: 0 }.document()
}

/// A list or an object that is not closed yet.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, String),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, String> {
        let mut stack: Vec<Open> = Vec::new();
        loop {
            let mut complete = self.value(&mut stack)?;
            while let Some(node) = complete.take() {
                let closed = match stack.last_mut() {
                    None => return self.end(node),
                    Some(Open::List(items)) => {
                        items.push(node);
                        self.goes_on(b']', "after array element")?
                    }
                    Some(Open::Map(entries, key)) => {
                        entries.push((std::mem::take(key), node));
                        let closed = self.goes_on(b'}', "after object key:value pair")?;
                        if !closed {
                            *key = self.key()?;
                        }
                        closed
                    }
                };
                if closed {
                    complete = close(&mut stack);
                }
            }
        }
    }

    /// Starts a value; it is returned when it is complete at once.
    fn value(&mut self, stack: &mut Vec<Open>) -> Result<Option<Node>, String> {
        let byte = self.next_token()?;
        let node = match byte {
            b'{' | b'[' => {
                if stack.len() >= NESTING_DEPTH_MAX {
                    return Err(invalid(byte, "exceeded max depth"));
                }
                return self.open(byte, stack);
            }
            b'"' => Node::String(self.string()?),
            b'-' | b'0'..=b'9' => Node::Number(self.number()?),
            b't' => self.literal("true", Node::Bool(true))?,
            b'f' => self.literal("false", Node::Bool(false))?,
            b'n' => self.literal("null", Node::Null)?,
            other => return Err(invalid(other, "looking for beginning of value")),
        };
        Ok(Some(node))
    }

    fn open(&mut self, byte: u8, stack: &mut Vec<Open>) -> Result<Option<Node>, String> {
        self.at += 1;
        let end = if byte == b'{' { b'}' } else { b']' };
        let empty = self.next_token()? == end;
        if empty {
            self.at += 1;
        }
        let open = match byte {
            b'{' => Open::Map(Vec::new(), if empty { String::new() } else { self.key()? }),
            _ => Open::List(Vec::new()),
        };
        stack.push(open);
        Ok(if empty { close(stack) } else { None })
    }

    /// Whether a list or object ends here, and not goes on behind a comma.
    fn goes_on(&mut self, end: u8, place: &str) -> Result<bool, String> {
        let byte = self.next_token()?;
        if byte != b',' && byte != end {
            return Err(invalid(byte, place));
        }
        self.at += 1;
        Ok(byte == end)
    }

    fn key(&mut self) -> Result<String, String> {
        let byte = self.next_token()?;
        if byte != b'"' {
            return Err(invalid(byte, "looking for beginning of object key string"));
        }
        let key = self.string()?;
        let byte = self.next_token()?;
        if byte != b':' {
            return Err(invalid(byte, "after object key"));
        }
        self.at += 1;
        Ok(key)
    }

    fn end(&mut self, node: Node) -> Result<Node, String> {
        self.skip_space();
        match self.bytes.get(self.at) {
            None => Ok(node),
            Some(byte) => Err(invalid(*byte, "after top-level value")),
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space, which is not consumed.
    fn next_token(&mut self) -> Result<u8, String> {
        self.skip_space();
        self.peek()
    }

    fn peek(&self) -> Result<u8, String> {
        self.bytes.get(self.at).copied().ok_or_else(|| "unexpected end of JSON input".to_owned())
    }

    fn literal(&mut self, word: &str, node: Node) -> Result<Node, String> {
        for want in word.bytes() {
            let byte = self.peek()?;
            if byte != want {
                return Err(invalid(byte, &format!("in literal {word} (expecting {})", quote_char(want))));
            }
            self.at += 1;
        }
        Ok(node)
    }

    fn number(&mut self) -> Result<String, String> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.skip_digits(),
            byte => return Err(invalid(byte, "in numeric literal")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned())
    }

    fn digits(&mut self, place: &str) -> Result<(), String> {
        let byte = self.peek()?;
        if !byte.is_ascii_digit() {
            return Err(invalid(byte, place));
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8_lossy(&text).into_owned()),
                b'\\' => self.escape(&mut text)?,
                0..=0x1f => return Err(invalid(byte, "in string literal")),
                _ => text.push(byte),
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let byte = self.peek()?;
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.at += 1;
                return self.unicode(text);
            }
            other => return Err(invalid(other, "in string escape code")),
        };
        self.at += 1;
        text.push(plain);
        Ok(())
    }

    /// `\u0041`, and two of them for what is beyond 16 bits; half of a pair becomes the replacement character.
    fn unicode(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let first = self.hex()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            } else {
                self.at = before;
            }
        }
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.peek()?;
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(invalid(byte, "in \\u hexadecimal character escape"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Closes the innermost list or object.
fn close(stack: &mut Vec<Open>) -> Option<Node> {
    let depth = stack.len();
    let node = match stack.pop()? {
        _ if depth > DEPTH_KEPT_MAX => Node::TooDeep,
        Open::List(items) => Node::Array(items),
        Open::Map(entries, _) => Node::Object(entries),
    };
    Some(node)
}

fn invalid(byte: u8, place: &str) -> String {
    format!("invalid character {} {place}", quote_char(byte))
}

/// A byte as Go quotes it in these errors.
fn quote_char(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let quoted = crate::field::quote(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, parse};

    #[test]
    fn errors_are_worded_as_go_words_them() {
        let rows: &[(&str, &str)] = &[
            ("", "unexpected end of JSON input"),
            ("  ", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{\"a\":1", "unexpected end of JSON input"),
            ("\"a", "unexpected end of JSON input"),
            ("-", "unexpected end of JSON input"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
            ("trye", "invalid character 'y' in literal true (expecting 'u')"),
            ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
            ("{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("1 2", "invalid character '2' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
        ];
        for (text, want) in rows {
            assert_eq!(parse(text.as_bytes()).expect_err(text), *want, "{text:?}");
        }
        assert_eq!(parse(&[0xff]).expect_err("a byte"), "invalid character 'ÿ' looking for beginning of value");
    }

    #[test]
    fn keys_keep_their_order_and_numbers_their_digits() {
        let node = parse(br#" {"b":1.50,"a":[true,null,"\u00e4\ud83d\ude00\ud800"],"b":{}} "#).expect("JSON");
        let want = Node::Object(vec![
            ("b".to_owned(), Node::Number("1.50".to_owned())),
            ("a".to_owned(), Node::Array(vec![Node::Bool(true), Node::Null, Node::String("ä😀\u{fffd}".to_owned())])),
            ("b".to_owned(), Node::Object(Vec::new())),
        ]);
        assert_eq!(node, want);
        assert_eq!(node.duplicates(), ["duplicate field \"b\""]);
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(!parse(&deep(500)).expect("500 levels").is_cut());
        assert!(parse(&deep(501)).expect("501 levels").is_cut());
        assert!(parse(&deep(10_000)).expect("10000 levels").is_cut());
        assert_eq!(parse(&deep(10_001)).expect_err("too deep"), "invalid character '[' exceeded max depth");
        assert_eq!(parse(&vec![b'['; 1_000_000]).expect_err("too deep"), "invalid character '[' exceeded max depth");
    }
}
