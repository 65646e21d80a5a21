//! The suite: every check, for every form of a subject, on every runtime.

use std::num::NonZeroU32;
use std::sync::Arc;

use towpath_pattern::Order;

use crate::check::{Check, Law};
use crate::runtime::Runtime;
use crate::subject::Subject;
use crate::testable::{Tested, WithItself};
use crate::{environment, laws, panics, polls};

/// Makes a check of `subject`, in all forms and on all runtimes: a test of [`conformance!`](crate::conformance).
///
/// # Panics
///
/// At the first form and runtime with a broken law. The message has the law, the observation and the settings. The
/// check also panics when `TOWPATH_SEED` or `TOWPATH_REPEAT` is not a whole number.
#[track_caller]
pub fn check(subject: impl Subject, order: Order, law: &str, check: &str) {
    panics::silence();
    // Within a check, a panic counts as a panic of the pattern.
    environment::seed();
    if let Err(problem) = repeated(&forms(subject), order, law, check, environment::repetitions()) {
        panic!("{problem}");
    }
}

/// Makes the check of all forms once, or `times` times of one form after another, until a law is broken.
fn repeated(forms: &[Tested], order: Order, law: &str, name: &str, times: NonZeroU32) -> Result<(), String> {
    if times == NonZeroU32::MIN {
        return broken(forms, order, law, name);
    }
    for (repetition, form) in (1..=times.get()).zip(forms.chunks(1).cycle()) {
        broken(form, order, law, name)
            .map_err(|problem| format!("{problem}\n  in repetition {repetition} of {times}"))?;
    }
    Ok(())
}

/// Returns the subject, and the two chains of the subject with itself. Only this function is compiled for every
/// subject.
fn forms(subject: impl Subject) -> Vec<Tested> {
    let chains = subject.chains_with_itself();
    let subject: Tested = Arc::new(subject);
    let mut forms = vec![Arc::clone(&subject)];
    if chains {
        forms.push(Arc::new(WithItself { subject: Arc::clone(&subject), job_first: true }));
        forms.push(Arc::new(WithItself { subject, job_first: false }));
    }
    forms
}

fn broken(forms: &[Tested], order: Order, law: &str, name: &str) -> Result<(), String> {
    let name = format!("{law}::{name}");
    let check = checks().find(|check| check.name() == name);
    breaks(forms, order, &check.ok_or_else(|| format!("the suite has no check `{name}`"))?)
}

fn breaks(forms: &[Tested], order: Order, check: &Check) -> Result<(), String> {
    let forms = if check.is_alone { &forms[..1] } else { forms };
    // A chain may allow less than the subject alone.
    for form in forms.iter().filter(|form| check.applies(&***form)) {
        if form.order() != order {
            let (subject, is) = (form.name(), form.order());
            return Err(format!(
                "the line of `{subject}` has the order {order:?}, and the subject is {is:?}"
            ));
        }
        for runtime in check.on.iter().filter(|runtime| form.runs_on(**runtime)) {
            if let Some(violation) = check.make(form, *runtime).first() {
                return Err(format!(
                    "{violation}\n  the law: {}\n  the subject: {}, on a {runtime} runtime",
                    violation.law.sentence(),
                    form.name(),
                ));
            }
        }
    }
    Ok(())
}

fn checks() -> impl Iterator<Item = Check> {
    laws::checks().into_iter().chain(polls::checks())
}

/// Makes every check of `subject`, in all forms and on all runtimes, and returns the observations against the laws.
///
/// Not for a few subjects: [`conformance!`](crate::conformance) writes a test for every check. `violations` is for
/// subjects that a test generates, for example all pairs of limiters.
///
/// # Examples
///
/// ```
/// # towpath_testkit::subjects! {
/// #     fanout(case, job) -> AsCompleted => towpath_fanout::Fanout::new(case.limit, job)
/// #         .capacity(case.capacity).on_failure(case.on_failure);
/// # }
/// assert_eq!(towpath_testkit::violations(fanout()), [""; 0]);
/// ```
pub fn violations(subject: impl Subject) -> Vec<String> {
    panics::silence();
    let order = Subject::order(&subject);
    let forms = forms(subject);
    let applying = checks().filter(|check| check.applies(&*forms[0]));
    applying.filter_map(|check| breaks(&forms, order, &check).err()).collect()
}

