//! The locks and atomics of the crate. A model of the crate replaces this file with locks and atomics under a
//! scheduler that chooses the next thread (see `xtask/models` in the repository).
//!
//! With `--cfg towpath_counted`, the locks count. `cargo xtask bench --growth threads` builds the crate in this way, and
//! no other build does.

#![allow(unexpected_cfgs, reason = "no manifest declares a cfg of a single command")]

#[cfg(towpath_counted)]
pub mod counted;

#[cfg(towpath_counted)]
pub(crate) use counted::{Mutex, MutexGuard};
#[cfg(not(towpath_counted))]
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::sync::{PoisonError, TryLockError, atomic};
