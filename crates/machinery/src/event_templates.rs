//! What recorded events have in common with others: few templates, found again without a hash of their texts.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};
use seatrial_api::{EventSource, EventTemplate, Kind, Str};
use seatrial_engine::StableHasher;

use crate::event_correlator::{AGGREGATE_MESSAGE_PREFIX, EventKey, source_id, text_id};
use crate::event_text::{EventText, Message, Outline, Pattern};
use crate::recorder::ObjectRef;

/// How many templates are kept to be shared.
const SHARED_COUNT_MAX: usize = 1 << 17;
/// How many templates are found by what was hashed for the correlator.
const RECENT_COUNT: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct EventTemplates {
    /// The sources by component, host and reporter.
    sources: FxHashMap<(u64, bool), Arc<EventSource>>,
    /// By a hash of all of it.
    templates: FxHashMap<u64, Arc<EventTemplate>>,
    /// The template used last of each place, which the low bits of a hash choose.
    recent: Vec<Option<Recent>>,
    /// Room that is used again.
    pattern: Pattern,
    /// See [`EventTemplate::uid_seed`].
    pub(crate) uid_seed: u64,
}

#[derive(Debug)]
struct Recent {
    /// What its events say, as [`said`] has it. It stands for the texts themselves: an event is compared with one of
    /// these, so that in a thousand million events two are taken for each other with a chance of 1 : 10^10.
    said: u64,
    template: Arc<EventTemplate>,
    component: &'static str,
    kind: Kind,
}

