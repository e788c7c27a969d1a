//! `kubectl get`: the server's cells as aligned columns.
//!
//! Mirrors cli-runtime/pkg/printers/tableprinter.go (v1.36).

use seatrial_api::{Object, Time};
use seatrial_apiserver::printers::{cells, columns};
use serde_json::Value;

/// The least width of a cell, and the gap behind it.
const WIDTH_MIN: usize = 6;
const GAP: usize = 3;

/// Whether the columns of `-o wide` are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    /// They are.
    Yes,
    /// They are not.
    No,
}

/// The table of objects of one kind; `None` where there are none, since kubectl prints no header then.
pub fn table(objects: &[&Object], wide: Wide, now: Time) -> Option<String> {
    let kind = objects.first()?.kind();
    let shown: Vec<usize> = columns(kind)
        .iter()
        .enumerate()
        .filter(|(_, c)| wide == Wide::Yes || c.priority == 0)
        .map(|(index, _)| index)
        .collect();
    let header = shown.iter().map(|i| columns(kind)[*i].name.to_uppercase()).collect();
    let mut rows: Vec<Vec<String>> = vec![header];
    for object in objects {
        let all = cells(object, now);
        rows.push(shown.iter().map(|i| all.get(*i).map(cell_text).unwrap_or_default()).collect());
    }
    Some(aligned(&rows, WIDTH_MIN, GAP))
}

/// A cell as text: cut at the first line break.
fn cell_text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match text.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Pads every column but the last to its longest cell.
pub(crate) fn aligned(rows: &[Vec<String>], width_min: usize, gap: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let longest = rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
        width_min.max(longest + gap)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if index + 1 < row.len() {
                text.extend(std::iter::repeat_n(' ', widths[index].saturating_sub(cell.chars().count())));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_last_is_not_padded() {
        let rows = [["NAME", "READY", "AGE"], ["super-front", "1/1", "4m28s"], ["a", "0/1", ""]];
        let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| (*c).to_owned()).collect()).collect();
        let want = "NAME          READY   AGE\nsuper-front   1/1     4m28s\na             0/1     \n";
        assert_eq!(aligned(&rows, WIDTH_MIN, GAP), want);
    }

    #[test]
    fn cells_end_at_a_line_break() {
        assert_eq!(cell_text(&Value::from("a\nb")), "a...");
        assert_eq!(cell_text(&Value::from(3)), "3");
    }
}
