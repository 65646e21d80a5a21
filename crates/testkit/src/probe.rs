//! What the suite measures with, apart from the pattern's own counts: items, sources and jobs that are
//! written down in a ledger.

mod act;
mod ledger;
mod supply;

pub(crate) use act::{Act, End, Plan, Wait};
pub(crate) use ledger::{Fate, Ledger, Token};
pub(crate) use supply::{Form, SOURCE_FAILED, SourceFault, Supply};
