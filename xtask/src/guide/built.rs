//! Checks the topics in the built book: every program is in the page itself, under the heading of its language. So a
//! browser without scripts shows every program, and programs.js finds the headings.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::topic::{Language, Topic};
use crate::problems::Problems;

/// Returns a line for every program that the built edition in `edition` does not show.
///
/// # Errors
///
/// Fails if a page or a program cannot be read.
pub fn problems(edition: &Path, topics: &[&Topic]) -> Result<Problems> {
    let read =
        |file: &Path| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let mut problems = Problems::new();
    for topic in topics {
        let page = topic.name.strip_suffix("_older").unwrap_or(&topic.name);
        let file = edition.join("topics").join(page).with_extension("html");
        let html = read(&file)?;
        let mut found = Problems::new();
        for &language in &topic.languages {
            let program = topic.program(language);
            found.extend(problem_of(&html, language, &read(&program)?));
        }
        found.extend(problem_of_page(&html));
        found.dedup();
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", file.display())));
    }
    Ok(problems)
}

fn problem_of(html: &str, language: Language, program: &str) -> Option<String> {
    let name = language.title();
    // The headings come in the order of `Language::ALL`, so the search starts at the last heading before.
    let before = Language::ALL.into_iter().take_while(|&other| other != language);
    let from = before.filter_map(|other| html.find(&heading(other))).max().unwrap_or(0);
    let Some(start) = html[from..].find(&heading(language)) else {
        return Some(format!("no heading {name}, or in another order than Python, Go, Rust"));
    };
    let section = &html[from + start + "<h2".len()..];
    let section = section.split("<h2").next().unwrap_or(section);
    let blocks = section.split("<pre>").skip(1);
    let shown = blocks.filter_map(|block| {
        let (class, rest) = block.split_once("<code class=\"language-")?.1.split_once("\">")?;
        let code = rest.split("</code>").next()?;
        (class.split(' ').next()? == language.name()).then(|| text_of(code))
    });
    let is_shown = shown.into_iter().any(|code| code.trim_end() == program.trim_end());
    (!is_shown).then(|| format!("the program in {name} is not in the section {name}"))
}

fn problem_of_page(html: &str) -> Option<String> {
    let main = html.split("<main>").nth(1).and_then(|rest| rest.split("</main>").next()).unwrap_or_default();
    let hides = [" hidden", "display:", "visibility:", "<template", "<details"];
    let tags = main.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    if let Some(tag) =
        tags.map(|tag| format!("<{tag}>")).find(|tag| hides.iter().any(|hide| tag.contains(hide)))
    {
        return Some(format!("{tag} hides text from a browser without scripts"));
    }
    let script = html
        .split("<script")
        .any(|rest| rest.split('>').next().is_some_and(|tag| tag.contains("theme/programs")));
    (!script).then(|| "theme/programs.js is not loaded".to_owned())
}

/// Returns the heading as mdBook writes it.
fn heading(language: Language) -> String {
    format!("<h2 id=\"{}\">", language.name())
}

/// Removes the tags, and decodes the entities that mdBook writes.
fn text_of(html: &str) -> String {
    let parts = html.split('<').enumerate();
    let text: String = parts
        .map(|(nth, part)| if nth == 0 { part } else { part.split_once('>').map_or("", |of| of.1) })
        .collect();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const PYTHON: &str = "print(1 < 2)\n";
    const GO: &str = "package main\n";
    const RUST: &str = "fn main() {\n    println!(\"{}\", &1);\n}\n";
    const PAGE: &str = "<script src=\"toc.js\"></script><main>\n\
        <h2 id=\"python\"><a class=\"header\" href=\"#python\">Python</a></h2>\n\
        <pre><code class=\"language-python\">print(1 &lt; 2)\n</code></pre>\n\
        <h2 id=\"go\"><a class=\"header\" href=\"#go\">Go</a></h2>\n\
        <pre><code class=\"language-go\">package main\n</code></pre>\n\
        <h2 id=\"rust\"><a class=\"header\" href=\"#rust\">Rust</a></h2>\n\
        <pre><code class=\"language-rust edition2024\">fn main() {\n    println!(\"{}\", &amp;1);\n}\n</code></pre>\n\
        <h2 id=\"output\"><a class=\"header\" href=\"#output\">Output</a></h2>\n\
        <pre><code class=\"language-text\">1\n</code></pre>\n\
        </main><script src=\"../theme/programs-1a2b.js\"></script>";

    fn problems_of(html: &str) -> Problems {
        let dir = TempDir::new().unwrap();
        let topic = dir.path().join("gather");
        let files =
            [("main.py", PYTHON), ("main.go", GO), ("main.rs", RUST), ("topic.toml", "title = \"Gather\"\n")];
        for (name, text) in files {
            fs::create_dir_all(&topic).unwrap();
            fs::write(topic.join(name), text).unwrap();
        }
        fs::create_dir(dir.path().join("topics")).unwrap();
        fs::write(dir.path().join("topics/gather.html"), html).unwrap();
        let found = problems(dir.path(), &[&Topic::load(&topic).unwrap()]).unwrap();
        found.into_iter().map(|problem| problem.split_once(": ").unwrap().1.to_owned()).collect()
    }

    /// Returns the page with one change.
    fn changed(from: &str, to: &str) -> String {
        assert!(PAGE.contains(from), "{from}");
        PAGE.replace(from, to)
    }

    #[test]
    fn page_with_every_program_nothing_found() {
        assert_eq!(problems_of(PAGE), Problems::new());
    }

    #[test]
    fn page_without_a_program_is_found() {
        let wanted = ["the program in Go is not in the section Go"];
        assert_eq!(problems_of(&changed("package main", "package other")), wanted);
        assert_eq!(problems_of(&changed("language-go", "language-text")), wanted);
        assert_eq!(
            problems_of(&changed("package main\n</code>", "</code><h2>Go</h2>package main\n")),
            wanted
        );
    }

    #[test]
    fn page_without_the_label_of_a_language_is_found() {
        let wanted = ["no heading Rust, or in another order than Python, Go, Rust"];
        assert_eq!(problems_of(&changed("<h2 id=\"rust\">", "<h2 id=\"towpath\">")), wanted);
    }

    /// The headings of Python and Go are swapped.
    #[test]
    fn page_with_languages_in_another_order_is_found() {
        let (python, go) = ("id=\"python\"", "id=\"go\"");
        let swapped = PAGE.replace(python, "id=\"\"").replace(go, python).replace("id=\"\"", go);
        let found = problems_of(&swapped);
        assert!(
            found.contains(&"no heading Go, or in another order than Python, Go, Rust".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn page_that_hides_text_without_scripts_is_found() {
        for tag in ["<div hidden>", "<pre style=\"display: none\">", "<details>"] {
            let found = problems_of(&changed("<h2 id=\"output\">", &format!("{tag}<h2 id=\"output\">")));
            assert_eq!(found, [format!("{tag} hides text from a browser without scripts")]);
        }
    }

    #[test]
    fn page_without_the_script_is_found() {
        let found = problems_of(&changed("theme/programs-1a2b.js", "theme/search.js"));
        assert_eq!(found, ["theme/programs.js is not loaded"]);
    }
}
