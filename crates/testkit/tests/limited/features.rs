//! The features that a subject adds to a pattern, in addition to its limiters.

use std::time::Duration;

use towpath_pattern::{Job, OnFailure, Source};
use towpath_testkit::Allowed;

use crate::erased_job::ErasedJob;
use crate::patterns::Form;
use crate::wrappers;

/// The time of an unfinished chunk. The chunks are of one item, and so are never unfinished.
const WITHIN: Duration = Duration::from_millis(1);

/// A feature of a generated subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The wrappers of a job.
    Timeout,
    Retry,
    Hedge,
    KeepInput,
    KeepCancelled,
    Service,
    /// A closure on a thread, in front of the job.
    Blocking,
    Cpu,
    /// A source of chunks of one item, and the items of these chunks.
    Chunks,
    /// A merged source with one member.
    Merge,
    /// A stage in front, whose run is the only member of a merged source.
    MergedRuns,
    /// A stage in front, with a vector for each item, and `then_each`.
    FlatMap,
    /// An observer that checks the calls.
    Observer,
    /// An observer that panics.
    PanickingObserver,
    /// A limit that adapts, from two jobs to the limit of the case.
    Adaptive,
    /// `Tolerate(0)` in place of `Stop`, and `Tolerate` of all failures in place of `Continue`.
    Tolerate,
    /// A queue by priority, with equal priorities.
    Priority,
    /// Consumers with a handle for further items.
    Sending,
}

impl Feature {
    pub const ALL: [Self; 18] = [
        Self::Timeout,
        Self::Retry,
        Self::Hedge,
        Self::KeepInput,
        Self::KeepCancelled,
        Self::Service,
        Self::Blocking,
        Self::Cpu,
        Self::Chunks,
        Self::Merge,
        Self::MergedRuns,
        Self::FlatMap,
        Self::Observer,
        Self::PanickingObserver,
        Self::Adaptive,
        Self::Tolerate,
        Self::Priority,
        Self::Sending,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::KeepInput => "keep_input",
            Self::KeepCancelled => "keep_cancelled",
            Self::Service => "service",
            Self::Blocking => "blocking",
            Self::Cpu => "cpu",
            Self::Chunks => "chunks",
            Self::Merge => "merge",
            Self::MergedRuns => "merged_runs",
            Self::FlatMap => "flat_map",
            Self::Observer => "observer",
            Self::PanickingObserver => "panicking_observer",
            Self::Adaptive => "adaptive",
            Self::Tolerate => "tolerate",
            Self::Priority => "priority",
            Self::Sending => "sending",
        }
    }

    /// Returns whether the pattern has the feature. The types of the remaining patterns have no such method.
    pub fn is_of(self, form: Form) -> bool {
        match self {
            Self::Priority | Self::Sending => form.has_queue(),
            _ => true,
        }
    }

    /// Returns whether the order of this feature and `other` makes a difference.
    pub fn has_order_with(self, other: Self) -> bool {
        self.is_wrapper() && other.is_wrapper() || self.is_source() && other.is_source()
    }

    const fn is_wrapper(self) -> bool {
        matches!(
            self,
            Self::Timeout
                | Self::Retry
                | Self::Hedge
                | Self::KeepInput
                | Self::KeepCancelled
                | Self::Service
                | Self::Blocking
                | Self::Cpu
        )
    }

    const fn is_source(self) -> bool {
        matches!(self, Self::Chunks | Self::Merge)
    }

    /// Returns whether the feature adds a stage in front of the pattern.
    pub fn adds_a_stage(self) -> bool {
        matches!(self, Self::FlatMap | Self::MergedRuns)
    }

    /// Returns whether a job waits before the job of the subject.
    pub const fn waits_before_the_job(self) -> bool {
        matches!(self, Self::Retry | Self::Service | Self::Blocking | Self::Cpu)
    }

    /// Returns whether an item may come back in part, if the source was kept before this feature.
    pub const fn keeps_no_part(self) -> bool {
        matches!(self, Self::Chunks)
    }

    pub const fn allowed(self) -> Allowed {
        match self {
            Self::Retry | Self::Service => Allowed::ANY.waits_before_the_job(),
            Self::Blocking | Self::Cpu => Allowed::ANY.waits_before_the_job().on_threads(),
            Self::Adaptive => Allowed::at_once(2).at_most(usize::MAX).below_the_bound(),
            _ => Allowed::ANY,
        }
    }

    /// Adds the feature to a job, if the feature is a wrapper.
    pub fn wrap<In, Out>(self, job: ErasedJob<In, Out>) -> ErasedJob<In, Out>
    where
        In: Clone + Send + 'static,
        Out: Send + 'static,
        ErasedJob<In, Out>: Job<In, Out = Out>,
    {
        match self {
            Self::Timeout => wrappers::timeout(job),
            Self::Retry => wrappers::retry(job),
            Self::Hedge => wrappers::hedge(job),
            Self::KeepInput => wrappers::keep_input(job),
            Self::KeepCancelled => wrappers::keep_cancelled(job),
            Self::Service => wrappers::behind_a_service(job),
            Self::Blocking => wrappers::behind_a_blocking_closure(job),
            Self::Cpu => wrappers::behind_a_computing_closure(job),
            _ => job,
        }
    }

    /// Adds the feature to a source, if the feature is one of sources.
    pub fn source<In: Send + 'static>(self, source: Source<In>) -> Source<In> {
        match self {
            Self::Chunks => source.chunks(1, WITHIN).flatten(),
            Self::Merge => Source::merge([source]),
            _ => source,
        }
    }

    pub fn on_failure(self, policy: OnFailure) -> OnFailure {
        match (self, policy) {
            (Self::Tolerate, OnFailure::Stop) => OnFailure::Tolerate(0),
            (Self::Tolerate, OnFailure::Continue) => OnFailure::Tolerate(usize::MAX),
            (_, policy) => policy,
        }
    }
}
