//! The laws in the documentation of `Pattern` name checks that exist.

use std::collections::BTreeSet;
use std::process::Command;

/// Everything in backticks of the form `law/check_name`.
fn named(docs: &str) -> BTreeSet<&str> {
    let is_check = |text: &&str| {
        let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        text.split_once('/').is_some_and(|(law, check)| word(law) && word(check))
    };
    docs.split('`').skip(1).step_by(2).filter(is_check).collect()
}

#[test]
fn every_check_that_the_laws_name_is_in_the_suite() {
    let docs = include_str!("../../pattern/src/pattern.rs").replace("///", "");
    let named = named(&docs);
    assert!(named.len() >= 9, "a check for each law: {named:?}");
    let suite = Command::new(env!("CARGO")).args(["test", "--test", "scatter", "--", "--list"]).output();
    let suite = String::from_utf8(suite.expect("cargo runs").stdout).expect("the list is text");
    let missing: Vec<_> = named.iter().filter(|check| !suite.contains(&format!("{check} ["))).collect();
    assert!(missing.is_empty(), "named in the docs of `Pattern` and not in the suite: {missing:?}");
}
