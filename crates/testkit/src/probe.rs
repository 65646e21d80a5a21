//! The probes of the suite, independent of the counts of the pattern: items, sources and jobs that a ledger records.

mod act;
mod ledger;
mod supply;

pub(crate) use act::{Act, End, Plan, Wait};
pub(crate) use ledger::{Fate, Ledger, Token};
pub(crate) use supply::{ChangesSource, Form, SOURCE_FAILED, SourceFault, Supply};
