//! Builds a test program in the copy, runs a test of the program, and classifies the result.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::copy::Copied;
use super::fault::Test;
use crate::artifacts;
use crate::process;
use crate::workspace::Workspace;

/// The time limit of a test. A test that reaches the limit has not detected its hang.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Trial {
    workspace: Workspace,
    target: String,
}

/// The result of a test.
#[derive(Debug, PartialEq)]
pub enum Seen {
    /// The test failed with this message.
    Failed(String),
    Passed,
    /// The test has no verdict, for this reason.
    None(String),
}

impl Trial {
    pub fn new(copied: &Copied) -> Result<Self> {
        let target = copied.target.display().to_string();
        if target.contains(char::is_whitespace) {
            bail!("the path of the target folder has a blank in it: {target}");
        }
        Ok(Self { workspace: Workspace::load_in(copied.root())?, target })
    }

    /// Builds the program of the test, and runs the test.
    pub fn run(&self, test: &Test) -> Result<Seen> {
        let (package, target) = test.program();
        let line = format!("test -p {package} --test {target} --no-run --target-dir {}", self.target);
        let built = match artifacts::build_quietly(&self.workspace, &line, "test")? {
            Ok(built) => built,
            Err(said) => return Ok(Seen::None(format!("it cannot be built: {}", first_error(&said)))),
        };
        let program = built.iter().find(|program| program.package == package && program.target == target);
        let program = program.with_context(|| format!("{package} has no test target {target}"))?;
        let command = duct::cmd!(&program.path, "--exact", &test.name)
            .dir(&program.dir)
            .env("RUST_BACKTRACE", "0")
            .env_remove("TOWPATH_LONG")
            .stdin_null()
            .stdout_capture()
            .stderr_capture();
        let output = process::within(LIMIT, &command)?;
        Ok(output.map_or_else(
            || Seen::None(format!("it was not over after {} s", LIMIT.as_secs())),
            |output| ended(&test.name, &output),
        ))
    }
}

fn ended(name: &str, output: &Output) -> Seen {
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = |verdict: &str| {
        let line =
            |line: &str| line.strip_prefix("test ").and_then(|line| line.strip_suffix(verdict)) == Some(name);
        said.lines().map(str::trim_end).any(|it| line(it) || line(&it.replace("  ", " ")))
    };
    if verdict(" ... ok") && output.status.success() {
        Seen::Passed
    } else if verdict(" ... FAILED") {
        Seen::Failed(message(name, &said))
    } else if output.status.success() {
        Seen::None("there is no test of that name".to_owned())
    } else {
        Seen::None(format!("its program died: {}", process::ending(output.status)))
    }
}

/// Returns the message of a failed test, from below its heading, in one line.
fn message(name: &str, said: &str) -> String {
    let heading = format!("---- {name}");
    let under = said.lines().skip_while(|line| !line.starts_with(&heading)).skip(1);
    let lines: Vec<_> = under.take_while(|line| !line.starts_with("failures:")).collect();
    // The last panic is the uncaught one.
    let panic = lines.iter().rposition(|line| line.contains("panicked at ")).map_or(0, |at| at + 1);
    let told = lines[panic.min(lines.len())..].iter().map(|line| line.trim());
    let told: Vec<_> = told.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    let told: Vec<_> = told.into_iter().filter(|line| !line.starts_with("note: ")).collect();
    told.join("; ")
}

fn first_error(said: &str) -> &str {
    said.lines().find(|line| line.starts_with("error")).unwrap_or("cargo did not say why")
}

impl Seen {
    pub fn is_caught(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Returns the verdict in a few words.
    pub fn verdict(&self) -> String {
        if self.is_caught() { "caught".to_owned() } else { format!("NOT CAUGHT: {}", self.told()) }
    }

    /// Returns the result of the test in words.
    pub fn told(&self) -> String {
        match self {
            Self::Failed(told) | Self::None(told) => told.clone(),
            Self::Passed => "the test passed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_a_failed_test_is_its_panic() {
        let libtest = "\nrunning 1 test\ntest a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n\n\
                       thread 'x' (8) panicked at crates/x.rs:1:2:\na panic that was caught\n\n\
                       thread 'a::b' (7) panicked at crates/x.rs:1:2:\nassertion `left == right` failed: woken\n  \
                       left: 0\n right: 1\nnote: run with\n\n\nfailures:\n    a::b\n";
        assert_eq!(message("a::b", libtest), "assertion `left == right` failed: woken; left: 0; right: 1");
        let check = "\nrunning 1 test\ntest x::law::it_holds ... FAILED\n\nfailures:\n\n---- x::law::it_holds stdout ----\n\n\
                     thread 'x::law::it_holds' (7) panicked at crates/x/tests/conformance.rs:5:1:\nlaw: hung\n  the law: \
                     it holds\n\n\nfailures:\n    x::law::it_holds\n";
        assert_eq!(message("x::law::it_holds", check), "law: hung; the law: it holds");
    }

    #[test]
    #[cfg(unix)]
    fn only_a_test_that_failed_by_itself_has_caught_something() {
        let run = |script: &str| {
            let output = duct::cmd!("sh", "-c", script).stdout_capture().unchecked().run().unwrap();
            ended("it", &output)
        };
        assert_eq!(run("echo 'test it ... ok'"), Seen::Passed);
        assert!(run("echo 'test it ... FAILED'; exit 101").is_caught());
        assert_eq!(run("kill -6 $$"), Seen::None("its program died: signal 6".to_owned()));
        assert_eq!(run("echo 'test other ... ok'"), Seen::None("there is no test of that name".to_owned()));
    }
}
