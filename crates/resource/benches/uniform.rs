//! The uniform benchmark of `cargo xtask bench`.

use std::process::ExitCode;

use towpath_benchkit::Benchmark;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    Benchmark::new("resource", subject::resource())
        .and("resource ordered", subject::resource_ordered())
        .main()
}
