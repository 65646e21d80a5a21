//! The dependencies of the project: licences, sources and unwanted crates of the whole tree are compared with
//! `deny.toml`, and the dependencies of the published crates with the table in `SECURITY.md`.
//!
//! `deny.toml` is the file of cargo-deny. The tool itself is not run: cargo-deny has some hundred crates more than the
//! workspace, and these checks are the part of the tool that needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::problems::Problems;
use crate::workspace::{Workspace, cargo};

const BEGIN: &str = "<!-- dependencies -->";
const END: &str = "<!-- /dependencies -->";

/// The parts of cargo-deny's file that these checks use.
#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
    /// The crates that may depend on a banned crate.
    #[serde(default)]
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// The packages of the tree, for all platforms.
#[derive(Deserialize)]
struct Tree {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for a package in a folder.
    source: Option<String>,
    /// The registries that accept the package; `None` is any.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal dependency, neither of tests nor of a build script.
    kind: Option<String>,
    #[serde(default)]
    optional: bool,
}

impl Dependency {
    /// Returns whether every build of the package builds the dependency.
    fn is_always(&self) -> bool {
        !self.optional && self.kind.as_deref() != Some("dev")
    }
}

pub fn problems(workspace: &Workspace) -> Result<Problems> {
    let policy: Policy = toml::from_str(&read(&workspace.root, "deny.toml")?).context("deny.toml")?;
    let json =
        duct::cmd!(cargo(), "metadata", "--locked", "--format-version", "1").dir(&workspace.root).read();
    let json = json.ok().context("cargo cannot read the workspace (its message is above)")?;
    let tree: Tree = serde_json::from_str(&json).context("cargo metadata printed something unexpected")?;

    println!("--> {} crates in the tree, tools and tests included", tree.packages.len());
    for (name, versions) in several_versions(&tree) {
        println!("--> {name} is there more than once: {}", versions.join(", "));
    }
    let mut problems = against_policy(&tree, &policy)?;
    problems.extend(against_table(&tree, &read(&workspace.root, "SECURITY.md")?)?);
    Ok(problems)
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

fn against_policy(tree: &Tree, policy: &Policy) -> Result<Problems> {
    let mut problems = Vec::new();
    for package in &tree.packages {
        let name = format!("{} {}", package.name, package.version);
        if let Some(banned) = policy.bans.deny.iter().find(|banned| banned.name == package.name) {
            let depends = |other: &&Package| {
                other.dependencies.iter().any(|on| on.is_always() && on.name == package.name)
            };
            let others: Vec<_> = tree.packages.iter().filter(depends).map(|other| &other.name).collect();
            if others.is_empty() || others.iter().any(|other| !banned.wrappers.contains(other)) {
                problems.push(format!("{name} is not wanted: {}", banned.reason));
            }
        }
        let of = |registry: &String| package.source.as_ref() == Some(&format!("registry+{registry}"));
        if let Some(source) = &package.source
            && !policy.sources.allow_registry.iter().any(of)
        {
            problems.push(format!("{name} comes from {source}; deny.toml does not allow that"));
        }
        let Some(license) = &package.license else {
            problems.push(format!("{name} does not say its licence"));
            continue;
        };
        let expression = Expression::parse_mode(license, ParseMode::LAX);
        let expression =
            expression.map_err(|error| anyhow::anyhow!("{name}: {license}: {}", error.reason))?;
        let is_allowed = |wanted: &spdx::LicenseReq| policy.licenses.allow.contains(&wanted.to_string());
        if !expression.evaluate(is_allowed) {
            problems.push(format!("{name} is under {license}; deny.toml does not allow that"));
        }
    }
    Ok(problems)
}

fn several_versions(tree: &Tree) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &tree.packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// Every dependency of a published crate has a row with the reason, and every row has a dependency.
fn against_table(tree: &Tree, document: &str) -> Result<Problems> {
    let (_, after) = document.split_once(BEGIN).with_context(|| format!("SECURITY.md has no {BEGIN}"))?;
    let (table, _) = after.split_once(END).with_context(|| format!("SECURITY.md has no {END}"))?;
    let mut rows = BTreeSet::new();
    let mut crate_of_row = "";
    for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, name, dependency, why, ..] = cells[..] else { continue };
        if !name.is_empty() {
            crate_of_row = name;
        }
        if !why.is_empty() {
            rows.insert((crate_of_row, dependency));
        }
    }
    let published =
        tree.packages.iter().filter(|package| package.source.is_none() && package.publish.is_none());
    let needed: BTreeSet<_> = published
        .flat_map(|package| package.dependencies.iter().map(move |dependency| (package, dependency)))
        .filter(|(_, dependency)| dependency.kind.is_none())
        .map(|(package, dependency)| (package.name.as_str(), dependency.name.as_str()))
        .collect();
    let missing = needed.difference(&rows).map(|(name, dependency)| {
        format!("{name} depends on {dependency}; the table in SECURITY.md does not say why")
    });
    let idle = rows.difference(&needed).map(|(name, dependency)| {
        format!("the table in SECURITY.md says why {name} depends on {dependency}; it does not")
    });
    Ok(missing.chain(idle).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(packages: &str) -> Tree {
        serde_json::from_str(&format!(r#"{{"packages": [{packages}]}}"#)).unwrap()
    }

    fn package(name: &str, license: &str, source: &str) -> String {
        format!(
            r#"{{"name": "{name}", "version": "1.0.0", "license": {license}, "source": {source}, "publish": null,
                "dependencies": [{{"name": "a", "kind": null}}, {{"name": "b", "kind": "dev"}}]}}"#
        )
    }

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        [bans]
        deny = [{ crate = "openssl-sys", reason = "no network" }]
        [sources]
        allow-registry = ["https://index"]
    "#;

    fn found(name: &str, license: &str, source: &str) -> Problems {
        against_policy(&tree(&package(name, license, source)), &toml::from_str(POLICY).unwrap()).unwrap()
    }

    #[test]
    fn licence_source_or_crate_not_allowed_is_a_problem() {
        let index = r#""registry+https://index""#;
        for allowed in
            [r#""MIT""#, r#""MIT/Apache-2.0""#, r#""GPL-3.0-only OR MIT""#, r#""MIT AND Apache-2.0""#]
        {
            assert_eq!(found("x", allowed, index), Problems::new());
        }
        assert_eq!(found("x", r#""MIT""#, "null"), Problems::new());
        assert_eq!(
            found("x", r#""MIT AND GPL-3.0-only""#, index),
            ["x 1.0.0 is under MIT AND GPL-3.0-only; deny.toml does not allow that"]
        );
        assert_eq!(found("x", "null", index), ["x 1.0.0 does not say its licence"]);
        let git = found("x", r#""MIT""#, r#""git+https://elsewhere/x""#);
        assert_eq!(git, ["x 1.0.0 comes from git+https://elsewhere/x; deny.toml does not allow that"]);
        assert_eq!(found("openssl-sys", r#""MIT""#, index), ["openssl-sys 1.0.0 is not wanted: no network"]);
    }

    #[test]
    fn crate_in_two_versions_is_listed() {
        let one = package("x", r#""MIT""#, "null");
        let two = tree(&format!("{one}, {}", one.replace("1.0.0", "2.0.0")));
        assert_eq!(several_versions(&two), BTreeMap::from([("x", vec!["1.0.0", "2.0.0"])]));
        assert!(several_versions(&tree(&one)).is_empty());
    }

    #[test]
    fn dependencies_of_published_crates_all_have_a_reason() {
        let ours = tree(&package("ours", r#""MIT""#, "null"));
        let table =
            |rows: &str| format!("{BEGIN}\n| crate | depends on | why |\n|---|---|---|\n{rows}\n{END}\n");
        let found = |rows: &str| against_table(&ours, &table(rows)).unwrap();
        assert_eq!(found("| `ours` | `a` | it must |"), Problems::new());
        let missing = "ours depends on a; the table in SECURITY.md does not say why";
        assert_eq!(found("| `ours` | `a` | |"), [missing]);
        let idle = "the table in SECURITY.md says why ours depends on b; it does not";
        assert_eq!(found("| `ours` | `b` | it must |\n| | `a` | too |"), [idle]);
        assert!(against_table(&ours, "nothing").is_err());
    }
}
