//! The settings that must be the same in every crate, since the manifests inherit nothing. The check is also a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::problems::Problems;
use crate::workspace::{Package, Workspace};

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

pub fn problems(workspace: &Workspace) -> Result<Problems> {
    let mut problems = Vec::new();
    let mut manifests = Vec::new();
    for package in workspace.crates() {
        let text = fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path.display()))?;
        manifests.push((package, text.parse::<Table>()?));
    }
    for (package, manifest) in &manifests {
        problems.extend(differences(package, manifest, &manifests[0]));
        if inherits(&Value::Table(manifest.clone())) {
            let name = &package.name;
            problems.push(format!("{name}: its Cargo.toml has `workspace = true`; spell the value out"));
        }
        problems.extend(files(&workspace.root, package));
    }
    problems.extend(requirements(&workspace.packages));
    problems.extend(shared_examples(&workspace.packages));
    // The programs of the book are for reading, and the manifests of their packages forbid unsafe code for all of them.
    let of_the_book = |package: &&Package| ["towpath-guide", "towpath-programs"].contains(&&*package.name);
    for package in workspace.packages.iter().filter(|package| !of_the_book(package)) {
        problems.extend(roots_without_forbid(package)?);
    }
    Ok(problems)
}

fn differences(package: &Package, manifest: &Table, first: &(&Package, Table)) -> Problems {
    let (model, model_manifest) = first;
    let lints = |manifest: &Table| {
        let lints = manifest.get("lints");
        lints.map_or("none".to_owned(), |lints| lints.to_string().replace('\n', " "))
    };
    let text = |value: &Option<String>| value.clone().unwrap_or("none".to_owned());
    let compared = [
        ("edition", package.edition.clone(), model.edition.clone()),
        ("rust-version", text(&package.rust_version), text(&model.rust_version)),
        ("license", text(&package.license), text(&model.license)),
        ("[lints]", lints(manifest), lints(model_manifest)),
    ];
    let mut problems = Vec::new();
    for (key, here, there) in compared {
        if here != there {
            problems.push(format!("{}: {key} is {here}; in {} it is {there}", package.name, model.name));
        }
    }
    problems
}

fn inherits(value: &Value) -> bool {
    match value {
        Value::Table(table) => {
            table.get("workspace") == Some(&Value::Boolean(true)) || table.values().any(inherits)
        }
        Value::Array(values) => values.iter().any(inherits),
        _ => false,
    }
}

/// Returns a line for every dependency with different requirements in the members. A path without a version has no
/// requirement.
fn requirements(packages: &[Package]) -> Problems {
    let mut seen: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for package in packages {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.req != "*") {
            let requirements = seen.entry(&dependency.name).or_default();
            requirements.entry(&dependency.req).or_insert(&package.name);
        }
    }
    let mut problems = Vec::new();
    for (dependency, requirements) in seen {
        if requirements.len() > 1 {
            let places: Vec<_> =
                requirements.iter().map(|(req, package)| format!("{req} in {package}")).collect();
            problems.push(format!("{dependency} is required as {}; one is right", places.join(", ")));
        }
    }
    problems
}

/// Returns a line for every example with the name of another example. Cargo puts the examples of all members into one
/// folder, where an example would overwrite the other.
fn shared_examples(packages: &[Package]) -> Problems {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for package in packages {
        for target in package.targets.iter().filter(|target| target.kind == ["example"]) {
            if let Some(other) = seen.insert(&target.name, &package.name) {
                let (example, here) = (&target.name, &package.name);
                problems.push(format!("{here}: {other} has an example `{example}` too; rename one"));
            }
        }
    }
    problems
}

fn files(root: &Path, package: &Package) -> Problems {
    let mut problems = Vec::new();
    let name = &package.name;
    for licence in LICENCES {
        let ours = fs::read(package.dir().join(licence)).ok();
        if ours.is_none() {
            problems.push(format!("{name}: {licence} is missing; copy the root's"));
        } else if ours != fs::read(root.join(licence)).ok() {
            problems.push(format!("{name}: {licence} is not the root's; copy that"));
        }
    }
    match fs::read_to_string(package.dir().join("README.md")) {
        Err(_) => problems.push(format!("{name}: README.md is missing")),
        Ok(readme) if !heading_names(&readme, name) => {
            problems.push(format!("{name}: the first heading of README.md does not name {name}"));
        }
        Ok(_) => {}
    }
    problems
}

