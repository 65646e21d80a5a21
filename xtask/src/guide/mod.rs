//! `cargo xtask guide`: the programs of the guide, run and compared in all their languages, and its pages.
//!
//! `topic` reads the folders, `programs` lints and builds, `runs` runs with `site` for the crawlers, `verdict` compares
//! the outputs with the expected files by `compare`. `pages` and `page` check the text, `book` builds the book, and
//! `built` checks the built topics. `whole` has the whole programs of `docs/programs`.

mod book;
mod built;
mod compare;
mod page;
mod pages;
mod programs;
mod runs;
mod site;
mod topic;
mod verdict;
mod whole;

use std::path::Path;

use anyhow::Result;

use self::pages::Book;
use self::topic::{Language, Topic};
use crate::environment;
use crate::problems::{Problems, count};
use crate::workspace::Workspace;

/// Run every program of the guide and compare the outputs, or build the book.
///
/// Each topic under docs/guide/src/bin has the same small program in Python, Go and Rust. All programs are linted
/// (gofmt, go vet, ruff), built and run. A program must succeed, print nothing to standard error, and print the text of
/// the expected file in the folder, so the languages print the same. Lines with a prefix that topic.toml calls
/// unordered may change places among themselves. The whole programs of docs/programs are tested in Rust and in Go.
/// Further checks: each topic's page shows its programs, SUMMARY.md lists every page, every include, link and anchor
/// has a target, and neither edition has lost a row or a heading; with `--book`, every topic of the built book has its
/// programs under the headings of the languages.
///
/// Go and Python come from a virtual environment that is created under target/ from xtask/requirements.txt. If the
/// environment cannot be created, their programs are left out with one line that says why; with CI set in the
/// environment, this is an error.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Only this topic; may be given several times. The book as a whole is not checked then
    #[arg(long, value_name = "TOPIC")]
    only: Vec<String>,
    /// Write the outputs of the programs into the expected files, if the languages that must agree do agree
    #[arg(long)]
    accept: bool,
    /// Check the pages and build the book in target/guide; run nothing
    #[arg(long, conflicts_with_all = ["only", "accept"])]
    book: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let docs = workspace.root.join("docs");
    let topics = topic::all(&docs.join("guide/src/bin"))?;
    let chosen = topic::chosen(&topics, &args.only)?;
    if args.book {
        let book = Book::read(&docs)?;
        let mut problems = of_pages(&book, &docs, &chosen, true)?;
        for edition in book::build(&workspace, &docs, &book)? {
            problems.extend(built::problems(&edition, &chosen)?);
        }
        return Ok(print(&problems, "the book is built", "every page is in order"));
    }

    let mut problems = Vec::new();
    for topic in &chosen {
        problems.extend(topic.problems()?);
    }
    if !problems.is_empty() {
        return Ok(print(&problems, "nothing was run", ""));
    }
    let environment = environment::prepare(&workspace, &needing(&chosen))?;
    let guide = docs.join("guide");
    if let Some(environment) = &environment {
        problems.extend(programs::lint(&guide, &chosen, environment)?);
        if args.only.is_empty() {
            problems.extend(whole::problems(&workspace, &docs, environment)?);
        }
    }
    let programs = programs::build(&workspace, &guide, &chosen, environment.as_ref())?;
    let ran = runs::all(&programs, &workspace.target.join("guide-programs/said"))?;
    if args.accept {
        problems.extend(verdict::accept(&chosen, &ran)?);
    } else {
        problems.extend(verdict::problems(&ran));
    }
    problems.extend(of_pages(&Book::read(&docs)?, &docs, &chosen, args.only.is_empty())?);
    let counts = format!("{}, {}", count(chosen.len(), "topic"), count(programs.len(), "program"));
    Ok(print(&problems, &counts, "all agree"))
}

/// Returns the problems of the pages of `topics`, and with `all` the problems of the whole book.
fn of_pages(book: &Book, docs: &Path, topics: &[&Topic], all: bool) -> Result<Problems> {
    let mut problems: Vec<_> = topics.iter().flat_map(|topic| book.problems_of(topic)).collect();
    if all {
        problems.extend(book.problems()?);
        problems.extend(whole::problems_of_pages(book, docs));
    }
    Ok(problems)
}

/// Prints the problems, and a last line with `done` and with `well` or the number of problems. Returns whether there is
/// no problem.
fn print(problems: &[String], done: &str, well: &str) -> bool {
    for problem in problems {
        println!("{problem}");
    }
    let verdict = if problems.is_empty() { well } else { &count(problems.len(), "problem") };
    println!("{done}, {verdict}");
    problems.is_empty()
}

/// Returns the names, for messages, of the programs of `topics` that need the environment.
fn needing(topics: &[&Topic]) -> Vec<&'static str> {
    let written = |language| topics.iter().any(|topic| topic.languages.contains(&language));
    let named = [("programs in Go", Language::Go), ("programs in Python", Language::Python)];
    named.into_iter().filter(|(_, language)| written(*language)).map(|(name, _)| name).collect()
}
