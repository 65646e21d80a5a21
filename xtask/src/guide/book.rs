//! `--book`: builds both editions of the book with mdBook, in `target/guide`.
//!
//! mdBook is a separate program under `target/`, of a fixed version. As a library of xtask, mdBook would add some sixty
//! crates that xtask does not need otherwise, and would not build faster.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::pages::Book;
use crate::workspace::Workspace;

const VERSION: &str = "0.5.4";

/// Builds every edition, and returns the folders of the editions.
///
/// # Errors
///
/// Fails if mdBook cannot be installed, or cannot build an edition.
pub fn build(workspace: &Workspace, docs: &Path, book: &Book) -> Result<Vec<PathBuf>> {
    let mdbook = mdbook(workspace)?;
    let into = workspace.target.join("guide");
    let mut editions = vec![(docs.to_owned(), into.clone())];
    // Built after the original, whose build empties its folder.
    editions.extend(book.translation().map(|dir| (dir, into.join("zh"))));
    for (pages, into) in &editions {
        let args = ["build".as_ref(), pages.as_os_str(), "--dest-dir".as_ref(), into.as_os_str()];
        let built = duct::cmd(&mdbook, args).env("RUST_LOG", "warn").run();
        built
            .ok()
            .with_context(|| format!("mdBook cannot build {} (its messages are above)", pages.display()))?;
    }
    println!("{}", into.join("index.html").display());
    Ok(editions.into_iter().map(|(_, into)| into).collect())
}

/// Returns the program, and builds a missing program. The build is unoptimised: the book takes one or two seconds
/// either way.
fn mdbook(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.target.join("mdbook");
    let program = root.join("bin/mdbook").with_extension(std::env::consts::EXE_EXTENSION);
    let version = duct::cmd!(&program, "--version").stderr_null().read();
    if version.is_ok_and(|version| version == format!("mdbook v{VERSION}")) {
        return Ok(program);
    }
    eprintln!("building mdBook {VERSION} in {}", root.display());
    let line = format!(
        "install mdbook --version {VERSION} --locked --debug --force --quiet --no-default-features --features search"
    );
    let installed =
        workspace.cargo(&line).env("CARGO_INSTALL_ROOT", &root).env("CARGO_TARGET_DIR", root.join("build"));
    installed.run().ok().with_context(|| format!("cargo {line} failed (its messages are above)"))?;
    Ok(program)
}
