//! Features and limiters in the conformance suite: every pattern with every limiter, with every feature, and with every
//! pair of limiters and features. `TOWPATH_LONG=1` tests all these subjects. By default, a selection has every pattern.
//! `TOWPATH_LONG=1` with `TOWPATH_PART=3/16` tests every sixteenth subject, from the third on.

mod chunked;
mod erased_job;
mod features;
mod hostile;
mod kinds;
mod observers;
mod patterns;
mod peak;
mod wrappers;

use std::collections::BTreeSet;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use towpath_testkit::{Law, Runtime, Subject, verdicts, violations};

use features::Feature;
use kinds::Kind;
use patterns::{Composed, Form, Part};

fn main() -> ExitCode {
    let is_long = std::env::var("TOWPATH_LONG").is_ok_and(|value| value == "1");
    let subjects = if is_long { part(all()) } else { some() };
    let trials = subjects.into_iter().map(|subject| Trial::test(subject.name(), move || conforms(&subject)));
    let trials = trials.chain(broken()).chain(hostile::trials());
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Returns the part of the subjects that `TOWPATH_PART` names, and all subjects without the variable.
fn part(subjects: Vec<Composed>) -> Vec<Composed> {
    let Ok(text) = std::env::var("TOWPATH_PART") else { return subjects };
    let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((part @ 1.., of)) if part <= of => subjects.into_iter().skip(part - 1).step_by(of).collect(),
        _ => panic!("TOWPATH_PART is `{text}`, and must be a number and the number of parts, as in 3/16"),
    }
}

fn conforms(subject: &Composed) -> Result<(), libtest_mimic::Failed> {
    let observed = subject.broken.clone();
    let mut violations = violations(subject.clone());
    violations.extend(chunked::lost(subject));
    violations.extend(observed.take());
    if violations.is_empty() { Ok(()) } else { Err(violations.join("\n\n").into()) }
}

/// Tests that the suite names the law that a broken limiter breaks, and no law without a relation to the flaw.
fn broken() -> impl Iterator<Item = Trial> {
    let cases = [
        (Kind::Generous, &[Law::Bounds][..]),
        (Kind::Leaky, &[Law::Progress]),
        (Kind::Backwards, &[Law::Order]),
    ];
    cases.into_iter().map(|(kind, laws)| {
        // With all games and settings.
        let subject = Composed { is_long: true, ..Composed::new(Form::ALL[0], Part::Limiter(kind), None) };
        Trial::test(format!("broken::{}", kind.name()), move || {
            let broken = [Runtime::CurrentThread, Runtime::Stepped].map(|on| verdicts(subject.clone(), on));
            let broken = broken.into_iter().flatten().filter(|verdict| verdict.violation.is_some());
            let broken: BTreeSet<_> = broken.map(|verdict| verdict.law).collect();
            let expected = laws.iter().copied().collect();
            if broken == expected { Ok(()) } else { Err(format!("the suite says {broken:?}").into()) }
        })
    })
}

/// Every limiter and every feature.
fn parts() -> impl Iterator<Item = Part> {
    let limiters = Kind::ALL.into_iter().map(Part::Limiter);
    limiters.chain(Feature::ALL.into_iter().map(Part::Feature))
}

/// Returns whether a pair is a subject of its own. Both orders of a pair are subjects if the order makes a difference.
fn is_a_pair(first: Part, second: Part) -> bool {
    let place = |part| parts().position(|of| of == part);
    let in_order = place(first) < place(second);
    match (first, second) {
        // A live limit is no link of the chain of limiters, and so has no order.
        (Part::Limiter(first), Part::Limiter(second)) => first != second && first != Kind::Live,
        // A pattern has a single limit of jobs: the argument is either a live limit or the limit of `Adaptive`.
        (Part::Limiter(Kind::Live), Part::Feature(Feature::Adaptive)) => false,
        (Part::Feature(first), Part::Feature(second)) => {
            first != second && (in_order || first.has_order_with(second))
        }
        _ => in_order,
    }
}

/// Returns whether the pattern has the feature.
fn is_of((form, _): (Form, towpath_pattern::Order), part: Part) -> bool {
    match part {
        Part::Limiter(_) => true,
        Part::Feature(feature) => feature.is_of(form),
    }
}

fn all() -> Vec<Composed> {
    let one = || parts().map(|part| (part, None));
    let pairs = || parts().flat_map(|first| parts().map(move |second| (first, second)));
    let pairs = || pairs().filter(|(first, second)| is_a_pair(*first, *second));
    let mut subjects = Vec::new();
    for form in Form::ALL {
        let all = one().chain(pairs().map(|(first, second)| (first, Some(second))));
        let all =
            all.filter(|(first, second)| is_of(form, *first) && second.is_none_or(|part| is_of(form, part)));
        subjects.extend(all.map(|(first, second)| {
            let chains = second.is_none() && matches!(first, Part::Limiter(_));
            Composed { is_long: true, chains, ..Composed::new(form, first, second) }
        }));
    }
    for form in Form::OF_LIMITERS {
        // Two stages share a single limiter, so the order of the acquisitions is the same in both stages.
        let limiters = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Live).map(Part::Limiter);
        subjects.extend(limiters.map(|limiter| Composed {
            is_long: true,
            chains: true,
            ..Composed::new(form, limiter, None)
        }));
    }
    subjects
}

/// Returns subjects that together have every kind of limiter, every feature, and every pattern.
fn some() -> Vec<Composed> {
    use Feature::{
        Adaptive, Blocking, Chunks, FlatMap, Hedge, KeepCancelled, KeepInput, Merge, MergedRuns, Observer,
        PanickingObserver, Priority, Retry, Sending, Service, Timeout, Tolerate,
    };
    use Kind::{HotKey, Live, Own, PerKey, Rate, RatePerKey, Resized, Semaphore, Weighted};
    let limiters = [
        (PerKey, None),
        (Semaphore, Some(Weighted)),
        (PerKey, Some(Own)),
        (HotKey, Some(Live)),
        (RatePerKey, Some(Rate)),
    ];
    let limiters = limiters.map(|(first, second)| (Part::Limiter(first), second.map(Part::Limiter)));
    let mut subjects: Vec<_> = Form::ALL
        .into_iter()
        .zip(limiters)
        .map(|(form, (first, second))| Composed::new(form, first, second))
        .collect();
    let feature = |form: usize, first, second| {
        Composed::new(Form::ALL[form], Part::Feature(first), Some(Part::Feature(second)))
    };
    subjects.extend([
        feature(0, Retry, KeepCancelled),
        feature(2, Priority, Observer),
        feature(5, Hedge, KeepInput),
        feature(0, FlatMap, Service),
        feature(3, Chunks, PanickingObserver),
        feature(8, Merge, Adaptive),
        feature(2, Sending, Tolerate),
        // `cpu` has the same way to a thread.
        feature(4, Timeout, Blocking),
        Composed::new(Form::ALL[6], Part::Limiter(HotKey), Some(Part::Feature(MergedRuns))),
        Composed::new(Form::OF_LIMITERS[0], Part::Limiter(Resized), None),
        Composed::new(Form::OF_LIMITERS[1], Part::Limiter(PerKey), None),
    ]);
    subjects
}
