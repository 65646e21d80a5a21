//! `cargo xtask`: the project's own commands. This file reads the arguments and calls the command; each command is a
//! separate module.

#![forbid(unsafe_code)]

mod artifacts;
mod bench;
mod chart;
mod check;
mod counts;
mod environment;
mod faults;
mod files;
mod guide;
mod libtest;
mod marks;
mod models;
mod new;
mod plot;
mod problems;
mod process;
mod soak;
mod test;
mod usage;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Test, measure, check and soak the workspace, or begin a new pattern.
///
/// Patterns are found by their targets, not listed: a crate under crates/ takes part in `test` through its test target
/// `conformance`, in `bench` through its bench target `uniform`, in `soak` through its test target `soak`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = usage::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(test::Args),
    Models(models::Args),
    Bench(bench::Args),
    New(new::Args),
    Check(check::Args),
    Soak(soak::Args),
    Guide(guide::Args),
    Plot(plot::Args),
    Faults(faults::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::New(args) => new::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Guide(args) => guide::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Faults(args) => faults::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            let bad_usage = error.downcast_ref::<usage::Usage>().is_some();
            ExitCode::from(if bad_usage { 2 } else { 1 })
        }
    }
}
