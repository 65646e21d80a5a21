//! The rules as data: `xtask/tiers.toml`.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub report_only: Vec<String>,
    pub layered: String,
    #[serde(rename = "tier")]
    pub tiers: Vec<Tier>,
    #[serde(default)]
    pub only: Vec<Only>,
    pub pure: Pure,
    pub locks: Locks,
    pub words: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub name: String,
    pub modules: Vec<String>,
    /// Allows imports between the groups of the tier.
    #[serde(default)]
    pub open: bool,
}

/// Modules with fewer imports than their tier allows: from the modules themselves, and from `import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    pub modules: String,
    pub import: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pure {
    pub modules: String,
    /// Forbidden identifiers.
    pub names: Vec<String>,
    /// Forbidden functions.
    pub calls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locks {
    /// The functions that take a lock.
    pub calls: Vec<String>,
    /// The modules in which a lock is taken.
    pub modules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub modules: String,
    pub never: Vec<String>,
}

/// The place of a module: the index of the tier, and the matching name in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub tier: usize,
    pub group: &'a str,
}

impl Table {
    /// Returns the place of a module, or `None` if no tier has it.
    pub fn place(&self, module: &str) -> Option<Place<'_>> {
        let tiers = self.tiers.iter().enumerate();
        let groups = tiers.flat_map(|(tier, of)| of.modules.iter().map(move |group| Place { tier, group }));
        groups.filter(|place| is_in(module, place.group)).max_by_key(|place| place.group.len())
    }

    /// Returns the names of modules in the table.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        let tiers = self.tiers.iter().flat_map(|tier| &tier.modules);
        let only = self.only.iter().flat_map(|only| only.import.iter().chain([&only.modules]));
        let others = [&self.pure.modules, &self.words.modules];
        tiers.chain(only).chain(&self.locks.modules).chain(others).map(String::as_str)
    }
}

/// Returns whether `module` is `group`, or is below `group`.
pub fn is_in(module: &str, group: &str) -> bool {
    module.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_has_its_module_and_those_below() {
        assert!(is_in("stage", "stage"));
        assert!(is_in("stage/state/input", "stage"));
        assert!(!is_in("stages", "stage"));
        assert!(!is_in("stage", "stage/state"));
    }
}
