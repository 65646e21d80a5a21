//! The table of `docs/features.md` and the programs have the same cells.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PATTERNS: [&str; 5] = ["fanout", "pipeline", "semaphore", "resource", "producer_consumer"];
/// The file with the tests of the refused pairs, which are no cells.
const REFUSED: &str = "refused";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Returns the cells of the table with a link: the feature and the pattern.
fn linked_cells(page: &str) -> BTreeSet<(String, &'static str)> {
    let (_, table) = page.split_once("## Feature and pattern\n").expect("the page has the table");
    let (table, _) = table.split_once("\n## ").expect("a section follows the table");
    let mut rows = table.lines().filter(|line| line.starts_with('|'));
    let patterns = rows.next().map(columns).expect("the table has a head").split_off(1);
    let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.replace('-', "_")).collect();
    assert_eq!(patterns, PATTERNS);

    let mut cells = BTreeSet::new();
    for row in rows.skip(1) {
        let columns = columns(row);
        assert_eq!(columns.len(), 1 + PATTERNS.len(), "{row}");
        let mut of_row = BTreeSet::new();
        for (cell, pattern) in columns[1..].iter().zip(PATTERNS).filter(|(cell, _)| **cell != "–") {
            let link = cell.strip_prefix("[✓](features/").and_then(|link| link.strip_suffix(".rs)"));
            let feature = link.unwrap_or_else(|| panic!("the cell {cell} has no link to a program: {row}"));
            of_row.insert(feature);
            assert!(cells.insert((feature.to_owned(), pattern)), "{feature} has two cells for {pattern}");
        }
        assert_eq!(of_row.len(), 1, "a row has the programs of one file: {row}");
    }
    cells
}

fn columns(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// Returns the tests of the files: the feature and the pattern.
fn programs() -> BTreeSet<(String, String)> {
    let mut programs = BTreeSet::new();
    for entry in fs::read_dir(docs().join("features")).unwrap() {
        let path = entry.unwrap().path();
        let feature = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let tests = text.split("#[tokio::test(start_paused = true)]\nasync fn ").skip(1);
        let tests = tests.filter_map(|test| test.split_once('(').map(|(name, _)| name.to_owned()));
        programs.extend(tests.map(|pattern| (feature.to_owned(), pattern)));
    }
    programs
}

#[test]
fn page_has_a_cell_for_each_program_and_no_other() {
    let page = fs::read_to_string(docs().join("features.md")).unwrap();
    let cells: BTreeSet<_> =
        linked_cells(&page).into_iter().map(|(feature, pattern)| (feature, pattern.to_owned())).collect();
    let programs = programs();
    assert!(!programs.is_empty());
    let without_program: Vec<_> = cells.difference(&programs).collect();
    let without_cell: Vec<_> = programs.difference(&cells).collect();
    assert!(without_program.is_empty(), "cells without a program: {without_program:?}");
    assert!(without_cell.is_empty(), "programs without a cell: {without_cell:?}");
}

/// A file that is no module of this target is never run.
#[test]
fn every_file_of_a_feature_is_a_module() {
    let modules = include_str!("main.rs");
    let modules: BTreeSet<_> = modules
        .lines()
        .filter_map(|line| line.strip_prefix("    mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let files = fs::read_dir(docs().join("features")).unwrap();
    let files: BTreeSet<_> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(modules, files);
    assert!(files.contains(REFUSED));
}

/// Every feature of the table has a row with its limits and its cost.
#[test]
fn every_feature_of_the_table_has_a_cost() {
    let page = fs::read_to_string(docs().join("features.md")).unwrap();
    let (table, costs) = page.split_once("\n## When not").expect("the page has the costs");
    let rows = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| columns(row)[0].to_owned()).collect()
    };
    let (costs, refused) = costs.split_once("\n## Refused pairs").expect("the page has the refused pairs");
    assert_eq!(rows(table), rows(costs));
    assert!(refused.contains(&format!("(features/{REFUSED}.rs)")));
}
