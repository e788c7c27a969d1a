//! Whatever a file holds, the loader answers with an error or a value: it does not panic, hang or eat memory.

use proptest::prelude::*;
use seatrial::manifest::parse_manifests;
use seatrial::scenario;

/// Reads a text in every way a file is read.
fn load(text: &str) {
    let _ = parse_manifests(text, "<text>");
    let _ = scenario::parse(text, "<text>");
}

const GOOD: [&str; 2] = [
    include_str!("../../../scenarios/rollouts/statefulset-canary.yaml"),
    include_str!("../../../scenarios/conformance/dep-super-front.yaml"),
];

/// A change of a text: bytes taken out at a place, and others put in.
fn damaged() -> impl Strategy<Value = String> {
    let put_in = prop::sample::select(vec![
        "",
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "- ",
        "&a ",
        "*a",
        "<<: *a",
        "|",
        ">-",
        "\"",
        "'",
        "\t",
        "\n",
        "---\n",
        "!!str ",
        "\u{feff}",
        "\u{0}",
        "~",
        "1e999",
        "-9223372036854775809",
        "99999999999999999999",
        "é",
        "{{",
        "%",
        "@",
        "`",
    ]);
    (0usize..GOOD.len(), any::<prop::sample::Index>(), 0usize..40, put_in).prop_map(|(which, at, gone, put_in)| {
        let text = GOOD[which];
        let mut start = at.index(text.len());
        let mut end = (start + gone).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        format!("{}{put_in}{}", &text[..start], &text[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_answered(text in damaged()) {
        load(&text);
    }

    #[test]
    fn any_text_is_answered(text in "[-a-z0-9:{}\\[\\]&*!|>'\"#%@,?~ \n\t]{0,200}") {
        load(&text);
    }
}

#[test]
fn nothing_grows_beyond_its_file() {
    let laughs = (1..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1)
    });
    load(&laughs);
    load(&format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: x}}\n{laughs}"));
    let depth = 1_000_000; // What once kept the scanner busy for hours.
    load(&"[".repeat(depth));
    load(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
    load(&format!("{}x", "- ".repeat(depth)));
    let label = "x".repeat(1 << 20);
    load(&format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x, labels: {{{label}: {label}}}}}}}"));
}
