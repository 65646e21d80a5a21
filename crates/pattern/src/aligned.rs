//! A value on cache lines of its own.

use std::ops::Deref;

/// Keeps what one thread writes off the cache lines of what another reads. 128 bytes, since some processors
/// fetch lines in pairs.
#[repr(align(128))]
pub(crate) struct Aligned<T>(pub(crate) T);

impl<T> Deref for Aligned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
