//! The share of the settings that a subject plays. Different subjects play different shares, and all subjects together
//! play all settings.

use fastrand::Rng;

use crate::environment;
use crate::subject::Share;
use crate::testable::Testable;

impl Share {
    /// Returns the number of settings to play of a group of settings.
    const fn of_group(self, group: usize) -> usize {
        match self {
            Self::Small => 1,
            Self::Large => 1 + group / 3,
            Self::All => group,
        }
    }

    /// Returns the number of items of a long run.
    const fn of_items(self, items: usize) -> usize {
        match self {
            Self::Small => items / 5,
            Self::Large => items / 2,
            Self::All => items,
        }
    }
}

/// Chooses settings one after another. Of every group of consecutive settings, the same number is chosen, from a place
/// that depends on the subject and on the group. A fixed step would have the same inner setting in every group, if the
/// step and the number of inner settings had a common divisor.
pub(crate) struct Turns {
    random: Rng,
    group: usize,
    chosen: usize,
    /// The place of the next setting in its group.
    place: usize,
    /// The place of the first chosen setting of the group.
    first: usize,
}

impl Turns {
    /// Creates the choice of a subject: `chosen` settings of every `group` settings.
    pub(crate) fn new(tested: &dyn Testable, chosen: usize, group: usize) -> Self {
        Self { random: Rng::with_seed(number_of(tested)), group, chosen, place: 0, first: 0 }
    }

    /// Returns whether the next setting is chosen.
    pub(crate) fn is_next(&mut self) -> bool {
        if self.place == 0 {
            self.first = self.random.usize(..self.group);
        }
        let behind = (self.place + self.group - self.first) % self.group;
        self.place = (self.place + 1) % self.group;
        behind < self.chosen
    }
}

/// Returns a number for the subject: the same in every run, and different for different names and seeds.
pub(crate) fn number_of(tested: &dyn Testable) -> u64 {
    let seed = environment::seed() % 1_000_003 + 7;
    tested.name().bytes().fold(seed, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

/// Returns the settings in the share of the subject, with groups of the given number of settings.
pub(crate) fn share<T>(
    tested: &dyn Testable,
    group: usize,
    settings: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = T> {
    let mut turns = Turns::new(tested, tested.share().of_group(group), group);
    settings.into_iter().filter(move |_| turns.is_next())
}

/// Returns the number of items of a long run of the subject.
pub(crate) fn shorter(tested: &dyn Testable, items: usize) -> usize {
    tested.share().of_items(items)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use towpath_fanout::Fanout;
    use towpath_pattern::{Job, Order, Pattern};

    use super::*;
    use crate::subject::{Case, Subject};

    /// A generated subject.
    #[derive(Clone)]
    struct Generated(String, Share);

    impl Subject for Generated {
        fn name(&self) -> String {
            self.0.clone()
        }

        fn order(&self) -> Order {
            Order::AsCompleted
        }

        fn share(&self) -> Share {
            self.1
        }

        fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
        where
            In: Clone + Send + 'static,
            J: Job<In, Out: Clone>,
        {
            Fanout::new(case.limit, job)
        }
    }

    /// Fewer subjects than the pairs of a single pattern.
    fn subjects(share: Share) -> impl Iterator<Item = Generated> {
        const PARTS: [&str; 17] = [
            "rate",
            "rate_per_key",
            "per_key",
            "hot_key",
            "semaphore",
            "weighted",
            "own",
            "live",
            "resized",
            "timeout",
            "retry",
            "hedge",
            "keep_input",
            "service",
            "chunks",
            "merge",
            "observer",
        ];
        let pairs = PARTS.into_iter().flat_map(|first| PARTS.map(|second| (first, second)));
        let pairs = pairs.filter(|(first, second)| first != second);
        pairs.map(move |(first, second)| Generated(format!("fanout::{first}_then_{second}"), share))
    }

    /// The numbers of settings in a group, and of all settings, of the checks.
    fn sizes() -> impl Iterator<Item = (usize, usize)> {
        (2..=12).flat_map(|group| [group, 2 * group + 1, 7 * group, 144].map(|all| (group, all)))
    }

    /// The pairs of a pattern play every setting many times: a small share at least ten times, and a large share fifty
    /// times.
    #[test]
    fn shares_of_all_pairs_play_every_setting() {
        for (share_of, least) in [(Share::Small, 10), (Share::Large, 50), (Share::All, 272)] {
            for (group, all) in sizes() {
                let mut played = vec![0; all];
                for subject in subjects(share_of) {
                    share(&subject, group, 0..all).for_each(|setting| played[setting] += 1);
                }
                let fewest = played.iter().min().copied().unwrap_or(0);
                assert!(fewest >= least, "{share_of:?} of groups of {group} of {all}: {played:?}");
            }
        }
    }

    /// A share has the same number of settings of every group for every subject, so no subject leaves a check out.
    #[test]
    fn share_of_every_subject_has_every_group() {
        for (share_of, (group, all)) in [Share::Small, Share::Large, Share::All]
            .into_iter()
            .flat_map(|share_of| sizes().map(move |sizes| (share_of, sizes)))
        {
            for subject in subjects(share_of) {
                let mut played = vec![0; all.div_ceil(group)];
                share(&subject, group, 0..all).for_each(|setting| played[setting / group] += 1);
                let groups = &played[..all / group];
                assert!(
                    groups.iter().all(|played| *played == share_of.of_group(group)),
                    "{}: {played:?}",
                    subject.0
                );
            }
        }
    }

    /// The settings of a check are often inner settings of outer settings: a subject plays several of the inner
    /// settings, even if a group has as many settings as the inner list.
    #[test]
    fn small_share_plays_several_inner_settings() {
        for subject in subjects(Share::Small) {
            for inner in 2..=12 {
                let played: BTreeSet<_> =
                    share(&subject, inner, 0..24 * inner).map(|setting| setting % inner).collect();
                assert!(played.len() > 1, "{} plays {played:?} of {inner}", subject.0);
            }
        }
    }

    /// Different subjects play different shares.
    #[test]
    fn shares_of_different_subjects_are_different() {
        let shares: BTreeSet<Vec<_>> =
            subjects(Share::Small).map(|subject| share(&subject, 7, 0..42).collect()).collect();
        assert!(shares.len() > 250, "{} different shares of 272 subjects", shares.len());
    }
}
