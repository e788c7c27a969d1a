use serde_json::json;

use super::*;

const KEY_MESSAGE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_MESSAGE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

#[test]
fn texts_select_and_print() {
    let labels: StrMap = [("app", "web"), ("tier", "front"), ("n", "5"), ("empty", "")].into_iter().collect();
    let rows = [
        ("", true, ""),
        ("  ", true, ""),
        ("app=web", true, "app=web"),
        ("app==web", true, "app==web"),
        (" app = web ", true, "app=web"),
        ("app!=web", false, "app!=web"),
        ("app!=db", true, "app!=db"),
        ("nope!=web", true, "nope!=web"),
        ("nope=web", false, "nope=web"),
        ("tier in (back,front)", true, "tier in (back,front)"),
        ("tier in (front,back,front)", true, "tier in (back,front)"),
        ("tier in(front)", true, "tier in (front)"),
        ("tier notin (front)", false, "tier notin (front)"),
        ("x notin (c)", true, "x notin (c)"),
        ("app", true, "app"),
        ("!app", false, "!app"),
        ("! nope", true, "!nope"),
        ("tier=front,app=web", true, "app=web,tier=front"),
        ("n>4", true, "n>4"),
        ("n > 5", false, "n>5"),
        ("n<6", true, "n<6"),
        ("n<5", false, "n<5"),
        ("app>4", false, "app>4"),
        ("nope<4", false, "nope<4"),
        ("app=web,!tier", false, "app=web,!tier"),
        ("empty=", true, "empty="),
        ("app=", false, "app="),
        ("empty=,app", true, "app,empty="),
        ("empty in ()", true, "empty in ()"),
        ("empty in (,)", true, "empty in ()"),
        ("empty in (a,,b)", true, "empty in (,a,b)"),
        ("app in (a,)", false, "app in (,a)"),
        ("app in (,web)", true, "app in (,web)"),
        ("app in (in,notin,web)", true, "app in (in,notin,web)"),
        ("in in (in)", false, "in in (in)"),
        ("in", false, "in"),
        ("app=in", false, "app=in"),
        ("a/b.c=d", false, "a/b.c=d"),
    ];
    for (text, want, printed) in rows {
        let selector = Selector::parse(text).expect(text);
        assert_eq!((selector.matches(&labels), selector.to_string().as_str()), (want, printed), "{text}");
    }
}

