//! Texts that a command writes into a page, between two marks. The rest of the page is written by hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::workspace::Workspace;

/// Returns the file, and its text with `section` between its marks.
pub fn filled(file: &Path, mark: &str, section: &str) -> Result<(PathBuf, String)> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = between(&text, mark, section).with_context(|| file.display().to_string())?;
    Ok((file.to_owned(), text))
}

fn between(text: &str, mark: &str, section: &str) -> Result<String> {
    let (begin_mark, end_mark) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let once = |mark: &str| text.matches(mark).count() == 1;
    let marks = text.find(&begin_mark).zip(text.find(&end_mark)).filter(|(begin, end)| begin < end);
    let marks = marks.filter(|_| once(&begin_mark) && once(&end_mark));
    let (begin, end) = marks.with_context(|| {
        format!("what is written belongs between one line `{begin_mark}` and one line `{end_mark}`")
    })?;
    Ok(format!("{}\n{section}{}", &text[..begin + begin_mark.len()], &text[end..]))
}

/// Writes the last line of a command into docs/reliability.md with the commit, at the mark named after the command.
pub fn record(workspace: &Workspace, command: &str, said: &str) -> Result<()> {
    record_at(workspace, command.split(' ').next().unwrap_or(command), command, said)
}

/// Like [`record`] at another mark, for a command that records two lines.
pub fn record_at(workspace: &Workspace, mark: &str, command: &str, said: &str) -> Result<()> {
    let commit = workspace.commit().context("what is recorded belongs to a commit, and git tells none")?;
    let line = format!("- `cargo xtask {command}`: {said}; commit {commit}\n");
    let (file, text) = filled(&workspace.root.join("docs/reliability.md"), mark, &line)?;
    files::replace(&file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "# A\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n";
        let once = between(text, "bench", "new\n").unwrap();
        assert_eq!(once, "# A\n<!-- bench -->\nnew\n<!-- /bench -->\nafter\n");
        assert_eq!(between(&once, "bench", "new\n").unwrap(), once);
    }

    #[test]
    fn missing_or_doubled_marks_are_an_error() {
        for text in [
            "",
            "<!-- bench -->",
            "<!-- /bench --> <!-- bench -->",
            "<!-- bench --><!-- bench --><!-- /bench -->",
        ] {
            assert!(between(text, "bench", "new").is_err(), "{text}");
        }
    }

    #[test]
    fn reliability_page_has_marks_for_each_recording_command() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
        for command in ["models", "faults", "soak", "conformance"] {
            filled(&page, command, "").unwrap();
        }
    }
}
