//! The suite: every check, for every subject, on every runtime.

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::chained::Chained;
use crate::check::{Check, Law};
use crate::runtime::Runtime;
use crate::subject::{Boxed, Subject};
use crate::testable::Tested;
use crate::{laws, panics, polls};

/// The nine laws as a test program for any pattern.
///
/// ```no_run
/// # use towpath_testkit::{Conformance, Subject};
/// # fn conformance(as_completed: impl Subject, ordered: impl Subject) {
/// Conformance::new(as_completed).and(ordered).main()
/// # }
/// ```
///
/// Each subject is put through it as it is, behind `dyn Pattern`, and as either part of `a.then(b)`. Every
/// trial is named `law/what_is_promised [subject, runtime]`, and can be chosen by any part of that.
#[derive(Default)]
pub struct Conformance {
    subjects: Vec<Tested>,
}

impl Conformance {
    /// The suite for `subject`.
    pub fn new(subject: impl Subject) -> Self {
        Self::default().and(subject)
    }

    /// The suite for `subject` as well.
    #[must_use]
    pub fn and(self, subject: impl Subject) -> Self {
        self.and_just(Boxed(subject.clone()))
            .and_just(Chained::job_first(subject.clone(), subject.clone()))
            .and_just(Chained::job_last(subject.clone(), subject.clone()))
            .and_just(subject)
    }

    /// The suite for `subject` only as it is, neither behind `dyn Pattern` nor chained with itself.
    #[must_use]
    pub fn and_just(mut self, subject: impl Subject) -> Self {
        self.subjects.push(Arc::new(subject));
        self
    }

    /// Runs it as a test program, with the arguments of one; exits with 0 if every law is kept, else 101.
    pub fn main(self) -> ! {
        panics::silence();
        let arguments = Arguments::from_args();
        libtest_mimic::run(&arguments, self.trials()).exit()
    }

    fn trials(&self) -> Vec<Trial> {
        let of_subject = |subject: &Tested| {
            let subject = Arc::clone(subject);
            combinations(&subject)
                .map(move |(check, runtime)| trial(check, Arc::clone(&subject), runtime))
                .collect::<Vec<_>>()
        };
        self.subjects.iter().flat_map(of_subject).collect()
    }
}

fn trial(check: Check, subject: Tested, runtime: Runtime) -> Trial {
    let name = format!("{} [{}, {runtime}]", check.name(), subject.name());
    Trial::test(name, move || {
        let broken = check.make(&subject, runtime);
        if broken.is_empty() {
            return Ok(());
        }
        Err(broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into())
    })
}

/// The checks that apply to `subject`, each with the runtimes it is made on.
fn combinations(subject: &Tested) -> impl Iterator<Item = (Check, Runtime)> + use<> {
    let subject = Arc::clone(subject);
    let checks = laws::checks().into_iter().chain(polls::checks());
    let applying = checks.filter(move |check| check.applies(&*subject));
    applying.flat_map(|check| check.on.iter().map(move |runtime| (check.clone(), *runtime)))
}

/// What came of one check.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The law it is about.
    pub law: Law,
    /// What is promised.
    pub promise: &'static str,
    /// What was broken, in a sentence that begins with the law; `None` if the promise is kept.
    pub violation: Option<String>,
}

/// Makes every check that is made on `runtime`, for `subject` as it is, and says what came of each.
///
/// The checks of the suite itself are tested with it: a pattern that is broken must fail the right law.
pub fn verdicts(subject: impl Subject, runtime: Runtime) -> Vec<Verdict> {
    panics::silence();
    let subject: Tested = Arc::new(subject);
    combinations(&subject)
        .filter(|(_, on)| *on == runtime)
        .flat_map(|(check, _)| {
            let broken = check.make(&subject, runtime);
            let laws: Vec<_> = check.law.map_or(Law::ALL.to_vec(), |law| vec![law]);
            laws.into_iter().map(move |law| Verdict {
                law,
                promise: check.promise,
                violation: broken.iter().find(|broken| broken.law == law).map(ToString::to_string),
            })
        })
        .collect()
}
