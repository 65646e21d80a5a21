//! The whole programs of `docs/programs`: the versions in Go, linted and built, the tests of all versions, and the pages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::pages::Book;
use super::programs;
use crate::environment::Environment;
use crate::problems::Problems;
use crate::workspace::Workspace;

const PACKAGE: &str = "towpath-programs";
const PROGRAMS: [&str; 3] = ["crawl", "hash", "worker"];

/// Builds the versions in Go, and runs the tests of all versions. Returns the findings of the tools of Go, and a line for
/// failed tests.
///
/// # Errors
///
/// Fails if the versions in Go cannot be built, or if a tool cannot be started.
pub fn problems(workspace: &Workspace, docs: &Path, environment: &Environment) -> Result<Problems> {
    let go = docs.join("programs/go");
    let gofmt = duct::cmd!(environment.gofmt()?, "-l", ".");
    let tools = vec![("gofmt would change", gofmt), ("go vet", environment.go(["vet", "./..."]))];
    let mut problems = programs::findings(&go, tools)?;

    eprintln!("building the whole programs in Go");
    let into = workspace.target.join("guide-programs/whole").join("");
    fs::create_dir_all(&into)?;
    let args = ["build".as_ref(), "-o".as_ref(), into.as_os_str(), "./...".as_ref()];
    let built = environment.go(args).dir(&go).run();
    built.ok().context("the whole programs in Go do not build (Go's messages are above)")?;

    let line = format!("test --quiet -p {PACKAGE} --test programs");
    let tests = workspace.cargo(&line).env("TOWPATH_GO_PROGRAMS", &into).unchecked().run()?;
    if !tests.status.success() {
        problems.push(format!("`cargo {line}` failed (its messages are above)"));
    }
    Ok(problems)
}

/// Returns a line for every version that the page of its program does not show.
pub fn problems_of_pages(book: &Book, docs: &Path) -> Problems {
    let folder = docs.join("programs");
    let of = |program: &str| {
        let (rust, plain) = (format!("src/bin/{program}.rs"), format!("src/bin/plain/{program}.rs"));
        let versions = [rust, plain, format!("go/{program}/main.go")].map(|file| folder.join(file));
        book.problems_of_page(&folder.join(program).with_extension("md"), versions)
    };
    PROGRAMS.into_iter().flat_map(of).collect()
}
