//! Planted violations, against the shipped table.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::rules::Sources;
use super::table::Table;
use super::tree::Tree;
use crate::problems::Problems;

fn table() -> Table {
    toml::from_str(include_str!("../../../tiers.toml")).unwrap()
}

/// The sources of a crate, the root `c/lib.rs` among them.
fn sources(files: &[(&str, &str)]) -> Sources {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let read = |path: &Path| {
        let text = path.to_str().and_then(|path| files.get(path.strip_prefix("c/")?));
        text.map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
    };
    let tree = Tree::load(Path::new("c/lib.rs"), Path::new("c"), &read).unwrap();
    Sources::of(&tree, |path| path.strip_prefix("c").unwrap().display().to_string())
}

fn against_table(files: &[(&str, &str)]) -> Problems {
    sources(files).against(&table())
}

fn in_circles(files: &[(&str, &str)]) -> Problems {
    let sources = sources(files);
    sources.in_circles(&sources.circles())
}

/// The `file:line` of each problem.
fn places(problems: &Problems) -> Vec<String> {
    problems.iter().map(|problem| problem.split(':').take(2).collect::<Vec<_>>().join(":")).collect()
}

const LIB: (&str, &str) =
    ("lib.rs", "mod failure;\nmod job;\nmod queue;\nmod run;\nmod source;\nmod stage;\nmod util;\n");
const FAILURE: (&str, &str) = ("failure.rs", "pub struct Failure;\n");
const JOB: (&str, &str) = ("job.rs", "use crate::failure::Failure;\npub struct Job(Failure);\n");
const QUEUE: (&str, &str) = ("queue.rs", "use crate::util::sync::Mutex;\n");
const RUN: (&str, &str) = ("run.rs", "use crate::stage::Stage;\npub struct Run(Stage);\n");
const SOURCE: (&str, &str) = ("source.rs", "use crate::failure::Failure;\n");
const STAGE: (&str, &str) =
    ("stage/mod.rs", "mod state;\nuse self::state::State;\npub struct Stage(State);\n");
const STATE: (&str, &str) =
    ("stage/state/mod.rs", "mod input;\nuse crate::job::Job;\npub struct State { job: Job }\n");
const INPUT: (&str, &str) = ("stage/state/input.rs", "pub(super) struct Input { count: usize }\n");
const UTIL: (&str, &str) = ("util/mod.rs", "pub mod sync;\n");
const SYNC: (&str, &str) = ("util/sync.rs", "pub use std::sync::Mutex;\n");

/// A crate that keeps every rule, with some of its files changed.
fn with<'a>(changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![LIB, FAILURE, JOB, QUEUE, RUN, SOURCE, STAGE, STATE, INPUT, UTIL, SYNC];
    for (path, text) in changed {
        files.retain(|(other, _)| other != path);
        files.push((path, text));
    }
    files
}

#[test]
fn shipped_rules_kept_nothing_found() {
    assert_eq!(against_table(&with(&[])), Problems::new());
    assert_eq!(in_circles(&with(&[])), Problems::new());
}

#[test]
fn upward_import_is_found_with_its_line() {
    let problems = against_table(&with(&[("source.rs", "use std::fmt;\nuse crate::{failure, run::Run};\n")]));
    let wanted = "source.rs:2: source (tier 2) imports `crate::run::Run` of run (tier 4): \
                  import from a lower tier or from the own folder";
    assert_eq!(problems, [wanted]);
}

#[test]
fn upward_path_is_found_in_any_code() {
    for code in [
        "fn f() {\n crate::run::start();\n}",
        "fn f() -> Vec<\nsuper::run::Run> { todo!() }",
        "struct S {\n run: Option<crate::run::Run> }",
        "fn f() {\n println!(\"{}\", crate::run::NAME);\n}",
        "macro_rules! m { () => {\n crate::run::start() } }",
        "#[command(\nhelp = crate::run::HELP)]\nstruct S;",
        "mod inner {\n use super::super::run::Run; }",
        "fn f() {\n use crate::run as later; }",
        "\nuse crate::run::*;",
    ] {
        assert_eq!(places(&against_table(&with(&[("source.rs", code)]))), ["source.rs:2"], "{code}");
    }
}

