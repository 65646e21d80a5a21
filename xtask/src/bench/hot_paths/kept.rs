//! The file of figures: for each compiler (release and target) a table, with a line for each path.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml::Value;

use super::compare::{Compared, allocates};
use crate::files;

const HEAD: &str = "\
# What an item costs on each hot path, counted by valgrind's callgrind, for each release and target of rustc.
# Written by `cargo xtask bench --counts --accept`. A path that allocates nothing must stay so: to allow it to
# allocate, remove its lines first.
";

/// What an item costs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub instructions: f64,
    pub allocations: f64,
}

/// All figures, by compiler and path.
#[derive(Debug, Default, PartialEq)]
pub struct Kept(BTreeMap<String, BTreeMap<String, Figures>>);

impl Kept {
    /// Nothing is kept where there is no such file.
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

    /// Whether the path does so under a compiler for which there are figures: that does not depend on which.
    pub fn allocates_nothing(&self, path: &str) -> bool {
        self.0.values().filter_map(|paths| paths.get(path)).any(|figures| !allocates(figures.allocations))
    }

    /// Has what was counted in place of what was kept for that compiler.
    ///
    /// # Errors
    ///
    /// A path allocates that did not.
    pub fn renew(&mut self, compiler: &str, counted: &[Compared]) -> Result<()> {
        let allocating: Vec<_> = counted.iter().filter_map(Compared::allocates_now).collect();
        if !allocating.is_empty() {
            bail!("not accepted: {}", allocating.join("; "));
        }
        let figures = counted.iter().map(|path| (path.name.clone(), path.counted));
        self.0.insert(compiler.to_owned(), figures.collect());
        Ok(())
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let mut text = HEAD.to_owned();
        let quoted = |name: &str| Value::String(name.to_owned()).to_string();
        for (compiler, paths) in &self.0 {
            let _ = writeln!(text, "\n[{}]", quoted(compiler));
            for (path, Figures { instructions, allocations }) in paths {
                // Not minus zero.
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