/// The outcome of a check.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The law of the check.
    pub law: Law,
    /// The name of the check.
    pub check: &'static str,
    /// The observation against the law, after the name of the law; `None` if the law is kept.
    pub violation: Option<String>,
}

/// Makes every check of `subject` on `runtime`, and returns the verdicts.
///
/// Not for tests of a pattern: [`conformance!`](crate::conformance) writes the tests. `verdicts` is for tests of the
/// suite: a pattern broken on purpose must fail the right law, and no further law. The subject is not chained with
/// itself. A check of all laws has a verdict for every law.
///
/// # Examples
///
/// ```
/// use towpath_testkit::{Runtime, verdicts};
/// # towpath_testkit::subjects! {
/// #     fanout(case, job) -> AsCompleted => towpath_fanout::Fanout::new(case.limit, job)
/// #         .capacity(case.capacity).on_failure(case.on_failure);
/// # }
///
/// let broken: Vec<_> =
///     verdicts(fanout(), Runtime::RealClock).into_iter().filter_map(|verdict| verdict.violation).collect();
/// assert!(broken.is_empty(), "{broken:#?}");
/// ```
pub fn verdicts(subject: impl Subject, runtime: Runtime) -> Vec<Verdict> {
    panics::silence();
    let subject: Tested = Arc::new(subject);
    checks()
        .filter(|check| check.applies(&*subject) && check.on.contains(&runtime) && subject.runs_on(runtime))
        .flat_map(|check| {
            let broken = check.make(&subject, runtime);
            let laws: Vec<_> = check.law.map_or(Law::ALL.to_vec(), |law| vec![law]);
            laws.into_iter().map(move |law| Verdict {
                law,
                check: check.promise,
                violation: broken.iter().find(|broken| broken.law == law).map(ToString::to_string),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use towpath_fanout::Fanout;
    use towpath_pattern::{Job, Pattern, PatternExt};

    use super::*;
    use crate::Chained;
    use crate::check::Weakened;

    crate::subjects! {
        as_completed(case, job) -> AsCompleted => Fanout::new(case.limit, job).capacity(case.capacity);
        ordered(case, job) -> Ordered => Fanout::new(case.limit, job).ordered().capacity(case.capacity);
    }

    /// The tests of a subject are the checks that apply to the subject.
    #[track_caller]
    fn are_all_checks(written: &[&str], subject: impl Subject) {
        let subject: Tested = Arc::new(subject);
        let applying: BTreeSet<_> =
            checks().filter(|check| check.applies(&*subject)).map(|check| check.name()).collect();
        let tests: BTreeSet<_> = written.iter().map(ToString::to_string).collect();
        assert_eq!(tests, applying, "left: the tests that the macro writes, right: the checks of the suite");
        assert_eq!(written.len(), tests.len(), "a test for every check");
    }

    #[test]
    fn macro_writes_a_test_for_every_check_as_completed() {
        are_all_checks(&crate::__checks! { __names AsCompleted }, as_completed());
    }

    #[test]
    fn macro_writes_a_test_for_every_check_ordered() {
        are_all_checks(&crate::__checks! { __names Ordered }, ordered());
    }

    #[test]
    fn line_with_the_wrong_order_fails_with_both_orders() {
        let problem = broken(&forms(ordered()), Order::AsCompleted, "progress", "an_empty_source_ends");
        let wanted = "the line of `ordered` has the order AsCompleted, and the subject is Ordered";
        assert_eq!(problem, Err(wanted.to_owned()));
    }

    /// The README lists the weakened checks with their forms.
    #[test]
    fn readme_lists_every_weakened_check() {
        let form = |weakened| match weakened {
            Weakened::AtOnce => "the jobs that the limiters allow at once, in place of the limit",
            Weakened::Two => "the same; left out under limiters that do not allow two jobs at once",
            Weakened::Time => "the expected times include the waits for the limiters",
            Weakened::Bound => "the bound of the smallest limit, if the limit adapts",
            Weakened::Wrapped => "an item that is cancelled in a wrapper before its job has no job",
        };
        let row = |check: &Check| Some(format!("| `{}` | {} |", check.name(), form(check.weakened?)));
        let expected: BTreeSet<_> = checks().filter_map(|check| row(&check)).collect();
        let readme = include_str!("../README.md");
        let is_row = |line: &&str| line.split('`').nth(1).is_some_and(|name| name.contains("::"));
        let listed = readme.lines().filter(|line| line.starts_with("| `") && is_row(line));
        let listed: BTreeSet<_> = listed.map(str::to_owned).collect();
        assert_eq!(listed, expected, "left: the rows of the README, right: the weakened checks");
    }

    /// A fan-out that is unordered from the pattern with the given number on: a rare fault.
    #[derive(Clone)]
    struct UnorderedFrom {
        pattern: usize,
        made: Arc<AtomicUsize>,
    }

    impl Subject for UnorderedFrom {
        fn name(&self) -> String {
            "seldom broken".to_owned()
        }

        fn order(&self) -> Order {
            Order::Ordered
        }

        fn chains_with_itself(&self) -> bool {
            false
        }

        fn pattern<In, J>(&self, case: crate::Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
        where
            In: Clone + Send + 'static,
            J: Job<In, Out: Clone>,
        {
            let fanout = Fanout::new(case.limit, job).capacity(case.capacity);
            let is_broken = self.made.fetch_add(1, Ordering::Relaxed) + 1 >= self.pattern;
            if is_broken { fanout.boxed() } else { fanout.ordered().boxed() }
        }
    }

    /// The check makes a pattern on each of two runtimes, so the fifth pattern is the first of the third repetition.
    #[test]
    fn repeated_check_stops_at_the_first_failure() {
        let made = Arc::new(AtomicUsize::new(0));
        let check = |pattern, times| {
            made.store(0, Ordering::Relaxed);
            let subject = UnorderedFrom { pattern, made: Arc::clone(&made) };
            let name = "ordered_is_input_order_when_the_last_is_first";
            repeated(&forms(subject), Order::Ordered, "order", name, NonZeroU32::new(times).unwrap())
        };
        let problem = check(5, 9).unwrap_err();
        assert!(problem.ends_with("\n  in repetition 3 of 9"), "{problem}");
        assert_eq!(made.load(Ordering::Relaxed), 5);
        assert_eq!(check(99, 9), Ok(()));
        assert_eq!(made.load(Ordering::Relaxed), 18);
        assert!(!check(1, 1).unwrap_err().contains("repetition"));
    }

    /// The third form is the subject behind itself.
    #[test]
    fn repetitions_take_the_forms_in_turn() {
        let form = |pattern: usize| {
            let made = Arc::default();
            let broken: Tested = Arc::new(UnorderedFrom { pattern, made });
            broken
        };
        let forms = [form(usize::MAX), form(usize::MAX), form(1)];
        let name = "ordered_is_input_order_when_the_last_is_first";
        let made = |times| repeated(&forms, Order::Ordered, "order", name, NonZeroU32::new(times).unwrap());
        assert_eq!(made(2), Ok(()));
        let problem = made(3).unwrap_err();
        assert!(problem.ends_with("\n  in repetition 3 of 3"), "{problem}");
        assert!(made(1).is_err(), "a single repetition takes all forms");
    }

    #[test]
    fn subject_is_chained_with_itself_both_ways() {
        let names: Vec<_> = forms(as_completed()).iter().map(|form| form.name()).collect();
        let wanted = ["as completed", "as completed in front of itself", "as completed behind itself"];
        assert_eq!(names, wanted);
        assert_eq!(forms(Chained::job_first(ordered(), ordered())).len(), 1);
    }
}
