//! The locks, atomics and lists of the crate, shared with the queue of `towpath-pattern`. A model replaces the file with
//! locks and atomics under a scheduler of the model (see `xtask/models` in the repository).

pub(crate) use std::sync::atomic;

pub(crate) use towpath_pattern::internal::{Mutex, Ticket, TicketList, WakeList, panic};
