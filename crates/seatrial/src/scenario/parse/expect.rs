//! The steps `expect` and `wait`.

use super::{leaf, read};
use crate::manifest::InputError;
use crate::manifest::node::Node;
use crate::scenario::model::{Expectation, Subject, Wait};

pub(super) fn expectations(node: &Node) -> Result<Vec<Expectation>, InputError> {
    read::one_or_many(node).iter().map(expectation).collect()
}

fn expectation(node: &Node) -> Result<Expectation, InputError> {
    let subject = match node.get("target") {
        Some(target) => match node.get("selector") {
            None => Subject::Target(leaf::target(target)?),
            Some(selector) => {
                return Err(InputError::at(selector.position, "`selector` goes with `kind` only")
                    .hint("a target names its objects already; `*` in the name matches several"));
            }
        },
        None => {
            Subject::Kind { kind: leaf::kind(read::child(node, "kind")?)?, selector: read::texts(node, "selector") }
        }
    };
    let absent = read::flag(node, "absent").unwrap_or(false);
    let count = read::number(node, "count");
    if let (true, Some(_), Some(count)) = (absent, count, node.get("count")) {
        return Err(
            InputError::at(count.position, "`count` does not go with `absent`").hint("`absent: true` is `count: 0`")
        );
    }
    Ok(Expectation {
        subject,
        count,
        matches: node.get("match").map(Node::to_json),
        that: node.get("that").map(leaf::cel).transpose()?,
        absent,
        position: node.position,
    })
}

pub(super) fn wait(node: &Node) -> Result<Wait, InputError> {
    Ok(Wait {
        target: leaf::target(read::child(node, "target")?)?,
        wait_for: leaf::wait_for(read::child(node, "for")?)?,
        timeout: read::duration(node, "timeout")?,
    })
}
