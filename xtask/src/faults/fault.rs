//! A fault as its file describes it: the fault, the edits that plant the fault, and the test that finds the fault.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Debug)]
pub struct Fault {
    pub number: u32,
    /// The name of the fault's file.
    file: String,
    pub what: String,
    pub seen_at: Vec<String>,
    pub test: Test,
    edits: Vec<Edit>,
}

/// The contents of the file of a fault. The number of the fault is in the file name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fault: String,
    seen_at: Vec<String>,
    test: Test,
    edit: Vec<Edit>,
}

/// The test that must fail.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub package: String,
    pub target: String,
    pub name: String,
}

/// Text that occurs exactly once, and its replacement. Unlike a diff, an edit stays valid if the code around it
/// changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: PathBuf,
    find: String,
    replace: String,
}

/// Returns all faults, by number.
pub fn read_all(root: &Path) -> Result<Vec<Fault>> {
    let dir = root.join("xtask/faults");
    let mut faults = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fault =
            fs::read_to_string(&path).map_err(anyhow::Error::from).and_then(|text| read(&file, &text));
        faults.push(fault.with_context(|| format!("xtask/faults/{file}"))?);
    }
    faults.sort_by_key(|fault| fault.number);
    check_numbers(&faults)?;
    Ok(faults)
}

fn read(file: &str, text: &str) -> Result<Fault> {
    let number = file.split_once('-').and_then(|(number, _)| number.parse().ok());
    let number = number.context("its name should begin with its number, as in `01-name.toml`")?;
    let Written { fault: what, seen_at, test, edit: edits } = toml::from_str(text)?;
    Ok(Fault { number, file: file.to_owned(), what, seen_at, test, edits })
}

/// Checks that every number occurs once. Otherwise a wrong name or a removed file could leave out a fault.
fn check_numbers(faults: &[Fault]) -> Result<()> {
    for (place, fault) in faults.iter().enumerate() {
        let wanted = place + 1;
        ensure!(fault.number as usize == wanted, "xtask/faults: fault {wanted} is missing, or there twice");
    }
    Ok(())
}

impl Fault {
    /// Checks that every edit finds its text.
    pub fn applies_to(&self, root: &Path) -> Result<()> {
        self.edited(root).map(drop)
    }

    /// Plants the fault in the workspace at `root`.
    pub fn plant(&self, root: &Path) -> Result<Originals> {
        let mut originals = Vec::new();
        for (path, before, after) in self.edited(root)? {
            write(&path, &after)?;
            originals.push((path, before));
        }
        Ok(Originals(originals))
    }

    /// Returns the changed files: the path, the text, and the text with the fault.
    fn edited(&self, root: &Path) -> Result<Vec<(PathBuf, String, String)>> {
        let mut files: Vec<(PathBuf, String, String)> = Vec::new();
        for edit in &self.edits {
            let path = root.join(&edit.file);
            if !files.iter().any(|file| file.0 == path) {
                let text = fs::read_to_string(&path);
                let text = text.with_context(|| format!("{}: cannot read {}", self.file, path.display()))?;
                files.push((path.clone(), text.clone(), text));
            }
            for (_, _, text) in files.iter_mut().filter(|file| file.0 == path) {
                *text = edit.made(text).with_context(|| format!("xtask/faults/{}", self.file))?;
            }
        }
        Ok(files)
    }
}

impl Edit {
    fn made(&self, text: &str) -> Result<String> {
        let (file, found) = (self.file.display(), text.matches(&self.find).count());
        let first = self.find.trim().lines().next().unwrap_or_default();
        ensure!(
            found == 1,
            "what it replaces is in {file} {found} times, not once; it begins with `{first}`"
        );
        ensure!(self.find != self.replace, "it replaces `{first}` in {file} by the same");
        Ok(text.replacen(&self.find, &self.replace, 1))
    }
}

/// The original texts of the files that a fault changed.
#[must_use = "the copy keeps its fault until they are restored"]
pub struct Originals(Vec<(PathBuf, String)>);

impl Originals {
    pub fn restore(self) -> Result<()> {
        self.0.iter().try_for_each(|(path, text)| write(path, text))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

impl Test {
    /// Returns the package and the target of the test.
    pub fn program(&self) -> (&str, &str) {
        (&self.package, &self.target)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.package, self.target, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        fault = "it is wrong"
        seen_at = ["tokio#1"]
        test = { package = "p", target = "t", name = "n" }
        [[edit]]
        file = "a.rs"
        find = "right"
        replace = "wrong"
        [[edit]]
        file = "a.rs"
        find = "and wrong"
        replace = "only"
    "#;

    #[test]
    fn fault_is_planted_and_taken_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        fs::write(&path, "it is right").unwrap();
        let fault = read("07-wrong.toml", TEXT).unwrap();
        assert_eq!(fault.number, 7);
        let problem = format!("{:#}", fault.applies_to(dir.path()).unwrap_err());
        let wanted = "xtask/faults/07-wrong.toml: what it replaces is in a.rs 0 times, not once; it begins with \
                      `and wrong`";
        assert_eq!(problem, wanted);

        fs::write(&path, "it is and right").unwrap();
        let originals = fault.plant(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "it is only");
        originals.restore().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "it is and right");

        fs::write(&path, "right and right").unwrap();
        assert!(format!("{:#}", fault.applies_to(dir.path()).unwrap_err()).contains("2 times, not once"));
    }

    #[test]
    fn file_that_is_wrong_says_so() {
        let problem = |file: &str, text: &str| read(file, text).unwrap_err().to_string();
        assert!(problem("wrong.toml", TEXT).starts_with("its name should begin with its number"));
        assert!(problem("07-wrong.toml", &TEXT.replace("find", "fnd")).contains("unknown field `fnd`"));
    }
}
