//! Planted findings, against the shipped table. The banned words in this file are planted too: the table exempts this
//! file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::source::{Kind, Piece, pieces};
use super::table::Table;
use super::words::{self, File};
use super::{Tree, examples};
use crate::problems::Problems;

fn table() -> Table {
    toml::from_str(include_str!("../../../prose.toml")).unwrap()
}

fn file(text: &str) -> Vec<File> {
    vec![File { name: "a".to_owned(), text: text.to_owned() }]
}

/// The findings in a document with `words` words, `counted` of them pronouns.
fn density(counted: usize, words: usize) -> Problems {
    let text = "it ".repeat(counted) + &"noun ".repeat(words - counted);
    words::density(&table().density, "documents", &file(&text)).1
}

fn in_document(text: &str) -> Problems {
    words::banned_in_documents(&table(), &file(text))
}

fn in_source(text: &str) -> Problems {
    words::banned_in_sources(&table(), &file(text))
}

/// The `file:line` and the first word in backticks of each problem.
fn places(problems: &Problems) -> Vec<String> {
    let place = |problem: &String| {
        let place = problem.split(": ").next().unwrap_or_default();
        format!("{place} {}", problem.split('`').nth(1).unwrap_or_default())
    };
    problems.iter().map(place).collect()
}

/// The functions without an example, of a crate with these files.
fn missing(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let read = |path: &Path| {
        let text = path.to_str().and_then(|path| files.get(path.strip_prefix("c/")?));
        text.map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
    };
    let tree = Tree::load(Path::new("c/lib.rs"), Path::new("c"), &read).unwrap();
    places(&examples::missing(&tree, &read, &|path| path.strip_prefix("c").unwrap().display().to_string()))
}

#[test]
fn total_above_the_bound_is_found() {
    assert_eq!(density(60, 1000), Problems::new());
    let found = density(61, 1000);
    let wanted = "all documents: 6.10 pronouns and indefinites per 100 words (61 of 1000): at most 6.0; name the noun \
                  instead, first in the files above";
    assert_eq!(found, [wanted]);
}

#[test]
fn file_above_the_bound_is_found_with_its_worst_line() {
    let with =
        |counted: usize| format!("noun it\n{}{}", "it ".repeat(counted - 1), "noun ".repeat(99 - counted));
    let found = |counted| words::density(&table().density, "documents", &file(&with(counted))).1;
    assert_eq!(found(8).len(), 1, "the total alone");
    let wanted = "a:2: the documents have 9.00 pronouns and indefinites per 100 words (9 of 100), and 8 in this line: at \
                  most 8.0; name the noun instead";
    assert_eq!(found(9)[0], wanted);
}

#[test]
fn short_file_has_no_bound_and_counts_in_the_total() {
    let found = density(50, 99);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("all documents: "), "{}", found[0]);
}

#[test]
fn code_and_targets_of_links_are_not_counted() {
    let text = "`it`, [noun](it.md) <!-- it -->\n```\nit\n```\nthe **Which** `a\nb` it's";
    let (total, _) = words::density(&table().density, "documents", &file(text));
    // x noun the Which x it's
    assert_eq!(total.to_string(), "16.67 pronouns and indefinites per 100 words (1 of 6)");
}

#[test]
fn doc_comments_are_the_lines_with_three_slashes() {
    let docs = words::doc_comments(&file("//! it\n// that\n    /// each `x`\nfn that() {}\n"));
    assert_eq!(docs[0].text, "it\n\neach `x`\n\n");
}

#[test]
fn banned_word_is_found_with_its_line_and_correction() {
    let wanted = ["a:2: `whoever` is a banned word: name the type, the role or the parameter"];
    assert_eq!(in_document("A receiver.\nWhoever takes."), wanted);
    assert_eq!(in_source("fn f() {\n    // whoever takes\n}"), wanted);
}

#[test]
fn every_banned_phrase_is_found() {
    for banned in table().banned {
        for phrase in banned.words {
            assert_eq!(
                in_document(&format!("The worker {phrase} it")),
                [format!("a:1: `{phrase}` is a banned word: {}", banned.right)]
            );
        }
    }
}

