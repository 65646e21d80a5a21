//! The number of jobs at once, in all stages that share a limiter.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use towpath_pattern::{Job, Scope, anyhow};
use towpath_testkit::while_holding;

use crate::observers::Broken;

/// Counts the jobs at once, and records an observation if the number exceeds `most`.
#[derive(Clone)]
pub struct Peak {
    jobs: Arc<AtomicUsize>,
    most: usize,
    broken: Broken,
}

/// Counts as a job until the drop.
pub struct Counted(Arc<AtomicUsize>);

impl Peak {
    pub fn new(most: usize, broken: &Broken) -> Self {
        Self { jobs: Arc::default(), most, broken: broken.clone() }
    }

    pub fn count(&self) -> Counted {
        let jobs = self.jobs.fetch_add(1, Ordering::SeqCst) + 1;
        if jobs > self.most {
            self.broken.push(format!("{jobs} jobs ran at once, and the limiter allows {}", self.most));
        }
        Counted(Arc::clone(&self.jobs))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A job that counts.
pub struct CountedJob<J> {
    pub job: J,
    pub peak: Peak,
}

impl<In: Send + 'static, J: Job<In>> Job<In> for CountedJob<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(self.peak.count(), self.job.call(item))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        while_holding(self.peak.count(), self.job.call_in(item, scope))
    }
}
