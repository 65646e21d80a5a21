//! The checks of the pages: the pages show every program, the summary lists every page, every include and every link
//! has a target, and both editions have the same contents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::page::{Page, joined};
use super::topic::{Topic, files};
use crate::problems::{Problems, count};

const SUMMARY: &str = "SUMMARY.md";
const TRANSLATION: &str = "zh";
const INDEX: &str = "by-name.md";
/// The least number of names in the index.
const NAMES: usize = 80;

/// The pages of both editions. Folders without pages are left out.
pub struct Book {
    docs: PathBuf,
    pages: BTreeMap<PathBuf, Page>,
}

impl Book {
    pub fn read(docs: &Path) -> Result<Self> {
        let mut pages = BTreeMap::new();
        let mut dirs = vec![docs.to_owned()];
        while let Some(dir) = dirs.pop() {
            for path in files(&dir)? {
                if path.is_dir() && path != docs.join("guide") {
                    dirs.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md") {
                    pages.insert(path.clone(), Page::read(&path)?);
                }
            }
        }
        Ok(Self { docs: docs.to_owned(), pages })
    }

    /// Returns the folder of the translation, if there is a translation.
    pub fn translation(&self) -> Option<PathBuf> {
        let dir = self.docs.join(TRANSLATION);
        self.pages.keys().any(|path| path.starts_with(&dir)).then_some(dir)
    }

    /// Checks that the topic's page shows each program of the topic and its output. The older form of a topic may be
    /// shown on the page of the topic.
    pub fn problems_of(&self, topic: &Topic) -> Problems {
        let of = |name: &str| self.pages.get(&self.docs.join("topics").join(name).with_extension("md"));
        let older = topic.name.strip_suffix("_older");
        let Some(page) = of(&topic.name).or_else(|| older.and_then(of)) else {
            return vec![format!("{0}: there is no page docs/topics/{0}.md", topic.name)];
        };
        let mut wanted = BTreeSet::new();
        for &language in &topic.languages {
            wanted.insert(topic.program(language));
            if older.is_none() {
                wanted.insert(topic.expected(language));
            }
        }
        self.missing(page, wanted)
    }

    /// Returns a line for each of the files that the page in `path` does not include.
    pub fn problems_of_page(&self, path: &Path, files: impl IntoIterator<Item = PathBuf>) -> Problems {
        match self.pages.get(path) {
            Some(page) => self.missing(page, files),
            None => vec![format!("there is no page {}", self.name(path))],
        }
    }

    fn missing(&self, page: &Page, files: impl IntoIterator<Item = PathBuf>) -> Problems {
        let shown = |file: &PathBuf| page.includes.iter().any(|(include, _)| include == file);
        let missing = files.into_iter().filter(|file| !shown(file));
        missing
            .map(|file| format!("{}: it does not include {}", self.name(&page.path), self.name(&file)))
            .collect()
    }

    /// Returns the problems of the book as a whole.
    pub fn problems(&self) -> Result<Problems> {
        let mut problems = self.unlisted(&self.docs);
        if let Some(dir) = self.translation() {
            problems.extend(self.unlisted(&dir));
            problems.extend(self.untranslated(&dir));
            problems.extend(self.unequal(&dir));
        }
        let index = self.pages.get(&self.docs.join(INDEX));
        if let Some(index) = index.filter(|index| index.rows < NAMES) {
            let (name, rows) = (self.name(&index.path), count(index.rows, "row"));
            problems.push(format!("{name}: it has {rows}, and should have at least {NAMES}"));
        }
        for page in self.pages.values() {
            let mut found = Vec::new();
            for (file, part) in &page.includes {
                found.extend(self.broken_include(file, part.as_deref())?);
            }
            found.extend(page.links.iter().filter_map(|link| self.broken_link(page, link)));
            found.extend(page.undefined.iter().map(|name| format!("the link [{name}] is not defined")));
            problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", self.name(&page.path))));
        }
        Ok(problems)
    }

    fn name(&self, path: &Path) -> String {
        let root = self.docs.parent().unwrap_or(&self.docs);
        path.strip_prefix(root).unwrap_or(path).display().to_string()
    }

    /// Returns the pages of the edition in `dir` that its summary does not list. (A listed page that is missing is a
    /// broken link of the summary.)
    fn unlisted(&self, dir: &Path) -> Problems {
        let Some(summary) = self.pages.get(&dir.join(SUMMARY)) else {
            return vec![format!("{} is missing", self.name(&dir.join(SUMMARY)))];
        };
        let listed: BTreeSet<_> = summary.links.iter().map(|link| joined(dir, link)).collect();
        let translation = self.docs.join(TRANSLATION);
        let of_edition = |path: &&PathBuf| {
            path.starts_with(dir) && (dir == translation || !path.starts_with(&translation))
        };
        let pages = self.pages.keys().filter(of_edition).filter(|path| **path != summary.path);
        let unlisted = pages.filter(|path| !listed.contains(*path));
        unlisted.map(|path| format!("{}: {SUMMARY} does not list it", self.name(path))).collect()
    }

