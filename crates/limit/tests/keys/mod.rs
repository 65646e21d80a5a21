//! Keys whose hash, comparison or drop is broken, or calls back.

#![allow(dead_code)]

use std::hash::{Hash, Hasher};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    SameHash,
    NeverEqual,
    PanicInHash,
    PanicInEq,
    PanicInDrop,
    CallsBack,
}

/// A key with the hash of every other key.
pub struct Hostile {
    id: u32,
    mode: Mode,
    call_back: Arc<dyn Fn() + Send + Sync>,
}

impl Hostile {
    pub fn new(id: u32, mode: Mode) -> Self {
        Self::calling(id, mode, Arc::new(|| {}))
    }

    pub fn calling(id: u32, mode: Mode, call_back: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { id, mode, call_back }
    }

    fn call(&self, panicking: Mode) {
        if self.mode == Mode::CallsBack {
            (self.call_back)();
        }
        assert!(self.mode != panicking, "a broken key: {:?}", self.mode);
    }
}

impl Hash for Hostile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call(Mode::PanicInHash);
        state.write_u32(7);
    }
}

impl PartialEq for Hostile {
    fn eq(&self, other: &Self) -> bool {
        self.call(Mode::PanicInEq);
        other.call(Mode::PanicInEq);
        self.id == other.id && self.mode != Mode::NeverEqual
    }
}

impl Eq for Hostile {}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.call(Mode::PanicInDrop);
    }
}
