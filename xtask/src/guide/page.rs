//! A page of the book as mdBook reads it: the includes, the links, and the anchors of the headings.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

pub struct Page {
    pub path: PathBuf,
    /// The included files, and the text after the name of the file: `name` in `{{#include FILE:name}}`.
    pub includes: Vec<(PathBuf, Option<String>)>,
    /// The links as they are written.
    pub links: BTreeSet<String>,
    /// The links `[text][name]` whose name the page does not define.
    pub undefined: BTreeSet<String>,
    pub anchors: BTreeSet<String>,
    pub headings: usize,
    /// The number of rows of all tables, without the heads.
    pub rows: usize,
}

impl Page {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::of(path, &text))
    }

    fn of(path: &Path, text: &str) -> Self {
        let dir = path.parent().unwrap_or(Path::new(""));
        let includes = includes(text).map(|(file, part)| (joined(dir, file), part.map(str::to_owned)));
        let mut page = Self {
            path: path.to_owned(),
            includes: includes.collect(),
            links: BTreeSet::new(),
            undefined: BTreeSet::new(),
            anchors: BTreeSet::new(),
            headings: 0,
            rows: 0,
        };
        page.read_markdown(text);
        page
    }

    /// Reads Markdown. Headings get the anchors of mdBook; anchors of raw HTML count too.
    fn read_markdown(&mut self, text: &str) {
        let mut used = HashSet::new();
        // The text of the current heading, unless the heading names its anchor.
        let mut heading: Option<String> = None;
        let undefined = |link: BrokenLink<'_>| Some((link.reference.into_string().into(), "".into()));
        for event in Parser::new_with_broken_link_callback(text, options(), Some(undefined)) {
            if let Event::Start(Tag::Heading { .. }) = event {
                self.headings += 1;
            }
            match event {
                Event::Start(Tag::TableRow) => self.rows += 1,
                Event::Start(Tag::Heading { id: Some(id), .. }) => {
                    self.anchors.insert(id.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    if let Some(heading) = heading.take() {
                        self.anchors.insert(unique(anchor(&heading), &mut used));
                    }
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(
                    Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. },
                ) => {
                    let defined = !matches!(
                        link_type,
                        LinkType::ReferenceUnknown | LinkType::CollapsedUnknown | LinkType::ShortcutUnknown
                    );
                    let found = if defined { &mut self.links } else { &mut self.undefined };
                    found.insert(dest_url.into_string());
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    self.anchors.extend(values(&html, "id=\"").map(str::to_owned));
                    self.links.extend(values(&html, "href=\"").map(str::to_owned));
                    self.links.extend(values(&html, "src=\"").map(str::to_owned));
                }
                _ => {}
            }
        }
    }
}

/// Returns the options that mdBook sets by default.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
}

/// Returns the file and the part of each include.
fn includes(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let starts = text.match_indices("{{#").map(|(start, mark)| &text[start + mark.len()..]);
    starts.filter_map(|rest| {
        let (kind, rest) = rest.split_once(char::is_whitespace)?;
        let (target, _) = rest.split_once("}}")?;
        let (file, part) = target.trim().split_once(':').map_or((target.trim(), None), |(f, p)| (f, Some(p)));
        ["include", "rustdoc_include", "playground"].contains(&kind).then_some((file, part))
    })
}

fn values<'a>(html: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    html.match_indices(attribute)
        .filter_map(move |(start, _)| html[start + attribute.len()..].split('"').next())
}

/// Returns the anchor of a heading, as in mdBook 0.5.
fn anchor(heading: &str) -> String {
    let kept = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    };
    heading.trim().to_lowercase().chars().filter_map(kept).collect()
}

/// Returns a unique anchor. The second anchor of a name is `name-1`.
fn unique(anchor: String, used: &mut HashSet<String>) -> String {
    let numbered = (1..).map(|n: u32| format!("{anchor}-{n}"));
    let free = std::iter::once(anchor.clone()).chain(numbered).find(|name| !used.contains(name));
    let free = free.unwrap_or(anchor);
    used.insert(free.clone());
    free
}

/// Returns the path from `dir`, without `..`. The file need not exist.
pub fn joined(dir: &Path, path: &str) -> PathBuf {
    let mut joined = PathBuf::new();
    for component in dir.join(path).components() {
        match component {
            Component::ParentDir => {
                joined.pop();
            }
            Component::CurDir => {}
            part => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_anchors_that_mdbook_gives_them() {
        let text = "# `Queue`, `join` & co.\n\n## Mind\n\ntext\n\n## Mind\n\n## 异步队列\n\n## Named {#here}\n\n<a id=\"raw\"></a>\n";
        let page = Page::of(Path::new("docs/a.md"), text);
        let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["here", "mind", "mind-1", "queue-join--co", "raw", "异步队列"]);
    }

    #[test]
    fn links_are_those_of_the_text_and_not_of_code() {
        let text = "[a](b.md#c) ![d](e.svg) `[no](no.md)`\n\n```\n[no](no.md)\n```\n\n[f]\n\n[f]: g.md\n";
        let links = Page::of(Path::new("docs/a.md"), text).links;
        assert_eq!(Vec::from_iter(links), ["b.md#c", "e.svg", "g.md"]);
    }

    #[test]
    fn link_with_an_undefined_name_is_none() {
        let text = "[a][b] [c][nope] [gone] [d][] `[code][too]`\n\n[b]: b.md\n";
        let page = Page::of(Path::new("docs/a.md"), text);
        assert_eq!(Vec::from_iter(page.links), ["b.md"]);
        assert_eq!(Vec::from_iter(page.undefined), ["d", "gone", "nope"]);
    }

    #[test]
    fn headings_and_the_rows_of_tables_are_counted() {
        let text = "# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n## B {#b}\n\n| c |\n|---|\n| 5 |\n";
        let page = Page::of(Path::new("docs/a.md"), text);
        assert_eq!((page.headings, page.rows), (2, 3));
    }

    #[test]
    fn includes_are_found_from_where_the_page_is() {
        let text = "```go\n{{#include ../guide/src/main.go}}\n```\n{{#include part.md:laws}} {{#title A}}\n";
        let includes = Page::of(Path::new("docs/topics/a.md"), text).includes;
        let expected = [
            (PathBuf::from("docs/guide/src/main.go"), None),
            (PathBuf::from("docs/topics/part.md"), Some("laws".to_owned())),
        ];
        assert_eq!(includes, expected);
    }
}