impl EventTemplates {
    /// The template of an event and its argument.
    #[inline]
    pub(crate) fn of(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (key, outline): (&EventKey, Option<Outline<'_>>),
    ) -> (Arc<EventTemplate>, Str) {
        if let Some(outline) = &outline
            && let said = said(key, outline)
            && let Some(Some(recent)) = self.recent.get(said as usize % RECENT_COUNT)
            && recent.said == said
            && recent.fits(component, about)
        {
            let template = Arc::clone(&recent.template);
            let arg = if template.host_is_arg { Some(about.host.text()) } else { outline.arg };
            return (template, arg.cloned().unwrap_or_default());
        }
        self.of_one(component, about, text, (key, outline))
    }

    #[inline(never)]
    fn of_one(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (key, outline): (&EventKey, Option<Outline<'_>>),
    ) -> (Arc<EventTemplate>, Str) {
        let (template, arg) = self.find_one(component, about, text);
        // A text that holds the name, or is too long to say where something stands in it, is one object's own.
        let is_common =
            |o: &Outline<'_>| o.has_name == template.name_at.is_some() && o.arg.is_some() == template.arg_at.is_some();
        if let Some(outline) = outline.filter(is_common) {
            let said = said(key, &outline);
            self.recent.resize_with(RECENT_COUNT, || None);
            let recent = Recent { said, template: Arc::clone(&template), component, kind: about.kind };
            self.recent[said as usize % RECENT_COUNT] = Some(recent);
        }
        (template, arg)
    }

    /// The same where it is not kept at hand for the next event.
    pub(crate) fn find_one(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
    ) -> (Arc<EventTemplate>, Str) {
        let own = self.pattern.take_apart(&text.message, &about.meta.name);
        self.find(component, about, text, (own.cloned().unwrap_or_default(), false))
    }

    /// The same of one that stands for many: it says what the latest of them says.
    pub(crate) fn of_aggregate(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        latest: &str,
    ) -> (Arc<EventTemplate>, Str) {
        self.pattern.take_apart(&Message::Text(AGGREGATE_MESSAGE_PREFIX), "");
        self.pattern.arg_at = u16::try_from(AGGREGATE_MESSAGE_PREFIX.len()).ok();
        self.find(component, about, text, (latest.into(), true))
    }

    /// The template with the pattern that was made last.
    fn find(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (own, aggregated): (Str, bool),
    ) -> (Arc<EventTemplate>, Str) {
        let host = about.host.text();
        let host_is_arg = self.pattern.arg_at.is_none() && !host.is_empty();
        let arg = if host_is_arg { host.clone() } else { own };
        let host = if host_is_arg { "" } else { host.as_str() };
        let source = self.source(component, host, if aggregated { "" } else { component });
        let wanted = EventTemplate {
            kind: about.kind.info().kind.into(),
            api_version: about.kind.api_version().into(),
            about_namespace: about.meta.namespace.clone(),
            namespace: event_namespace(about),
            field_path: about.field_path.text().clone(),
            source,
            reason: text.reason.into(),
            type_: Str::new_static(text.type_.as_str()),
            message: self.pattern.text.as_str().into(),
            name_at: self.pattern.name_at,
            arg_at: self.pattern.arg_at,
            host_is_arg,
            uid_seed: self.uid_seed,
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
        let key = (source_id(component, text_id(host)), reporting.is_empty());
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
    /// Whether the template is that of a component's event about an object, if it says the same.
    #[inline]
    fn fits(&self, component: &str, about: &ObjectRef<'_>) -> bool {
        let template = &*self.template;
        std::ptr::eq(self.component, component)
            && self.kind == about.kind
            && template.about_namespace == about.meta.namespace
            && match template.host_is_arg {
                true => !about.host.text().is_empty(),
                false => template.source.host == *about.host.text(),
            }
    }
}

/// A hash of what an event says, but for the name and the argument.
#[inline]
fn said(key: &EventKey, outline: &Outline<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    for part in [key.event_type, key.reason, key.field_path, outline.hash] {
        hasher.write_u64(part);
    }
    hasher.finish()
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

/// Events of cluster-scoped objects live in `default`.
pub(crate) fn event_namespace(about: &ObjectRef<'_>) -> Str {
    if about.meta.namespace.is_empty() { Str::new_static("default") } else { about.meta.namespace.clone() }
}

#[cfg(test)]
mod tests {
    use seatrial_api::{BriefEvent, Event, ObjectMeta};

    use super::*;
    use crate::event_text::{Phrase, Piece};

    fn of(
        templates: &mut EventTemplates,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        latest: Option<&str>,
    ) -> (Arc<EventTemplate>, Str) {
        if let Some(latest) = latest {
            return templates.of_aggregate(component, about, text, latest);
        }
        let (field_path, reason) = (about.field_path.id(), text_id(text.reason));
        let event_type = text.type_ as u64;
        let key = EventKey { source: 0, object: 0, field_path, event_type, reason, message: 0 };
        templates.of(component, about, text, (&key, text.message.outline()))
    }

    #[test]
    fn a_text_that_holds_a_name_is_that_object_s_own() {
        let long = "x".repeat(70_000);
        let pieces = [Piece::Text(&long), Piece::Name];
        for text in [EventText::normal("Said", "web is here"), EventText::normal_pieces("Said", &pieces)] {
            let mut templates = EventTemplates::default();
            for name in ["web", "api", "web"] {
                let meta = ObjectMeta { name: name.into(), namespace: "default".into(), ..ObjectMeta::default() };
                let about = ObjectRef::new(Kind::Pod, &meta);
                let (template, arg) = of(&mut templates, "kubelet", &about, &text, None);
                let about = Str::from(name);
                let event = Event::from(BriefEvent { template, about, arg, ..BriefEvent::default() });
                let mut room = String::new();
                assert_eq!(event.message.as_str(), text.message.render(name, &mut room), "{name}");
            }
        }
    }

    #[test]
    fn a_template_is_found_again_by_whoever_says_the_same_and_nobody_else() {
        let meta = |name: &str, namespace: &str| ObjectMeta {
            name: name.into(),
            namespace: namespace.into(),
            ..ObjectMeta::default()
        };
        let (web, api, other) = (meta("web", "default"), meta("api", "default"), meta("web", "other"));
        let phrases = ["", "host", "node-a", "node-b", "spec"].map(Phrase::from);
        let phrase = |text: &str| phrases.iter().find(|there| *there.text() == *text).expect("it is one of them");
        let about = |meta, host: &str, field_path: &str| {
            let (host, field_path) = (phrase(host), phrase(field_path));
            ObjectRef { kind: Kind::Pod, meta, field_path, host }
        };
        let nodes = ["node-1", "node-2"].map(Str::from);
        let [pieces, more] =
            [&nodes[0], &nodes[1]].map(|node| [Piece::Text("on "), Piece::Arg(node), Piece::Text(" is "), Piece::Name]);
        let (said, said_more) = (EventText::normal_pieces("Said", &pieces), EventText::normal_pieces("Said", &more));
        let plain = EventText::normal("Said", "plain");
        let mut templates = EventTemplates::default();
        for _ in 0..2 {
            let (first, arg) = of(&mut templates, "scheduler", &about(&web, "", ""), &said, None);
            assert_eq!((first.message.as_str(), arg.as_str()), ("on  is ", "node-1"));
            let (same, arg) = of(&mut templates, "scheduler", &about(&api, "", ""), &said_more, None);
            assert!(Arc::ptr_eq(&first, &same) && arg == "node-2");
            // Whatever differs makes another one.
            let others = [
                of(&mut templates, "kubelet", &about(&web, "", ""), &said, None).0,
                of(&mut templates, "scheduler", &about(&other, "", ""), &said, None).0,
                of(&mut templates, "scheduler", &about(&web, "", "spec"), &said, None).0,
                of(&mut templates, "scheduler", &about(&web, "host", ""), &said, None).0,
                of(&mut templates, "scheduler", &about(&web, "", ""), &plain, None).0,
                of(&mut templates, "scheduler", &about(&web, "", ""), &EventText::warning("Said", "plain"), None).0,
                of(&mut templates, "scheduler", &about(&web, "", ""), &EventText::normal("Other", "plain"), None).0,
                of(&mut templates, "scheduler", &about(&web, "", ""), &said, Some("on node-1 is web")).0,
                of(&mut templates, "scheduler", &ObjectRef { kind: Kind::Node, ..about(&web, "", "") }, &said, None).0,
            ];
            for (index, one) in others.iter().enumerate() {
                assert!(!Arc::ptr_eq(&first, one), "{index}");
                assert!(others[..index].iter().all(|before| **before != **one), "{index}");
            }
            // Hosts share a template where the text has no argument.
            let (a, arg) = of(&mut templates, "kubelet", &about(&web, "node-a", ""), &plain, None);
            assert_eq!(arg, "node-a");
            let (b, arg) = of(&mut templates, "kubelet", &about(&web, "node-b", ""), &plain, None);
            assert!(Arc::ptr_eq(&a, &b) && arg == "node-b" && a.host_is_arg);
            let (none, arg) = of(&mut templates, "kubelet", &about(&web, "", ""), &plain, None);
            assert!(!none.host_is_arg && arg.is_empty());
            // Beside an argument each host has its own.
            let (a, arg) = of(&mut templates, "kubelet", &about(&web, "node-a", ""), &said, None);
            assert!(!a.host_is_arg && arg == "node-1" && a.source.host == "node-a");
            let (b, _) = of(&mut templates, "kubelet", &about(&web, "node-b", ""), &said, None);
            assert!(!Arc::ptr_eq(&a, &b) && b.source.host == "node-b");
            assert!(Arc::ptr_eq(&a, &of(&mut templates, "kubelet", &about(&api, "node-a", ""), &said_more, None).0));
        }
        let (latest, arg) = of(&mut templates, "scheduler", &about(&web, "", ""), &said, Some("on node-1 is web"));
        assert_eq!((latest.source.reporting_component.as_str(), arg.as_str()), ("", "on node-1 is web"));
    }
}
