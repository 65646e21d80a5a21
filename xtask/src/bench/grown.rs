//! The quantities that grow, and the readings of a subject for the values of a quantity.

use std::collections::BTreeMap;

use super::growth_fit::{self, Fit};
use super::programs::Program;
use super::report::Curve;
use super::rounds::{self, Plan, Progress, Reading};
use super::workloads::{self, Unit};

pub const UNITS: [Unit; 2] = [Unit::Ms, Unit::Mib];

/// A quantity that grows, with the work of a run.
pub struct Quantity {
    pub name: &'static str,
    pub about: &'static str,
    values: &'static [u64],
    /// The largest value of a quick run.
    quick: u64,
    items: Items,
}

#[derive(Clone, Copy)]
enum Items {
    /// The value times this number.
    Times(u64),
    /// A fixed number; a quick run has a hundredth.
    Always(u64),
}

pub static QUANTITIES: [Quantity; 7] = [
    Quantity {
        name: "items",
        about: "jobs that return their item, at most 64 at once",
        values: &[1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
        quick: 100_000,
        items: Items::Times(1),
    },
    Quantity {
        name: "limit",
        about: "jobs at once, each of which waits for all of them; four times as many items",
        values: &[1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000],
        quick: 1_000,
        items: Items::Times(4),
    },
    Quantity {
        name: "workers",
        about: "threads of the runtime; 1,000,000 jobs that return their item",
        values: &[1, 2, 4, 8, 16, 32, 64],
        quick: 64,
        items: Items::Always(1_000_000),
    },
    Quantity {
        name: "stages",
        about: "boxed patterns one behind the other; 100,000 items through all of them",
        values: &[1, 2, 4, 8, 16, 32],
        quick: 32,
        items: Items::Always(100_000),
    },
    Quantity {
        name: "sources",
        about: "sources of a merge with 10 items each, in front of 16 jobs at once that wait once",
        values: &[10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000],
        quick: 1_000,
        items: Items::Times(10),
    },
    Quantity {
        name: "producers",
        about: "tasks that put 1,000,000 items in all into a queue that 4 take from",
        values: &[1, 2, 4, 8, 16],
        quick: 16,
        items: Items::Always(1_000_000),
    },
    Quantity {
        name: "consumers",
        about: "tasks that take 1,000,000 items in all from a queue that 4 put into",
        values: &[1, 2, 4, 8, 16],
        quick: 16,
        items: Items::Always(1_000_000),
    },
];

impl Quantity {
    pub fn named(name: &str) -> Option<&'static Self> {
        QUANTITIES.iter().find(|quantity| quantity.name == name)
    }

    pub fn values(&self, quick: bool) -> impl Iterator<Item = u64> {
        let most = if quick { self.quick } else { u64::MAX };
        self.values.iter().copied().filter(move |&value| value <= most)
    }

    pub fn items(&self, value: u64, quick: bool) -> u64 {
        match self.items {
            Items::Times(times) => value * times,
            Items::Always(items) if quick => items / 100,
            Items::Always(items) => items,
        }
    }

    /// Returns whether memory must not grow with the quantity.
    fn is_flat(&self, unit: Unit) -> bool {
        unit == Unit::Mib && self.name == "items"
    }
}

/// One quantity of one subject.
pub struct Case<'a> {
    pub quantity: &'static Quantity,
    pub subject: String,
    pub program: &'a Program,
}

/// The readings of one case, by value.
pub type Readings = BTreeMap<u64, Vec<Reading>>;

/// The readings of a case, or the reason why the case failed.
pub struct Grown<'a> {
    pub case: Case<'a>,
    pub result: Result<Readings, String>,
}

impl Grown<'_> {
    pub fn name(&self) -> String {
        format!("{} with the {}", self.case.subject, self.case.quantity.name)
    }

    /// Measures every value once, unless a value failed before.
    pub fn measure_once(&mut self, round: u32, plan: &Plan, progress: &Progress) {
        let Case { quantity, subject, program } = &self.case;
        for value in quantity.values(plan.quick) {
            if let Ok(readings) = &mut self.result {
                progress.show(format!("{}, round {round}: {subject} at {value}", quantity.name));
                let items = quantity.items(value, plan.quick);
                let args = ["grow", quantity.name, &value.to_string(), subject, &items.to_string()];
                let answer = workloads::sum(items).to_string();
                let reading = rounds::ask(program, &args, plan.limit)
                    .and_then(|reading| rounds::checked(reading, &answer, &UNITS));
                match reading {
                    Ok(reading) => readings.entry(value).or_default().push(reading),
                    Err(problem) => self.result = Err(format!("at {value}: {problem}")),
                }
            }
            progress.step();
        }
    }

    /// Returns the points of a unit; `None` if the unit was not measured.
    pub fn fit(&self, unit: Unit) -> Option<Fit> {
        let readings = self.result.as_ref().ok()?;
        let point = |(&value, of_value): (&u64, &Vec<Reading>)| {
            let measured = of_value.iter().filter_map(|reading| reading.value(unit)).collect();
            Some((value, growth_fit::typical(unit, measured)?))
        };
        Fit::of(readings.iter().map(point).collect::<Option<_>>()?, self.case.quantity.is_flat(unit))
    }

    fn too_fast(&self) -> impl Iterator<Item = String> {
        UNITS.into_iter().filter_map(|unit| {
            let problem = self.fit(unit)?.problem()?;
            let what = if unit.is_memory() { "memory" } else { "time" };
            Some(format!("{}: {what} {problem}", self.name()))
        })
    }

    pub fn is_suspect(&self, plan: &Plan) -> bool {
        !plan.quick && self.too_fast().next().is_some()
    }

    /// Returns the problems. In a quick run, fixed costs dominate, and no exponent is a problem.
    pub fn problems(&self, quick: bool) -> Vec<String> {
        match &self.result {
            Err(problem) => vec![format!("{} failed {problem}", self.name())],
            Ok(_) if quick => Vec::new(),
            Ok(_) => self.too_fast().collect(),
        }
    }

    pub fn curves(&self) -> impl Iterator<Item = Curve> {
        UNITS.into_iter().filter_map(|unit| {
            let fit = self.fit(unit)?;
            Some(Curve {
                quantity: self.case.quantity.name.to_owned(),
                subject: self.case.subject.clone(),
                unit: unit.name().to_owned(),
                exponent: fit.exponent,
                points: fit.points,
            })
        })
    }
}
