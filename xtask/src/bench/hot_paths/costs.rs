//! The instructions of the features in use, as tables of `docs/features.md`. The pages show the figures that `--accept`
//! keeps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::figures::{Figures, allocates};
use crate::{files, marks};

const MARK: &str = "costs";

/// The pages with a table, and the head of each table.
const PAGES: [(&str, &str); 2] = [
    ("docs/features.md", "| feature | instructions | more than without | allocations |"),
    ("docs/zh/features.md", "| 功能 | 指令数 | 比不用时多 | 分配次数 |"),
];

const NONE: &str = "feature: none";
const QUEUED: &str = "feature: none, through a queue";

/// The row, the path with the feature, and the path without.
const ROWS: [(&str, &str, Option<&str>); 16] = [
    ("–", NONE, None),
    ("`job.timeout(limit)`", "feature: timeout", Some(NONE)),
    ("`job.retry(policy)`", "feature: retry", Some(NONE)),
    ("`job.hedge(after)`", "feature: hedge", Some(NONE)),
    ("`job.keep_input()`", "feature: keep_input", Some(NONE)),
    ("`job.keep_cancelled()`", "feature: keep_cancelled", Some(NONE)),
    ("`.ordered()`", "feature: ordered", Some(NONE)),
    ("`.observed(observer)`", "feature: observed", Some(NONE)),
    ("`.observed(Spans::new())`", "feature: tracing", Some(NONE)),
    ("`.observed(Metrics::new())`", "feature: metrics", Some(NONE)),
    ("`Source::merge([a, b])`", "feature: merge", Some(NONE)),
    ("`source.chunks(100, within)`", "feature: chunks", Some(NONE)),
    ("`source.flatten()`", "feature: flatten", Some(NONE)),
    ("`pattern.serve(&scope, capacity)`", "feature: serve", Some(NONE)),
    ("– (`ProducerConsumer`)", QUEUED, None),
    ("`.by_priority(urgency)`", "feature: priority", Some(QUEUED)),
];

/// Writes the tables.
///
/// # Errors
///
/// Fails if a figure or the marks of a page are missing.
pub fn write(root: &Path, compiler: &str, figures: &BTreeMap<String, Figures>) -> Result<()> {
    for (page, text) in filled(root, compiler, figures)? {
        files::replace(&page, &text)?;
    }
    Ok(())
}

/// Returns the pages with the tables of the figures.
fn filled(
    root: &Path,
    compiler: &str,
    figures: &BTreeMap<String, Figures>,
) -> Result<Vec<(PathBuf, String)>> {
    let page =
        |(page, head): (&str, &str)| marks::filled(&root.join(page), MARK, &table(head, compiler, figures)?);
    PAGES.into_iter().map(page).collect()
}

fn table(head: &str, compiler: &str, figures: &BTreeMap<String, Figures>) -> Result<String> {
    let of = |path: &str| {
        figures.get(path).with_context(|| format!("there are no figures of the path `{path}` for {compiler}"))
    };
    let mut table = format!("rustc {compiler}\n\n{head}\n|---|---|---|---|\n");
    for (row, path, without) in ROWS {
        let with = of(path)?;
        let more = match without {
            None => "–".to_owned(),
            Some(without) => format!("{:+.0}", with.instructions - of(without)?.instructions),
        };
        let allocations = if allocates(with.allocations) { with.allocations } else { 0.0 };
        let _ = writeln!(table, "| {row} | {:.0} | {more} | {allocations:.2} |", with.instructions);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::kept::Kept;
    use super::*;

    #[test]
    fn row_has_the_difference_to_the_path_without() {
        let figures = ROWS.map(|(_, path, without)| {
            let instructions = if without.is_some() { 260.4 } else { 200.0 };
            (path.to_owned(), Figures { instructions, allocations: 0.001 })
        });
        let table = table("| head |", "1.95.0 here", &BTreeMap::from(figures)).unwrap();
        assert!(table.starts_with("rustc 1.95.0 here\n\n| head |\n"), "{table}");
        assert!(table.contains("| `job.timeout(limit)` | 260 | +60 | 0.00 |\n"), "{table}");
        assert!(table.contains("| – | 200 | – | 0.00 |\n"), "{table}");
    }

    /// The pages show the kept figures: neither is edited by hand.
    #[test]
    fn tables_of_the_pages_have_the_kept_figures() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let kept = Kept::read(&root.join(super::super::FILE)).unwrap();
        let text = fs::read_to_string(root.join(PAGES[0].0)).unwrap();
        let (_, section) = text.split_once("<!-- costs -->\nrustc ").expect("the page has the table");
        let compiler = section.lines().next().unwrap();
        let figures = kept.of(compiler).expect("there are figures for the compiler of the page");
        for (page, text) in filled(root, compiler, figures).unwrap() {
            assert!(text == fs::read_to_string(&page).unwrap(), "{} is out of date", page.display());
        }
    }
}
