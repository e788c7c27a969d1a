//! What an event says: a text, or the parts of one that are put together only where somebody reads it.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use seatrial_api::Str;

use crate::event_correlator::{NO_TEXT_ID, text_id};

/// A text that many events have in common, with its number, which is made once.
#[derive(Clone, Debug)]
pub struct Phrase {
    text: Str,
    id: u64,
}

/// No text.
pub static NO_PHRASE: Phrase = Phrase { text: Str::new_static(""), id: NO_TEXT_ID };

impl Phrase {
    /// The text.
    #[inline]
    pub fn text(&self) -> &Str {
        &self.text
    }

    /// Its number: see [`text_id`].
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl<T: Into<Str>> From<T> for Phrase {
    fn from(text: T) -> Self {
        let text = text.into();
        Self { id: text_id(&text), text }
    }
}

/// Whether something went as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It did.
    Normal,
    /// It went wrong.
    Warning,
}

impl EventType {
    /// The word in an Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub struct EventText<'a> {
    /// Whether something went as it should.
    pub type_: EventType,
    /// A CamelCase word.
    pub reason: &'a str,
    /// The text.
    pub message: Message<'a>,
}

/// The text of an event. Whether it was said before is told by its parts: what a component says with one reason is put
/// together in one place, so that texts that read the same have the same parts. The recorder checks that in debug builds.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// As it is.
    Text(&'a str),
    /// One after the other.
    Pieces(&'a [Piece<'a>]),
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What many texts have in common.
    Text(&'a str),
    /// The name of the object that the event is about.
    Name,
    /// What is each event's own.
    Arg(&'a Str),
    /// A number.
    Number(i32),
}

impl<'a> EventText<'a> {
    /// Something went as it should.
    pub fn normal(reason: &'a str, message: &'a str) -> Self {
        Self { type_: EventType::Normal, reason, message: Message::Text(message) }
    }

    /// Something went as it should; the text is put together only where somebody reads it.
    pub fn normal_pieces(reason: &'a str, pieces: &'a [Piece<'a>]) -> Self {
        Self { type_: EventType::Normal, reason, message: Message::Pieces(pieces) }
    }

    /// Something went wrong.
    pub fn warning(reason: &'a str, message: &'a str) -> Self {
        Self { type_: EventType::Warning, reason, message: Message::Text(message) }
    }
}

impl<'a> Message<'a> {
    /// The text about an object of a name, put together in `room` where it is in pieces.
    pub(crate) fn render<'b>(&self, name: &str, room: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        match self {
            Message::Text(text) => text,
            Message::Pieces(pieces) => {
                write(pieces, name, room);
                room
            }
        }
    }

    /// What the text has in common with others. There is none where the name or an argument is part of what it says, as
    /// [`Pattern`] has it, so that others do not say the same.
    #[inline]
    pub(crate) fn outline(&self) -> Option<Outline<'a>> {
        match self {
            Message::Text(text) => Some(Outline { hash: text_id(text), has_name: false, arg: None }),
            Message::Pieces(pieces) => outline_of(pieces),
        }
    }
}

/// A text but for the name and the argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline<'a> {
    /// Of what many have in common.
    pub(crate) hash: u64,
    /// Whether the name is left out.
    pub(crate) has_name: bool,
    /// What is each one's own.
    pub(crate) arg: Option<&'a Str>,
}

impl Outline<'_> {
    /// A number for all that the text says about one object.
    #[inline]
    pub(crate) fn message_id(&self) -> u64 {
        let Some(arg) = self.arg else { return self.hash };
        let mut hasher = FxHasher::default();
        hasher.write_u64(self.hash);
        hasher.write(arg.as_bytes());
        hasher.finish()
    }
}

fn outline_of<'a>(pieces: &[Piece<'a>]) -> Option<Outline<'a>> {
    const NAME: u64 = 1;
    const ARG: u64 = 2;
    const NUMBER: u64 = 3;
    let mut hasher = FxHasher::default();
    let (mut has_name, mut arg, mut is_after_text) = (false, None, true);
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                hasher.write(text.as_bytes());
                is_after_text |= !text.is_empty();
            }
            Piece::Number(number) => {
                hasher.write_u64(NUMBER);
                hasher.write_i32(*number);
                is_after_text = true;
            }
            Piece::Name if is_after_text && !has_name => {
                hasher.write_u64(NAME);
                (has_name, is_after_text) = (true, false);
            }
            Piece::Arg(text) if is_after_text && arg.is_none() => {
                hasher.write_u64(ARG);
                (arg, is_after_text) = (Some(*text), false);
            }
            Piece::Name | Piece::Arg(_) => return None,
        }
    }
    Some(Outline { hash: hasher.finish(), has_name, arg })
}

