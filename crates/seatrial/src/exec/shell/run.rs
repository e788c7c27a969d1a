//! Running what was read.

use std::collections::BTreeMap;

use super::parser::parse;
use super::{Redirection, Simple, When};
use crate::cluster::Cluster;
use crate::exec::container::ContainerView;
use crate::exec::files::FileError;

/// How many commands a script may run, loops of substitutions left out.
const COMMANDS_MAX: usize = 10_000;
/// How deep shells may start shells.
const DEPTH_MAX: usize = 16;
/// A command that is not there.
pub(in crate::exec) const NOT_FOUND: i32 = 127;

/// What a command wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::exec) struct Output {
    pub(in crate::exec) stdout: Vec<u8>,
    pub(in crate::exec) stderr: Vec<u8>,
}

impl Output {
    /// Writes a line to standard output.
    pub(in crate::exec) fn line(&mut self, text: &str) {
        self.stdout.extend_from_slice(text.as_bytes());
        self.stdout.push(b'\n');
    }

    /// Writes a line to standard error.
    pub(in crate::exec) fn error(&mut self, text: &str) {
        self.stderr.extend_from_slice(text.as_bytes());
        self.stderr.push(b'\n');
    }

    fn append(&mut self, other: Output) {
        self.stdout.extend(other.stdout);
        self.stderr.extend(other.stderr);
    }
}

/// A process in a container: its files, its environment, and where it is.
#[derive(Debug)]
pub(in crate::exec) struct Session<'a> {
    pub(in crate::exec) cluster: &'a mut Cluster,
    pub(in crate::exec) view: ContainerView,
    /// The environment, in its order.
    pub(in crate::exec) environment: Vec<(String, String)>,
    /// Variables that are not in the environment.
    pub(in crate::exec) variables: BTreeMap<String, String>,
    pub(in crate::exec) folder: String,
    pub(in crate::exec) status: i32,
    /// `exit` was called, or the container has ended.
    pub(in crate::exec) ended: bool,
    commands: usize,
    depth: usize,
    /// How the shell is called in its messages.
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sink {
    Stdout,
    Stderr,
    Null,
    File(String),
}

impl<'a> Session<'a> {
    pub(in crate::exec) fn new(
        cluster: &'a mut Cluster,
        view: ContainerView,
        environment: Vec<(String, String)>,
    ) -> Self {
        Self {
            folder: view.folder.clone(),
            cluster,
            view,
            environment,
            variables: BTreeMap::new(),
            status: 0,
            ended: false,
            commands: 0,
            depth: 0,
            name: "sh",
        }
    }

    /// Runs a script; returns its exit code.
    pub(in crate::exec) fn script(&mut self, name: &'static str, text: &str, out: &mut Output) -> i32 {
        let before = std::mem::replace(&mut self.name, name);
        self.depth += 1;
        let status = match parse(text) {
            _ if self.depth > DEPTH_MAX => {
                out.error(&format!("{name}: too many shells in shells"));
                2
            }
            Err(error) => {
                out.error(&format!("{name}: -c: line 1: {error}"));
                2
            }
            Ok(list) => {
                for (when, pipeline) in list {
                    let runs = match when {
                        When::Always => true,
                        When::Succeeded => self.status == 0,
                        When::Failed => self.status != 0,
                    };
                    if self.ended {
                        break;
                    }
                    if runs {
                        let status = self.pipeline(&pipeline.commands, out);
                        self.status = if pipeline.negated { i32::from(status == 0) } else { status };
                    }
                }
                self.status
            }
        };
        self.depth -= 1;
        self.name = before;
        status
    }

    fn pipeline(&mut self, commands: &[Simple], out: &mut Output) -> i32 {
        let mut input = Vec::new();
        let mut status = 0;
        for (at, command) in commands.iter().enumerate() {
            let mut own = Output::default();
            // Each part of a pipe is a process of its own.
            let before = (commands.len() > 1).then(|| (self.environment.clone(), self.folder.clone()));
            status = self.simple(command, std::mem::take(&mut input), &mut own);
            if let Some((environment, folder)) = before {
                (self.environment, self.folder) = (environment, folder);
            }
            if at + 1 < commands.len() {
                input = std::mem::take(&mut own.stdout);
            }
            out.append(own);
        }
        status
    }

