//! A program built with `panic = "abort"`: the first panic of a job ends the process, and the output has the message of
//! the panic.

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use towpath_fanout::Fanout;
use towpath_pattern::PatternExt;

/// The argument with which this program runs the job that panics.
const CHILD: &str = "child";

/// Most of this time is for the build of the program.
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(CHILD) {
        return child();
    }
    let trial = Trial::test("a_panic_of_a_job_ends_the_process_with_its_message", || Ok(parent()?));
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

/// Runs a job that panics. If panics unwind, the panic of item 3 is a failure of the run, and the child goes on.
fn child() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let job = |item: u32| async move {
        assert!(item != 3, "item 3 has no answer");
        Ok(item)
    };
    let outcomes = runtime.block_on(async { Fanout::new(2, job).run(0..10).collect().await });
    println!("went on: {outcomes:?}");
    ExitCode::SUCCESS
}

fn parent() -> Result<(), String> {
    let unwinding = run(std::env::current_exe().map_err(|error| error.to_string())?)?;
    if !unwinding.contains("went on: Err(Failure(item 3 at stage `fanout` panicked: item 3 has no answer") {
        return Err(format!("where panics unwind, the output is: {unwinding}"));
    }
    let aborting = run(built()?)?;
    let ended = if cfg!(unix) {
        aborting.contains("ended with signal: 6")
    } else {
        !aborting.contains("exit code: 0")
    };
    if ended && aborting.contains("item 3 has no answer") && !aborting.contains("went on") {
        Ok(())
    } else {
        Err(format!("where panics abort, the output is: {aborting}"))
    }
}

/// Builds this program with `panic = "abort"`, and returns the path. The flag does not apply to the dependencies.
fn built() -> Result<std::path::PathBuf, String> {
    let line =
        "rustc -p towpath-testkit --test aborting --message-format=json-render-diagnostics -- -C panic=abort";
    let built = duct::cmd(env!("CARGO"), line.split_whitespace()).dir(env!("CARGO_MANIFEST_DIR"));
    let messages = built.read().map_err(|error| format!("cargo {line}: {error}"))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let path = messages.filter_map(|message| Some(message.get("executable")?.as_str()?.into())).next_back();
    path.ok_or_else(|| format!("cargo {line} built no program"))
}

/// Runs the program, and returns the output and the exit status.
fn run(program: std::path::PathBuf) -> Result<String, String> {
    let child = duct::cmd!(program, CHILD).env("RUST_BACKTRACE", "0").stdin_null().stderr_to_stdout();
    let child = child.stdout_capture().unchecked().start().map_err(|error| error.to_string())?;
    let ended = child.wait_timeout(LIMIT).map_err(|error| error.to_string())?.cloned();
    let Some(ended) = ended else {
        child.kill().map_err(|error| error.to_string())?;
        return Err(format!("hung: not over after {} s", LIMIT.as_secs()));
    };
    Ok(format!("{}ended with {}", String::from_utf8_lossy(&ended.stdout), ended.status))
}
