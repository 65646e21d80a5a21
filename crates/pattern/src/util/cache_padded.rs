//! A value on separate cache lines.

use std::ops::Deref;

/// Keeps the writes of a thread off the cache lines that other threads read. The alignment is 128 bytes, since some
/// processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
