//! A text without code, and its words.

/// Returns the text without fenced code, HTML comments, the targets of links and Markdown's signs. Code in backticks
/// becomes the word `x`. Every line keeps its number.
pub fn stripped(text: &str) -> String {
    let text = cut(text, "```", "```", " ");
    let text = cut(&text, "<!--", "-->", " ");
    let text = cut(&text, "`", "`", " x ");
    let text = cut(&text, "](", ")", "] ");
    text.replace(['|', '#', '*', '[', ']', '<', '>'], " ")
}

/// Replaces everything from `open` to the next `close`, newlines excepted.
pub fn cut(text: &str, open: &str, close: &str, with: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let Some((removed, after)) = after.split_once(close) else { break };
        kept.push_str(before);
        kept.push_str(with);
        kept.extend(removed.chars().filter(|&c| c == '\n'));
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Returns the words of a line, for counting. An apostrophe belongs to its word.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphabetic() && c != '\'').filter(|word| !word.is_empty())
}

/// A word for a search, in lower case.
pub struct Word {
    /// From 0.
    pub line: usize,
    pub text: String,
    /// Whether only white space is between this word and the word before.
    pub adjacent: bool,
}

/// Returns the words of a stripped text. An identifier with underscores is a single word.
pub fn located(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut adjacent = false;
    for (line, text) in text.split('\n').enumerate() {
        let mut rest = text;
        while let Some(start) = rest.find(in_word) {
            adjacent &= rest[..start].trim().is_empty();
            let word = &rest[start..];
            let end = word.find(|c| !in_word(c)).unwrap_or(word.len());
            words.push(Word { line, text: word[..end].to_lowercase(), adjacent });
            adjacent = true;
            rest = &word[end..];
        }
        adjacent &= rest.trim().is_empty();
    }
    words
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
