//! The locks and atomics of the crate. A model of the crate replaces this file with locks and atomics under a
//! scheduler that chooses the next thread (see `xtask/models` in the repository).

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError, atomic};
