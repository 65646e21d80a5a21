//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use towpath_benchkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

mod limits;

fn main() -> ExitCode {
    Benchmark::new("fanout", subject::fanout())
        .and("fanout ordered", subject::fanout_ordered())
        .with("limit-keys", "fanout", limits::keys)
        .with_times("limit-rate", "fanout", limits::rate)
        .with("limit-weights", "fanout", limits::weights)
        .main()
}
