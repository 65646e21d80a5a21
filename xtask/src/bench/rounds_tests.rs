//! Readings, and rounds with small scripts in place of subjects.

use super::*;
use crate::bench::programs::Program;

fn parse(printed: &str) -> Result<Reading, String> {
    super::parse(printed)
}

fn io() -> &'static Workload {
    Workload::named("io-10k").unwrap()
}

#[test]
fn reading_is_one_line_of_json() {
    let reading = parse("{\"answer\": \"45\", \"ms\": 1.5, \"peak_kib\": 2048}\n").unwrap();
    assert_eq!(reading.value(Unit::Ms), Some(1.5));
    assert_eq!(reading.value(Unit::Mib), Some(2.0));
    assert_eq!(reading.value(Unit::BytesEach), None);
    assert!(parse("hello").unwrap_err().starts_with("printed `hello`"));
    assert_eq!(parse("\n").unwrap_err(), "printed nothing");
    assert!(parse("{\"answer\": \"1\"}\n{\"answer\": \"1\"}").is_err());
}

#[test]
fn fast_wrong_subject_is_an_error() {
    let reading = parse("{\"answer\": \"44\", \"ms\": 0.1, \"peak_kib\": 1}").unwrap();
    let problem = checked(reading.clone(), "45", io().units).unwrap_err();
    assert_eq!(problem, "wrong answer: 44, right is 45");
    assert!(checked(reading, "44", io().units).is_ok());
}

#[test]
fn reading_without_its_time_is_an_error() {
    let mut reading = parse("{\"answer\": \"45\", \"peak_kib\": 1}").unwrap();
    assert_eq!(checked(reading.clone(), "45", io().units).unwrap_err(), "did not measure ms");
    reading.ms = Some(-1.0);
    assert_eq!(checked(reading, "45", io().units).unwrap_err(), "measured -1 ms");
}

#[test]
fn item_times_are_points_of_their_distribution() {
    let text = r#"{"answer": "45", "latency": [[50, 1.5], [99, 20], [99.9, 300.25], [100, 4000]]}"#;
    let reading = parse(text).unwrap();
    let told = [Unit::P50, Unit::P99, Unit::P999, Unit::Max].map(|unit| reading.value(unit));
    assert_eq!(told, [1.5, 20.0, 300.25, 4000.0].map(Some));

    let steady = Workload::named("latency-steady").unwrap();
    assert!(checked(reading, "45", steady.units).is_ok());
    let without = parse(r#"{"answer": "45", "latency": [[50, 1.5], [99.9, 300.25], [100, 4000]]}"#).unwrap();
    assert_eq!(checked(without, "45", steady.units).unwrap_err(), "did not measure p99 µs");
}

/// Measures scripts at a hundredth of io-10k: 100 items, whose sum is 4950.
fn measured(scripts: &[(&str, &Program)], slow: Duration) -> Vec<Measurements> {
    measured_within(scripts, slow, Duration::from_secs(60))
}

fn measured_within(scripts: &[(&str, &Program)], slow: Duration, many_within: Duration) -> Vec<Measurements> {
    let subjects: Vec<_> = scripts
        .iter()
        .map(|(name, program)| Subject { workload: io(), name: (*name).to_owned(), program })
        .collect();
    let plan = Plan { quick: true, rounds: 3, spread: 5, many_within, limit: Duration::from_secs(60), slow };
    let progress = Progress::new(0);
    measure(io(), &subjects.iter().collect::<Vec<_>>(), &plan, &progress)
}

const GOOD: &str = r#"echo '{"answer": "4950", "ms": 2, "peak_kib": 1024}'"#;

#[test]
#[cfg(unix)]
fn rounds_are_interleaved_and_pass_on_what_is_to_be_done() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("log");
    let script = format!("echo \"$*\" >> '{}'; {GOOD}", log.display());
    let program = Program::script(&script);
    let done = measured(&[("a", &program), ("b c", &program)], Duration::from_secs(60));

    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log, "run io-10k a 100\nrun io-10k b c 100\n".repeat(5));
    for measurements in done {
        assert_eq!(measurements.result.unwrap().len(), 5, "{}", measurements.subject);
    }
}

#[test]
#[cfg(unix)]
fn slow_subject_gets_one_round() {
    let done = measured(&[("slow", &Program::script(GOOD))], Duration::ZERO);
    assert_eq!(done[0].result.as_ref().unwrap().len(), 1);
}

/// The workload has many rounds for its spread; a subject without the time for them has the rounds of any workload.
#[test]
#[cfg(unix)]
fn subject_too_slow_for_many_rounds_gets_the_usual() {
    let minute = Duration::from_secs(60);
    let done = measured_within(&[("slow", &Program::script(GOOD))], minute, Duration::ZERO);
    assert_eq!(done[0].result.as_ref().unwrap().len(), 3);
}

#[test]
#[cfg(unix)]
fn failed_subject_is_named_and_the_others_go_on() {
    let scripts = [
        ("crash", Program::script("echo 'no such luck' >&2; exit 3")),
        ("killed", Program::script("kill -9 $$")),
        ("wrong", Program::script(r#"echo '{"answer": "1", "ms": 1, "peak_kib": 1}'"#)),
        ("good", Program::script(GOOD)),
    ];
    let borrowed: Vec<_> = scripts.iter().map(|(name, program)| (*name, program)).collect();
    let done = measured(&borrowed, Duration::from_secs(60));
    let said: Vec<_> = done.iter().map(|m| m.result.as_ref().map(Vec::len).map_err(String::as_str)).collect();
    let wanted = [
        Err("crashed with exit status 3: no such luck"),
        Err("crashed with signal 9: no message"),
        Err("wrong answer: 1, right is 4950"),
        Ok(5),
    ];
    assert_eq!(said, wanted);
}

#[test]
#[cfg(unix)]
fn subject_that_hangs_is_killed() {
    let program = Program::script("exec sleep 600");
    let subject = Subject { workload: io(), name: "hang".to_owned(), program: &program };
    let problem = run_once(&subject, 100, Duration::from_millis(1)).unwrap_err();
    assert!(problem.starts_with("timed out after "), "{problem}");
}
