//! A value on cache lines of its own.

use std::ops::Deref;

/// Keeps the writes of one thread off the cache lines that another thread reads. The alignment is 128 bytes, since
/// some processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