    fn simple(&mut self, command: &Simple, mut input: Vec<u8>, out: &mut Output) -> i32 {
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            self.ended = true;
            return 2;
        }
        let arguments = self.arguments(&command.words);
        let mut sinks = [Sink::Stdout, Sink::Stderr];
        for redirection in &command.redirections {
            if let Err((path, error)) = self.redirect(redirection, &mut sinks, &mut input) {
                out.error(&format!("{}: line 1: {path}: {error}", self.name));
                return 1;
            }
        }
        let before = self.environment.clone();
        for (name, value) in &command.assignments {
            let value = self.one(value);
            if arguments.is_empty() && self.environment.iter().all(|(known, _)| known != name) {
                self.variables.insert(name.clone(), value);
            } else {
                self.set(name, value);
            }
        }
        let Some((word, rest)) = arguments.split_first() else { return 0 };
        let mut own = Output::default();
        let name = self.name;
        let status = match self.command(word, rest, input, &mut own) {
            Some(status) => status,
            None => {
                own.error(&format!("{name}: line 1: {word}: command not found"));
                NOT_FOUND
            }
        };
        if !command.assignments.is_empty() {
            self.environment = before;
        }
        self.deliver(&sinks[0], &own.stdout, out);
        self.deliver(&sinks[1], &own.stderr, out);
        status
    }

    fn redirect(
        &mut self,
        redirection: &Redirection,
        sinks: &mut [Sink; 2],
        input: &mut Vec<u8>,
    ) -> Result<(), (String, FileError)> {
        let place = |fd: u8| usize::from(fd == 2);
        match redirection {
            Redirection::Duplicate { fd, of } => sinks[place(*fd)] = sinks[place(*of)].clone(),
            Redirection::Input(word) => {
                let path = self.one(word);
                let absolute = self.absolute(&path);
                *input = if absolute == "/dev/null" {
                    Vec::new()
                } else {
                    self.cluster.files.read(&self.view, &absolute).map_err(|error| (path, error))?
                };
            }
            Redirection::File { fd, path, append } => {
                let path = self.one(path);
                let absolute = self.absolute(&path);
                sinks[place(*fd)] = match absolute.as_str() {
                    "/dev/null" => Sink::Null,
                    "/dev/stdout" | "/proc/1/fd/1" => Sink::Stdout,
                    "/dev/stderr" | "/proc/1/fd/2" => Sink::Stderr,
                    _ => {
                        let now = self.cluster.api_time();
                        let view = &self.view;
                        let written = self.cluster.files.write(view, &absolute, (&[], *append), now);
                        written.map_err(|error| (path, error))?;
                        Sink::File(absolute)
                    }
                };
            }
        }
        Ok(())
    }

    fn deliver(&mut self, sink: &Sink, bytes: &[u8], out: &mut Output) {
        match sink {
            Sink::Stdout => out.stdout.extend_from_slice(bytes),
            Sink::Stderr => out.stderr.extend_from_slice(bytes),
            Sink::Null => {}
            Sink::File(path) => {
                // It was opened before the command ran; the command itself may have removed it.
                let now = self.cluster.api_time();
                let _ = self.cluster.files.write(&self.view, path, (bytes, true), now);
            }
        }
    }

    /// Runs a script for its output.
    pub(super) fn substitute(&mut self, text: &str) -> String {
        let before = (self.environment.clone(), self.variables.clone(), self.folder.clone(), self.ended);
        let mut out = Output::default();
        let name = self.name;
        self.script(name, text, &mut out);
        (self.environment, self.variables, self.folder, self.ended) = before;
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The value of a variable.
    pub(in crate::exec) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => return Some(self.status.to_string()),
            "$" => return Some("7".to_owned()),
            "#" => return Some("0".to_owned()),
            "0" => return Some(self.name.to_owned()),
            "PWD" => return Some(self.folder.clone()),
            _ => {}
        }
        let known = self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        known.or_else(|| self.variables.get(name)).cloned()
    }

    /// Sets a variable of the environment.
    pub(in crate::exec) fn set(&mut self, name: &str, value: String) {
        self.variables.remove(name);
        match self.environment.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.environment.push((name.to_owned(), value)),
        }
    }

    /// A path from the root, without `.` and `..`.
    pub(in crate::exec) fn absolute(&self, path: &str) -> String {
        let joined = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.folder) };
        crate::exec::files::clean(&joined)
    }
}
