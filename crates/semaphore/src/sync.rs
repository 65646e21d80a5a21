//! The locks, atomics and lists of this crate, which `towpath-pattern` and its queue use, too. A model of the crate replaces
//! this file with locks and atomics whose scheduler chooses the next thread (see `xtask/models` in the repository).

pub(crate) use std::sync::atomic;

pub(crate) use towpath_pattern::internal::{Mutex, Ticket, TicketList, WakeList, panic};