#[test]
fn text_that_is_no_import_is_not_found() {
    for code in [
        "/// See [`Run`](crate::run::Run).\nstruct S;",
        "pub(in crate::run) struct S;",
        "fn f(run: usize) -> usize { run }",
        "fn f() { ::run::start(); other::run::start(); }",
        "#[macro_export]\nmacro_rules! m { () => { $crate::run::start() } }\nstruct S;\nimpl S { crate::m!(); }",
        "#[cfg(test)]\nmod tests { use crate::run::Run; }",
        "#[cfg(test)]\nuse crate::run::Run;",
    ] {
        assert_eq!(against_table(&with(&[("source.rs", code)])), Problems::new(), "{code}");
    }
}

#[test]
fn neighbour_of_the_same_tier_is_not_imported() {
    let lib = "mod queue;\nmod scope;\nmod util;\n";
    let problems = against_table(&with(&[
        ("lib.rs", lib),
        ("scope.rs", "use crate::queue::Queue;\n"),
        ("queue.rs", ""),
    ]));
    assert_eq!(places(&problems), ["scope.rs:1"]);
}

#[test]
fn queue_imports_util_only() {
    let problems = against_table(&with(&[("queue.rs", "use crate::failure::Failure;\n")]));
    let wanted =
        "queue.rs:1: queue imports `crate::failure::Failure` of failure: queue imports queue and util only";
    assert_eq!(problems, [wanted]);
    let problems = against_table(&with(&[("util/sync.rs", "use crate::failure::Failure;\n")]));
    assert_eq!(places(&problems), ["util/sync.rs:1"]);
}

#[test]
fn state_imports_nothing_of_its_stage() {
    let problems = against_table(&with(&[("stage/state/input.rs", "use crate::stage::Stage;\n")]));
    assert_eq!(places(&problems), ["stage/state/input.rs:1"]);
}

#[test]
fn file_of_no_tier_is_found() {
    let problems =
        against_table(&with(&[("lib.rs", "mod stray;\n"), ("stray.rs", "use crate::util::Waker;\n")]));
    assert_eq!(
        problems,
        ["stray.rs:1: the file is of no tier: name its module in a tier of xtask/tiers.toml"]
    );
}

#[test]
fn name_in_the_table_that_is_no_module_is_found() {
    let mut table = table();
    table.pure.modules = "stage/stats".to_owned();
    let problems = sources(&with(&[])).unknown_modules(&table);
    let wanted = "xtask/tiers.toml: `stage/stats` is no module: remove the name, or correct it";
    assert!(problems.iter().any(|problem| problem == wanted), "{problems:?}");
    assert!(!problems.iter().any(|problem| problem.contains("`stage/state`")), "{problems:?}");
}

#[test]
fn lock_outside_its_files_is_found_in_any_form() {
    for code in [
        "fn f(state: &Mutex<u8>) {\n state.lock(); }",
        "fn f(state: &Mutex<u8>) {\n Mutex::lock(state); }",
        "fn f(state: &Mutex<u8>) {\n lock(state); }",
        "fn f(states: &[Mutex<u8>]) {\n states.iter().map(Mutex::lock); }",
        "fn f(state: &Mutex<u8>) {\n assert!(state.lock().is_empty()); }",
        "fn f(state: &Mutex<u8>) {\n select! { x = y => { state.lock(); } } }",
    ] {
        assert_eq!(places(&against_table(&with(&[("stage/mod.rs", code)]))), ["stage/mod.rs:2"], "{code}");
        assert_eq!(against_table(&with(&[("util/sync.rs", code)])), Problems::new(), "{code}");
    }
}

#[test]
fn field_of_state_visible_outside_is_found() {
    for (code, found) in [
        ("struct S { a: u8,\n pub b: u8 }", true),
        ("struct S { a: u8,\n pub(crate) b: u8 }", true),
        ("struct S(\npub(super) u8);", true),
        ("struct S {\n pub(in crate::stage) b: u8 }", true),
        ("pin_project! { struct S {\n pub b: u8 } }", true),
        ("pub(super) struct S { a: u8,\n pub(self) b: u8 }", false),
        ("pub enum E { A { b: u8 },\n B(u8) }", false),
    ] {
        let problems = against_table(&with(&[("stage/state/input.rs", code)]));
        let wanted: &[&str] = if found { &["stage/state/input.rs:2"] } else { &[] };
        assert_eq!(places(&problems), wanted, "{code}");
        let elsewhere = against_table(&with(&[("source.rs", code)]));
        assert_eq!(elsewhere, Problems::new(), "{code}");
    }
}

