//! The commands that every mock container has.

mod files;
mod names;
mod network;
mod system;

use super::shell::{Output, Session};

impl Session<'_> {
    /// Runs a command; `None` where there is no such command.
    pub(in crate::exec) fn command(
        &mut self,
        word: &str,
        arguments: &[String],
        input: Vec<u8>,
        out: &mut Output,
    ) -> Option<i32> {
        if let Some(status) = self.behaves(word, arguments) {
            return Some(status);
        }
        let name = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/"]
            .into_iter()
            .find_map(|folder| word.strip_prefix(folder))
            .unwrap_or(word);
        Some(match name {
            "sh" | "bash" | "ash" | "dash" => self.shell(name, arguments, &input, out),
            "cat" => self.cat(arguments, input, out),
            "ls" => self.ls(arguments, out),
            "touch" => self.touch(arguments, out),
            "mkdir" => self.mkdir(arguments, out),
            "rm" => self.rm(arguments, out),
            "df" => self.df(arguments, out),
            "head" | "tail" => self.head_or_tail(name, arguments, input, out),
            "wc" => self.wc(arguments, input, out),
            "grep" => self.grep(arguments, input, out),
            "test" | "[" => self.test(name, arguments, out),
            "echo" => echo(arguments, out),
            "true" | ":" => 0,
            "false" => 1,
            "cd" => self.cd(arguments, out),
            "pwd" => {
                out.line(&self.folder.clone());
                0
            }
            "env" | "printenv" => self.env(arguments, out),
            "export" => self.export(arguments),
            "exit" => self.exit(arguments),
            "sleep" => self.sleep(arguments, out),
            "date" => self.date(arguments, out),
            "id" | "whoami" => self.id(name, out),
            "hostname" => self.hostname(arguments, out),
            "ping" => self.ping(arguments, out),
            "nslookup" => self.nslookup(arguments, out),
            "curl" => self.curl(arguments, out),
            "wget" => self.wget(arguments, out),
            _ => return None,
        })
    }

    fn shell(&mut self, name: &str, arguments: &[String], input: &[u8], out: &mut Output) -> i32 {
        let name = if name == "bash" { "bash" } else { "sh" };
        let before = (self.environment.clone(), self.variables.clone(), self.folder.clone(), self.status);
        let script = match arguments.iter().position(|a| a.starts_with('-') && a.ends_with('c')) {
            Some(at) => arguments.get(at + 1).cloned(),
            None => match arguments.iter().find(|a| !a.starts_with('-')) {
                Some(file) => self.script_file(name, file, out),
                None => Some(String::from_utf8_lossy(input).into_owned()),
            },
        };
        let status = match script {
            Some(text) => {
                self.status = 0;
                self.script(name, &text, out)
            }
            None => 127,
        };
        // A shell that ends does not end the one that called it, unless the container is gone.
        self.ended &= self.is_gone();
        (self.environment, self.variables, self.folder, self.status) = before;
        status
    }

    fn script_file(&mut self, name: &str, file: &str, out: &mut Output) -> Option<String> {
        let path = self.absolute(file);
        match self.cluster.files.read(&self.view, &path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                out.error(&format!("{name}: {file}: {error}"));
                None
            }
        }
    }
}

/// Words that begin with a dash, letter by letter, and the others.
fn flags(arguments: &[String]) -> (String, Vec<&str>) {
    let mut letters = String::new();
    let mut others = Vec::new();
    let mut only_others = false;
    for argument in arguments {
        match argument.strip_prefix('-') {
            Some("-") if !only_others => only_others = true,
            Some(rest) if !only_others && !rest.is_empty() => letters.push_str(rest),
            _ => others.push(argument.as_str()),
        }
    }
    (letters, others)
}

fn echo(arguments: &[String], out: &mut Output) -> i32 {
    let mut rest = arguments;
    let (mut newline, mut escapes) = (true, false);
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "-n" => newline = false,
            "-e" => escapes = true,
            "-ne" | "-en" => (newline, escapes) = (false, true),
            _ => break,
        }
        rest = others;
    }
    let text = rest.join(" ");
    let text = if escapes { text.replace("\\n", "\n").replace("\\t", "\t") } else { text };
    out.stdout.extend_from_slice(text.as_bytes());
    if newline {
        out.stdout.push(b'\n');
    }
    0
}