    /// Returns a line for every topic that only the original or the translation in `dir` has, and for every file that
    /// only one of both versions of a topic includes.
    fn untranslated(&self, dir: &Path) -> Problems {
        let lacking = |page: &Page, other: &Page| -> Problems {
            let (here, there) = (self.name(&page.path), self.name(&other.path));
            let has = |file: &Path| page.includes.iter().any(|(include, _)| include == file);
            let files: BTreeSet<_> = other.includes.iter().map(|(file, _)| file).collect();
            let missing = files.into_iter().filter(|file| !has(file));
            missing
                .map(|file| format!("{here}: it does not include {}, as {there} does", self.name(file)))
                .collect()
        };
        let mut problems = Vec::new();
        let topics = |dir: &Path| -> Vec<&Page> {
            let dir = dir.join("topics");
            self.pages.values().filter(|page| page.path.starts_with(&dir)).collect()
        };
        let counterpart = |page: &Page, from: &Path, to: &Path| {
            let path = to.join(page.path.strip_prefix(from).unwrap_or(&page.path));
            (self.pages.get(&path), self.name(&path))
        };
        for page in topics(&self.docs) {
            let here = self.name(&page.path);
            match counterpart(page, &self.docs, dir) {
                (None, path) => problems.push(format!("{here}: there is no {path}")),
                (Some(other), _) => {
                    problems.extend(lacking(page, other));
                    problems.extend(lacking(other, page));
                }
            }
        }
        for page in topics(dir) {
            if let (None, path) = counterpart(page, dir, &self.docs) {
                problems.push(format!("{}: there is no {path}", self.name(&page.path)));
            }
        }
        problems
    }

    /// Returns the pages of the translation in `dir` with another number of headings or rows than the original. The
    /// summary may be shorter, since not all pages are translated.
    fn unequal(&self, dir: &Path) -> Problems {
        let mut problems = Vec::new();
        let pages = self.pages.values().filter(|page| page.path.starts_with(dir));
        for page in pages.filter(|page| !page.path.ends_with(SUMMARY)) {
            let path = self.docs.join(page.path.strip_prefix(dir).unwrap_or(&page.path));
            let Some(original) = self.pages.get(&path) else { continue };
            let (here, there) = (self.name(&page.path), self.name(&original.path));
            let headings = ("heading", page.headings, original.headings);
            for (what, has, wanted) in [headings, ("row", page.rows, original.rows)] {
                if has != wanted {
                    let (has, wanted) = (count(has, what), count(wanted, what));
                    problems.push(format!("{here}: it has {has}, and {there} has {wanted}"));
                }
            }
        }
        problems
    }

    fn broken_include(&self, file: &Path, part: Option<&str>) -> Result<Option<String>> {
        let name = self.name(file);
        if !file.is_file() {
            return Ok(Some(format!("it includes {name}, which is not there")));
        }
        let Some(part) = part else { return Ok(None) };
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let has =
            |mark: &str| text.split_whitespace().collect::<Vec<_>>().windows(2).any(|w| w == [mark, part]);
        let whole = has("ANCHOR:") && has("ANCHOR_END:");
        Ok((!whole).then(|| format!("it includes the part `{part}` of {name}, which has no such anchor")))
    }

    fn broken_link(&self, page: &Page, link: &str) -> Option<String> {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
        let dir = page.path.parent().unwrap_or(&self.docs);
        let target = if path.is_empty() { page.path.clone() } else { joined(dir, path) };
        if !target.starts_with(&self.docs) || target.starts_with(self.docs.join("guide")) {
            return Some(format!("the link {link} leads out of the book"));
        }
        let is_index =
            target.ends_with("index.html") && self.pages.contains_key(&target.with_file_name("README.md"));
        match (self.pages.get(&target), anchor) {
            (None, None) if target.is_file() || is_index => None,
            (None, _) => Some(format!("the link {link} leads nowhere")),
            // Named README.md for readers of the folder; in the book this page is the index.
            (Some(_), _) if path.ends_with("README.md") && !page.path.ends_with(SUMMARY) => {
                Some(format!("the link {link} is none in the book, where that page is index.html"))
            }
            (Some(target), Some(anchor)) if !target.anchors.contains(anchor) => {
                Some(format!("the link {link} leads to a heading that is not there"))
            }
            (Some(_), _) => None,
        }
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
