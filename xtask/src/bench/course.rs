//! Measures the chosen workloads one after another, and shows their tables after the table of the document.

use anyhow::{Result, ensure};

use super::programs::Subject;
use super::report::{self, Distribution, Row};
use super::rounds::{self, Plan, Progress};
use super::workloads::{WORKLOADS, Workload};
use super::{document, spread, table};

pub type Task<'a> = (&'static Workload, Vec<&'a Subject<'a>>);

/// Returns the chosen workloads, each with its subjects. A workload without a subject is left out with a message, or is
/// an error if `only` names the workload.
pub fn tasks<'a>(only: &[String], subjects: &'a [Subject<'a>]) -> Result<Vec<Task<'a>>> {
    let mut tasks = Vec::new();
    for workload in &WORKLOADS {
        let chosen = only.is_empty() || only.iter().any(|name| name == workload.name);
        if chosen {
            let able = subjects.iter().filter(|subject| subject.workload.name == workload.name);
            let able: Vec<_> = able.collect();
            if able.is_empty() {
                ensure!(only.is_empty(), "no subject can do {}", workload.name);
                eprintln!("left out: {}: no subject can do it", workload.name);
                continue;
            }
            tasks.push((workload, able));
        }
    }
    Ok(tasks)
}

/// The measurements so far.
pub struct Course {
    plan: Plan,
    progress: Progress,
    pub rows: Vec<Row>,
    pub distributions: Vec<Distribution>,
    pub failures: usize,
}

impl Course {
    pub fn new(plan: Plan, tasks: &[Task]) -> Self {
        let runs = |(workload, able): &Task| able.len() as u64 * u64::from(plan.rounds_of(workload));
        let progress = Progress::new(tasks.iter().map(runs).sum());
        Self { plan, progress, rows: Vec::new(), distributions: Vec::new(), failures: 0 }
    }

    /// Shows each table after its workload. The tables of the document's workloads follow the table of the document,
    /// and so are shown later.
    pub fn measure_all(&mut self, tasks: &[Task], mut show: impl FnMut(&str)) {
        let (of_document, others): (Vec<_>, Vec<_>) =
            tasks.iter().partition(|(workload, _)| document::WORKLOADS.contains(&workload.name));
        let tables: Vec<_> = of_document.into_iter().map(|task| self.measure(task)).collect();
        let document = document::of(&self.rows, self.plan.quick).map(|document| document.text());
        for text in document.iter().chain(&tables) {
            self.progress.aside(|| show(text));
        }
        for task in others {
            let tables = self.measure(task);
            self.progress.aside(|| show(&tables));
        }
        self.progress.finish();
    }

    /// Returns the tables.
    fn measure(&mut self, (workload, able): &Task) -> String {
        let measured = rounds::measure(workload, able, &self.plan, &self.progress);
        let rows = report::rows(workload, &measured);
        let mut tables = table::of(workload, &rows, &measured, self.plan.quick);
        tables.extend(spread::of(&rows).iter().flat_map(|spread| ["\n".to_owned(), spread.text()]));
        self.failures += measured.iter().filter(|m| m.result.is_err()).count();
        self.rows.extend(rows);
        self.distributions.extend(report::distributions(workload, &measured));
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::programs::Program;

    fn subject<'a>(workload: &str, program: &'a Program) -> Subject<'a> {
        Subject { workload: Workload::named(workload).unwrap(), name: "go".to_owned(), program }
    }

    #[test]
    #[cfg(unix)]
    fn table_of_the_document_is_shown_first() {
        // $2 is the workload. The answer depends on the workload.
        let script = r#"case $2 in io-10k) answer=4950 ;; ping-pong) answer=10000 ;; *) answer=49995000 ;; esac
            echo "{\"answer\": \"$answer\", \"ms\": 3, \"peak_kib\": 1024}""#;
        let program = Program::script(script);
        let subjects = ["io-10k", "ping-pong", "fanout-noop"].map(|workload| subject(workload, &program));
        let minute = std::time::Duration::from_secs(60);
        let plan =
            Plan { quick: true, rounds: 1, spread: 1, many_within: minute, limit: minute, slow: minute };

        let tasks = tasks(&[], &subjects).unwrap();
        let mut course = Course::new(plan, &tasks);
        let mut shown = Vec::new();
        course.measure_all(&tasks, |text| shown.push(text.to_owned()));
        let about: Vec<_> = shown.iter().map(|text| text.split(':').next().unwrap()).collect();
        assert_eq!(about, ["the document's table", "io-10k", "ping-pong", "fanout-noop"]);
        assert!(shown[0].contains(" 3.00 ms ") && shown[0].contains(" 300 ns "), "{}", shown[0]);
        assert_eq!((course.rows.len(), course.failures), (4, 0));
    }

    #[test]
    fn workload_without_subjects_is_an_error_if_named() {
        let program = Program::script("");
        let subjects = [subject("io-10k", &program)];
        let tasks_of = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|&name| name.to_owned()).collect();
            let names =
                |tasks: Vec<Task>| tasks.iter().map(|(workload, _)| workload.name).collect::<Vec<_>>();
            tasks(&only, &subjects).map(names).map_err(|problem| problem.to_string())
        };
        assert_eq!(tasks_of(&[]), Ok(vec!["io-10k"]));
        assert_eq!(tasks_of(&["io-10k"]), Ok(vec!["io-10k"]));
        assert_eq!(tasks_of(&["semaphore"]), Err("no subject can do semaphore".to_owned()));
    }
}
