//! Growth: time and memory of our patterns as one quantity becomes larger, and the exponent of the growth.
//!
//! Every program of ours lists with `growths` the quantities of its subjects that can grow (a line
//! `QUANTITY<TAB>SUBJECT` each), and measures a case with `grow QUANTITY VALUE SUBJECT ITEMS`. A round measures
//! every value of every case once, so a busy minute of the machine disturbs a single round of every case.
//! `grown` has the quantities and the readings, `growth_fit` fits a line to the readings, `growth_table` shows the
//! results.

use anyhow::{Context, Result, bail, ensure};

use super::grown::{Case, Grown, QUANTITIES, Quantity, Readings};
use super::growth_table;
use super::programs::Program;
use super::report::Curve;
use super::rounds::{Plan, Progress};

/// Returns the growth cases of our programs, quantity by quantity, or with `only` the cases of one quantity.
pub fn cases<'a>(programs: &'a [Program], only: Option<&str>) -> Result<Vec<Case<'a>>> {
    let mut cases = Vec::new();
    for program in programs.iter().filter(|program| program.ours) {
        let listed = program.says("growths")?;
        cases.extend(parse_list(&listed, program).with_context(|| format!("{}: `growths`", program.source))?);
    }
    cases.retain(|case| only.is_none_or(|only| case.quantity.name == only));
    ensure!(!cases.is_empty(), "nothing of our patterns can grow");
    cases.sort_by_key(|case| QUANTITIES.iter().position(|quantity| quantity.name == case.quantity.name));
    Ok(cases)
}

fn parse_list<'a>(listed: &str, program: &'a Program) -> Result<Vec<Case<'a>>> {
    let case = |line: &str| {
        let Some((quantity, subject)) = line.split_once('\t') else {
            bail!("printed `{line}`; a line is QUANTITY<TAB>SUBJECT");
        };
        let known = QUANTITIES.each_ref().map(|quantity| quantity.name).join(", ");
        let quantity = Quantity::named(quantity)
            .with_context(|| format!("has the unknown quantity `{quantity}`; there are {known}"))?;
        Ok(Case { quantity, subject: subject.to_owned(), program })
    };
    listed.lines().map(case).collect()
}

/// The measurements, and a sentence about each problem.
#[derive(Default)]
pub struct Growth {
    pub curves: Vec<Curve>,
    pub problems: Vec<String>,
}

/// Measures all `cases`. A case that seems to grow too fast is measured for as many further rounds before it is
/// reported.
pub fn measure(cases: Vec<Case>, plan: &Plan, mut show: impl FnMut(&str)) -> Growth {
    let mut all: Vec<_> = cases.into_iter().map(|case| Grown { case, result: Ok(Readings::new()) }).collect();
    let values: usize = all.iter().map(|grown| grown.case.quantity.values(plan.quick).count()).sum();
    let progress = Progress::new(values as u64 * u64::from(plan.rounds));
    Progress::begin("growth", all.len(), plan.rounds);
    for round in 1..=plan.rounds {
        for grown in &mut all {
            grown.measure_once(round, plan, &progress);
        }
    }
    progress.finish();

    let mut suspects: Vec<_> = all.iter_mut().filter(|grown| grown.is_suspect(plan)).collect();
    if !suspects.is_empty() {
        let names: Vec<_> = suspects.iter().map(|grown| grown.name()).collect();
        eprintln!("measured again, since it seems to grow too fast: {}", names.join("; "));
        let values: usize = suspects.iter().map(|grown| grown.case.quantity.values(plan.quick).count()).sum();
        let progress = Progress::new(values as u64 * u64::from(plan.rounds));
        for round in 1..=plan.rounds {
            for grown in &mut suspects {
                grown.measure_once(round, plan, &progress);
            }
        }
        progress.finish();
    }

    for of_quantity in all.chunk_by(|a, b| a.case.quantity.name == b.case.quantity.name) {
        show(&growth_table::of(of_quantity, plan.quick));
    }
    Growth {
        curves: all.iter().flat_map(Grown::curves).collect(),
        problems: all.iter().flat_map(|grown| grown.problems(plan.quick)).collect(),
    }
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;
