//! Outputs between the receiver, which has yielded the outputs, and the counts of the stage.

use std::sync::Arc;

use crate::failure::Failure;

/// The number of outputs and failures delivered since the last count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Outputs and failures of items of this stage.
    pub(crate) own: usize,
    /// Failures of upstream stages, on their way through this stage.
    pub(crate) passed: usize,
}

impl Delivered {
    /// Counts a delivered output or a delivered failure of the stage called `stage`.
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
    fn failure_of_the_run_delivers_no_item() {
        let (own, other): (Arc<str>, Arc<str>) = (Arc::from("own"), Arc::from("own"));
        let mut delivered = Delivered::default();
        let failure = |index, stage| Failure::new(index, stage, Cause::from_panic(Box::new("")));
        delivered.count(None, &own);
        delivered.count(Some(&failure(Some(1), &own)), &own);
        delivered.count(Some(&failure(None, &own)), &own);
        delivered.count(Some(&failure(Some(1), &other)), &own);
        assert_eq!(delivered, Delivered { own: 2, passed: 1 });
    }
}
