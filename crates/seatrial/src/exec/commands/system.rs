//! The process and its surroundings: cd, env, export, exit, sleep, date, id, hostname.

use std::fmt::Write as _;
use std::time::Duration;

use seatrial_api::Pod;

use super::flags;
use crate::exec::dns;
use crate::exec::files::FileError;
use crate::exec::shell::{Output, Session};

impl Session<'_> {
    /// The pod, as long as it is there.
    pub(super) fn pod(&self) -> Option<std::sync::Arc<Pod>> {
        let (namespace, name) = &self.view.pod;
        self.cluster.server.get::<Pod>(namespace, name).ok().cloned()
    }

    /// Whether the container has ended, or been started again, since the process began.
    pub(in crate::exec) fn is_gone(&self) -> bool {
        let pod = self.pod();
        pod.is_none_or(|pod| {
            crate::exec::life_of(&pod, &self.view.container).is_none_or(|l| l.started_at != self.view.started_at)
        })
    }

    /// Lets time pass in the middle of a command.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.cluster.clock.now() + time;
        self.cluster.advance_to(end);
        self.ended |= self.is_gone();
    }

    /// What a behavior says of a command.
    pub(super) fn behaves(&mut self, word: &str, arguments: &[String]) -> Option<i32> {
        let pod = self.pod()?;
        let command: Vec<String> = std::iter::once(word.to_owned()).chain(arguments.iter().cloned()).collect();
        let now = self.cluster.clock.now();
        let (code, takes) = self.cluster.kubelets.command(now, &pod, &self.view.container, &command)?;
        if !takes.is_zero() {
            self.pass(takes);
        }
        Some(code)
    }

    pub(super) fn cd(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let path = arguments.first().cloned().or_else(|| self.variable("HOME")).unwrap_or_else(|| "/".to_owned());
        let absolute = self.absolute(&path);
        let error = match self.cluster.files.entry(&self.view, &absolute) {
            Some(entry) if entry.bytes.is_none() => {
                self.folder = absolute;
                return 0;
            }
            Some(_) => FileError::NotDirectory,
            None => FileError::NotFound,
        };
        out.error(&format!("sh: line 1: cd: {path}: {error}"));
        1
    }

    /// `env` and `printenv`
    pub(super) fn env(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let (_, names) = flags(arguments);
        if names.is_empty() {
            for (name, value) in self.environment.clone() {
                out.line(&format!("{name}={value}"));
            }
            return 0;
        }
        let mut status = 0;
        for name in names {
            match self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()) {
                Some(value) => out.line(&value),
                None => status = 1,
            }
        }
        status
    }

    pub(super) fn export(&mut self, arguments: &[String]) -> i32 {
        for argument in arguments {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), self.variable(argument)),
            };
            if let Some(value) = value {
                self.set(name, value);
            }
        }
        0
    }

    pub(super) fn exit(&mut self, arguments: &[String]) -> i32 {
        self.ended = true;
        let code = arguments.first().and_then(|code| code.parse::<i32>().ok());
        code.unwrap_or(self.status) & 0xff
    }

    /// `sleep 1 2m 0.5`: virtual time passes.
    pub(super) fn sleep(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        if arguments.is_empty() {
            out.error("sleep: missing operand");
            return 1;
        }
        let mut total = Duration::ZERO;
        for argument in arguments {
            let Some(time) = seconds_of(argument) else {
                out.error(&format!("sleep: invalid time interval '{argument}'"));
                return 1;
            };
            total = total.saturating_add(time);
        }
        self.pass(total);
        0
    }

    pub(super) fn date(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let format = arguments.iter().find_map(|a| a.strip_prefix('+')).unwrap_or("%a %b %e %H:%M:%S UTC %Y");
        let mut text = String::new();
        if write!(text, "{}", self.cluster.time().format(format)).is_err() {
            out.error(&format!("date: invalid format '+{format}'"));
            return 1;
        }
        out.line(&text);
        0
    }

    pub(super) fn id(&mut self, name: &str, out: &mut Output) -> i32 {
        let Some(pod) = self.pod() else { return 1 };
        let of_pod = pod.spec.api().security_context.clone().unwrap_or_default();
        let container = pod.spec.api().containers.iter().find(|c| c.name == self.view.container);
        let own = container.and_then(|c| c.security_context.clone()).unwrap_or_default();
        let user = own.run_as_user.or(of_pod.run_as_user).unwrap_or(0);
        let group = own.run_as_group.or(of_pod.run_as_group).unwrap_or(0);
        let named = |id: i64| if id == 0 { "0(root)".to_owned() } else { id.to_string() };
        if name == "whoami" {
            if user != 0 {
                out.error(&format!("whoami: cannot find name for user ID {user}"));
                return 1;
            }
            out.line("root");
            return 0;
        }
        let more = of_pod.fs_group.into_iter().chain(of_pod.supplemental_groups.into_iter().flatten());
        let groups: Vec<String> = std::iter::once(group).chain(more).map(named).collect();
        out.line(&format!("uid={} gid={} groups={}", named(user), named(group), groups.join(",")));
        0
    }

    pub(super) fn hostname(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let Some(pod) = self.pod() else { return 1 };
        let (letters, _) = flags(arguments);
        let ip = pod.status.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
        let text = if letters.contains(['i', 'I']) {
            ip
        } else if letters.contains('f') {
            dns::fqdn(&pod).unwrap_or_else(|| dns::hostname(&pod))
        } else if letters.contains('d') {
            let name = dns::fqdn(&pod).unwrap_or_default();
            name.split_once('.').map(|(_, domain)| domain.to_owned()).unwrap_or_default()
        } else {
            dns::hostname(&pod)
        };
        out.line(&text);
        0
    }
}

/// `5`, `0.5`, `2m`, `1h`, `1d`
fn seconds_of(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.chars().last()),
        None => (text, None),
    };
    let factor = match unit {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => 1,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 9 || whole.len() > 9 {
        return None;
    }
    let nanos = format!("{part:0<9}").parse::<u64>().ok()?;
    let total = u128::from(whole.parse::<u64>().ok()?) * 1_000_000_000 + u128::from(nanos);
    u64::try_from(total * factor).ok().map(Duration::from_nanos)
}
