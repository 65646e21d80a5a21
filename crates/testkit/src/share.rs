//! The settings of one of many subjects: a share, different for every subject. All subjects together use all settings.

use crate::environment;
use crate::testable::Testable;

/// One of many subjects has the long runs of a check shorter by this factor.
const SHORTER: usize = 5;

/// Returns a number for the subject: the same in every run, and different for different names and seeds.
pub(crate) fn number_of(tested: &dyn Testable) -> u64 {
    let seed = environment::seed() % 1_000_003 + 7;
    tested.name().bytes().fold(seed, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

/// Returns all settings, or every setting in `of` for one of many subjects. The first of these depends on the subject.
pub(crate) fn share<T>(
    tested: &dyn Testable,
    of: usize,
    settings: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = T> {
    let (first, step) = if tested.is_one_of_many() { (number_of(tested) % of as u64, of) } else { (0, 1) };
    settings.into_iter().skip(usize::try_from(first).unwrap_or(0)).step_by(step)
}

/// Returns a number of items, or a smaller number for one of many subjects.
pub(crate) fn shorter(tested: &dyn Testable, items: usize) -> usize {
    if tested.is_one_of_many() { items / SHORTER } else { items }
}
