//! What this crate locks and counts with. A model of it has a file of its own in this one's place, with locks and
//! atomics that choose which thread goes next (see `xtask/models` in the repository).

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError, atomic};
