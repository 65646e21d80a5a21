//! The locks and atomics of this crate. A model of the crate replaces this file with locks and atomics whose scheduler
//! chooses the next thread (see `xtask/models` in the repository).

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError, atomic};