#[test]
fn banned_phrase_across_a_line_break_is_found() {
    assert_eq!(places(&in_document("waits for\n  ever")), ["a:1 for ever"]);
    assert_eq!(places(&in_source("/// waits for\n/// ever\nfn f() {}")), ["a:1 for ever"]);
    assert_eq!(places(&in_document("waits for, ever")), Vec::<String>::new());
}

#[test]
fn banned_word_in_comment_or_string_is_found() {
    for code in [
        "/// untold",
        "//! Untold",
        "// untold",
        "/* un /* */ told: untold */",
        "f(\"untold\")",
        "f(b\"\\\"untold\")",
        "f(\"\\nuntold\")",
        "f(r#\"\"untold\"#)",
        "fn f<'a>(c: char) { ['\"', '\\'', '\\u{7f}']; \"untold\" }",
    ] {
        let found = places(&in_source(&format!("\n{code}\n")));
        assert!(found.contains(&"a:2 untold".to_owned()), "{code}: {found:?}");
    }
}

#[test]
fn banned_word_as_identifier_or_code_is_not_found() {
    for code in [
        "fn told() { untold::told() }",
        "/// The field `untold`.",
        "/// ```\n/// told();\n/// ```",
        "// see `told`",
        "f(\"the field `told` and {told} and told_by\")",
        "let r#told = 'x'; let untold = br; // end",
    ] {
        assert_eq!(in_source(code), Problems::new(), "{code}");
    }
    assert_eq!(in_document("`told`\n\n```rust\ntold()\n```\n\n[the law](told.md)\n"), Problems::new());
}

#[test]
fn exempt_file_is_not_read() {
    let mut files = file("// whoever");
    files[0].name = table().exempt[0].clone();
    assert_eq!(words::banned_in_sources(&table(), &files), Problems::new());
}

#[test]
fn pieces_of_a_source_are_its_comments_and_strings() {
    let piece = |kind, line, text: &str| Piece { kind, line, text: text.to_owned() };
    let source = "//! A\n//! b\n// c\n// d\n\n// e\nlet s = \"f\n g\"; // h\n/// i\n";
    let wanted = [
        piece(Kind::Doc, 0, "A\nb"),
        piece(Kind::Comment, 2, " c\n d"),
        piece(Kind::Comment, 5, " e"),
        piece(Kind::String, 6, "f\n g"),
        piece(Kind::Comment, 7, " h"),
        piece(Kind::Doc, 8, "i"),
    ];
    assert_eq!(pieces(source), wanted);
}

#[test]
fn public_function_without_example_is_found() {
    let code = "/// A list.\npub struct List;\nimpl List {\n    /// Returns the length.\n    pub fn len(&self) {}\n}\n";
    let wanted =
        "lib.rs:5: `List::len` has no example: add `# Examples`, or call it in the example of `List`";
    let read = |_: &Path| Ok(code.to_owned());
    let tree = Tree::load(Path::new("c/lib.rs"), Path::new("c"), &read).unwrap();
    let shown = |path: &Path| path.strip_prefix("c").unwrap().display().to_string();
    assert_eq!(examples::missing(&tree, &read, &shown), [wanted]);
}

#[test]
fn function_with_an_examples_section_is_not_found() {
    let with = |docs: &str| {
        missing(&[("lib.rs", &format!("pub struct List;\nimpl List {{\n{docs}\npub fn len() {{}} }}"))])
    };
    assert_eq!(with("/// # Examples\n///\n/// ```\n/// List::len();\n/// ```"), Vec::<String>::new());
    assert_eq!(with("/// # Examples\n///\n/// None.").len(), 1, "a section without code");
    assert_eq!(with("/// ```\n/// List::len();\n/// ```").len(), 1, "code without a section");
}

