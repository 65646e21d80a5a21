//! A subject behind one type, so that the checks are compiled once.

use std::sync::Arc;

use towpath_pattern::{Order, Pattern};

use crate::probe::{Act, Token};
use crate::subject::{Case, Subject};

/// A subject with fixed types for items and jobs.
pub(crate) trait Testable: Send + Sync {
    fn name(&self) -> String;
    fn order(&self) -> Order;
    fn stages(&self) -> usize;
    fn job_stage(&self) -> usize;
    fn pattern(&self, case: Case, job: Act) -> Box<dyn Pattern<Token, Out = Token>>;

    /// Returns the number of stages from the stage with the job to the last.
    fn stages_from_job(&self) -> usize {
        self.stages() - self.job_stage()
    }

    fn is_ordered(&self) -> bool {
        self.order() == Order::Ordered
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

    fn job_stage(&self) -> usize {
        Subject::job_stage(self)
    }

    fn pattern(&self, case: Case, job: Act) -> Box<dyn Pattern<Token, Out = Token>> {
        Box::new(Subject::pattern(self, case, job))
    }
}

/// A shared subject.
pub(crate) type Tested = Arc<dyn Testable>;