#[test]
fn texts_that_are_no_selectors() {
    let unable = |rest: &str| format!("unable to parse requirement: {rest}");
    let rows = [
        (",", "found ',', expected: !, identifier, or 'end of string'".to_owned()),
        ("=x", "found '=', expected: !, identifier, or 'end of string'".to_owned()),
        ("(a)", "found '(', expected: !, identifier, or 'end of string'".to_owned()),
        ("a=b,", "found '', expected: identifier after ','".to_owned()),
        ("app==web,", "found '', expected: identifier after ','".to_owned()),
        ("a,,b", "found ',', expected: identifier after ','".to_owned()),
        ("a=b c", "found 'c', expected: ',' or 'end of string'".to_owned()),
        ("!a=b", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("a=b)", "found ')', expected: ',' or 'end of string'".to_owned()),
        ("app in", unable("found '' expected: '('")),
        ("a in b", unable("found 'b' expected: '('")),
        ("a in (", unable("found '', expected: ',', ')' or identifier")),
        ("a in (=", unable("found '=', expected: ',', ')' or identifier")),
        ("a in (b", unable("found '', expected: ',' or ')'")),
        ("a in (b c)", unable("found 'c', expected: ',' or ')'")),
        ("a in (b,", unable("found '', expected: ',', or identifier")),
        ("a in (b,=)", unable("found '=', expected: ',', or identifier")),
        ("bad key here", unable("found 'key', expected: in, notin, =, ==, !=, gt, lt")),
        ("a b (c)", unable("found 'b', expected: in, notin, =, ==, !=, gt, lt")),
        ("a!", unable("found '!', expected: in, notin, =, ==, !=, gt, lt")),
        ("!", unable("found '', expected: identifier")),
        ("!!a", unable("found '!', expected: identifier")),
        ("a=(", unable("found '(', expected: identifier")),
        ("a===b", unable("found '=', expected: identifier")),
        ("-a", unable(&format!("<nil>: Invalid value: \"-a\": {KEY_MESSAGE}"))),
        ("a=-b", unable(&format!("values[0][a]: Invalid value: \"-b\": {VALUE_MESSAGE}"))),
        ("n>x", unable("values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer")),
        (
            "n in (-b,-c)",
            unable(&format!(
                "[values[0][n]: Invalid value: \"-b\": {VALUE_MESSAGE}, values[1][n]: Invalid value: \"-c\": {VALUE_MESSAGE}]"
            )),
        ),
    ];
    for (text, want) in rows {
        assert_eq!(Selector::parse(text), Err(want), "{text}");
    }
}

fn api(json: serde_json::Value) -> metav1::LabelSelector {
    serde_json::from_value(json).expect("a label selector")
}

#[test]
fn selector_objects_compile() {
    let labels = [("app", "web"), ("tier", "front")];
    let one = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    let rows = [
        (json!({}), Ok(("", true))),
        (json!({"matchLabels": {}}), Ok(("", true))),
        (json!({"matchLabels": {"tier": "front", "app": "web"}}), Ok(("app=web,tier=front", true))),
        (json!({"matchLabels": {"app": "db"}}), Ok(("app=db", false))),
        (one("tier", "In", &["front", "back"]), Ok(("tier in (back,front)", true))),
        (one("tier", "NotIn", &["front"]), Ok(("tier notin (front)", false))),
        (one("app", "Exists", &[]), Ok(("app", true))),
        (one("app", "DoesNotExist", &[]), Ok(("!app", false))),
        (one("app", "Foo", &[]), Err("\"Foo\" is not a valid label selector operator".to_owned())),
        (
            one("app", "In", &[]),
            Err("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty".to_owned()),
        ),
        (
            one("app", "Exists", &["a"]),
            Err("values: Invalid value: [\"a\"]: values set must be empty for exists and does not exist".to_owned()),
        ),
        (one("-a", "Exists", &[]), Err(format!("key: Invalid value: \"-a\": {KEY_MESSAGE}"))),
        (json!({"matchLabels": {"app": "-b"}}), Err(format!("values[0][app]: Invalid value: \"-b\": {VALUE_MESSAGE}"))),
    ];
    for (json, want) in rows {
        let got = Selector::from_label_selector(&api(json.clone())).map(|s| (s.to_string(), s.matches(&labels[..])));
        assert_eq!(got, want.map(|(text, matches)| (text.to_owned(), matches)), "{json}");
    }
}

#[test]
fn a_missing_selector_selects_nothing_and_an_empty_one_everything() {
    let empty = metav1::LabelSelector::default();
    let nothing = Selector::from_optional_label_selector(None).expect("no selector");
    let everything = Selector::from_optional_label_selector(Some(&empty)).expect("an empty selector");
    for labels in [BTreeMap::new(), BTreeMap::from([("a".to_owned(), "b".to_owned())])] {
        assert!(!nothing.matches(&labels) && everything.matches(&labels), "{labels:?}");
        let lookup: &dyn LabelLookup = &labels;
        assert!(!nothing.matches(lookup) && everything.matches(lookup), "{labels:?}");
    }
    assert_eq!((&nothing, &everything), (&Selector::nothing(), &Selector::everything()));
    assert!(nothing.is_nothing() && !nothing.is_everything() && everything.is_everything() && !everything.is_nothing());
    assert_eq!(Selector::from_set([]), everything);
    assert_eq!(Selector::from_set([("b", "2"), ("a", "1")]).to_string(), "a=1,b=2");
}

#[test]
fn exact_values_serve_an_index() {
    let rows = [
        ("app=web", Some("web")),
        ("app==web", Some("web")),
        ("app in (web)", Some("web")),
        ("app=", Some("")),
        ("tier=x,app=web", Some("web")),
        ("app in (web,db)", None),
        ("app!=web", None),
        ("app", None),
        ("tier=web", None),
        ("", None),
        ("app,app=web", None),
    ];
    for (text, want) in rows {
        assert_eq!(Selector::parse(text).expect(text).requires_exact("app"), want, "{text}");
    }
}
