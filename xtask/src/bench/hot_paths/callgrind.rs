//! Counts under valgrind's callgrind. A count is the difference between N items and twice as many items, which cancels
//! the start of the program and of the run.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use duct::Expression;

use super::figures::Figures;
use crate::process;

const ITEMS: u32 = 20_000;
const LIMIT: Duration = Duration::from_secs(60);

/// The allocating functions of the C library. Every allocation of Rust calls one of them.
const ALLOCATING: [&str; 6] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"];

/// A program with hot paths, and a folder for the files of callgrind.
#[derive(Clone, Copy)]
pub struct Callgrind<'a> {
    pub program: &'a Path,
    /// The path of the source, for messages.
    pub source: &'a str,
    pub folder: &'a Path,
}

/// The cost of one run of a program.
#[derive(Debug, PartialEq)]
struct Cost {
    instructions: u64,
    allocations: u64,
}

pub fn check_installed() -> Result<()> {
    let found = duct::cmd!("valgrind", "--version").stdout_null().stderr_null().run().is_ok();
    ensure!(
        found,
        "--counts needs valgrind, which is not installed: `apt install valgrind` on Debian and Ubuntu"
    );
    Ok(())
}

impl Callgrind<'_> {
    pub fn paths(&self) -> Result<Vec<String>> {
        let said = self.output("paths", &duct::cmd!(self.program, "paths"))?;
        let paths: Vec<_> = said.lines().map(str::to_owned).collect();
        ensure!(!paths.is_empty(), "{}: `paths` printed nothing", self.source);
        Ok(paths)
    }

    pub fn per_item(&self, path: &str) -> Result<Figures> {
        let (once, twice) = (self.cost(path, ITEMS)?, self.cost(path, 2 * ITEMS)?);
        ensure!(
            once.allocations > 0,
            "{path}: callgrind saw no call of malloc; is it linked in without its name?"
        );
        Ok(Figures {
            instructions: per_item(once.instructions, twice.instructions),
            allocations: per_item(once.allocations, twice.allocations),
        })
    }

    fn cost(&self, path: &str, items: u32) -> Result<Cost> {
        let file = self.folder.join(path.replace(|c: char| !c.is_alphanumeric(), "-") + ".callgrind");
        let out = format!("--callgrind-out-file={}", file.display().to_string().replace('%', "%%"));
        let items = items.to_string();
        let walk = duct::cmd!("valgrind", "--tool=callgrind", out, self.program, "walk", path, items);
        self.output(path, &walk)?;
        let written = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        parse(&written).with_context(|| format!("{} is not what callgrind writes", file.display()))
    }

    fn output(&self, what: &str, command: &Expression) -> Result<String> {
        let command = command.env("RUST_BACKTRACE", "0").stdin_null().stdout_capture().stderr_capture();
        let output = process::within(LIMIT, &command)
            .with_context(|| format!("{} cannot be started", self.source))?
            .with_context(|| format!("{}: {what}: not over after {} s", self.source, LIMIT.as_secs()))?;
        if !output.status.success() {
            let ending = process::ending(output.status);
            bail!("{}: {what}: ended with {ending}: {}", self.source, complaint(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Returns the last message of the program itself, without the messages of valgrind.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let own: Vec<_> = text.lines().filter(|line| !line.starts_with("==")).collect();
    if own.is_empty() {
        process::telling_line(stderr)
    } else {
        process::telling_line(own.join("\n").as_bytes())
    }
}

fn per_item(once: u64, twice: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^53")]
    let difference = twice as f64 - once as f64;
    difference / f64::from(ITEMS)
}

/// Parses a file of callgrind. Functions have a number, and at their first occurrence also a name.
fn parse(written: &str) -> Option<Cost> {
    let mut names = HashMap::new();
    let (mut instructions, mut allocations, mut allocates) = (None, 0, false);
    for line in written.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key {
            "fn" | "cfn" => {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                if !name.is_empty() {
                    names.insert(number, ALLOCATING.contains(&name));
                }
                allocates = key == "cfn" && *names.get(number)?;
            }
            "calls" if allocates => {
                allocations += value.split(' ').next()?.parse::<u64>().ok()?;
            }
            "totals" => instructions = value.trim().parse().ok(),
            _ => {}
        }
    }
    Some(Cost { instructions: instructions?, allocations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_allocator_are_counted_by_name_and_by_number() {
        let written = "\
version: 1
cmd:  uniform walk fanout 20
positions: line
events: Ir
fl=(1) a.rs
fn=(1) main
3 5
cfn=(2) malloc
calls=3 10
4 90
cfn=(3) my_malloc
calls=100 10
4 90
fn=(2)
10 30
cfn=(4) _int_malloc
calls=7 3
5 60
fn=(5) later
cfn=(2)
calls=2 10
7 60
cfn=(6) realloc
calls=1 +4
7 60
totals: 443482
";
        assert_eq!(parse(written), Some(Cost { instructions: 443_482, allocations: 6 }));
        assert_eq!(parse("totals: many"), None);
        assert_eq!(parse("cfn=(9)\ncalls=2 10\ntotals: 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn start_cancels() {
        let items = u64::from(ITEMS);
        assert!((per_item(700_000 + 250 * items, 700_000 + 500 * items) - 250.0).abs() < 1e-9);
        assert!((per_item(100, 90) * f64::from(ITEMS) + 10.0).abs() < 1e-9);
    }

    #[test]
    fn message_is_the_message_of_the_program() {
        let said = b"==1== Callgrind\nfanout: 3 items of 20 went this way\n==1== Collected : 5\n";
        assert_eq!(complaint(said), "fanout: 3 items of 20 went this way");
        assert_eq!(complaint(b"==1== no such program\n"), "==1== no such program");
    }
}
