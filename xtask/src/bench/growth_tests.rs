//! Growth with small scripts in place of our programs.

use std::time::Duration;

use super::*;

/// A program of ours with one quantity, whose time and memory are shell arithmetic over `$n`, the value.
fn program(quantity: &str, us: &str, kib: &str) -> Program {
    let script = format!(
        r#"case $1 in
        growths) printf '{quantity}\tsubject\n' ;;
        grow) n=$3; us=$(({us})); printf '{{"answer": "%s", "ms": %s.%03d, "peak_kib": %s}}' \
            $(($5 * ($5 - 1) / 2)) $((us / 1000)) $((us % 1000)) $(({kib})) ;;
        esac"#
    );
    let mut program = Program::script(&script);
    program.ours = true;
    program
}

fn grown(program: &Program, quick: bool) -> (Growth, String) {
    let minute = Duration::from_secs(60);
    let plan = Plan { quick, rounds: 1, spread: 1, many_within: minute, limit: minute, slow: minute };
    let mut shown = String::new();
    let cases = cases(std::slice::from_ref(program), None).unwrap();
    (measure(cases, &plan, |text| shown.push_str(text)), shown)
}

#[test]
#[cfg(unix)]
fn subject_that_is_quadratic_is_named() {
    for quantity in &QUANTITIES {
        let (growth, _) = grown(&program(quantity.name, "n * n", "4000"), false);
        let [problem] = growth.problems.as_slice() else { panic!("{:?}", growth.problems) };
        let wanted =
            format!("subject with the {}: time grows with exponent 2.00, which is over", quantity.name);
        assert!(problem.starts_with(&wanted), "{problem}");
    }
}

#[test]
#[cfg(unix)]
fn subject_whose_memory_grows_with_the_items_is_named() {
    let (growth, _) = grown(&program("items", "n", "4000 + n / 100"), false);
    let [problem] = growth.problems.as_slice() else { panic!("{:?}", growth.problems) };
    assert!(problem.starts_with("subject with the items: memory grows") && problem.ends_with("not flat"));

    let (growth, _) = grown(&program("limit", "n", "4000 + n"), false);
    assert_eq!(growth.problems, [""; 0]);
}

#[test]
#[cfg(unix)]
fn linear_growth_is_shown_and_given_as_curves() {
    let (growth, shown) = grown(&program("items", "1000 + n", "4096"), false);
    assert_eq!(growth.problems, [""; 0]);
    assert!(shown.starts_with("growth with the items: jobs that return"), "{shown}");
    assert!(shown.contains("ms at 1,000") && shown.contains("MiB at 10,000,000"), "{shown}");
    assert!(shown.contains("0.99 from 10,000 on"), "{shown}");

    let [ms, mib] = growth.curves.as_slice() else { panic!("{:?}", growth.curves) };
    assert_eq!((ms.quantity.as_str(), ms.subject.as_str(), ms.unit.as_str()), ("items", "subject", "ms"));
    assert_eq!((ms.points[0], ms.points.len()), ((1_000.0, 2.0), 9));
    assert_eq!((mib.unit.as_str(), mib.exponent), ("MiB", 0.0));
}

#[test]
#[cfg(unix)]
fn quick_run_is_smaller_and_has_no_verdict() {
    let (growth, shown) = grown(&program("items", "n * n", "4000 + n"), true);
    assert_eq!(growth.problems, [""; 0]);
    assert!(shown.contains("(quick: smaller, and without a verdict)"), "{shown}");
    assert_eq!(growth.curves[0].points.len(), 5);
}

#[test]
#[cfg(unix)]
fn subject_that_fails_is_named_also_in_a_quick_run() {
    let broken = program("stages", "n == 4 ? n / 0 : n", "4000");
    let (growth, shown) = grown(&broken, true);
    let [problem] = growth.problems.as_slice() else { panic!("{:?}", growth.problems) };
    assert!(
        problem.starts_with("subject with the stages failed at 4: crashed with exit status"),
        "{problem}"
    );
    assert!(shown.contains("FAILED") && growth.curves.is_empty(), "{shown}");
}

#[test]
fn bad_list_is_an_error() {
    let program = Program::script("");
    let said = |text| parse_list(text, &program).err().unwrap().to_string();
    assert!(said("threads\tfanout").contains("unknown quantity `threads`; there are items, limit"));
    assert!(said("items fanout").contains("QUANTITY<TAB>SUBJECT"));
}
