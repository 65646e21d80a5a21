//! The program `hash` in plain tokio: a buffered stream of closures on the threads for blocking work.

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};
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

fn pack(from: &Path, to: &Path, path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(from.join(path)).with_context(|| path.display().to_string())?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes)?;
    let file = to.join(format!("{}.gz", path.display()));
    fs::create_dir_all(file.parent().unwrap_or(to))?;
    fs::write(&file, gzip.finish()?).with_context(|| file.display().to_string())?;
    Ok(format!("{hash}  {}", path.display()))
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

    let (total, written) = (paths.len(), AtomicUsize::new(0));
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let lines = stream::iter(paths).map(|path| {
        let (from, to) = (from.clone(), to.clone());
        async move { spawn_blocking(move || pack(&from, &to, &path)).await? }
    });
    let print = lines.buffered(cores).try_for_each(async |line| {
        written.fetch_add(1, Ordering::Relaxed);
        Ok(writeln!(io::stdout(), "{line}")?)
    });
    let show = async {
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            eprintln!("{} written, {total} in all", written.load(Ordering::Relaxed));
        }
    };
    let printed = tokio::select! {
        printed = timeout(Duration::from_millis(deadline), print) => printed,
        () = show => unreachable!("the statistics have no end"),
    };
    eprintln!("{} written, {total} in all", written.load(Ordering::Relaxed));
    printed.context("the deadline has passed")?
}
