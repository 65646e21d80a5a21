//! The locks and lists of the crate, shared with `towpath-pattern` and `towpath-semaphore`. A model replaces the file with
//! locks under a scheduler of the model (see `xtask/models` in the repository).

pub(crate) use towpath_pattern::internal::{Mutex, Ticket, TicketList, WakeList, panic};
