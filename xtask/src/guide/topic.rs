//! A topic of the guide: a folder with the same small program in several languages, and the expected output.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::problems::Problems;
use crate::usage::Usage;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Python,
    Go,
    Rust,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Python, Self::Go, Self::Rust];

    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
        }
    }

    /// Returns the name in headings.
    pub fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Rust => "Rust",
        }
    }

    /// Returns the file name of a program in this language.
    pub fn program(self) -> &'static str {
        match self {
            Self::Python => "main.py",
            Self::Go => "main.go",
            Self::Rust => "main.rs",
        }
    }

    /// Returns the declaration in a program that waits, so that a second has the same length in all three languages.
    fn second(self) -> &'static str {
        match self {
            Self::Python => "SECOND = 0.01",
            Self::Go => "second = 10 * time.Millisecond",
            Self::Rust => "const SECOND: Duration = Duration::from_millis(10);",
        }
    }

    /// Returns the calls that wait for a time, or for an event with a time limit.
    fn waits(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["sleep(", "timeout(", "timeout_at(", "wait_for(", "timeout=", "call_later("],
            Self::Go => &["time.Sleep(", "time.After", "time.NewTi", "time.Tick(", "context.WithTimeout"],
            Self::Rust => &["sleep(", "timeout(", "interval(", "Instant::now() +"],
        }
    }
}

/// The folder's `topic.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    title: String,
    #[serde(default = "every_language")]
    languages: Vec<Language>,
    /// Prefixes of lines that may come in any order among themselves.
    #[serde(default)]
    unordered: Vec<String>,
    /// Whether all languages print the same.
    #[serde(default = "yes")]
    same: bool,
    /// Whether the programs wait in real seconds, as programs do that are compared with the document's figures.
    #[serde(default)]
    real_time: bool,
    /// Whether the programs crawl a site. The address of the site is their argument.
    #[serde(default)]
    site: bool,
}

fn every_language() -> Vec<Language> {
    Language::ALL.to_vec()
}

fn yes() -> bool {
    true
}

pub struct Topic {
    pub name: String,
    pub dir: PathBuf,
    pub languages: Vec<Language>,
    pub unordered: Vec<String>,
    pub same: bool,
    pub real_time: bool,
    pub site: bool,
}

impl Topic {
    pub fn load(dir: &Path) -> Result<Self> {
        let file = dir.join("topic.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let settings: Settings =
            toml::from_str(&text).with_context(|| format!("{} is not right", file.display()))?;
        ensure!(!settings.title.trim().is_empty(), "{}: the title is empty", file.display());
        ensure!(!settings.languages.is_empty(), "{}: languages is empty", file.display());
        let Settings { mut languages, unordered, same, real_time, site, .. } = settings;
        languages.sort();
        languages.dedup();
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, dir: dir.to_owned(), languages, unordered, same, real_time, site })
    }

    /// Returns the file with the expected output of the program in `language`.
    pub fn expected(&self, language: Language) -> PathBuf {
        let name =
            if self.same { "expected.txt".to_owned() } else { format!("expected.{}.txt", language.name()) };
        self.dir.join(name)
    }

    pub fn program(&self, language: Language) -> PathBuf {
        self.dir.join(language.program())
    }

    /// Returns the problems of the folder: missing or surplus programs and outputs, and waits without the shared unit.
    pub fn problems(&self) -> Result<Problems> {
        let name = &self.name;
        let mut problems = Vec::new();
        for language in Language::ALL {
            let program = self.program(language);
            let (file, there) = (language.program(), program.exists());
            match (self.languages.contains(&language), there) {
                (true, false) => problems.push(format!("{name}: {file} is missing")),
                (false, true) => problems.push(format!("{name}: topic.toml does not name {file}'s language")),
                _ => {}
            }
            if there {
                let source = fs::read_to_string(&program)?;
                let waits = language.waits().iter().find(|call| source.contains(**call));
                if let Some(call) = waits.filter(|_| !self.real_time && !source.contains(language.second())) {
                    let second = language.second();
                    problems.push(format!("{name}: {file} has `{call}` and does not declare `{second}`"));
                }
            }
        }
        let expected: Vec<_> = self.languages.iter().map(|&language| self.expected(language)).collect();
        for file in files(&self.dir)? {
            let file_name = file.file_name().unwrap_or_default().to_string_lossy();
            if file_name.starts_with("expected") && !expected.contains(&file) {
                problems.push(format!("{name}: nothing is compared with {file_name}; delete it"));
            }
        }
        Ok(problems)
    }
}

/// Returns all topics in the folder, by name.
pub fn all(programs: &Path) -> Result<Vec<Topic>> {
    let dirs = files(programs)?.into_iter().filter(|path| path.is_dir());
    let topics = dirs.map(|dir| Topic::load(&dir)).collect::<Result<Vec<_>>>()?;
    ensure!(!topics.is_empty(), "there is no topic in {}", programs.display());
    Ok(topics)
}

/// Returns the topics that `only` names, or all topics.
pub fn chosen<'a>(topics: &'a [Topic], only: &[String]) -> Result<Vec<&'a Topic>> {
    for name in only {
        if !topics.iter().any(|topic| topic.name == *name) {
            let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
            bail!(Usage(format!("there is no topic `{name}`; there are {}", names.join(", "))));
        }
    }
    let chosen = |topic: &&Topic| only.is_empty() || only.contains(&topic.name);
    Ok(topics.iter().filter(chosen).collect())
}

/// Returns the entries of the folder, sorted by name.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
