//! What recorded events have in common with others: few templates, found again without a hash of their texts.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{EventSource, EventTemplate, Kind, Str};
use seatrial_engine::StableHasher;

use crate::event_correlator::{AGGREGATE_MESSAGE_PREFIX, source_id};
use crate::event_text::{EventText, Message, Pattern};
use crate::recorder::ObjectRef;

/// How many templates are kept to be shared.
const SHARED_COUNT_MAX: usize = 1 << 17;
/// How many templates are found by where their texts lie in the program.
const RECENT_COUNT: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct EventTemplates {
    /// The sources by component, host and reporter.
    sources: FxHashMap<(u64, bool), Arc<EventSource>>,
    /// By a hash of all of it.
    templates: FxHashMap<u64, Arc<EventTemplate>>,
    /// The template used last of each place. A place is a guess: whether the template fits is looked at.
    recent: Vec<Option<Recent>>,
    /// Room that is used again.
    pattern: Pattern,
}

#[derive(Debug)]
struct Recent {
    template: Arc<EventTemplate>,
    component: &'static str,
    kind: Kind,
}

impl EventTemplates {
    /// The template of an event and its argument. One that stands for many says what the latest of them says.
    #[inline]
    pub(crate) fn of(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        latest_of_many: Option<&str>,
    ) -> (Arc<EventTemplate>, Str) {
        match latest_of_many {
            Some(latest) => self.of_aggregate(component, about, text, latest),
            None => self.of_one(component, about, text),
        }
    }

    fn of_one(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
    ) -> (Arc<EventTemplate>, Str) {
        let place = place_of(component, about, text);
        if let Some(Some(recent)) = self.recent.get(place)
            && let Some(own) = recent.argument(component, about, text)
        {
            return (Arc::clone(&recent.template), own.into());
        }
        let own = self.pattern.take_apart(&text.message, &about.meta.name);
        let (template, arg) = self.find(component, about, text, (own, false));
        self.recent.resize_with(RECENT_COUNT, || None);
        self.recent[place] = Some(Recent { template: Arc::clone(&template), component, kind: about.kind });
        (template, arg)
    }

    fn of_aggregate(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        latest: &str,
    ) -> (Arc<EventTemplate>, Str) {
        self.pattern.take_apart(&Message::Text(AGGREGATE_MESSAGE_PREFIX), "");
        self.pattern.arg_at = u16::try_from(AGGREGATE_MESSAGE_PREFIX.len()).ok();
        self.find(component, about, text, (latest, true))
    }

    /// The template with the pattern that was made last.
    fn find(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (own, aggregated): (&str, bool),
    ) -> (Arc<EventTemplate>, Str) {
        let host_is_arg = self.pattern.arg_at.is_none() && !about.host.is_empty();
        let arg = Str::from(if host_is_arg { about.host } else { own });
        let host = if host_is_arg { "" } else { about.host };
        let source = self.source(component, host, if aggregated { "" } else { component });
        let wanted = EventTemplate {
            kind: about.kind.info().kind.into(),
            api_version: about.kind.api_version().into(),
            about_namespace: about.meta.namespace.clone(),
            namespace: event_namespace(about),
            field_path: about.field_path.into(),
            source,
            reason: text.reason.into(),
            type_: Str::new_static(text.type_),
            message: self.pattern.text.as_str().into(),
            name_at: self.pattern.name_at,
            arg_at: self.pattern.arg_at,
            host_is_arg,
        };
        let key = hash_of(&wanted);
        if let Some(template) = self.templates.get(&key).filter(|t| ***t == wanted) {
            return (Arc::clone(template), arg);
        }
        if self.templates.len() >= SHARED_COUNT_MAX {
            self.templates.clear();
        }
        let template = Arc::new(wanted);
        self.templates.insert(key, Arc::clone(&template));
        (template, arg)
    }

    /// The source of a component's events, one for all of them.
    fn source(&mut self, component: &str, host: &str, reporting: &str) -> Arc<EventSource> {
        let key = (source_id(component, host), reporting.is_empty());
        if let Some(source) = self.sources.get(&key) {
            return Arc::clone(source);
        }
        let source = Arc::new(EventSource {
            component: component.into(),
            host: host.into(),
            reporting_component: reporting.into(),
            reporting_instance: if reporting.is_empty() { Str::default() } else { host.into() },
        });
        self.sources.insert(key, Arc::clone(&source));
        source
    }
}

impl Recent {
    /// The argument of an event, if the template is its own.
    #[inline]
    fn argument<'a>(&self, component: &str, about: &ObjectRef<'a>, text: &EventText<'a>) -> Option<&'a str> {
        let template = &*self.template;
        let has_host = match template.host_is_arg {
            true => !about.host.is_empty(),
            false => template.source.host.as_str() == about.host,
        };
        let fits = std::ptr::eq(self.component, component)
            && self.kind == about.kind
            && has_host
            && template.about_namespace == about.meta.namespace
            && template.type_.as_str() == text.type_
            && template.reason.as_str() == text.reason
            && template.field_path.as_str() == about.field_path;
        let own = if fits { text.message.argument(template)? } else { return None };
        Some(if template.host_is_arg { about.host } else { own })
    }
}

