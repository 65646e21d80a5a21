//! The copy of a crate's folder under another name.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::names::Names;
use super::rename::{self, Kind};

/// Copies the files of the crate, renamed. Compile-fail cases are not copied: their expected errors are the compiler's
/// text about the other crate.
pub fn copy(template: &Path, dir: &Path, from: &Names, to: &Names) -> Result<()> {
    let copy = Copy { from, to, examples: examples(&template.join("examples"), from, to)? };
    copy.folder(template, dir)
}

struct Copy<'a> {
    from: &'a Names,
    to: &'a Names,
    examples: Vec<Example>,
}

/// An example of the crate. Cargo puts the examples of all crates of a workspace into one folder, so their names
/// differ.
struct Example {
    old: String,
    new: String,
}

fn examples(dir: &Path, from: &Names, to: &Names) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for (name, path) in entries(dir)? {
        let old = name.strip_suffix(".rs").unwrap_or(&name).to_owned();
        if path.is_dir() || old != name {
            let renamed = rename::file_name(&old, from, to);
            let new = if renamed == old { format!("{}_{old}", to.snake) } else { renamed };
            examples.push(Example { old, new });
        }
    }
    Ok(examples)
}

impl Copy<'_> {
    fn folder(&self, template: &Path, dir: &Path) -> Result<()> {
        fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for (name, path) in entries(template)? {
            if name == "target" || name == "Cargo.lock" {
                continue;
            }
            let target = dir.join(self.file_name(template, &name));
            if !path.is_dir() {
                self.file(&name, &path, &target)?;
            } else if !has_expected_errors(&path)? {
                self.folder(&path, &target)?;
            }
        }
        Ok(())
    }

    fn file_name(&self, folder: &Path, name: &str) -> String {
        let is_example = |e: &&Example| name == e.old || name.strip_suffix(".rs") == Some(&e.old);
        let among_examples = folder.file_name().is_some_and(|folder| folder == "examples");
        match self.examples.iter().find(is_example).filter(|_| among_examples) {
            Some(example) => name.replacen(&example.old, &example.new, 1),
            None => rename::file_name(name, self.from, self.to),
        }
    }

    fn file(&self, name: &str, path: &Path, target: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = match String::from_utf8(bytes) {
            Ok(text) if is_compile_fail(name, &text) => return Ok(()),
            Ok(text) => self.text(name, &text).into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        fs::write(target, bytes).with_context(|| format!("cannot write {}", target.display()))
    }

    fn text(&self, name: &str, text: &str) -> String {
        let mut text = text.to_owned();
        if name == "Cargo.toml" {
            let kept = |line: &&str| !line.starts_with("trybuild ");
            text = text.split_inclusive('\n').filter(kept).collect();
        }
        text = rename::text(&text, Kind::of_file(name), self.from, self.to);
        for Example { old, new } in &self.examples {
            text = replace_word(&text, "--example ", old, new);
            text = replace_listed(&text, old, new);
            for end in [".rs", "/"] {
                let path = |name: &str| format!("examples/{name}{end}");
                text = text.replace(&path(old), &path(new));
            }
            if name == "Cargo.toml" {
                let table = |name: &str| format!("[[example]]\nname = \"{name}\"");
                text = text.replace(&table(old), &table(new));
            }
        }
        text
    }
}

fn is_compile_fail(name: &str, text: &str) -> bool {
    Kind::of_file(name) == Kind::Rust && text.contains("trybuild::")
}

/// Replaces `old` in backticks on lines that are about `--example`.
fn replace_listed(text: &str, old: &str, new: &str) -> String {
    let (old, new) = (format!("`{old}`"), format!("`{new}`"));
    let line = |line: &str| {
        if line.contains("--example ") { line.replace(&old, &new) } else { line.to_owned() }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Replaces the word `old` after `before`, but not as the beginning of a longer word.
fn replace_word(text: &str, before: &str, old: &str, new: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(before) {
        replaced = replaced + head + before;
        rest = tail;
        if let Some(after) = tail.strip_prefix(old)
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-')
        {
            replaced += new;
            rest = after;
        }
    }
    replaced + rest
}

/// Returns the entries of a folder, with their names. A missing folder has no entries.
fn entries(dir: &Path) -> Result<Vec<(String, std::path::PathBuf)>> {
    let mut entries = Vec::new();
    if dir.is_dir() {
        for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(entries)
}

/// Returns whether a folder has compile-fail cases: the compiler's errors are next to the cases.
fn has_expected_errors(dir: &Path) -> Result<bool> {
    Ok(entries(dir)?.iter().any(|(name, _)| name.ends_with(".stderr")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_has_the_new_name_everywhere() {
        let place = tempfile::tempdir().unwrap();
        let template = place.path().join("fanout");
        for (path, text) in [
            ("Cargo.toml", "name = \"towpath-fanout\"\ntrybuild = \"1\"\n"),
            ("Cargo.lock", "locked"),
            ("target/debug/fanout", "built"),
            (
                "README.md",
                "cargo run --example gather, --example gather_all, `fanout_in`, `gather`\n`gather`",
            ),
            ("examples/gather.rs", "// examples/gather.rs"),
            ("examples/gather_all.rs", ""),
            ("examples/fanout_in.rs", ""),
            ("src/lib.rs", "pub struct Fanout;"),
            ("src/fanout.rs", "use crate::Fanout;"),
            ("tests/gather.rs", ""),
            ("tests/misuse.rs", "let t = trybuild::TestCases::new();"),
            ("tests/misuse/not_send.rs", "fn main() {}"),
            ("tests/misuse/not_send.stderr", "error"),
            ("tests/conformance.rs", "check(\"fanout\")"),
        ] {
            let path = template.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let dir = place.path().join("rate-window");
        copy(&template, &dir, &Names::of("fanout"), &Names::of("rate-window")).unwrap();

        let read = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
        assert_eq!(read("Cargo.toml"), "name = \"towpath-rate-window\"\n");
        assert_eq!(read("src/lib.rs"), "pub struct RateWindow;");
        assert_eq!(read("src/rate_window.rs"), "use crate::RateWindow;");
        assert_eq!(read("tests/conformance.rs"), "check(\"rate-window\")");
        assert_eq!(
            read("README.md"),
            "cargo run --example rate_window_gather, --example rate_window_gather_all, `rate_window_in`, `rate_window_gather`\n`gather`"
        );
        assert_eq!(read("examples/rate_window_gather.rs"), "// examples/rate_window_gather.rs");
        for there in ["examples/rate_window_gather_all.rs", "examples/rate_window_in.rs", "tests/gather.rs"] {
            assert!(dir.join(there).exists(), "{there}");
        }
        for gone in ["Cargo.lock", "target", "src/fanout.rs", "tests/misuse", "tests/misuse.rs"] {
            assert!(!dir.join(gone).exists(), "{gone}");
        }
    }
}
