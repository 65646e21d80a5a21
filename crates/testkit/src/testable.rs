//! Subjects as a single type, so the checks are compiled once.

use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{Limit, Order, Pattern, PatternExt, Source, StageReport};

use crate::allowed::Allowed;
use crate::environment;
use crate::probe::{Act, ChangesSource, Ledger, Token};
use crate::runtime::Runtime;
use crate::subject::{Case, Share, Subject};

/// A subject with fixed types for items and jobs.
pub(crate) trait Testable: ChangesSource + Send + Sync {
    fn name(&self) -> String;
    fn order(&self) -> Order;
    fn stages(&self) -> usize;
    fn first_stages(&self) -> usize;
    fn job_stage(&self) -> usize;
    fn bound_of(&self, stage: usize, case: Case) -> usize;
    fn share(&self) -> Share;
    fn allowed(&self) -> Allowed;
    fn pattern(&self, case: Case, job: Act) -> Box<dyn Pattern<Token, Out = Token>>;

    /// Returns the source of the runs.
    fn source(&self, source: Source<Token>) -> Source<Token> {
        self.change(source)
    }

    /// Returns the number of items that the first stages have taken from the source.
    fn taken(&self, stages: &[StageReport]) -> usize {
        stages[..self.first_stages()].iter().map(|stage| stage.counts.taken).sum()
    }

    /// Returns the number of items that the first stages have never started.
    fn never_started(&self, stages: &[StageReport]) -> usize {
        stages[..self.first_stages()].iter().map(|stage| stage.counts.never_started).sum()
    }

    /// Returns the number of items never started that do not return to the source: several first stages have no source
    /// to which an item returns.
    fn dropped(&self, stages: &[StageReport]) -> usize {
        if self.first_stages() == 1 { 0 } else { self.never_started(stages) }
    }

    /// Returns the number of stages from the stage with the job to the last.
    fn stages_from_job(&self) -> usize {
        self.stages() - self.job_stage()
    }

    /// Returns the largest number of items in all stages.
    fn bound_of_all(&self, case: Case) -> usize {
        (0..self.stages()).map(|stage| self.bound_of(stage, case)).fold(0, usize::saturating_add)
    }

    /// Returns the largest number of items in the stages behind the stage with the job.
    fn bound_behind_job(&self, case: Case) -> usize {
        (self.job_stage() + 1..self.stages()).map(|stage| self.bound_of(stage, case)).sum()
    }

    fn is_ordered(&self) -> bool {
        self.order() == Order::Ordered
    }

    /// Returns the number of jobs at once that a check under `limit` may presume.
    fn at_once(&self, limit: usize) -> usize {
        limit.min(self.allowed().at_once)
    }

    /// Returns whether the subject has limiters.
    fn is_limited(&self) -> bool {
        self.allowed() != Allowed::ANY
    }

    /// Returns the longest time that the limiters delay the starts of `items` items.
    fn delay(&self, items: usize) -> Duration {
        self.allowed().delay.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX))
    }

    /// Returns whether the checks of the subject run on a runtime: threads outside the runtime need the real clock.
    fn runs_on(&self, runtime: Runtime) -> bool {
        matches!(runtime, Runtime::RealClock | Runtime::MultiThread) || !self.allowed().on_threads
    }

    /// Returns whether the limiters delay starts, so that the clock must move.
    fn is_delayed(&self) -> bool {
        !self.allowed().delay.is_zero()
    }

    /// Returns the case with the smallest limit that the jobs may have at a moment.
    fn least(&self, case: Case) -> Case {
        let limit = if self.allowed().is_below { self.at_once(case.limit.get()) } else { case.limit.get() };
        Case { limit: Limit::new(limit), ..case }
    }

    /// Returns whether the checks play many more games, for rare faults. The subjects with limiters play the usual
    /// number of games.
    fn plays_many(&self) -> bool {
        environment::is_long() && !self.is_limited() && self.share() == Share::All
    }
}

impl<S: Subject> ChangesSource for S {
    fn change(&self, source: Source<Token>) -> Source<Token> {
        Subject::source(self, source)
    }
}

impl<S: Subject> Testable for S {
    fn name(&self) -> String {
        Subject::name(self)
    }

    fn order(&self) -> Order {
        Subject::order(self)
    }

    fn stages(&self) -> usize {
        Subject::stages(self)
    }

    fn first_stages(&self) -> usize {
        Subject::first_stages(self)
    }

    fn job_stage(&self) -> usize {
        Subject::job_stage(self)
    }

    fn bound_of(&self, stage: usize, case: Case) -> usize {
        Subject::bound_of(self, stage, case)
    }

    fn share(&self) -> Share {
        Subject::share(self)
    }

    fn allowed(&self) -> Allowed {
        Subject::allowed(self)
    }

    fn pattern(&self, case: Case, job: Act) -> Box<dyn Pattern<Token, Out = Token>> {
        Box::new(Subject::pattern(self, case, job))
    }
}

/// A shared subject.
pub(crate) type Tested = Arc<dyn Testable>;

/// A subject in a chain with itself. [`Chained`](crate::Chained) would be compiled again for every subject.
pub(crate) struct WithItself {
    pub(crate) subject: Tested,
    pub(crate) job_first: bool,
}

impl ChangesSource for WithItself {
    fn change(&self, source: Source<Token>) -> Source<Token> {
        self.subject.change(source)
    }
}

impl Testable for WithItself {
    fn name(&self) -> String {
        let name = self.subject.name();
        if self.job_first { format!("{name} in front of itself") } else { format!("{name} behind itself") }
    }

    fn order(&self) -> Order {
        self.subject.order()
    }

    fn stages(&self) -> usize {
        2 * self.subject.stages()
    }

    fn first_stages(&self) -> usize {
        self.subject.first_stages()
    }

    fn job_stage(&self) -> usize {
        let job_stage = self.subject.job_stage();
        if self.job_first { job_stage } else { self.subject.stages() + job_stage }
    }

    fn bound_of(&self, stage: usize, case: Case) -> usize {
        self.subject.bound_of(stage % self.subject.stages(), case)
    }

    fn share(&self) -> Share {
        self.subject.share()
    }

    fn allowed(&self) -> Allowed {
        let allowed = self.subject.allowed();
        let behind = if self.job_first { allowed } else { allowed.behind_a_stage(self.order()) };
        behind.delay(2 * allowed.delay)
    }

    fn pattern(&self, case: Case, job: Act) -> Box<dyn Pattern<Token, Out = Token>> {
        // A separate ledger: the half without the job passes items on, and the checks do not count these jobs.
        let pass = self.subject.pattern(case, Act::nothing(&Ledger::new()));
        let job = self.subject.pattern(case, job);
        if self.job_first { job.then(pass).boxed() } else { pass.then(job).boxed() }
    }
}
