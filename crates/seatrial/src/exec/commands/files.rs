//! Files: cat, ls, touch, mkdir, rm, df, head, tail, wc, grep, test.

use std::fmt::Write as _;

use super::flags;
use crate::exec::files::FileError;
use crate::exec::shell::{Output, Session};

/// What a folder and the blocks of a file are said to take.
const BLOCK_BYTES: usize = 4096;
const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

impl Session<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        if path == "/dev/null" {
            return Ok(Vec::new());
        }
        self.cluster.files.read(&self.view, &self.absolute(path))
    }

    /// The bytes of files, or of the input where none is named.
    fn inputs(&self, name: &str, paths: &[&str], input: Vec<u8>, out: &mut Output) -> (Vec<u8>, i32) {
        if paths.is_empty() {
            return (input, 0);
        }
        let (mut all, mut status) = (Vec::new(), 0);
        for path in paths {
            match if *path == "-" { Ok(input.clone()) } else { self.read(path) } {
                Ok(bytes) => all.extend(bytes),
                Err(error) => {
                    out.error(&format!("{name}: {path}: {error}"));
                    status = 1;
                }
            }
        }
        (all, status)
    }

    pub(super) fn cat(&mut self, arguments: &[String], input: Vec<u8>, out: &mut Output) -> i32 {
        let (_, paths) = flags(arguments);
        let (bytes, status) = self.inputs("cat", &paths, input, out);
        out.stdout.extend(bytes);
        status
    }

    pub(super) fn head_or_tail(&mut self, name: &str, arguments: &[String], input: Vec<u8>, out: &mut Output) -> i32 {
        let mut count = 10;
        let mut paths = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.strip_prefix('-') {
                Some("n") => count = rest.next().and_then(|n| n.parse().ok()).unwrap_or(count),
                Some(number) if !number.is_empty() => {
                    count = number.trim_start_matches('n').parse().unwrap_or(count);
                }
                _ => paths.push(argument.as_str()),
            }
        }
        let (bytes, status) = self.inputs(name, &paths, input, out);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let count = count.min(lines.len());
        let shown = if name == "head" { &lines[..count] } else { &lines[lines.len() - count..] };
        out.stdout.extend(shown.concat().into_bytes());
        status
    }

    pub(super) fn wc(&mut self, arguments: &[String], input: Vec<u8>, out: &mut Output) -> i32 {
        let (letters, paths) = flags(arguments);
        let (bytes, status) = self.inputs("wc", &paths, input, out);
        let text = String::from_utf8_lossy(&bytes);
        let counts = [('l', text.matches('\n').count()), ('w', text.split_whitespace().count()), ('c', bytes.len())];
        let wanted = counts.into_iter().filter(|(letter, _)| letters.is_empty() || letters.contains(*letter));
        let mut parts: Vec<String> = wanted.map(|(_, count)| count.to_string()).collect();
        parts.extend(paths.iter().map(|path| (*path).to_owned()));
        out.line(&parts.join(" "));
        status
    }

    /// `grep [-v] [-q] [-c] [-i] TEXT [FILE...]`: the pattern is a text.
    pub(super) fn grep(&mut self, arguments: &[String], input: Vec<u8>, out: &mut Output) -> i32 {
        let (letters, words) = flags(arguments);
        let Some((pattern, paths)) = words.split_first() else {
            out.error("usage: grep [-v] [-q] [-c] [-i] TEXT [FILE...]");
            return 2;
        };
        let (bytes, status) = self.inputs("grep", paths, input, out);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let fold = |text: &str| if letters.contains('i') { text.to_lowercase() } else { text.to_owned() };
        let pattern = fold(pattern);
        let is_shown = |line: &&str| fold(line).contains(&pattern) != letters.contains('v');
        let lines: Vec<&str> = text.lines().filter(is_shown).collect();
        if letters.contains('c') {
            out.line(&lines.len().to_string());
        } else if !letters.contains('q') {
            lines.iter().for_each(|line| out.line(line));
        }
        if status != 0 { 2 } else { i32::from(lines.is_empty()) }
    }

    pub(super) fn test(&mut self, name: &str, arguments: &[String], out: &mut Output) -> i32 {
        let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if name == "[" && words.pop() != Some("]") {
            out.error("[: missing `]'");
            return 2;
        }
        let negated = words.first() == Some(&"!");
        if negated {
            words.remove(0);
        }
        let number = |text: &str| text.parse::<i64>().unwrap_or(0);
        let holds = match words.as_slice() {
            [] => false,
            [word] => !word.is_empty(),
            ["-z", word] => word.is_empty(),
            ["-n", word] => !word.is_empty(),
            [flag @ ("-e" | "-f" | "-d" | "-s"), path] => {
                let entry = self.cluster.files.entry(&self.view, &self.absolute(path));
                entry.is_some_and(|entry| match *flag {
                    "-f" => entry.bytes.is_some(),
                    "-d" => entry.bytes.is_none(),
                    "-s" => entry.bytes.is_none_or(|bytes| !bytes.is_empty()),
                    _ => true,
                })
            }
            [a, "=" | "==", b] => a == b,
            [a, "!=", b] => a != b,
            [a, "-eq", b] => number(a) == number(b),
            [a, "-ne", b] => number(a) != number(b),
            [a, "-lt", b] => number(a) < number(b),
            [a, "-le", b] => number(a) <= number(b),
            [a, "-gt", b] => number(a) > number(b),
            [a, "-ge", b] => number(a) >= number(b),
            _ => {
                out.error(&format!("{name}: too many arguments"));
                return 2;
            }
        };
        i32::from(holds == negated)
    }

    pub(super) fn touch(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (_, paths) = flags(arguments);
        let mut status = 0;
        for path in paths {
            let absolute = self.absolute(path);
            let now = self.cluster.api_time();
            let result = self.cluster.files.write(&self.view, &absolute, (&[], true), now);
            if let Err(error) = result.or_else(|e| if e == FileError::IsDirectory { Ok(()) } else { Err(e) }) {
                out.error(&format!("touch: cannot touch '{path}': {error}"));
                status = 1;
            }
        }
        status
    }

    pub(super) fn mkdir(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (letters, paths) = flags(arguments);
        let mut status = 0;
        for path in paths {
            let absolute = self.absolute(path);
            let now = self.cluster.api_time();
            let result = if letters.contains('p') {
                let mut so_far = String::new();
                absolute.split('/').filter(|part| !part.is_empty()).try_for_each(|part| {
                    so_far = format!("{so_far}/{part}");
                    match self.cluster.files.entry(&self.view, &so_far) {
                        Some(entry) if entry.bytes.is_none() => Ok(()),
                        Some(_) => Err(FileError::NotDirectory),
                        None => self.cluster.files.make_folder(&self.view, &so_far, now),
                    }
                })
            } else {
                self.cluster.files.make_folder(&self.view, &absolute, now)
            };
            if let Err(error) = result {
                out.error(&format!("mkdir: cannot create directory '{path}': {error}"));
                status = 1;
            }
        }
        status
    }

    pub(super) fn rm(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (letters, paths) = flags(arguments);
        let (all, force) = (letters.contains(['r', 'R']), letters.contains('f'));
        let mut status = 0;
        for path in paths {
            let absolute = self.absolute(path);
            let entry = self.cluster.files.entry(&self.view, &absolute);
            let result = match entry {
                Some(entry) if entry.bytes.is_none() && !all => Err(FileError::IsDirectory),
                _ => self.cluster.files.remove(&self.view, &absolute),
            };
            match result {
                Err(FileError::NotFound) if force => {}
                Err(error) => {
                    out.error(&format!("rm: cannot remove '{path}': {error}"));
                    status = 1;
                }
                Ok(()) => {}
            }
        }
        status
    }

    pub(super) fn ls(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (letters, mut paths) = flags(arguments);
        if paths.is_empty() {
            paths.push(".");
        }
        let (long, hidden) = (letters.contains('l'), letters.contains(['a', 'A']));
        let several = paths.len() > 1;
        let mut status = 0;
        for (at, path) in paths.iter().enumerate() {
            let absolute = self.absolute(path);
            match self.cluster.files.entry(&self.view, &absolute) {
                None => {
                    out.error(&format!("ls: cannot access '{path}': {}", FileError::NotFound));
                    status = 2;
                }
                Some(entry) if entry.bytes.is_some() || letters.contains('d') => {
                    let line = if long { self.long_line(&absolute, path) } else { (*path).to_owned() };
                    out.line(&line);
                }
                Some(_) => {
                    if several {
                        out.line(&format!("{}{path}:", if at > 0 { "\n" } else { "" }));
                    }
                    self.list_folder(&absolute, (long, hidden), out);
                }
            }
        }
        status
    }

    fn list_folder(&self, folder: &str, (long, hidden): (bool, bool), out: &mut Output) {
        let names = self.cluster.files.names(&self.view, folder);
        let names: Vec<&String> = names.iter().filter(|name| hidden || !name.starts_with('.')).collect();
        let path_of = |name: &str| if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") };
        if !long {
            names.iter().for_each(|name| out.line(name));
            return;
        }
        let blocks = |name: &str| {
            let entry = self.cluster.files.entry(&self.view, &path_of(name));
            let bytes = entry.map_or(0, |e| e.bytes.map_or(BLOCK_BYTES, |bytes| bytes.len()));
            bytes.div_ceil(BLOCK_BYTES) * (BLOCK_BYTES / 1024)
        };
        out.line(&format!("total {}", names.iter().map(|name| blocks(name)).sum::<usize>()));
        names.iter().for_each(|name| out.line(&self.long_line(&path_of(name), name)));
    }

    fn long_line(&self, path: &str, shown: &str) -> String {
        let Some(entry) = self.cluster.files.entry(&self.view, path) else { return shown.to_owned() };
        let (mode, links, size) = match &entry.bytes {
            Some(bytes) => ("-rw-r--r--", 1, bytes.len()),
            None => ("drwxr-xr-x", 2, BLOCK_BYTES),
        };
        let time = entry.time.to_chrono().format("%b %e %H:%M").to_string();
        format!("{mode} {links} root root {size:>5} {time} {shown}")
    }

    /// `df [-h] [PATH...]`
    pub(super) fn df(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (letters, paths) = flags(arguments);
        let human = letters.contains('h');
        let wanted: Vec<String> = paths.iter().map(|path| self.absolute(path)).collect();
        let mut mounts: Vec<&crate::exec::container::Mount> =
            self.view.mounts.iter().rev().filter(|mount| mount.size > 0).collect();
        if !wanted.is_empty() {
            mounts = wanted.iter().map(|path| self.view.resolve(path).0).collect();
        }
        let size = |bytes: u64| if human { human_size(bytes) } else { bytes.div_ceil(1024).to_string() };
        let total = if human { "Size" } else { "1K-blocks" };
        let free = if human { "Avail" } else { "Available" };
        let mut rows = vec![["Filesystem", total, "Used", free, "Use%", "Mounted on"].map(str::to_owned)];
        for mount in mounts {
            let used = self.cluster.files.used(mount);
            let percent = (used * 100).div_ceil(mount.size.max(1));
            let left = mount.size.saturating_sub(used);
            rows.push([
                mount.device.clone(),
                size(mount.size),
                size(used),
                size(left),
                format!("{percent}%"),
                mount.path.clone(),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths = [width(0).max(14), width(1).max(5), width(2).max(5), width(3).max(5), width(4).max(4)];
        for row in &rows {
            let mut line = format!("{:<w$}", row[0], w = widths[0]);
            for column in 1..5 {
                let _ = write!(line, " {:>w$}", row[column], w = widths[column]);
            }
            out.line(&format!("{line} {}", row[5]));
        }
        0
    }
}

/// A size as `df -h` and `ls -h` write it: rounded up, one decimal below ten.
pub(super) fn human_size(bytes: u64) -> String {
    let mut unit = 0;
    let mut scale: u64 = 1;
    while bytes / scale >= 1024 && unit + 1 < UNITS.len() {
        scale = scale.saturating_mul(1024);
        unit += 1;
    }
    if unit == 0 {
        return bytes.to_string();
    }
    let tenths = (u128::from(bytes) * 10).div_ceil(u128::from(scale));
    if tenths < 100 {
        format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{}{}", tenths.div_ceil(10), UNITS[unit])
    }
}