#[test]
fn function_in_the_example_of_its_type_is_not_found() {
    let with = |call: &str| {
        let code = format!(
            "/// ```\n/// {call};\n/// ```\npub struct List<T>(T);\nimpl<T> List<T> {{ pub fn new() {{}} }}"
        );
        missing(&[("lib.rs", &code)])
    };
    for call in ["List::new()", "List::<u8>::new()", "list.new::<u8>()", "Self::new()"] {
        let is_shown = !call.starts_with("Self");
        assert_eq!(with(call).is_empty(), is_shown, "{call}");
    }
    for call in ["Vec::new()", "renew()", "let new = 1", "Vec::<u8>::new()"] {
        assert_eq!(with(call), ["lib.rs:5 List::new"], "{call}");
    }
}

#[test]
fn method_of_a_trait_is_found_and_of_an_implementation_not() {
    let code = "pub trait Job {\nfn call(&self);\nfn name(&self) {}\n}\n\
                pub struct Of;\nimpl Job for Of { fn call(&self) {} }";
    assert_eq!(missing(&[("lib.rs", code)]), ["lib.rs:2 Job::call", "lib.rs:3 Job::name"]);
    let shown = format!("/// ```\n/// fn call(&self) {{ self.name() }}\n/// ```\n{code}");
    assert_eq!(missing(&[("lib.rs", &shown)]), Vec::<String>::new());
}

#[test]
fn free_function_is_shown_by_its_module_or_its_crate() {
    let queue = "pub fn bounded() {}\n";
    let shown = "//! ```\n//! bounded(1);\n//! ```\n";
    let with =
        |lib: &str, queue: &str| missing(&[("lib.rs", &format!("{lib}pub mod queue;")), ("queue.rs", queue)]);
    assert_eq!(with("", queue), ["queue.rs:1 bounded"]);
    assert_eq!(with(shown, queue), Vec::<String>::new());
    assert_eq!(with("", &format!("{shown}{queue}")), Vec::<String>::new());
}

#[test]
fn function_behind_a_reexport_is_found() {
    let files = |lib| {
        missing(&[
            ("lib.rs", lib),
            ("a.rs", "mod b;\npub use self::b::{B, go as run};\n"),
            ("a/b.rs", "pub struct B;\npub fn go() {}\n"),
            ("c.rs", "use crate::a::B;\nimpl B { pub fn f() {} }\n"),
        ])
    };
    for lib in ["mod a; mod c; pub use a::*;", "mod a; mod c; pub use a::{B, run};", "pub mod a; mod c;"] {
        assert_eq!(files(lib), ["a/b.rs:2 go", "c.rs:2 B::f"], "{lib}");
    }
    assert_eq!(files("mod a; mod c;"), Vec::<String>::new());
}

#[test]
fn function_outside_the_public_interface_is_not_found() {
    for code in [
        "mod a { pub struct A; impl A { pub fn f() {} } pub fn g() {} }",
        "pub struct A; impl A { pub(crate) fn f() {} fn g() {} }",
        "pub struct A; impl A { #[doc(hidden)] pub fn f() {} }",
        "pub struct A; #[doc(hidden)] impl A { pub fn f() {} }",
        "#[doc(hidden)] pub struct A; impl A { pub fn f() {} }",
        "#[doc(hidden)] pub mod a { pub fn f() {} }",
        "#[doc(hidden)] pub fn f() {}",
        "#[cfg(test)] pub fn f() {}",
        "#[cfg(test)] pub mod tests { pub fn f() {} }",
        "pub(crate) trait A { fn f(); }",
        "struct A; impl A { pub fn f() {} }",
        "mod a { pub struct A; } struct A; impl A { pub fn f() {} } pub use a::A as B;",
    ] {
        assert_eq!(missing(&[("lib.rs", code)]), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn example_in_an_included_file_counts() {
    let lib = "#![doc = include_str!(\"../README.md\")]\npub fn run() {}\n";
    let readme = |text| missing(&[("lib.rs", lib), ("../README.md", text)]);
    assert_eq!(readme("```\nrun();\n```\n"), Vec::<String>::new());
    assert_eq!(readme("run();\n"), ["lib.rs:2 run"]);
}
