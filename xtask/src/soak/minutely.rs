//! Progress without a terminal: a line a minute.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// Prints on standard error, unless it is a terminal, which has a bar.
pub struct Minutely {
    last: Cell<Instant>,
}

impl Minutely {
    pub fn new() -> Self {
        Self { last: Instant::now().into() }
    }

    /// Prints the line, if the last line is a minute old.
    pub fn show(&self, line: &str) {
        if !std::io::stderr().is_terminal() && self.last.get().elapsed() >= EVERY {
            self.last.set(Instant::now());
            eprintln!("{line}");
        }
    }
}
