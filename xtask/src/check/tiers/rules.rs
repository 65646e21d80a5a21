//! The rules: functions from the facts of a crate to violations.

use std::collections::BTreeSet;
use std::path::Path;

use super::circles::{Circle, Graph, circles};
use super::facts::{Facts, Import, Word};
use super::table::{Only, Place, Table, is_in};
use super::tree::{File, Tree};
use crate::problems::Problems;

/// The files of a crate with their facts.
pub struct Sources {
    pub files: Vec<Source>,
}

pub struct Source {
    /// The path from the root of the workspace.
    pub path: String,
    /// The module in the spelling of the table.
    pub name: String,
    pub facts: Facts,
}

impl Source {
    fn problem(&self, line: usize, wrong: &str, right: &str) -> String {
        format!("{}:{line}: {wrong}: {right}", self.path)
    }
}

impl Sources {
    /// Collects the facts of every file. `named` returns the path for a problem.
    pub fn of(tree: &Tree, named: impl Fn(&Path) -> String) -> Self {
        let source = |(index, file): (usize, &File)| Source {
            path: named(&file.path),
            name: file.name(),
            facts: Facts::of(tree, index),
        };
        Self { files: tree.files.iter().enumerate().map(source).collect() }
    }

    /// Returns the import circles, the largest first.
    pub fn circles(&self) -> Vec<Circle> {
        let imports = |source: &Source| source.facts.imports.iter().map(|import| import.to).collect();
        circles(&self.files.iter().map(imports).collect::<Graph>())
    }

    /// Returns a line for every circle, at the first import of the shortest way round.
    pub fn in_circles(&self, circles: &[Circle]) -> Problems {
        let problem = |circle: &Circle| {
            let file = |index: &usize| &self.files[*index];
            let names = |files: &[usize], between: &str| {
                files.iter().map(|index| file(index).name.as_str()).collect::<Vec<_>>().join(between)
            };
            let [first, second, ..] = circle.way[..] else { return String::new() };
            let import = file(&first).facts.imports.iter().find(|import| import.to == second);
            let (number, way) = (circle.files.len(), names(&circle.way, " -> "));
            let wrong = if number < circle.way.len() {
                format!("{number} files import each other ({way})")
            } else {
                format!("{number} files import each other ({way}), in all {}", names(&circle.files, ", "))
            };
            let line = import.map_or(1, |import| import.line);
            file(&first).problem(line, &wrong, "move what several of them need to a file below them")
        };
        circles.iter().map(problem).collect()
    }

    /// Returns the violations of the rules in the table.
    pub fn against(&self, table: &Table) -> Problems {
        let mut problems = Problems::new();
        for source in &self.files {
            problems.extend(self.upward_imports(source, table));
            problems.extend(impurities(source, table));
            problems.extend(locks(source, table));
            problems.extend(domain_words(source, table));
        }
        problems
    }

    /// Returns a line for every name in the table without a module in the crate: the rule would hold for no file.
    pub fn unknown_modules(&self, table: &Table) -> Problems {
        let is_known = |name: &str| self.files.iter().any(|source| is_in(&source.name, name));
        let unknown: BTreeSet<_> = table.modules().filter(|name| !is_known(name)).collect();
        let problem =
            |name| format!("xtask/tiers.toml: `{name}` is no module: remove the name, or correct it");
        unknown.into_iter().map(problem).collect()
    }

    fn upward_imports(&self, source: &Source, table: &Table) -> Problems {
        let Some(place) = table.place(&source.name) else {
            let right = "name its module in a tier of xtask/tiers.toml";
            return vec![source.problem(1, "the file is of no tier", right)];
        };
        let mut problems = Problems::new();
        for import in &source.facts.imports {
            let to = &self.files[import.to];
            let Some(target) = table.place(&to.name) else { continue };
            let problem = if is_allowed(table, place, target) {
                forbidden(table, &source.name, &to.name).map(|only| narrower(import, &to.name, only))
            } else {
                Some(upward(table, import, place, target))
            };
            problems.extend(problem.map(|(wrong, right)| source.problem(import.line, &wrong, &right)));
        }
        problems
    }
}

