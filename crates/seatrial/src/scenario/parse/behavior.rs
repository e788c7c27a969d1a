//! `behaviors[]` and the step `behave`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{leaf, read};
use crate::manifest::InputError;
use crate::manifest::node::{Data, Node};
use crate::scenario::model::{Behavior, Endpoint, Exit, LogEntry, Match, Pull, Start, Terminate, Usage, When, Window};

const TERMINATE_AFTER: Duration = Duration::from_millis(100);
const TERMINATE_EXIT_CODE: i32 = 143;

pub(super) fn behaviors(list: Option<&Node>) -> Result<Vec<Behavior>, InputError> {
    list.map_or(&[][..], Node::items).iter().map(behavior).collect()
}

fn behavior(node: &Node) -> Result<Behavior, InputError> {
    let many = |key: &str| node.get(key).map_or(&[][..], read::one_or_many);
    Ok(Behavior {
        matches: node.get("match").map(matches).unwrap_or_default(),
        pull: node.get("pull").map(pull).transpose()?,
        start: node.get("start").map(start).transpose()?,
        ready: node.get("ready").map(ready).transpose()?,
        healthy: read::items(node, "healthy").iter().map(window).collect::<Result<_, _>>()?,
        exit: many("exit").iter().map(exit).collect::<Result<_, _>>()?,
        oom: node.get("oom").map(|oom| leaf::when(read::child(oom, "after")?)).transpose()?,
        terminate: node.get("terminate").map(terminate).transpose()?,
        message: read::text(node, "message"),
        log: read::items(node, "log").iter().map(log_entry).collect::<Result<_, _>>()?,
        usage: many("usage").iter().map(usage).collect::<Result<_, _>>()?,
        position: node.position,
    })
}

fn matches(node: &Node) -> Match {
    Match {
        image: read::text(node, "image"),
        pod: read::text(node, "pod"),
        container: read::text(node, "container"),
        labels: read::texts(node, "labels"),
    }
}

fn when(node: &Node, key: &str) -> Result<Option<When>, InputError> {
    node.get(key).map(leaf::when).transpose()
}

fn pull(node: &Node) -> Result<Pull, InputError> {
    let (fail, fail_times) = (read::text(node, "fail"), read::number(node, "failTimes"));
    Ok(Pull { after: when(node, "after")?, fail, fail_times })
}

fn start(node: &Node) -> Result<Start, InputError> {
    match &node.data {
        Data::Map(_) => {
            let (fail, fail_times) = (read::text(node, "fail"), read::number(node, "failTimes"));
            Ok(Start { after: when(node, "after")?, fail, fail_times })
        }
        _ => Ok(Start { after: Some(leaf::when(node)?), ..Start::default() }),
    }
}

fn ready(node: &Node) -> Result<When, InputError> {
    match node.data {
        Data::Bool(false) => Ok(When::Never),
        Data::Bool(true) => Ok(When::After(Duration::ZERO)),
        _ => Ok(when(node, "after")?.unwrap_or(When::After(Duration::ZERO))),
    }
}

fn window(node: &Node) -> Result<Window, InputError> {
    let (own, foreign) = match node.get("exec") {
        Some(_) => ("exec", ["path", "status"].as_slice()),
        None => ("port", ["code"].as_slice()),
    };
    if let Some(entry) = node.entries().iter().find(|entry| foreign.contains(&entry.key.as_str())) {
        return Err(InputError::at(entry.position, format!("`{}` does not go with `{own}`", entry.key))
            .hint("`path` and `status` go with `port`, `code` goes with `exec`"));
    }
    let endpoint = match read::text(node, "exec") {
        Some(word) => Endpoint::Exec { word, code: read::number(node, "code").unwrap_or(0) },
        None => Endpoint::Port {
            port: read::number(node, "port").unwrap_or(0),
            path: read::text(node, "path"),
            status: read::number(node, "status").unwrap_or(200),
        },
    };
    Ok(Window {
        endpoint,
        from: read::duration(node, "from")?.unwrap_or_default(),
        to: match when(node, "to")? {
            Some(When::After(to)) => Some(to),
            _ => None,
        },
        takes: read::duration(node, "takes")?.unwrap_or_default(),
        restarts: read::number(node, "restarts"),
    })
}

fn exit(node: &Node) -> Result<Exit, InputError> {
    Ok(Exit { after: leaf::when(read::child(node, "after")?)?, code: read::number(node, "code").unwrap_or(0) })
}

fn terminate(node: &Node) -> Result<Terminate, InputError> {
    match read::flag(node, "ignore") {
        Some(true) => Ok(Terminate::Ignores),
        _ => Ok(Terminate::Ends {
            after: read::duration(node, "after")?.unwrap_or(TERMINATE_AFTER),
            exit_code: read::number(node, "exitCode").unwrap_or(TERMINATE_EXIT_CODE),
        }),
    }
}

fn log_entry(node: &Node) -> Result<LogEntry, InputError> {
    if let Some(text) = node.text() {
        return Ok(LogEntry { line: text.to_owned(), after: Duration::ZERO, every: None });
    }
    let every = read::duration(node, "every")?;
    if every.is_some_and(|every| every.is_zero()) {
        let position = read::child(node, "every")?.position;
        return Err(InputError::at(position, "`every` must be longer than nothing")
            .hint("leave it out for a line that comes once"));
    }
    let after = read::duration(node, "after")?.unwrap_or_default();
    Ok(LogEntry { line: read::required_text(node, "line")?, after, every })
}

fn usage(node: &Node) -> Result<Usage, InputError> {
    let mut resources = BTreeMap::new();
    for resource in ["cpu", "memory"] {
        if let Some(value) = node.get(resource) {
            resources.insert(resource.to_owned(), leaf::quantity(value)?);
        }
    }
    for (name, quantity) in read::quantities(node, "custom")? {
        if ["cpu", "memory"].contains(&name.as_str()) {
            let position = read::child(node, "custom")?.position;
            return Err(InputError::at(position, format!("`{name}` is a resource and no custom metric"))
                .hint(format!("write it beside `custom`: `{name}: ...`")));
        }
        resources.insert(name, quantity);
    }
    let shared = read::flag(node, "shared").unwrap_or(false);
    Ok(Usage { from: read::duration(node, "from")?.unwrap_or_default(), shared, resources })
}
