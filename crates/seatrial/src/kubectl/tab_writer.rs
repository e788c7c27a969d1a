//! The aligner of describe pages: cells end at tabs, and lines of one block share their columns.
//!
//! Mirrors cli-runtime/pkg/printers/tabwriter.go with the settings of `kubectl describe` (v1.36).

const GAP: usize = 2;

/// Collects lines and aligns them. A column is as wide as the cells of consecutive lines that have it.
#[derive(Debug, Default)]
pub(crate) struct TabWriter {
    lines: Vec<Vec<String>>,
}

impl TabWriter {
    /// Adds a line, indented by so many levels of two blanks, its cells separated by tabs.
    pub(crate) fn line(&mut self, level: usize, text: &str) {
        let text = format!("{}{text}", "  ".repeat(level));
        self.lines.push(text.split('\t').map(str::to_owned).collect());
    }

    /// The aligned text.
    pub(crate) fn finish(self) -> String {
        let mut widths: Vec<Vec<usize>> = self.lines.iter().map(|cells| vec![0; cells.len()]).collect();
        let columns = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        for column in 0..columns {
            let mut start = 0;
            while start < self.lines.len() {
                // A block is the run of lines whose cell in this column is ended by a tab.
                let ended = |line: &Vec<String>| line.len() > column + 1;
                let end = start + self.lines[start..].iter().take_while(|l| ended(l)).count();
                let longest = self.lines[start..end].iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
                widths[start..end].iter_mut().for_each(|w| w[column] = longest + GAP);
                start = end + 1;
            }
        }
        let mut text = String::new();
        for (cells, widths) in self.lines.iter().zip(&widths) {
            for (index, cell) in cells.iter().enumerate() {
                text.push_str(cell);
                if index + 1 < cells.len() {
                    text.extend(std::iter::repeat_n(' ', widths[index].saturating_sub(cell.chars().count())));
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_a_tab_end_a_block() {
        let mut out = TabWriter::default();
        for line in ["Name:\tweb", "Longer label:\tx", "Pod Template:", "A:\tb"] {
            out.line(0, line);
        }
        assert_eq!(out.finish(), "Name:          web\nLonger label:  x\nPod Template:\nA:  b\n");
    }
}
