//! Replaces the name of a crate with another name in the text of its files.
//!
//! The name has several forms. `RateWindow` and `RATE_WINDOW` are unambiguous. In lower case, a name of one word is the
//! same in code, where the new name must be `rate_window`, and in prose, where the new name is `rate-window`. So the
//! text is divided into code and prose first, and the characters directly next to a name take precedence.

use std::ops::Range;

use super::names::Names;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rust,
    Markdown,
    /// Toml, licences, expected output and all other files.
    Other,
}

impl Kind {
    pub fn of_file(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "rs")) => Self::Rust,
            Some((_, "md")) => Self::Markdown,
            _ => Self::Other,
        }
    }
}

/// Returns the new name of a file or a folder inside the crate. Such names are names of modules or targets.
pub fn file_name(name: &str, from: &Names, to: &Names) -> String {
    replace(name, from, to, |_| true)
}

/// Returns the renamed text of a file of `kind`.
pub fn text(text: &str, kind: Kind, from: &Names, to: &Names) -> String {
    let code = match kind {
        Kind::Rust => rust_code(text, 0),
        Kind::Markdown => markdown_code(text),
        Kind::Other => Vec::new(),
    };
    replace(text, from, to, |at| code.iter().any(|range| range.contains(&at)))
}

fn replace(text: &str, from: &Names, to: &Names, is_code: impl Fn(usize) -> bool) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (before, rest) = text.split_at(at);
        if let Some((length, new)) = form_at(before, rest, from, to, || is_code(at)) {
            renamed.push_str(new);
            at += length;
        } else {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            renamed.push_str(&rest[..next]);
            at += next;
        }
    }
    renamed
}

/// Returns the length and the replacement of the form of the name with which `rest` begins, if there is one.
fn form_at<'a>(
    before: &str,
    rest: &str,
    from: &Names,
    to: &'a Names,
    is_code: impl Fn() -> bool,
) -> Option<(usize, &'a str)> {
    let begins_word = !before.ends_with(|c: char| c.is_alphanumeric());
    let ends_word = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric());

    if let Some(after) = rest.strip_prefix(&from.camel)
        && !after.starts_with(|c: char| c.is_lowercase())
        && !is_of_another_module(before, from)
    {
        return Some((from.camel.len(), &to.camel));
    }
    if let Some(after) = rest.strip_prefix(&from.screaming)
        && begins_word
        && ends_word(after)
    {
        return Some((from.screaming.len(), &to.screaming));
    }
    let is_kebab = rest.starts_with(&from.kebab);
    if !begins_word || !(is_kebab || rest.starts_with(&from.snake)) {
        return None;
    }
    let length = from.kebab.len();
    let after = &rest[length..];
    if !ends_word(after) || is_part_of_another_word(before, after) {
        return None;
    }
    let told_apart = from.kebab != from.snake;
    let snake = if told_apart { !is_kebab } else { wants_snake(before, after, is_code) };
    Some((length, if snake { &to.snake } else { &to.kebab }))
}

/// Returns whether the path leads to another module: `sync::Semaphore` is tokio's, and stays.
fn is_of_another_module(before: &str, from: &Names) -> bool {
    let Some(path) = before.strip_suffix("::") else { return false };
    let module = path.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let own = ["crate", "self", "super"].contains(&module) || module.contains(&from.snake);
    !own && module.starts_with(|c: char| c.is_lowercase())
}

/// Returns whether the name is a part of another name: the workload `fanout-noop` and the crate `towpath-fanout-extra`
/// stay.
fn is_part_of_another_word(before: &str, after: &str) -> bool {
    let mut next = after.chars();
    let goes_on = next.next() == Some('-') && next.next().is_some_and(char::is_alphanumeric);
    let began_before = before.ends_with('-')
        && !before.ends_with("towpath-")
        && before[..before.len() - 1].ends_with(|c: char| c.is_alphanumeric());
    goes_on || began_before
}

fn wants_snake(before: &str, after: &str, is_code: impl Fn() -> bool) -> bool {
    const A_FOLDER_OR_PACKAGE: [&str; 4] = ["towpath-", "crates/", "../", "-p "];
    const A_TARGET_OR_PATH: [&str; 8] =
        ["_", "::", "/", "--example ", "--test ", "--bench ", "--bin ", "name = \""];
    const A_FILE_OR_PATH: [&str; 3] = ["_", "::", ".rs"];

    if A_FOLDER_OR_PACKAGE.iter().any(|end| before.ends_with(end)) {
        return false;
    }
    A_TARGET_OR_PATH.iter().any(|end| before.ends_with(end))
        || A_FILE_OR_PATH.iter().any(|start| after.starts_with(start))
        || is_code()
}

/// Returns the ranges of Rust code in `text`: neither comments nor strings, but code blocks in doc comments.
fn rust_code(text: &str, offset: usize) -> Vec<Range<usize>> {
    let mut code = Vec::new();
    let mut fenced = false;
    let mut begin = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            let marker = rest.len() - rest.trim_start_matches(['/', '!']).len();
            let line = &rest[marker.min(length)..length];
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if fenced {
                code.extend(rust_code(line, offset + at + marker));
            }
            length
        } else if let Some(length) = literal_length(rest) {
            fenced = false;
            length
        } else {
            let char = rest.chars().next().unwrap_or(' ');
            fenced &= char.is_whitespace();
            at += char.len_utf8();
            continue;
        };
        code.push(offset + begin..offset + at);
        at += length;
        begin = at;
    }
    code.push(offset + begin..offset + text.len());
    code
}

/// Returns the length of the block comment, string or character with which `rest` begins.
fn literal_length(rest: &str) -> Option<usize> {
    let ends_with = |from: usize, end: &str| {
        let found = rest.get(from..).and_then(|inner| inner.find(end));
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("/*") {
        return Some(ends_with(2, "*/"));
    }
    if let Some(raw) = rest.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return Some(ends_with(hashes + 2, &format!("\"{}", "#".repeat(hashes))));
        }
    }
    if let Some(inner) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = inner.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        return Some(end.map_or(rest.len(), |end| end + 2));
    }
    // A character, not a lifetime: `'"'`, `'\''`.
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return Some(ends_with(3, "'"));
    }
    let char = inner.chars().next()?.len_utf8();
    inner[char..].starts_with('\'').then_some(char + 2)
}

/// Returns the ranges of Rust code in the fenced blocks of a Markdown file.
fn markdown_code(text: &str) -> Vec<Range<usize>> {
    let mut code = Vec::new();
    let mut block: Option<(usize, bool)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = match block {
                None => {
                    let language = language.trim();
                    Some((at + line.len(), language.is_empty() || language.starts_with("rust")))
                }
                Some((begin, is_rust)) => {
                    if is_rust {
                        code.extend(rust_code(&text[begin..at], begin));
                    }
                    None
                }
            };
        }
        at += line.len();
    }
    code
}

#[cfg(test)]
#[path = "rename_tests.rs"]
mod tests;
