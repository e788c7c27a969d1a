//! The step `exec`: what kubectl shows of a command, and what must come of it.

use super::journal::LineKind;
use super::targets::glob;
use super::{Runner, StepError};
use crate::cluster::Error;
use crate::exec::ExecOutput;
use crate::scenario::model::{Exec, ExecExpect};

impl Runner<'_> {
    pub(super) fn exec(&mut self, exec: &Exec) {
        let keys = match self.cluster.keys_of(&exec.target) {
            Ok(keys) => keys,
            Err(error) => return self.fail(Some(exec.position), error.to_string()),
        };
        for key in keys {
            self.tell_journal();
            match self.cluster.exec_key(&key, exec.container.as_deref(), &exec.command) {
                Ok(output) => {
                    // What happened while the command ran comes before what it came to.
                    self.tell_journal();
                    self.executed(exec, &output);
                }
                Err(error) => self.exec_refused(exec, &error),
            }
        }
    }

    fn executed(&mut self, exec: &Exec, output: &ExecOutput) {
        if let Some(notice) = &output.notice {
            self.say(LineKind::Warning, notice);
        }
        for text in [&output.stdout, &output.stderr] {
            let text = text.trim_end_matches('\n');
            if !text.is_empty() {
                self.say(LineKind::Print, text);
            }
        }
        let ended = format!("command terminated with exit code {}", output.exit_code);
        match &exec.expect {
            Some(expect) => {
                if output.exit_code != 0 {
                    self.say(LineKind::Print, &ended);
                }
                match difference(expect, output) {
                    None => self.report.passed += 1,
                    Some(message) => self.fail(Some(exec.position), message),
                }
            }
            None if output.exit_code == 0 => {}
            None => {
                let code = u16::try_from(output.exit_code).unwrap_or(1);
                self.record(StepError { step: self.step, verb: "exec", code, reason: None, message: ended });
            }
        }
    }

    fn exec_refused(&mut self, exec: &Exec, error: &Error) {
        if exec.expect.as_ref().is_none_or(|expect| expect.exit_code == 0) {
            return self.report_error("exec", error);
        }
        // kubectl's own end with 1, and its words are what was asked for.
        let stderr = match error {
            Error::Api(error) => format!("Error from server ({}): {}", error.reason().as_str(), error.message()),
            other => format!("error: {other}"),
        };
        let output = ExecOutput { stderr, exit_code: 1, ..ExecOutput::default() };
        self.executed(exec, &output);
    }
}

/// How the outcome differs from what was expected.
fn difference(expect: &ExecExpect, output: &ExecOutput) -> Option<String> {
    if expect.exit_code != output.exit_code {
        return Some(format!("exec: wanted exit code {}, got {}", expect.exit_code, output.exit_code));
    }
    let texts = [("stdout", &expect.stdout, &output.stdout), ("stderr", &expect.stderr, &output.stderr)];
    texts.into_iter().find_map(|(name, wanted, got)| {
        let wanted = wanted.as_ref()?.trim_end_matches('\n');
        let got = got.trim_end_matches('\n');
        (!glob(wanted, got)).then(|| format!("exec: wanted {name} {wanted:?}, got {got:?}"))
    })
}
