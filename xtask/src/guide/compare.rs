//! Compares the output of a program with the expected output.

use similar::{ChangeTag, TextDiff};

/// The number of lines of a difference that are shown.
const SHOWN: usize = 12;

/// Returns the same text for all equivalent outputs. Lines with a prefix in `unordered` may come in any order among
/// themselves; they are sorted, within the places of such lines.
pub fn canonical(text: &str, unordered: &[String]) -> String {
    let is_free = |line: &str| unordered.iter().any(|prefix| line.starts_with(prefix.as_str()));
    let mut sorted: Vec<_> = text.lines().filter(|line| is_free(line)).collect();
    sorted.sort_unstable();
    let mut sorted = sorted.into_iter();
    let mut canonical = String::with_capacity(text.len());
    for line in text.lines() {
        let line = if is_free(line) { sorted.next().unwrap_or(line) } else { line };
        canonical.push_str(line);
        canonical.push('\n');
    }
    canonical
}

/// Returns the lines in which two texts differ, `-` for the expected text and `+` for the output. Returns an empty text
/// for equal texts.
pub fn difference(expected: &str, said: &str) -> String {
    let diff = TextDiff::from_lines(expected, said);
    let differing: Vec<_> =
        diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).collect();
    let mut lines = Vec::new();
    for change in differing.iter().take(SHOWN) {
        let sign = if change.tag() == ChangeTag::Delete { '-' } else { '+' };
        lines.push(format!("\n    {sign} {}", change.value().trim_end_matches('\n')));
    }
    if differing.len() > SHOWN {
        lines.push(format!("\n    and {} lines more", differing.len() - SHOWN));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(unordered: &[&str], a: &str, b: &str) -> bool {
        let unordered: Vec<_> = unordered.iter().map(|&prefix| prefix.to_owned()).collect();
        canonical(a, &unordered) == canonical(b, &unordered)
    }

    #[test]
    fn lines_are_a_sequence() {
        assert!(same(&[], "a\nb\n", "a\nb\n"));
        assert!(!same(&[], "a\nb\n", "b\na\n"));
        assert!(!same(&[], "a\n", "a\na\n"));
    }

    #[test]
    fn lines_with_an_unordered_prefix_are_a_multiset_in_place() {
        assert!(same(&["got"], "begin\ngot 1\ngot 2\nend\n", "begin\ngot 2\ngot 1\nend\n"));
        assert!(!same(&["got"], "begin\ngot 1\ngot 2\nend\n", "begin\ngot 1\nend\ngot 2\n"));
        assert!(!same(&["got"], "got 1\ngot 1\n", "got 1\ngot 2\n"));
        assert!(!same(&["got"], "got 1\ngot 1\ngot 2\n", "got 1\ngot 2\ngot 2\n"));
        assert!(!same(&["got"], "begin\nend\n", "end\nbegin\n"));
        assert!(same(&[""], "a\nb\nc\n", "c\nb\na\n"));
    }

    #[test]
    fn difference_shows_the_first_lines_that_differ() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "\n    - b\n    + x");
        assert_eq!(difference("a\n", "a\n"), "");
        let many = "line\n".repeat(20);
        assert!(difference(&many, "").ends_with("- line\n    and 8 lines more"));
    }
}