fn hash_of(template: &EventTemplate) -> u64 {
    let place = |at: Option<u16>| at.map_or(0, |at| u64::from(at) + 1);
    let mut hasher = StableHasher::new();
    let EventTemplate { kind, about_namespace, field_path, source, reason, type_, message, .. } = template;
    let (component, reporter) = (&source.component, &source.reporting_component);
    for part in [kind, about_namespace, field_path, component, &source.host, reporter, reason, type_, message] {
        hasher.write(part.as_bytes());
    }
    hasher.write_u64(place(template.name_at) << 32 | place(template.arg_at));
    hasher.write_u64(u64::from(template.host_is_arg));
    hasher.finish()
}

/// Where a text of the program's lies tells it from others; two that share a place only cost time.
fn place_of(component: &str, about: &ObjectRef<'_>, text: &EventText<'_>) -> usize {
    let address = |text: &str| text.as_ptr() as usize;
    let mixed = address(text.reason).wrapping_add(address(component) << 1).wrapping_add(about.field_path.len() << 3);
    (mixed ^ mixed >> 6) % RECENT_COUNT
}

/// Events of cluster-scoped objects live in `default`.
pub(crate) fn event_namespace(about: &ObjectRef<'_>) -> Str {
    if about.meta.namespace.is_empty() { Str::new_static("default") } else { about.meta.namespace.clone() }
}

#[cfg(test)]
mod tests {
    use seatrial_api::ObjectMeta;

    use super::*;
    use crate::event_text::Piece;

    #[test]
    fn a_template_is_found_again_by_whoever_says_the_same_and_nobody_else() {
        let meta = |name: &str, namespace: &str| ObjectMeta {
            name: name.into(),
            namespace: namespace.into(),
            ..ObjectMeta::default()
        };
        let (web, api, other) = (meta("web", "default"), meta("api", "default"), meta("web", "other"));
        let about = |meta, host, field_path| ObjectRef { kind: Kind::Pod, meta, field_path, host };
        let pieces = [Piece::Text("on "), Piece::Arg("node-1"), Piece::Text(" is "), Piece::Name];
        let more = [Piece::Text("on "), Piece::Arg("node-2"), Piece::Text(" is "), Piece::Name];
        let (said, said_more) = (EventText::normal_pieces("Said", &pieces), EventText::normal_pieces("Said", &more));
        let plain = EventText::normal("Said", "plain");
        let mut templates = EventTemplates::default();
        for _ in 0..2 {
            let (first, arg) = templates.of("scheduler", &about(&web, "", ""), &said, None);
            assert_eq!((first.message.as_str(), arg.as_str()), ("on  is ", "node-1"));
            let (same, arg) = templates.of("scheduler", &about(&api, "", ""), &said_more, None);
            assert!(Arc::ptr_eq(&first, &same) && arg == "node-2");
            // Whatever differs makes another one.
            let others = [
                templates.of("kubelet", &about(&web, "", ""), &said, None).0,
                templates.of("scheduler", &about(&other, "", ""), &said, None).0,
                templates.of("scheduler", &about(&web, "", "spec"), &said, None).0,
                templates.of("scheduler", &about(&web, "host", ""), &said, None).0,
                templates.of("scheduler", &about(&web, "", ""), &plain, None).0,
                templates.of("scheduler", &about(&web, "", ""), &EventText::warning("Said", "plain"), None).0,
                templates.of("scheduler", &about(&web, "", ""), &EventText::normal("Other", "plain"), None).0,
                templates.of("scheduler", &about(&web, "", ""), &said, Some("on node-1 is web")).0,
                templates.of("scheduler", &ObjectRef { kind: Kind::Node, ..about(&web, "", "") }, &said, None).0,
            ];
            for (index, one) in others.iter().enumerate() {
                assert!(!Arc::ptr_eq(&first, one), "{index}");
                assert!(others[..index].iter().all(|before| **before != **one), "{index}");
            }
            // Hosts share a template where the text has no argument.
            let (a, arg) = templates.of("kubelet", &about(&web, "node-a", ""), &plain, None);
            assert_eq!(arg, "node-a");
            let (b, arg) = templates.of("kubelet", &about(&web, "node-b", ""), &plain, None);
            assert!(Arc::ptr_eq(&a, &b) && arg == "node-b" && a.host_is_arg);
            let (none, arg) = templates.of("kubelet", &about(&web, "", ""), &plain, None);
            assert!(!none.host_is_arg && arg.is_empty());
            // Beside an argument each host has its own.
            let (a, arg) = templates.of("kubelet", &about(&web, "node-a", ""), &said, None);
            assert!(!a.host_is_arg && arg == "node-1" && a.source.host == "node-a");
            let (b, _) = templates.of("kubelet", &about(&web, "node-b", ""), &said, None);
            assert!(!Arc::ptr_eq(&a, &b) && b.source.host == "node-b");
            assert!(Arc::ptr_eq(&a, &templates.of("kubelet", &about(&api, "node-a", ""), &said_more, None).0));
        }
        let (latest, arg) = templates.of("scheduler", &about(&web, "", ""), &said, Some("on node-1 is web"));
        assert_eq!((latest.source.reporting_component.as_str(), arg.as_str()), ("", "on node-1 is web"));
    }
}
