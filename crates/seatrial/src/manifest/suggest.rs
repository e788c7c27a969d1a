//! "Did you mean": the nearest known word by edit distance.

/// The word of `known` nearest to `word`, if it is near enough to be a slip of the pen.
///
/// Case does not count; a third of the letters (at least one) may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint for a word that is not one of `known`: the nearest, or all of them.
pub(crate) fn hint_for(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known here: {}", list(known)),
    }
}

/// Words as a list: `a`, `b` and `c`.
pub(crate) fn list(words: &[&str]) -> String {
    join(words, "and")
}

/// Words to choose from: `a`, `b` or `c`.
pub(crate) fn either(words: &[&str]) -> String {
    join(words, "or")
}

fn join(words: &[&str], last_word: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {last_word} {last}", rest.join(", ")),
    }
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let substitution = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = substitution.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::{edit_distance, hint_for, nearest};

    #[test]
    fn distances() {
        for (left, right, distance) in
            [("", "", 0), ("abc", "", 3), ("replica", "replicas", 1), ("sclae", "scale", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(left, right), distance, "{left} {right}");
        }
    }

    #[test]
    fn suggestions() {
        let known = ["scale", "setImage", "settle", "snapshot"];
        for (word, expected) in
            [("sclae", Some("scale")), ("setimage", Some("setImage")), ("set", None), ("setle", Some("settle"))]
        {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(hint_for("sclae", &known), "did you mean `scale`?");
        assert_eq!(hint_for("x", &["a", "b", "c"]), "did you mean `a`?");
        assert_eq!(hint_for("xyzzy", &["a", "b", "c"]), "known here: `a`, `b` and `c`");
    }
}
