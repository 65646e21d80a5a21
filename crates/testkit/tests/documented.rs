//! The documentation of `Pattern` names checks that exist.

use std::collections::BTreeSet;

/// Returns every text in backticks of the form `law::name_of_the_check`.
fn named(docs: &str) -> BTreeSet<&str> {
    let is_check = |text: &&str| {
        let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        text.split_once("::").is_some_and(|(law, check)| word(law) && word(check))
    };
    docs.split('`').skip(1).step_by(2).filter(is_check).collect()
}

/// The macro writes a test for every check that the documentation of a law names, and every law names a check.
#[test]
fn checks_named_in_the_laws_are_in_the_suite() {
    let docs = include_str!("../../pattern/src/pattern.rs").replace("///", "");
    let named = named(&docs);
    let mut tests = BTreeSet::from(towpath_testkit::__checks! { __names AsCompleted });
    tests.extend(towpath_testkit::__checks! { __names Ordered });
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "named in the docs of `Pattern` and not in the suite: {missing:?}");
    let law = |check: &&'static str| check.split_once("::").map_or("", |(law, _)| law);
    let without: BTreeSet<_> =
        tests.iter().map(law).filter(|law| !named.iter().any(|n| n.starts_with(law))).collect();
    assert!(without.is_empty(), "laws without a check in the docs of `Pattern`: {without:?}");
}