fn write(pieces: &[Piece<'_>], name: &str, out: &mut String) {
    out.clear();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Arg(text) => out.push_str(text),
            Piece::Name => out.push_str(name),
            Piece::Number(number) => with_decimal(*number, |text| out.push_str(text)),
        }
    }
}

/// What a text has in common with others, and the rest of it.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    /// The text without the name and the argument.
    pub(crate) text: String,
    /// Where the name stands.
    pub(crate) name_at: Option<u16>,
    /// Where the argument stands: not where the name stands.
    pub(crate) arg_at: Option<u16>,
}

impl Pattern {
    /// Takes a text apart; returns its argument, if it has one.
    pub(crate) fn take_apart<'a>(&mut self, message: &Message<'a>, name: &str) -> Option<&'a Str> {
        self.text.clear();
        (self.name_at, self.arg_at) = (None, None);
        let pieces = match message {
            Message::Text(text) => {
                self.take_text(text, name);
                return None;
            }
            Message::Pieces(pieces) => *pieces,
        };
        let mut arg = None;
        for piece in pieces {
            // Two that stand side by side could not be told apart: the second is then part of the text.
            let here = u16::try_from(self.text.len()).ok();
            let is_free = here.is_some() && self.name_at != here && self.arg_at != here;
            match piece {
                Piece::Name if is_free && self.name_at.is_none() => self.name_at = here,
                Piece::Arg(text) if is_free && self.arg_at.is_none() => (self.arg_at, arg) = (here, Some(*text)),
                Piece::Name => self.text.push_str(name),
                Piece::Text(text) => self.text.push_str(text),
                Piece::Arg(text) => self.text.push_str(text),
                Piece::Number(number) => with_decimal(*number, |text| self.text.push_str(text)),
            }
        }
        arg
    }

    fn take_text(&mut self, text: &str, name: &str) {
        let found = find(text, name).and_then(|at| Some((at, u16::try_from(at).ok()?)));
        match found {
            Some((at, place)) => {
                self.text.push_str(&text[..at]);
                self.text.push_str(&text[at + name.len()..]);
                self.name_at = Some(place);
            }
            None => self.text.push_str(text),
        }
    }
}

/// Where a name stands in a text. The names are few bytes in a short text, so no table is made for the search.
fn find(text: &str, name: &str) -> Option<usize> {
    let first = *name.as_bytes().first()?;
    let mut places = text.bytes().enumerate().filter(|(_, byte)| *byte == first).map(|(at, _)| at);
    places.find(|at| text.as_bytes()[*at..].starts_with(name.as_bytes()))
}