fn heading_names(readme: &str, package: &str) -> bool {
    let heading = readme.lines().find_map(|line| line.strip_prefix('#')).unwrap_or_default();
    let word = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
    heading.split(word).any(|word| word == package)
}

fn roots_without_forbid(package: &Package) -> Result<Problems> {
    let mut problems = Vec::new();
    let is_root = |kind: &String| ["lib", "bin", "proc-macro"].contains(&kind.as_str());
    for target in package.targets.iter().filter(|target| target.kind.iter().any(is_root)) {
        let root = fs::read_to_string(&target.src_path)
            .with_context(|| format!("cannot read {}", target.src_path.display()))?;
        if !root.lines().any(|line| line.starts_with("#![forbid(unsafe_code)]")) {
            let file = target.src_path.strip_prefix(package.dir()).unwrap_or(&target.src_path);
            let (name, file) = (&package.name, file.display());
            problems.push(format!("{name}: {file} has no `#![forbid(unsafe_code)]`"));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Target;

    #[test]
    fn workspace_is_tidy() {
        let problems = problems(&Workspace::load().unwrap()).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    fn package(name: &str, dependency: &str, req: &str) -> Package {
        let json = format!(
            r#"{{"id": "", "name": "{name}", "manifest_path": "", "edition": "2024", "rust_version": "1.88",
                "license": "MIT", "targets": [], "dependencies": [{{"name": "{dependency}", "req": "{req}"}}]}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn two_requirements_for_one_dependency_are_a_problem() {
        let packages =
            [package("a", "tokio", "^1.54.1"), package("b", "tokio", "^1.50"), package("c", "x", "*")];
        assert_eq!(requirements(&packages), ["tokio is required as ^1.50 in b, ^1.54.1 in a; one is right"]);
        let packages = [package("a", "a", "^0.1.0"), package("b", "a", "*")];
        assert_eq!(requirements(&packages), Vec::<String>::new());
    }

    #[test]
    fn examples_of_one_name_are_a_problem() {
        let example = || Target {
            name: "gather".to_owned(),
            kind: vec!["example".to_owned()],
            src_path: "gather.rs".into(),
        };
        let (mut a, mut b) = (package("a", "x", "1"), package("b", "x", "1"));
        a.targets.push(example());
        b.targets.push(example());
        assert_eq!(shared_examples(&[a, b]), ["b: a has an example `gather` too; rename one"]);
    }

    #[test]
    fn manifests_that_differ_say_where() {
        let (a, mut b) = (package("a", "x", "1"), package("b", "x", "1"));
        b.edition = "2021".to_owned();
        let lints: Table = "[lints.rust]\nunsafe_code = \"forbid\"".parse().unwrap();
        let found = differences(&b, &Table::new(), &(&a, lints));
        assert_eq!(found[0], "b: edition is 2021; in a it is 2024");
        assert!(found[1].starts_with("b: [lints] is none; in a it is "), "{}", found[1]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn inheritance_is_found_at_any_depth() {
        let inherited = |text: &str| inherits(&Value::Table(text.parse().unwrap()));
        assert!(inherited("[dependencies]\nanyhow = { workspace = true }"));
        assert!(inherited("[package]\nedition.workspace = true"));
        assert!(inherited("[lints]\nworkspace = true"));
        assert!(!inherited("[package]\ndescription = \"workspace = true\""));
    }

    #[test]
    fn headings_name_their_package() {
        assert!(heading_names("# `towpath-fanout`\n", "towpath-fanout"));
        assert!(heading_names("text\n\n# towpath-fanout: bounded\n", "towpath-fanout"));
        assert!(!heading_names("# towpath-fanout\n", "towpath-fan"));
        assert!(!heading_names("# towpath\n# towpath-fanout\n", "towpath-fanout"));
    }
}
