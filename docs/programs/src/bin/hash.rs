//! Hashes and compresses the files of a folder on all cores, and prints the hashes in the order of the files.

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use towpath_job::{blocking, cpu};
use towpath_pipeline::{PatternExt, Pipeline, Scope, StageReport};
use walkdir::WalkDir;

#[derive(Parser)]
struct Args {
    /// The folder of the files
    from: PathBuf,
    /// The folder for the compressed files
    to: PathBuf,
    /// The deadline for all files, in milliseconds
    #[arg(long, default_value_t = 60_000)]
    deadline: u64,
}

/// A file with its path in the folder.
struct Read {
    path: PathBuf,
    bytes: Vec<u8>,
}

struct Packed {
    path: PathBuf,
    hash: String,
    bytes: Vec<u8>,
}

fn read(from: &Path, path: PathBuf) -> anyhow::Result<Read> {
    let bytes = fs::read(from.join(&path)).with_context(|| path.display().to_string())?;
    Ok(Read { path, bytes })
}

fn pack(Read { path, bytes }: Read) -> anyhow::Result<Packed> {
    let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes)?;
    Ok(Packed { path, hash, bytes: gzip.finish()? })
}

fn write(to: &Path, Packed { path, hash, bytes }: Packed) -> anyhow::Result<String> {
    let file = to.join(format!("{}.gz", path.display()));
    fs::create_dir_all(file.parent().unwrap_or(to))?;
    fs::write(&file, bytes).with_context(|| file.display().to_string())?;
    Ok(format!("{hash}  {}", path.display()))
}

async fn show(total: usize, mut counts: impl Stream<Item = Vec<StageReport>> + Unpin) {
    while let Some(stages) = counts.next().await {
        let [read, packed, written] = [0, 1, 2].map(|stage: usize| stages[stage].counts.succeeded);
        eprintln!("{read} read, {packed} packed, {written} written, {total} in all");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { from, to, deadline } = Args::parse();
    let mut paths = Vec::new();
    for entry in WalkDir::new(&from).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            paths.push(entry.path().strip_prefix(&from)?.to_owned());
        }
    }

    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let files = Pipeline::new(4, blocking(move |path| read(&from, path)))
        .named("read")
        .ordered()
        .then_stage(cores, cpu(pack))
        .named("pack")
        .ordered()
        .then_stage(4, blocking(move |packed| write(&to, packed)))
        .named("write")
        .ordered();
    let scope = Scope::new("hash").with_timeout(Duration::from_millis(deadline));
    let total = paths.len();
    let run = files.run_in(&scope, paths);
    let counts = run.watch(Duration::from_secs(1));
    let print = |line: String| async move { Ok(writeln!(io::stdout(), "{line}")?) };
    let (printed, ()) = tokio::join!(run.for_each(print), show(total, counts));
    printed?;
    Ok(())
}