#[test]
fn state_that_locks_wakes_or_catches_is_found() {
    for code in [
        "use std::fmt;\nuse std::sync::Mutex;",
        "fn f(waker: Waker) {\n waker.wake(); }",
        "fn f(waker: &Waker) {\n waker.wake_by_ref(); }",
        "fn f(wakers: Vec<Waker>) {\n wakers.into_iter().for_each(Waker::wake); }",
        "async fn f() {\n tokio::task::yield_now().await; }",
        "fn f() {\n std::panic::catch_unwind(|| ()); }",
    ] {
        let problems = against_table(&with(&[("stage/state/input.rs", code)]));
        assert_eq!(places(&problems), ["stage/state/input.rs:2"], "{code}");
    }
    let code = "#[cfg(test)]\nmod tests { use std::sync::Mutex; }";
    assert_eq!(against_table(&with(&[("stage/state/input.rs", code)])), Problems::new());
}

#[test]
fn word_of_the_domain_in_util_is_found() {
    for code in ["\nstruct JobList;", "\nfn next_stage() {}", "\n/// Keeps the workers.\nstruct List;"] {
        assert_eq!(places(&against_table(&with(&[("util/sync.rs", code)]))), ["util/sync.rs:2"], "{code}");
    }
    let code = "/// The resource runs out.\nfn jobless() {}\nstruct Storage;";
    assert_eq!(against_table(&with(&[("util/sync.rs", code)])), Problems::new());
}

#[test]
fn circle_of_two_files_is_found() {
    let job = "use crate::failure::Failure;\n";
    let error = "use std::fmt;\nuse super::job::Job;\n";
    let problems = in_circles(&with(&[("job.rs", job), ("failure.rs", error)]));
    let wanted = "failure.rs:2: 2 files import each other (failure -> job -> failure): \
                  move what several of them need to a file below them";
    assert_eq!(problems, [wanted]);
}

#[test]
fn parent_that_reexports_and_child_that_uses_it_are_a_circle() {
    let parent = "mod state;\npub use self::state::State;\npub struct Kind;\n";
    let child = "use super::Kind;\npub struct State(Kind);\n";
    let problems = in_circles(&with(&[("stage/mod.rs", parent), ("stage/state/mod.rs", child)]));
    assert_eq!(places(&problems), ["stage/mod.rs:2"]);
}

#[test]
fn parent_that_only_declares_its_child_is_no_circle() {
    let parent = "mod state;\npub struct Kind;\n";
    let child = "use super::Kind;\npub struct State(Kind);\n";
    assert_eq!(
        in_circles(&with(&[("stage/mod.rs", parent), ("stage/state/mod.rs", child)])),
        Problems::new()
    );
}

#[test]
fn tests_of_a_module_are_no_circle() {
    let parent = "pub struct Kind;\n#[cfg(test)]\n#[path = \"stage_tests.rs\"]\nmod tests;\n";
    assert_eq!(in_circles(&with(&[("stage/mod.rs", parent)])), Problems::new());
}

#[test]
fn modules_are_found_where_rustc_finds_them() {
    let files = [
        ("lib.rs", "mod a;\nmod inner { pub mod b; }\n#[path = \"elsewhere/d.rs\"]\nmod c;\n"),
        ("a.rs", "mod below;\nuse crate::inner::b::B;\n"),
        ("a/below.rs", "use crate::c::C;\n"),
        ("inner/b.rs", "use crate::a::below::X;\n"),
        ("elsewhere/d.rs", "mod neighbour;\nuse super::inner::b::B;\n"),
        ("elsewhere/neighbour.rs", ""),
    ];
    let problems = in_circles(&files);
    assert_eq!(problems.len(), 1);
    let circle = "3 files import each other (a/below -> c -> inner/b -> a/below)";
    assert!(problems[0].starts_with(&format!("a/below.rs:1: {circle}")), "{}", problems[0]);
}
