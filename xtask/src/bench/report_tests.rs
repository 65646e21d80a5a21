//! Medians, ratios, the order of rows, and the shape of the file.

use super::*;
use crate::bench::rounds::Reading;

fn measured(subject: &str, ours: bool, ms: &[f64]) -> Measurements {
    let reading = |ms| -> Reading {
        serde_json::from_str(&format!(r#"{{"answer": "1", "ms": {ms}, "peak_kib": 1024}}"#)).unwrap()
    };
    let result = Ok(ms.iter().copied().map(reading).collect());
    Measurements { subject: subject.to_owned(), ours, result }
}

fn rows_of(name: &str, measured: &[Measurements]) -> Vec<Row> {
    rows(Workload::named(name).unwrap(), measured)
}

#[test]
fn medians() {
    assert_eq!(median([]), None);
    assert_eq!(median([3.0]), Some(3.0));
    assert_eq!(median([1.0, 2.0]), Some(1.5));
    assert_eq!(median([1.0, 2.0, 9.0]), Some(2.0));
    assert_eq!(median([1.0, 2.0, 4.0, 9.0]), Some(3.0));
}

#[test]
fn percentile_is_the_value_at_the_nearest_rank() {
    let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    let of = |percent| percentile(&hundred, percent);
    assert_eq!([of(0.0), of(5.0), of(50.0), of(90.0), of(100.0)], [1.0, 5.0, 50.0, 90.0, 100.0].map(Some));
    let five = [3.0, 1.0, 2.0, 5.0, 4.0];
    assert_eq!([5.0, 50.0, 90.0].map(|percent| percentile(&five, percent)), [1.0, 3.0, 5.0].map(Some));
    assert_eq!(percentile(&[], 50.0), None);
}

#[test]
fn ours_come_first_and_each_has_its_own_ratio() {
    let rows = rows_of(
        "fanout-noop",
        &[
            measured("go", false, &[30.0, 10.0, 20.0]),
            measured("pipeline", true, &[8.0]),
            measured("fast peer", false, &[2.0]),
            measured("fanout", true, &[5.0, 4.0, 3.0]),
        ],
    );
    let short: Vec<_> = rows
        .iter()
        .map(|r| (r.subject.as_str(), r.median, r.times(&rows[0]), r.times(&rows[1]), r.rounds))
        .collect();
    let wanted = [
        ("fanout", 4.0, Some(1.0), Some(0.5), 3),
        ("pipeline", 8.0, Some(2.0), Some(1.0), 1),
        ("fast peer", 2.0, Some(0.5), Some(0.25), 1),
        ("go", 20.0, Some(5.0), Some(2.5), 3),
    ];
    assert_eq!(short, wanted);
    assert_eq!((rows[3].min, rows[3].max), (10.0, 30.0));
    assert_eq!(rows[3].values, [30.0, 10.0, 20.0]);
}

#[test]
fn limits_come_last() {
    let measured = [
        measured("limit: polls", false, &[1.0]),
        measured("go", false, &[20.0]),
        measured("fanout", true, &[9.0]),
    ];
    let rows = rows_of("fanout-noop", &measured);
    let short: Vec<_> = rows.iter().map(|row| (row.subject.as_str(), row.is_limit())).collect();
    assert_eq!(short, [("fanout", false), ("go", false), ("limit: polls", true)]);
}

#[test]
fn units_all_have_rows() {
    let rows = rows_of("io-10k", &[measured("fanout", true, &[5.0]), measured("go", false, &[10.0])]);
    let units: Vec<_> = rows.iter().map(|row| (row.unit.as_str(), row.median)).collect();
    assert_eq!(units, [("ms", 5.0), ("ms", 10.0), ("MiB", 1.0), ("MiB", 1.0)]);
}

#[test]
fn distribution_is_of_the_round_with_the_median_p99() {
    let reading = |p50, p99| -> Reading {
        let latency = serde_json::json!([[50.0, p50], [99.0, p99]]);
        serde_json::from_value(serde_json::json!({ "answer": "1", "latency": latency })).unwrap()
    };
    let rounds = vec![reading(1.0, 30.0), reading(2.0, 10.0), reading(3.0, 20.0)];
    let fanout = Measurements { subject: "fanout".to_owned(), ours: true, result: Ok(rounds) };
    let failed = Measurements { subject: "go".to_owned(), ours: false, result: Err("crashed".to_owned()) };
    let workload = Workload::named("latency-steady").unwrap();
    let wanted = Distribution {
        workload: "latency-steady".to_owned(),
        subject: "fanout".to_owned(),
        ours: true,
        points: vec![(50.0, 3.0), (99.0, 20.0)],
    };
    assert_eq!(distributions(workload, &[fanout, failed]), [wanted]);
    assert_eq!(distributions(workload, &[measured("fanout", true, &[5.0])]), []);
}

#[test]
fn row_of_ours_that_took_no_time_has_no_ratio() {
    let rows = rows_of("fanout-noop", &[measured("fanout", true, &[0.0]), measured("go", false, &[10.0])]);
    assert_eq!(rows[1].times(&rows[0]), None);
}

#[test]
fn failed_subject_has_no_row() {
    let failed = Measurements { subject: "go".to_owned(), ours: false, result: Err("crashed".to_owned()) };
    assert_eq!(rows_of("fanout-noop", &[failed]), []);
}

#[test]
fn workload_with_many_rounds_is_named() {
    let rounds = |rows: &[(&str, usize)]| {
        let row = |(name, rounds): &(&str, usize)| {
            let measured = measured("fanout", true, &[5.0].repeat(*rounds));
            rows_of(name, &[measured]).remove(0)
        };
        Report { rows: rows.iter().map(row).collect(), ..Report::default() }.rounds()
    };
    assert_eq!(rounds(&[("io-10k", 60), ("io-1m", 1), ("fanout-noop", 5)]), "5 rounds (io-10k: 60)");
    assert_eq!(rounds(&[("io-10k", 5), ("fanout-noop", 5)]), "5 rounds");
    assert_eq!(rounds(&[("io-10k", 60)]), "60 rounds");
}

#[test]
fn file_has_the_agreed_shape() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("bench.json");
    check_writable("--json", &file).unwrap();
    assert!(!file.exists());

    let rows = rows_of("fanout-noop", &[measured("fanout", true, &[5.0])]);
    let report = Report { machine: Machine::default(), rows, ..Report::default() };
    write(&file, &report).unwrap();
    assert_eq!(read(&file).unwrap(), report);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);

    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for key in ["cpu", "cores", "commit", "quick", "os", "rustc", "go", "python", "uvloop"] {
        assert!(json["machine"].get(key).is_some(), "{key}");
    }
    let wanted = serde_json::json!([{
        "workload": "fanout-noop", "subject": "fanout", "unit": "ms", "median": 5.0, "min": 5.0, "max": 5.0,
        "rounds": 1, "ours": true, "values": [5.0]
    }]);
    assert_eq!(json["rows"], wanted);
}

#[test]
fn unwritable_file_is_refused_before_the_run() {
    let place = tempfile::tempdir().unwrap();
    assert!(check_writable("--json", &place.path().join("missing/bench.json")).is_err());
    assert!(check_writable("--json", place.path()).is_err());
}
