//! Where text goes: data to standard output, the rest to standard error; colour only on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use seatrial::runner::{Line, LineKind};

/// The process's two streams.
#[derive(Debug)]
pub(crate) struct Output {
    color: bool,
}

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";

impl Output {
    pub(crate) fn of_process() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { color: wanted && std::io::stdout().is_terminal() }
    }

    /// Writes data. A reader that has gone away is no error: the rest is simply not wanted.
    pub(crate) fn data(&mut self, text: &str) {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes a message for people, a line or more.
    pub(crate) fn message(&mut self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Writes a line of the timeline.
    pub(crate) fn line(&mut self, line: &Line) {
        let text = match line.kind {
            LineKind::Print => format!("\n{}\n", line.text),
            LineKind::Step => self.painted(BOLD, &format!("{}  {}", stamp(line.at), line.text)),
            LineKind::Happened => {
                let head = format!("{}    {:<22} {}", stamp(line.at), line.actor, line.object);
                format!("{}  {}\n", self.paint(DIM, &head), line.text)
            }
            LineKind::Warning => {
                let head = format!("{}    {:<22} {}", stamp(line.at), line.actor, line.object);
                format!("{}  {}\n", self.paint(DIM, &head), self.paint(YELLOW, &line.text))
            }
            LineKind::Refused => self.painted(YELLOW, &format!("{}    refused: {}", stamp(line.at), line.text)),
            LineKind::Failure => self.painted(RED, &format!("{}    failed: {}", stamp(line.at), line.text)),
        };
        self.data(&text);
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.color { format!("{color}{text}{RESET}") } else { text.to_owned() }
    }

    fn painted(&self, color: &str, text: &str) -> String {
        format!("{}\n", self.paint(color, text))
    }
}

/// The virtual time at the head of a line: `    3m12.500s`.
fn stamp(at: Duration) -> String {
    let (minutes, millis) = (at.as_secs() / 60, at.as_millis() % 60_000);
    let hours = minutes / 60;
    let text = match (hours, minutes) {
        (0, 0) => format!("{}.{:03}s", millis / 1000, millis % 1000),
        (0, minutes) => format!("{minutes}m{:02}.{:03}s", millis / 1000, millis % 1000),
        (hours, minutes) => format!("{hours}h{:02}m{:02}.{:03}s", minutes % 60, millis / 1000, millis % 1000),
    };
    format!("{text:>12}")
}
