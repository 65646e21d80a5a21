//! The checks of the pages, each on its own small book.

use std::fs;

use tempfile::TempDir;

use super::Book;
use crate::guide::topic::Topic;

const INDEX: &str = "# Home\n\n[gather](topics/gather.md#mind)\n";
const SUMMARY: &str = "[Home](README.md)\n- [Gather](topics/gather.md)\n";
const PAGE: &str = "# Gather\n\n```python\n{{#include ../guide/src/bin/gather/main.py}}\n```\n\n```text\n\
    {{#include ../guide/src/bin/gather/expected.txt}}\n```\n\n## Mind\n\n[itself](#gather) [home](../SUMMARY.md)\n";

/// Returns a book without a problem, changed by `files`.
fn book(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let whole = [
        ("README.md", INDEX),
        ("SUMMARY.md", SUMMARY),
        ("topics/gather.md", PAGE),
        ("guide/src/bin/gather/topic.toml", "title = \"Gather\"\nlanguages = [\"python\"]\n"),
        ("guide/src/bin/gather/main.py", "print(1)\n"),
        ("guide/src/bin/gather/expected.txt", "1\n"),
    ];
    for (name, text) in whole.iter().chain(files) {
        let path = dir.path().join("docs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let dir = book(files);
    let docs = dir.path().join("docs");
    let book = Book::read(&docs).unwrap();
    let topic = Topic::load(&docs.join("guide/src/bin/gather")).unwrap();
    let mut problems = topic.problems().unwrap();
    problems.extend(book.problems_of(&topic));
    problems.extend(book.problems().unwrap());
    problems
}

/// Returns the page with one change.
fn changed(from: &str, to: &str) -> String {
    assert!(PAGE.contains(from));
    PAGE.replace(from, to)
}

#[test]
fn whole_book_has_no_problem() {
    assert_eq!(problems(&[]), Vec::<String>::new());
}

#[test]
fn page_that_loses_an_include_is_caught() {
    let page = changed("{{#include ../guide/src/bin/gather/main.py}}", "print(1)");
    let said = problems(&[("topics/gather.md", &page)]);
    assert_eq!(said, ["docs/topics/gather.md: it does not include docs/guide/src/bin/gather/main.py"]);
}

#[test]
fn include_without_a_target_is_caught() {
    let page = changed("## Mind", "{{#include ../gone.txt}}\n{{#include ../SUMMARY.md:part}}\n\n## Mind");
    let expected = [
        "docs/topics/gather.md: it includes docs/gone.txt, which is not there",
        "docs/topics/gather.md: it includes the part `part` of docs/SUMMARY.md, which has no such anchor",
    ];
    assert_eq!(problems(&[("topics/gather.md", &page)]), expected);
}

#[test]
fn link_without_a_target_is_caught() {
    let link = |to: &str| problems(&[("topics/gather.md", &changed("#gather", to))]);
    assert_eq!(link("gathr.md"), ["docs/topics/gather.md: the link gathr.md leads nowhere"]);
    assert_eq!(
        link("../../README.md"),
        ["docs/topics/gather.md: the link ../../README.md leads out of the book"]
    );
    assert_eq!(link("gather.html"), ["docs/topics/gather.md: the link gather.html leads nowhere"]);
    assert!(link("../README.md")[0].contains("is none in the book"));
    assert_eq!(link("../index.html"), Vec::<String>::new());
    assert_eq!(link("https://example.com/"), Vec::<String>::new());
}

#[test]
fn anchor_without_its_heading_is_caught() {
    let page = changed("## Mind", "## Mind this");
    let said = problems(&[("topics/gather.md", &page)]);
    assert_eq!(said, ["docs/README.md: the link topics/gather.md#mind leads to a heading that is not there"]);
}

#[test]
fn summary_and_the_pages_are_the_same() {
    let said = problems(&[("topics/pipeline.md", "# Pipeline\n")]);
    assert_eq!(said, ["docs/topics/pipeline.md: SUMMARY.md does not list it"]);
    let said = problems(&[("SUMMARY.md", &format!("{SUMMARY}- [Gone](gone.md)\n"))]);
    assert_eq!(said, ["docs/SUMMARY.md: the link gone.md leads nowhere"]);
}

#[test]
fn both_editions_have_the_same_topics_and_includes() {
    let page = PAGE.replace("../guide", "../../guide").replace("[home](../SUMMARY.md)", "");
    let edition = |page| {
        problems(&[("zh/SUMMARY.md", "- [Gather](topics/gather.md)\n"), ("zh/topics/gather.md", page)])
    };
    assert_eq!(edition(&page), Vec::<String>::new());
    let shorter = page.replace("{{#include ../../guide/src/bin/gather/main.py}}", "");
    let lacks = "docs/zh/topics/gather.md: it does not include docs/guide/src/bin/gather/main.py, as \
        docs/topics/gather.md does";
    assert_eq!(edition(&shorter), [lacks]);
    let longer = format!("{page}\n{{{{#include ../../SUMMARY.md}}}}\n");
    let lacks =
        "docs/topics/gather.md: it does not include docs/SUMMARY.md, as docs/zh/topics/gather.md does";
    assert_eq!(edition(&longer), [lacks]);
    let said = problems(&[("zh/SUMMARY.md", "目录\n")]);
    assert_eq!(said, ["docs/topics/gather.md: there is no docs/zh/topics/gather.md"]);
}

#[test]
fn page_with_a_missing_row_or_heading_in_an_edition_is_caught() {
    let said = problems(&[
        ("zh/SUMMARY.md", "- [收集](topics/gather.md)\n- [名称](names.md)\n"),
        (
            "zh/topics/gather.md",
            &PAGE.replace("../guide", "../../guide").replace("[home](../SUMMARY.md)", ""),
        ),
        ("SUMMARY.md", &format!("{SUMMARY}- [Names](names.md)\n")),
        ("names.md", "# Names\n\n| a |\n|---|\n| 1 |\n| 2 |\n"),
        ("zh/names.md", "# 名称\n\n## 注意\n\n| a |\n|---|\n| 1 |\n"),
    ]);
    let expected = [
        "docs/zh/names.md: it has 2 headings, and docs/names.md has 1 heading",
        "docs/zh/names.md: it has 1 row, and docs/names.md has 2 rows",
    ];
    assert_eq!(said, expected);
}

#[test]
fn index_that_is_too_short_is_caught() {
    let summary = format!("{SUMMARY}- [By name](by-name.md)\n");
    let index = |rows| format!("# By name\n\n| name |\n|---|\n{}", "| gather |\n".repeat(rows));
    let said = |rows| problems(&[("SUMMARY.md", &summary), ("by-name.md", &index(rows))]);
    assert_eq!(said(79), ["docs/by-name.md: it has 79 rows, and should have at least 80"]);
    assert_eq!(said(80), Vec::<String>::new());
}

#[test]
fn link_broken_twice_or_without_definition_is_reported_once() {
    let page = format!("{PAGE}\n[a](gone.md) [b](gone.md) [task group][nope] [group][nope]\n");
    let expected = [
        "docs/topics/gather.md: the link gone.md leads nowhere",
        "docs/topics/gather.md: the link [nope] is not defined",
    ];
    assert_eq!(problems(&[("topics/gather.md", &page)]), expected);
}

#[test]
fn folder_matches_its_settings() {
    let said = problems(&[("guide/src/bin/gather/main.go", "package main\n")]);
    assert_eq!(said, ["gather: topic.toml does not name main.go's language"]);
    let said = problems(&[("guide/src/bin/gather/main.py", "time.sleep(1)\n")]);
    assert_eq!(said, ["gather: main.py has `sleep(` and does not declare `SECOND = 0.01`"]);
    let settings = "title = \"Gather\"\nlanguages = [\"python\"]\nreal_time = true\n";
    let said = problems(&[
        ("guide/src/bin/gather/main.py", "time.sleep(1)\n"),
        ("guide/src/bin/gather/topic.toml", settings),
    ]);
    assert_eq!(said, Vec::<String>::new());
    let said = problems(&[("guide/src/bin/gather/expected.go.txt", "1\n")]);
    assert_eq!(said, ["gather: nothing is compared with expected.go.txt; delete it"]);
}

#[test]
fn setting_with_a_slip_is_an_error() {
    let dir = book(&[("guide/src/bin/gather/topic.toml", "title = \"Gather\"\nunorderd = [\"\"]\n")]);
    let loaded = Topic::load(&dir.path().join("docs/guide/src/bin/gather"));
    let said = format!("{:#}", loaded.err().unwrap());
    assert!(said.contains("topic.toml is not right") && said.contains("unorderd"), "{said}");
}
