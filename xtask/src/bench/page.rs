//! The results as one self-contained HTML page: no network, no script. `bars` and `lines` are its charts, `chart` is
//! their common part, and `figures` chooses the charts of a report, with a table next to each. The page itself is
//! `templates/report.html`, its style is `templates/report.css`.

mod bars;
mod figures;
mod lines;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use askama::Template;

use self::figures::Section;
use super::document::{self, Document};
use super::machine::Machine;
use super::report::{self, Report};
use crate::files;

const FILE: &str = "index.html";

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    css: &'static str,
    machine: &'a Machine,
    versions: String,
    document_header: [&'static str; 6],
    document: Option<Document>,
    sections: Vec<Section>,
}

/// Creates a missing folder, and checks before the long run that the page can be written.
pub fn prepare(folder: &Path) -> Result<()> {
    let shown = folder.display();
    ensure!(!folder.exists() || folder.is_dir(), "--report {shown}: that is a file, not a folder");
    fs::create_dir_all(folder).with_context(|| format!("--report {shown}: cannot make that folder"))?;
    report::check_writable("--report", &folder.join(FILE))
}

/// Writes the whole page or nothing, and prints its path.
pub fn write(folder: &Path, report: &Report) -> Result<()> {
    let file = folder.join(FILE);
    files::replace(&file, &of(report)?)?;
    eprintln!("written: {}", file.display());
    Ok(())
}

fn of(report: &Report) -> Result<String> {
    let machine = &report.machine;
    let page = Page {
        css: include_str!("../../templates/report.css"),
        machine,
        versions: machine.versions(),
        document_header: document::HEADER,
        document: document::of(&report.rows, machine.quick),
        sections: figures::sections(report),
    };
    page.render().context("cannot make the page")
}

#[cfg(test)]
#[path = "page/tests.rs"]
mod tests;
