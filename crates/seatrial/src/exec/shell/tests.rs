//! Tables: what the shell reads.

use super::parser::parse;

/// The list as text: `when[cmd|cmd]`, words in `<>`.
fn shape(text: &str) -> String {
    let list = match parse(text) {
        Ok(list) => list,
        Err(error) => return format!("error: {error}"),
    };
    let rows = list.iter().map(|(when, pipeline)| {
        let commands: Vec<String> = pipeline
            .commands
            .iter()
            .map(|c| {
                let names = c.assignments.iter().map(|(name, _)| format!("{name}= "));
                let redirections = c.redirections.len();
                let more = if redirections > 0 { format!(" +{redirections}") } else { String::new() };
                format!("{}{}{more}", names.collect::<String>(), c.words.len())
            })
            .collect();
        let not = if pipeline.negated { "!" } else { "" };
        format!("{when:?} {not}[{}]", commands.join("|"))
    });
    rows.collect::<Vec<_>>().join(" ")
}

#[test]
fn lists_pipes_and_redirections() {
    let rows = [
        ("echo a", "Always [2]"),
        ("", ""),
        ("  # nothing\n", ""),
        ("echo a b; echo c", "Always [3] Always [2]"),
        ("echo a\necho b\n", "Always [2] Always [2]"),
        ("a && b || c", "Always [1] Succeeded [1] Failed [1]"),
        ("a | b -x | c", "Always [1|2|1]"),
        ("! a", "Always ![1]"),
        ("echo a > f", "Always [2 +1]"),
        ("echo a >f 2>&1", "Always [2 +2]"),
        ("echo a >> f < g", "Always [2 +2]"),
        ("a &> f", "Always [1 +2]"),
        ("X=1 Y=2 cmd", "Always [X= Y= 1]"),
        ("X=1", "Always [X= 0]"),
        ("echo X=1", "Always [2]"),
        ("echo 'a b' \"c d\" e\\ f", "Always [4]"),
        ("echo 'a'b\"c\"", "Always [2]"),
        ("echo \"\"", "Always [2]"),
        ("echo $(date; id) x", "Always [3]"),
        ("echo 2>/dev/null", "Always [1 +1]"),
        ("echo a2>f", "Always [2 +1]"),
        ("echo 'a", "error: unexpected EOF while looking for matching `''"),
        ("echo \"a", "error: unexpected EOF while looking for matching `\"'"),
        ("echo $(a", "error: unexpected EOF while looking for matching `)'"),
        ("&& a", "error: syntax error near unexpected token `&&'"),
        ("a &&", "error: syntax error: unexpected end of file"),
        ("a | | b", "error: syntax error near unexpected token `|'"),
        ("echo >", "error: syntax error near unexpected token `newline'"),
        ("a & b", "error: syntax error near unexpected token `&'"),
        ("for x in a; do b; done", "error: `for' is not supported by the simulated shell"),
        ("echo ${a b}", "error: ${a b}: bad substitution"),
    ];
    for (text, want) in rows {
        assert_eq!(shape(text), want, "{text}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    let letters =
        ["a", " ", "'", "\"", "$", "(", ")", "{", "}", "`", "\\", ">", "<", "|", "&", ";", "\n", "é", "1", "="];
    let mut state = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(letters[(state >> 33) as usize % letters.len()]);
        }
        drop(parse(&text));
    }
}
