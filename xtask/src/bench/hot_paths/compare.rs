//! The comparison of the counted figures with the kept figures: the table, and a line for each problem.

use anyhow::{Result, bail};
use comfy_table::CellAlignment;

use super::figures::{FEW_ALLOCATIONS, Figures, allocates};
use super::kept::Kept;
use crate::bench::table;

/// The largest deviation of a number of instructions from the kept figure, either way.
const BAND: f64 = 0.03;

const RENEW: &str = "`cargo xtask bench --counts --accept`";

/// The figures of one path.
#[derive(Clone, Debug)]
pub struct Compared {
    pub name: String,
    pub counted: Figures,
    kept: Option<Figures>,
    /// Whether the path is known to allocate nothing.
    allocates_nothing: bool,
}

/// The verdict on all paths.
pub struct Verdict {
    pub problems: Vec<String>,
    /// The paths that cannot be compared, since the file keeps no figures of them.
    pub missing: Option<String>,
}

impl Compared {
    pub fn new(name: &str, counted: Figures, kept: &Kept, compiler: &str) -> Self {
        Self {
            name: name.to_owned(),
            counted,
            kept: kept.of(compiler).and_then(|paths| paths.get(name)).copied(),
            allocates_nothing: kept.allocates_nothing(name),
        }
    }

    /// Returns whether the path has no problem.
    pub fn is_held(&self) -> bool {
        self.problems().next().is_none()
    }

    /// Returns the change of the instructions, relative to the kept figure.
    fn change(&self) -> Option<f64> {
        self.kept.map(|kept| self.counted.instructions / kept.instructions - 1.0)
    }

    fn problems(&self) -> impl Iterator<Item = String> {
        [self.out_of_band(), self.allocates_now().or_else(|| self.allocates_otherwise())]
            .into_iter()
            .flatten()
    }

    fn out_of_band(&self) -> Option<String> {
        let change = self.change().filter(|change| change.abs() > BAND)?;
        let (name, counted, kept) = (&self.name, self.counted.instructions, self.kept?.instructions);
        let (how, todo) = if change > 0.0 {
            ("more", format!("find out why; if it must be, {RENEW}"))
        } else {
            ("fewer", format!("keep that with {RENEW}"))
        };
        let percent = change.abs() * 100.0;
        Some(format!(
            "{name}: {counted:.1} instructions per item, {percent:.1} % {how} than the {kept:.1} kept; {todo}"
        ))
    }

    /// Returns the problem of a path that allocates now and did not allocate before.
    fn allocates_now(&self) -> Option<String> {
        let (name, allocations) = (&self.name, self.counted.allocations);
        (self.allocates_nothing && allocates(allocations))
            .then(|| format!("{name}: {allocations:.2} allocations per item, where there must be none"))
    }

    fn allocates_otherwise(&self) -> Option<String> {
        let (name, counted, kept) = (&self.name, self.counted.allocations, self.kept?.allocations);
        // Rare allocations depend on the order of the tasks.
        ((counted - kept).abs() > FEW_ALLOCATIONS.max(kept / 2.0)).then(|| {
            format!("{name}: {counted:.2} allocations per item, {kept:.2} are kept; if it must be, {RENEW}")
        })
    }
}

pub fn verdict(compared: &[Compared], compiler: &str) -> Verdict {
    let problems = compared.iter().flat_map(Compared::problems).collect();
    let unknown: Vec<_> = compared.iter().filter(|path| path.kept.is_none()).collect();
    let missing = match unknown.len() {
        0 => None,
        all if all == compared.len() => Some(format!("rustc {compiler}")),
        _ => Some(unknown.iter().map(|path| path.name.as_str()).collect::<Vec<_>>().join(", ")),
    };
    let missing =
        missing.map(|what| format!("not held, since there are no figures for {what}: add them with {RENEW}"));
    Verdict { problems, missing }
}

/// Replaces the kept figures for the compiler with the counted figures.
///
/// # Errors
///
/// Fails if a path allocates now and did not allocate before.
pub fn accept(counted: &[Compared], kept: &mut Kept, compiler: &str) -> Result<()> {
    let allocating: Vec<_> = counted.iter().filter_map(Compared::allocates_now).collect();
    if !allocating.is_empty() {
        bail!("not accepted: {}", allocating.join("; "));
    }
    kept.replace(compiler, counted.iter().map(|path| (path.name.clone(), path.counted)).collect());
    Ok(())
}

/// Returns the table for a terminal.
pub fn table(compared: &[Compared]) -> String {
    let mut table = table::empty();
    table.set_header(["path", "instructions", "kept", "change", "allocations"]);
    for path in compared {
        let mark = if path.is_held() { "" } else { " !" };
        let none = || "–".to_owned();
        table.add_row([
            format!("{}{mark}", path.name),
            format!("{:.1}", path.counted.instructions),
            path.kept.map_or_else(none, |kept| format!("{:.1}", kept.instructions)),
            path.change().map_or_else(none, |change| format!("{:+.1} %", change * 100.0)),
            if allocates(path.counted.allocations) {
                format!("{:.2}", path.counted.allocations)
            } else {
                "0".to_owned()
            },
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
