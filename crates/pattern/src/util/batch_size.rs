//! The one rule for the sizes of batches: grow while batches are quick, shrink after a long batch.

use std::time::Duration;

/// The duration above which the size of the next batch is halved.
pub(crate) const LONG_BATCH: Duration = Duration::from_micros(50);

/// The size of the next batch, from 1 up to a maximum.
///
/// A batch that took more than [`LONG_BATCH`] halves the size. A batch that took less than half of [`LONG_BATCH`]
/// doubles the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchSize(usize);

impl Default for BatchSize {
    fn default() -> Self {
        Self(1)
    }
}

impl BatchSize {
    #[inline]
    pub(crate) fn get(self) -> usize {
        self.0
    }

    /// Adapts the size to the duration of the last batch.
    #[inline]
    pub(crate) fn adapt(&mut self, took: Duration, max: usize) {
        if took > LONG_BATCH {
            self.0 = (self.0 / 2).max(1);
        } else if is_quick(took) {
            self.grow(max);
        }
    }

    /// Adapts the size to a quick batch.
    #[inline]
    pub(crate) fn grow(&mut self, max: usize) {
        self.0 = (self.0 * 2).min(max);
    }
}

/// Returns whether a batch was so short that a wake-up may wait for the next batch.
#[inline]
pub(crate) fn is_quick(took: Duration) -> bool {
    took < LONG_BATCH / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(from: usize, micros: u64, max: usize) -> usize {
        let mut size = BatchSize(from);
        size.adapt(Duration::from_micros(micros), max);
        size.get()
    }

    #[test]
    fn quick_batch_doubles_the_size_up_to_the_maximum() {
        assert_eq!(adapted(4, 24, 128), 8);
        assert_eq!(adapted(100, 0, 128), 128);
        assert_eq!(adapted(1, 0, 1), 1);
    }

    #[test]
    fn long_batch_halves_the_size_down_to_one() {
        assert_eq!(adapted(8, 51, 128), 4);
        assert_eq!(adapted(1, 1_000_000, 128), 1);
    }

    #[test]
    fn batch_between_quick_and_long_keeps_the_size() {
        assert_eq!(adapted(8, 25, 128), 8);
        assert_eq!(adapted(8, 50, 128), 8);
    }
}
