//! The program `hash` on a folder of text files.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use towpath_programs::files;

use crate::program::{Ended, Program, Versions};

const HASH: Versions = Versions {
    towpath: env!("CARGO_BIN_EXE_hash"),
    plain: env!("CARGO_BIN_EXE_hash-plain"),
    go: "hash",
};

const FILES: usize = 300;

/// A folder with the files, and the results.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        files::create(&folder.from(), FILES).unwrap();
        folder
    }

    fn from(&self) -> PathBuf {
        self.0.path().join("from")
    }

    fn to(&self) -> PathBuf {
        self.0.path().join("to")
    }

    async fn hash(&self, version: &Path, settings: &[&str]) -> Ended {
        let (from, to) = (self.from(), self.to());
        let folders = [from.to_str().unwrap(), to.to_str().unwrap()];
        Program::start(version, settings.iter().copied().chain(folders), &[]).end().await
    }
}

fn path(number: usize) -> String {
    format!("{:03}/{number:05}.txt", number / 100)
}

/// Returns the lines of the first files.
fn lines(count: usize) -> String {
    let hash = |number| -> String {
        let hash = Sha256::digest(files::text(number));
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    (0..count).map(|number| format!("{}  {}\n", hash(number), path(number))).collect()
}

#[tokio::test]
async fn hash_of_300_files_prints_the_hashes_in_order() {
    for (version, program) in HASH.all() {
        let folder = Folder::new();
        let ended = folder.hash(&program, &[]).await;
        assert_eq!(ended.output(), lines(FILES), "{version}");
        let statistics = ended.stderr.lines().last().unwrap();
        assert!(statistics.ends_with("300 written, 300 in all"), "{version}: {statistics}");
        for number in 0..FILES {
            let mut text = String::new();
            let packed = File::open(folder.to().join(format!("{}.gz", path(number)))).unwrap();
            GzDecoder::new(packed).read_to_string(&mut text).unwrap();
            assert_eq!(text, files::text(number), "{version}: {number}");
        }
    }
}

/// The hashes before the error are printed in order, and the error has the path.
#[tokio::test]
async fn hash_with_a_missing_file_fails_with_the_path() {
    for (version, program) in HASH.all() {
        let folder = Folder::new();
        let missing = folder.from().join(path(200));
        fs::remove_file(&missing).unwrap();
        symlink("nowhere", &missing).unwrap();
        let ended = folder.hash(&program, &[]).await;
        assert_eq!(ended.status.code(), Some(1), "{version}");
        assert!(lines(200).starts_with(&ended.stdout), "{version}: {}", ended.stdout);
        assert!(ended.stderr.contains("002/00200.txt"), "{version}: {}", ended.stderr);
        assert!(
            ended.stderr.to_lowercase().contains("no such file"),
            "{version}: {}",
            ended.stderr
        );
    }
}

/// No version hashes 300 files in a millisecond.
#[tokio::test]
async fn hash_after_its_deadline_fails_with_a_reason() {
    for (version, program) in HASH.all() {
        let folder = Folder::new();
        let ended = folder.hash(&program, &["--deadline", "1"]).await;
        assert_eq!(ended.status.code(), Some(1), "{version}");
        assert!(ended.stdout.len() < lines(FILES).len(), "{version}");
        assert!(lines(FILES).starts_with(&ended.stdout), "{version}: {}", ended.stdout);
        assert!(ended.stderr.contains("deadline"), "{version}: {}", ended.stderr);
    }
}