fn is_allowed(table: &Table, from: Place<'_>, to: Place<'_>) -> bool {
    to.tier < from.tier || to == from || to.tier == from.tier && table.tiers[from.tier].open
}

fn upward(table: &Table, import: &Import, from: Place<'_>, to: Place<'_>) -> (String, String) {
    let Import { path, .. } = import;
    let (here, there) = (&table.tiers[from.tier].name, &table.tiers[to.tier].name);
    let wrong = format!("{} (tier {here}) imports `{path}` of {} (tier {there})", from.group, to.group);
    (wrong, "import from a lower tier or from the own folder".to_owned())
}

fn forbidden<'a>(table: &'a Table, from: &str, to: &str) -> Option<&'a Only> {
    let allows = |only: &Only| is_in(to, &only.modules) || only.import.iter().any(|name| is_in(to, name));
    table.only.iter().find(|only| is_in(from, &only.modules) && !allows(only))
}

fn narrower(import: &Import, to: &str, only: &Only) -> (String, String) {
    let wrong = format!("{} imports `{}` of {to}", only.modules, import.path);
    let allowed: Vec<_> = [&only.modules].into_iter().chain(&only.import).map(String::as_str).collect();
    (wrong, format!("{} imports {} only", only.modules, allowed.join(" and ")))
}

fn impurities(source: &Source, table: &Table) -> Problems {
    let pure = &table.pure;
    if !is_in(&source.name, &pure.modules) {
        return Problems::new();
    }
    let modules = &pure.modules;
    let names = source.facts.names.iter().filter(|name| pure.names.contains(&name.text)).map(|name| {
        let right = format!("{modules} is pure; use it where {modules} is called");
        source.problem(name.line, &format!("names `{}`", name.text), &right)
    });
    let calls = source.facts.calls.iter().filter(|call| pure.calls.contains(&call.text)).map(|call| {
        let right = format!("{modules} is pure; return an effect, which is carried out after the unlock");
        source.problem(call.line, &format!("calls `{}`", call.text), &right)
    });
    let fields = source.facts.open_fields.iter().map(|field| {
        let right = "make it private, and change it in methods of its type";
        source.problem(field.line, &format!("{} is visible outside the file", field.text), right)
    });
    names.chain(calls).chain(fields).collect()
}

fn locks(source: &Source, table: &Table) -> Problems {
    let locks = &table.locks;
    if locks.modules.iter().any(|module| is_in(&source.name, module)) {
        return Problems::new();
    }
    let calls = source.facts.calls.iter().filter(|call| locks.calls.contains(&call.text));
    let right = "lock in one of the modules that `locks` of xtask/tiers.toml names";
    calls.map(|call| source.problem(call.line, &format!("calls `{}`", call.text), right)).collect()
}

fn domain_words(source: &Source, table: &Table) -> Problems {
    let words = &table.words;
    if !is_in(&source.name, &words.modules) {
        return Problems::new();
    }
    let mut problems = Problems::new();
    for Word { line, text } in source.facts.names.iter().chain(&source.facts.docs) {
        if let Some(word) = words_in(text).find(|word| words.never.contains(word)) {
            let right = format!("{} knows nothing of the domain; use a word of its own", words.modules);
            problems.push(source.problem(*line, &format!("`{word}` is a word of the domain"), &right));
        }
    }
    problems
}

/// Returns the words of a text or an identifier in lower case and without the `s` of a plural.
fn words_in(text: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    for letter in text.chars() {
        if !letter.is_alphabetic() || letter.is_uppercase() {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    let singular = |word: String| word.strip_suffix('s').map(str::to_owned).unwrap_or(word);
    words.into_iter().map(singular).filter(|word| !word.is_empty())
}
