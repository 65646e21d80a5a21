//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use subject::{AsCompleted, Ordered};
use towpath_testkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    Benchmark::new(AsCompleted).and(Ordered).main()
}
