//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use towpath_benchkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    Benchmark::new("fanout", subject::fanout()).and("fanout ordered", subject::fanout_ordered()).main()
}
