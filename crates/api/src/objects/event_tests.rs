//! Events are rendered as they were recorded.

use super::*;

fn brief(about: &str, stamp: u64) -> BriefEvent {
    let template = EventTemplate {
        kind: "Pod".into(),
        api_version: "v1".into(),
        about_namespace: "default".into(),
        namespace: "default".into(),
        field_path: Str::default(),
        source: Arc::default(),
        reason: "Scheduled".into(),
        type_: "Normal".into(),
        message: "assigned default/ to ".into(),
        name_at: Some(17),
        arg_at: Some(21),
        host_is_arg: false,
        uid_seed: 0,
    };
    let time = Time::from_unix((stamp / 1_000_000_000) as i64);
    let about =
        ObjectMeta { name: about.into(), uid: Uid::from_counter(0, 1), resource_version: 7, ..ObjectMeta::default() };
    let event = NewEvent { template: Arc::new(template), about: &about, arg: "node-1".into(), stamp };
    let numbers = event.numbers(2, 9, time).expect("they are close to each other");
    event.into_brief(numbers)
}

#[test]
fn names_are_as_a_formatter_writes_them() {
    let long = "x".repeat(300);
    for about in ["", "web-1", "\u{e9}", &long] {
        for stamp in [0, 1, 0xf, 0x10, 0x17a6_05a2_4edc_7e01, 0x3b9a_c9ff_ffff_ffff] {
            let want = format!("{about}.{stamp:x}");
            assert_eq!(brief(about, stamp).with_name(str::to_owned), want);
        }
    }
}

#[test]
fn texts_are_put_together_from_the_template() {
    // The text, where the name and the argument stand, and what becomes of it.
    let rows = [
        ("plain", None, None, "plain"),
        ("", None, None, ""),
        ("", None, Some(0), "ARG"),
        ("", Some(0), None, "web-1"),
        ("a  b", Some(2), None, "a web-1 b"),
        ("a  b", None, Some(4), "a  bARG"),
        ("a  b", Some(0), Some(4), "web-1a  bARG"),
        ("a  b", Some(4), Some(0), "ARGa  bweb-1"),
        ("a  b", Some(3), Some(1), "aARG  web-1b"),
    ];
    for (message, name_at, arg_at, want) in rows {
        let mut event = brief("web-1", 1);
        let template = EventTemplate::clone(&event.template);
        event.template = Arc::new(EventTemplate { message: message.into(), name_at, arg_at, ..template });
        event.arg = "ARG".into();
        assert_eq!(event.message().as_str(), want, "{message:?} {name_at:?} {arg_at:?}");
    }
}

#[test]
fn a_host_may_be_the_argument() {
    let source = |component: &str, host: &str| EventSource {
        component: "kubelet".into(),
        host: host.into(),
        reporting_component: component.into(),
        reporting_instance: if component.is_empty() { Str::default() } else { host.into() },
    };
    for component in ["kubelet", ""] {
        let mut event = brief("web-1", 1);
        let template = EventTemplate::clone(&event.template);
        let source_of_all = Arc::new(source(component, ""));
        event.template = Arc::new(EventTemplate { source: source_of_all, arg_at: None, host_is_arg: true, ..template });
        assert_eq!(*event.render().source, source(component, "node-1"));
        assert_eq!(event.render().message, "assigned default/web-1 to ");
    }
}

#[test]
fn what_is_rendered_is_what_was_recorded() {
    let mut event = Event::from(brief("web-1", 0xab));
    assert_eq!(event.with_place(|namespace, name| format!("{namespace}/{name}")), "default/web-1.ab");
    assert!(event.body.get().is_none(), "asking for the name renders nothing");
    assert_eq!((event.message.as_str(), event.count), ("assigned default/web-1 to node-1", 1));
    assert_eq!((event.meta.name.as_str(), event.meta.resource_version), ("web-1.ab", 9));
    assert_eq!(event.meta.uid, Uid::from_counter(0, 2));
    assert_eq!((event.involved_object.name.as_str(), event.involved_object.resource_version), ("web-1", 7));
    let copy = event.clone();
    event.count = 2;
    assert!(event.brief().is_none() && copy.brief().is_some() && event != copy);
    assert_eq!(Event::from_api(event.to_api()), Ok(event));
}
