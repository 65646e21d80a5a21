//! The crates that are soaked.

use anyhow::{Result, bail, ensure};

use crate::usage::Usage;
use crate::workspace::{Package, Workspace};

/// Returns the crates with a test target of this name, or the one of these crates that `only` names.
pub fn chosen<'a>(workspace: &'a Workspace, target: &str, only: Option<&str>) -> Result<Vec<&'a Package>> {
    let mut chosen = workspace.crates_with("test", target);
    ensure!(!chosen.is_empty(), "no crate under crates/ has a test target named {target}");
    if let Some(only) = only {
        let known: Vec<_> = chosen.iter().map(|package| package.folder()).collect();
        chosen.retain(|package| package.folder() == only);
        if chosen.is_empty() {
            let known = known.join(", ");
            bail!(Usage(format!(
                "--only {only}: no such crate has a test target {target}; there are: {known}"
            )));
        }
    }
    Ok(chosen)
}
