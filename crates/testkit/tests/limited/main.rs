//! The nine laws of every pattern with every limiter, and with every pair of limiters, in both orders. With `TOWPATH_LONG=1` all
//! of them, otherwise a subject for every pattern.

mod hostile;
mod kinds;
mod patterns;

use std::collections::BTreeSet;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use towpath_testkit::{Law, Runtime, Subject, verdicts, violations};

use kinds::Kind;
use patterns::{Form, Limited};

fn main() -> ExitCode {
    let is_long = std::env::var("TOWPATH_LONG").is_ok_and(|value| value == "1");
    let subjects = if is_long { all() } else { some() };
    let trials = subjects.into_iter().map(|subject| Trial::test(subject.name(), move || conforms(subject)));
    let trials = trials.chain(broken()).chain(hostile::trials());
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn conforms(subject: Limited) -> Result<(), libtest_mimic::Failed> {
    match &violations(subject)[..] {
        [] => Ok(()),
        violations => Err(violations.join("\n\n").into()),
    }
}

/// The suite names the law that a broken limiter breaks, and no law without a relation to the flaw.
fn broken() -> impl Iterator<Item = Trial> {
    let cases = [
        (Kind::Generous, &[Law::Bounds][..]),
        (Kind::Leaky, &[Law::Progress]),
        (Kind::Backwards, &[Law::Order]),
    ];
    cases.into_iter().map(|(kind, laws)| {
        let (form, order) = Form::ALL[0];
        let subject = Limited { form, order, first: kind, second: None, chains: false };
        Trial::test(format!("broken::{}", kind.name()), move || {
            let broken = [Runtime::CurrentThread, Runtime::Stepped].map(|on| verdicts(subject, on));
            let broken = broken.into_iter().flatten().filter(|verdict| verdict.violation.is_some());
            let broken: BTreeSet<_> = broken.map(|verdict| verdict.law).collect();
            let expected = laws.iter().copied().collect();
            if broken == expected { Ok(()) } else { Err(format!("the suite says {broken:?}").into()) }
        })
    })
}

/// Every limiter, and every pair of different limiters in both orders. A live limit is no link of the chain of limiters, and so
/// has no order.
fn limiters() -> impl Iterator<Item = (Kind, Option<Kind>)> {
    let pairs = Kind::ALL.into_iter().flat_map(|first| Kind::ALL.map(|second| (first, Some(second))));
    let differ = |first: &Kind, second: &Kind| first != second && *first != Kind::Live;
    let pairs = pairs.filter(move |(first, second)| second.is_some_and(|second| differ(first, &second)));
    Kind::ALL.into_iter().map(|kind| (kind, None)).chain(pairs)
}

fn all() -> Vec<Limited> {
    let forms = Form::ALL.into_iter();
    let subjects = forms.flat_map(|form| limiters().map(move |limiters| (form, limiters)));
    subjects
        .map(|((form, order), (first, second))| Limited {
            form,
            order,
            first,
            second,
            chains: second.is_none(),
        })
        .collect()
}

/// Every kind of limiter, and every pattern.
fn some() -> Vec<Limited> {
    use Kind::{HotKey, Live, Own, PerKey, Rate, RatePerKey, Semaphore, Weighted};
    let limiters = [
        (PerKey, None),
        (Semaphore, Some(Weighted)),
        (PerKey, Some(Own)),
        (HotKey, Some(Live)),
        (RatePerKey, Some(Rate)),
    ];
    let forms = Form::ALL.into_iter();
    let subjects = forms.zip(limiters);
    subjects
        .map(|((form, order), (first, second))| Limited { form, order, first, second, chains: false })
        .collect()
}