/// A number in decimal, written without an allocation: `with` is given the text.
pub fn with_decimal<T>(number: i32, with: impl FnOnce(&str) -> T) -> T {
    const LENGTH_MAX: usize = "-2147483648".len();
    let (mut buffer, mut start, mut rest) = ([b'0'; LENGTH_MAX], LENGTH_MAX, number.unsigned_abs());
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    with(std::str::from_utf8(&buffer[start..]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    static X: Str = Str::new_static("x");
    static Y: Str = Str::new_static("y");
    static PATH: Str = Str::new_static("/x");

    #[test]
    fn a_text_is_its_pieces() {
        for number in [0, 7, -1, 150_000, i32::MAX, i32::MIN] {
            let pieces =
                [Piece::Text("from "), Piece::Number(number), Piece::Text(" of "), Piece::Name, Piece::Arg(&PATH)];
            let mut room = "left from the last time".to_owned();
            assert_eq!(Message::Pieces(&pieces).render("web", &mut room), format!("from {number} of web/x"));
            assert_eq!(Message::Text("plain").render("web", &mut room), "plain");
        }
    }

    #[test]
    fn texts_with_the_same_outline_differ_in_name_and_argument() {
        use Piece::{Arg, Name, Number, Text};
        let outline = |pieces: &[Piece<'static>]| outline_of(pieces);
        let web = outline(&[Text("a "), Name, Text(" b "), Arg(&X)]).expect("a text of its own");
        assert_eq!((web.has_name, web.arg), (true, Some(&X)));
        assert_eq!(outline(&[Text("a "), Name, Text(" b "), Arg(&Y)]).map(|other| other.hash), Some(web.hash));
        let others: [&[Piece<'static>]; 8] = [
            &[Text("a "), Arg(&X), Text(" b "), Name],
            &[Text("a "), Name, Text(" b ")],
            &[Text("a "), Text(" b "), Arg(&X)],
            &[Text("a "), Name, Text(" c "), Arg(&X)],
            &[Text("a "), Name, Text(" b "), Arg(&X), Text(".")],
            &[Text("a "), Name, Text(" b "), Number(1)],
            &[Text("a "), Name, Text(" b "), Number(2)],
            &[],
        ];
        let mut hashes: Vec<u64> = others.iter().flat_map(|pieces| outline(pieces)).map(|other| other.hash).collect();
        hashes.push(web.hash);
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), others.len() + 1);
        // Where one is part of what the text says.
        for pieces in [[Name, Arg(&X)], [Arg(&X), Name], [Name, Name], [Arg(&X), Arg(&Y)]] {
            assert_eq!(outline(&pieces), None, "{pieces:?}");
            assert_eq!(outline(&[pieces[0], Text(""), pieces[1]]), None, "{pieces:?}");
        }
        assert_eq!(outline(&[Name, Text("-"), Name]), None);
        let web = Outline { hash: text_id("web"), has_name: false, arg: None };
        assert_eq!(Message::Text("web").outline(), Some(web));
    }

    #[test]
    fn texts_about_one_object_have_the_same_number_where_they_read_the_same() {
        let said = |direction, set, count| {
            let set = Str::from(set);
            let pieces = [Piece::Text("Scaled "), Piece::Text(direction), Piece::Arg(&set), Piece::Number(count)];
            let outline = outline_of(&pieces).expect("it has one argument");
            (outline.message_id(), Message::Pieces(&pieces).render("web", &mut String::new()).to_owned())
        };
        let mut all = Vec::new();
        for (direction, set) in [("up ", "web-1"), ("up ", "web-2"), ("down ", "web-1"), ("up ", "")] {
            all.extend([0, 1, 10].map(|count| said(direction, set, count)));
            all.push(said(direction, set, 1));
        }
        for (id, text) in &all {
            assert!(all.iter().all(|(other_id, other)| (other_id == id) == (other == text)), "{text}");
        }
    }

    #[test]
    fn what_differs_is_left_out() {
        use Piece::{Arg, Name, Number, Text};
        type Row<'a> = (Message<'a>, &'a str, Option<u16>, Option<u16>, &'a str);
        // The message, the pattern's text, where name and argument stand, the argument.
        let rows: [Row<'_>; 10] = [
            (Message::Text("plain"), "plain", None, None, ""),
            (Message::Text("a web b web"), "a  b web", Some(2), None, ""),
            (Message::Text("web"), "", Some(0), None, ""),
            (Message::Text(""), "", None, None, ""),
            (Message::Pieces(&[Text("a "), Name, Text(" b "), Arg(&X)]), "a  b ", Some(2), Some(5), "x"),
            (Message::Pieces(&[Arg(&X), Text("a"), Name]), "a", Some(1), Some(0), "x"),
            (Message::Pieces(&[Name, Arg(&X), Text("a")]), "xa", Some(0), None, ""),
            (Message::Pieces(&[Arg(&X), Name]), "web", None, Some(0), "x"),
            (Message::Pieces(&[Arg(&X), Text("-"), Arg(&Y), Name]), "-y", Some(2), Some(0), "x"),
            (Message::Pieces(&[Number(3), Name, Number(-4)]), "3-4", Some(1), None, ""),
        ];
        let mut pattern = Pattern::default();
        for (message, text, name_at, arg_at, arg) in rows {
            assert_eq!(pattern.take_apart(&message, "web").map_or("", Str::as_str), arg, "{message:?}");
            assert_eq!((pattern.text.as_str(), pattern.name_at, pattern.arg_at), (text, name_at, arg_at));
        }
    }
}
