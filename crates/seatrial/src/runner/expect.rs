//! Expectations, waits and invariants.

use std::time::Duration;

use seatrial_api::{Kind, Object};
use serde_json::Value;

use super::Runner;
use super::cel::holds;
use crate::cluster::Cluster;
use crate::cluster::reads::kind_named;
use crate::scenario::model::{Cel, Expectation, Query, Subject, Wait, WaitFor};

/// How long a wait takes where the step does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3600);

/// Whether an invariant holds for every object it is about. A field that is not there is a broken invariant.
pub(super) fn invariant_holds(cluster: &Cluster, target: &Query, that: &Cel) -> bool {
    match cluster.objects_of_query(target) {
        Ok(objects) => objects.into_iter().all(|o| holds(that, &o.to_json()).unwrap_or(false)),
        Err(_) => false,
    }
}

impl Runner<'_> {
    pub(super) fn expect(&mut self, expectations: &[Expectation]) {
        for expectation in expectations {
            match check(&self.cluster, expectation) {
                Ok(()) => self.report.passed += 1,
                Err(message) => self.fail(Some(expectation.position), message),
            }
        }
    }

    pub(super) fn wait(&mut self, wait: &Wait, position: crate::manifest::Position) {
        let timeout = wait.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let kind = match kind_named(&wait.target.kind) {
            Ok(kind) => kind,
            Err(error) => return self.fail(Some(position), error.to_string()),
        };
        let pattern = wait.target.name.clone();
        let what = wait.wait_for.clone();
        let result = self.cluster.run_until(move |cluster| is_reached(cluster, kind, &pattern, &what), timeout);
        match result {
            Ok(()) => self.report.passed += 1,
            Err(error) => {
                let message = format!("wait for {} of {}: {error}", wait_word(&wait.wait_for), wait.target);
                self.fail(Some(position), message);
            }
        }
    }
}

fn wait_word(what: &WaitFor) -> String {
    match what {
        WaitFor::Condition(type_) => format!("condition {type_}"),
        WaitFor::Rollout => "rollout".to_owned(),
        WaitFor::Deleted => "deletion".to_owned(),
        WaitFor::That(cel) => format!("`{}`", cel.text),
    }
}

fn is_reached(cluster: &Cluster, kind: Kind, pattern: &str, what: &WaitFor) -> bool {
    let objects = cluster.objects_of(kind, Some(pattern));
    if *what == WaitFor::Deleted {
        return objects.is_empty();
    }
    !objects.is_empty() && objects.into_iter().all(|object| reached(object, what))
}

fn reached(object: &Object, what: &WaitFor) -> bool {
    match what {
        WaitFor::Deleted => false,
        WaitFor::Rollout => crate::cluster::rollout_status::is_done(object),
        WaitFor::That(cel) => holds(cel, &object.to_json()).unwrap_or(false),
        WaitFor::Condition(type_) => {
            let json = object.to_json();
            let conditions = json.pointer("/status/conditions").and_then(Value::as_array);
            conditions.into_iter().flatten().any(|c| c["type"] == *type_ && c["status"] == "True")
        }
    }
}

/// Checks an expectation.
///
/// # Errors
/// What was wanted and what there was.
fn check(cluster: &Cluster, expectation: &Expectation) -> Result<(), String> {
    let (name, objects) = subject(cluster, &expectation.subject)?;
    if expectation.absent {
        return match objects.as_slice() {
            [] => Ok(()),
            found => Err(format!("expected no {name}, found {}", names(found))),
        };
    }
    let mut problems = Vec::new();
    let mut good = 0u64;
    for object in &objects {
        match check_object(&object.to_json(), expectation) {
            Ok(()) => good += 1,
            Err(problem) => problems.push(format!("{}: {problem}", object.key())),
        }
    }
    match expectation.count {
        Some(count) if count == good => Ok(()),
        Some(count) => {
            let why = problems.first().map(|p| format!(" ({p})")).unwrap_or_default();
            Err(format!("expected {count} {name}, found {good}{why}"))
        }
        None if objects.is_empty() => Err(format!("expected {name}, found none")),
        None => problems.into_iter().next().map_or(Ok(()), Err),
    }
}

fn subject<'c>(cluster: &'c Cluster, subject: &Subject) -> Result<(String, Vec<&'c Object>), String> {
    match subject {
        Subject::Target(target) => {
            let kind = kind_named(&target.kind).map_err(|e| e.to_string())?;
            Ok((target.to_string(), cluster.objects_of(kind, Some(&target.name))))
        }
        Subject::Kind { kind: written, selector } => {
            let kind = kind_named(written).map_err(|e| e.to_string())?;
            let selected = |o: &&Object| selector.iter().all(|(k, v)| o.meta().labels.get(k) == Some(v));
            let objects = cluster.objects_of(kind, None).into_iter().filter(selected).collect();
            Ok((written.clone(), objects))
        }
    }
}

fn names(objects: &[&Object]) -> String {
    objects.iter().map(|o| o.key().to_string()).collect::<Vec<_>>().join(", ")
}

fn check_object(object: &Value, expectation: &Expectation) -> Result<(), String> {
    if let Some(wanted) = &expectation.matches {
        differs("", wanted, object).map_or(Ok(()), Err)?;
    }
    match &expectation.that {
        None => Ok(()),
        Some(cel) => match holds(cel, object) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("`{}` is false", cel.text)),
            Err(error) => Err(error),
        },
    }
}

/// The first place where an object lacks what is wanted of it. Lists are compared item by item.
fn differs(path: &str, wanted: &Value, got: &Value) -> Option<String> {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().find_map(|(key, value)| match (value, got.get(key)) {
                (Value::Null, None) => None,
                (value, Some(got)) => differs(&at(key), value, got),
                (value, None) => Some(format!("{}: wanted {value}, is absent", at(key))),
            })
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            wanted.iter().zip(got).enumerate().find_map(|(i, (w, g))| differs(&format!("{path}[{i}]"), w, g))
        }
        (wanted, got) if wanted == got => None,
        (wanted, got) => Some(format!("{path}: wanted {wanted}, is {got}")),
    }
}
