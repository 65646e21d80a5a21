//! The file of figures: for each compiler (release and target) a table, with a line for each path.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use toml::Value;

use super::figures::{Figures, allocates};
use crate::files;

const HEAD: &str = "\
# The cost of an item on each hot path, counted by valgrind's callgrind, for each release and target of rustc.
# Written by `cargo xtask bench --counts --accept`. A path that allocates nothing must stay so: to allow it to
# allocate, remove its lines first.
";

/// All figures, by compiler and path.
#[derive(Debug, Default, PartialEq)]
pub struct Kept(BTreeMap<String, BTreeMap<String, Figures>>);

impl Kept {
    /// Reads the figures. A missing file has no figures.
    pub fn read(file: &Path) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let kept = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            anyhow::anyhow!("{}, line {line}: {}", file.display(), error.message())
        });
        kept.map(Self)
    }

    pub fn of(&self, compiler: &str) -> Option<&BTreeMap<String, Figures>> {
        self.0.get(compiler)
    }

    /// Returns whether the figures of at least one compiler have no allocations for the path. Whether a path allocates
    /// does not depend on the compiler.
    pub fn allocates_nothing(&self, path: &str) -> bool {
        self.0.values().filter_map(|paths| paths.get(path)).any(|figures| !allocates(figures.allocations))
    }

    /// Replaces the figures for a compiler.
    pub fn replace(&mut self, compiler: &str, figures: BTreeMap<String, Figures>) {
        self.0.insert(compiler.to_owned(), figures);
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let mut text = HEAD.to_owned();
        let quoted = |name: &str| Value::String(name.to_owned()).to_string();
        for (compiler, paths) in &self.0 {
            let _ = writeln!(text, "\n[{}]", quoted(compiler));
            for (path, Figures { instructions, allocations }) in paths {
                // Avoids minus zero.
                let allocations = if allocates(*allocations) { *allocations } else { 0.0 };
                let path = quoted(path);
                let _ = writeln!(
                    text,
                    "{path} = {{ instructions = {instructions:.1}, allocations = {allocations:.2} }}"
                );
            }
        }
        files::replace(file, &text)
    }
}
