//! Outputs that a receiver has yielded, on their way to the counts of their stage.

use std::sync::Arc;

use crate::failure::Failure;

/// Outputs and failures that were delivered since the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Of items of this stage.
    pub(crate) own: usize,
    /// Failures of earlier stages, which have passed through this one.
    pub(crate) passed: usize,
}

impl Delivered {
    /// Counts one delivered output, or one delivered failure, of the stage called `stage`.
    #[inline]
    pub(crate) fn count(&mut self, failure: Option<&Failure>, stage: &Arc<str>) {
        match failure {
            Some(failure) if !failure.is_of(stage) => self.passed += 1,
            // A failure of the run and of no item.
            Some(failure) if failure.index().is_none() => {}
            _ => self.own += 1,
        }
    }

    pub(crate) fn total(self) -> usize {
        self.own + self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Cause;

    #[test]
    fn a_failure_of_the_run_delivers_no_item() {
        let (own, other): (Arc<str>, Arc<str>) = (Arc::from("own"), Arc::from("own"));
        let mut delivered = Delivered::default();
        let failure = |index, stage| Failure::new(index, stage, Cause::Panicked(String::new()));
        delivered.count(None, &own);
        delivered.count(Some(&failure(Some(1), &own)), &own);
        delivered.count(Some(&failure(None, &own)), &own);
        delivered.count(Some(&failure(Some(1), &other)), &own);
        assert_eq!(delivered, Delivered { own: 2, passed: 1 });
    }
}
