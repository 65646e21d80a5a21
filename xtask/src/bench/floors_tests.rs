//! Which floors are held, and how the floors are shown.

use super::Outcome::{Held, Missed, Undecided};
use super::*;

fn row(subject: &str, unit: &str, values: &[f64], ours: bool) -> Row {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Row {
        workload: if unit == "ms" { "io-10k" } else { "memory-100k" }.to_owned(),
        subject: subject.to_owned(),
        unit: unit.to_owned(),
        median: sorted[sorted.len() / 2],
        min: sorted[0],
        max: sorted[sorted.len() - 1],
        rounds: values.len(),
        ours,
        values: values.to_vec(),
    }
}

fn judged(floors: &str, rows: &[Row]) -> Vec<Verdict> {
    parse(floors).unwrap().iter().flat_map(|floor| floor.verdicts(&[rows])).collect()
}

const AGAINST_GO: &str = r#"
    [[floor]]
    workload = "io-10k"
    subjects = ["fanout", "pipeline"]
    against = ["go", "spawn"]
    at_least = 1.8
"#;

#[test]
fn floor_is_judged_for_each_subject_and_peer() {
    let rows = [
        row("fanout", "ms", &[10.0], true),
        row("pipeline", "ms", &[20.0], true),
        row("go", "ms", &[18.0], false),
        row("spawn", "ms", &[30.0], false),
    ];
    let judged: Vec<_> = judged(AGAINST_GO, &rows)
        .iter()
        .map(|verdict| (verdict.subject.clone(), verdict.outcome()))
        .collect();
    let wanted = [("fanout", Held), ("fanout", Held), ("pipeline", Missed), ("pipeline", Missed)]
        .map(|(subject, outcome)| (subject.to_owned(), Some(outcome)));
    assert_eq!(judged, wanted);
}

/// The medians are 10 and 20. Each round has its own ratio: 2.0, 3.0, 0.5, and the peer has a round less.
#[test]
fn interval_is_of_the_ratios_of_the_rounds() {
    let rows =
        [row("fanout", "ms", &[10.0, 5.0, 40.0, 10.0], true), row("go", "ms", &[20.0, 15.0, 20.0], false)];
    let found = judged(AGAINST_GO, &rows).remove(0).found;
    assert_eq!(found, Some(Found { median: 2.0, low: 0.5, high: 3.0 }));
}

/// The medians are 10 and 17. A single round reaches 1.8.
#[test]
fn floor_within_the_interval_is_undecided() {
    let ours = row("fanout", "ms", &[10.0, 10.0, 10.0], true);
    let outcome = |peer: &[f64]| {
        let rows = [ours.clone(), row("go", "ms", peer, false)];
        judged(AGAINST_GO, &rows).remove(0).outcome()
    };
    assert_eq!(outcome(&[17.0, 17.0, 18.0]), Some(Undecided));
    assert_eq!(outcome(&[17.0, 17.0, 17.9]), Some(Missed));
    assert_eq!(outcome(&[16.0, 18.0, 19.0]), Some(Held));
}

/// The rounds of one run miss the floor, and the rounds of both runs do not decide.
#[test]
fn rounds_of_several_runs_are_pooled() {
    let run = |peer: [f64; 2]| [row("fanout", "ms", &[10.0, 5.0], true), row("go", "ms", &peer, false)];
    let (first, second) = (run([17.0, 8.0]), run([12.0, 9.0]));
    let floors = parse(AGAINST_GO).unwrap();
    let pooled = floors[0].verdicts(&[&first, &second]).remove(0);
    // All values of the peer: 8, 9, 12, 17; of the subject: 5, 5, 10, 10.
    assert_eq!(pooled.found, Some(Found { median: 10.5 / 7.5, low: 1.2, high: 1.8 }));
    assert_eq!(pooled.outcome(), Some(Undecided));
    assert_eq!(floors[0].verdicts(&[&first]).remove(0).outcome(), Some(Missed));
}

#[test]
fn floor_without_a_row_is_not_measured() {
    let rows = [row("fanout", "ms", &[10.0], true)];
    let verdicts = judged(AGAINST_GO, &rows);
    assert!(verdicts.iter().all(|verdict| verdict.outcome().is_none()));
    assert_eq!(summary(&verdicts), "floors: 0 held, 0 undecided, 0 missed, 4 not measured");
    assert_eq!(markdown(&verdicts), None);
}

#[test]
fn most_is_a_figure_without_a_peer() {
    let floors = r#"
        [[floor]]
        workload = "memory-100k"
        unit = "bytes of a waiting job"
        subjects = ["fanout", "pipeline"]
        at_most = 350.0
    "#;
    let unit = "bytes of a waiting job";
    let rows = [row("fanout", unit, &[350.0], true), row("pipeline", unit, &[351.0, 340.0, 360.0], true)];
    let verdicts = judged(floors, &rows);
    assert_eq!(verdicts.iter().map(Verdict::outcome).collect::<Vec<_>>(), [Some(Held), Some(Undecided)]);
    assert_eq!(summary(&verdicts), "floors: 1 held, 1 undecided, 0 missed");
    let line = "| memory-100k, pipeline | – | ≤ 350 bytes of a waiting job | 351 | 340–360 | undecided |";
    assert!(markdown(&verdicts).unwrap().contains(line), "{:?}", markdown(&verdicts));
}

#[test]
fn page_names_the_missed_floors_first() {
    let rows = [
        row("fanout", "ms", &[10.0], true),
        row("go", "ms", &[18.0], false),
        row("spawn", "ms", &[17.0], false),
    ];
    let verdicts = judged(AGAINST_GO, &rows);
    let page = markdown(&verdicts).unwrap();
    let lines: Vec<_> = page.lines().skip(2).collect();
    let wanted = [
        "| io-10k, fanout | spawn | ≥ 1.80× | 1.70× | 1.70×–1.70× | **missed** |",
        "| io-10k, fanout | go | ≥ 1.80× | 1.80× | 1.80×–1.80× | held |",
    ];
    assert_eq!(lines, wanted);
    assert!(text(&verdicts).ends_with("floors: 1 held, 0 undecided, 1 missed, 2 not measured\n"));
}

#[test]
fn floor_with_a_wrong_line_is_an_error() {
    let problem = |floor: &str| parse(&format!("[[floor]]\nsubjects = [\"fanout\"]\n{floor}")).err().unwrap();
    let said = |floor: &str| format!("{:#}", problem(floor));
    assert_eq!(said("workload = \"io-11k\"\nat_most = 1.0"), "a floor of io-11k: unknown");
    let unit = "workload = \"io-10k\"\nunit = \"days\"\nat_most = 1.0";
    assert_eq!(said(unit), "a floor of io-10k: it is not measured in days");
    for incomplete in ["", "at_least = 1.0", "against = [\"go\"]", "against = [\"go\"]\nat_most = 1.0"] {
        let said = said(&format!("workload = \"io-10k\"\n{incomplete}"));
        assert!(said.ends_with("it has `against` and `at_least`, or `at_most`"), "{said}");
    }
    assert!(said("workload = \"io-10k\"\nat_mots = 1.0").contains("at_mots"));
}

#[test]
fn floors_of_the_repository_are_well_formed() {
    assert!(parse(FLOORS).unwrap().len() > 20);
}
