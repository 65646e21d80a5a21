//! Paths within and out of the band, and the figures that `--accept` keeps.

use std::fs;

use super::*;

const COMPILER: &str = "1.95.0 x86_64-unknown-linux-gnu";

fn figures(instructions: f64, allocations: f64) -> Figures {
    Figures { instructions, allocations }
}

/// A file that keeps the figures of one path.
fn kept(instructions: f64, allocations: f64) -> Kept {
    let mut kept = Kept::default();
    let path = Compared::new("fanout", figures(instructions, allocations), &kept, COMPILER);
    accept(&[path], &mut kept, COMPILER).unwrap();
    kept
}

fn problems(counted: Figures, kept: &Kept, compiler: &str) -> Vec<String> {
    verdict(&[Compared::new("fanout", counted, kept, compiler)], compiler).problems
}

#[test]
fn within_the_band_all_is_well() {
    let kept = kept(400.0, 0.0);
    for instructions in [388.1, 400.0, 411.9] {
        assert_eq!(problems(figures(instructions, 0.001), &kept, COMPILER), Vec::<String>::new());
    }
}

#[test]
fn outside_the_band_is_a_problem_either_way() {
    let kept = kept(400.0, 0.0);
    let more = "fanout: 412.1 instructions per item, 3.0 % more than the 400.0 kept; \
                find out why; if it must be, `cargo xtask bench --counts --accept`";
    assert_eq!(problems(figures(412.1, 0.0), &kept, COMPILER), [more]);
    let fewer = "fanout: 200.0 instructions per item, 50.0 % fewer than the 400.0 kept; \
                 keep that with `cargo xtask bench --counts --accept`";
    assert_eq!(problems(figures(200.0, 0.0), &kept, COMPILER), [fewer]);
}

#[test]
fn path_without_allocations_stays_without_any() {
    let kept = kept(400.0, 0.0);
    let wanted = ["fanout: 0.20 allocations per item, where there must be none"];
    for compiler in [COMPILER, "2.0.0 elsewhere"] {
        assert_eq!(problems(figures(400.0, 0.2), &kept, compiler), wanted);
    }
}

#[test]
fn other_allocations_are_held_both_ways() {
    let kept = kept(400.0, 0.2);
    for allocations in [0.11, 0.2, 0.29] {
        assert_eq!(problems(figures(400.0, allocations), &kept, COMPILER), Vec::<String>::new());
    }
    let more = "fanout: 1.20 allocations per item, 0.20 are kept; \
                if it must be, `cargo xtask bench --counts --accept`";
    assert_eq!(problems(figures(400.0, 1.2), &kept, COMPILER), [more]);
    assert_eq!(problems(figures(400.0, 0.0), &kept, COMPILER).len(), 1);
}

#[test]
fn without_figures_nothing_is_held_and_that_is_said() {
    let kept = kept(400.0, 0.0);
    let compared = |names: &[&str], compiler| {
        let path = |name: &&str| Compared::new(name, figures(1e6, 0.0), &kept, compiler);
        let paths: Vec<_> = names.iter().map(path).collect();
        verdict(&paths, compiler).missing.unwrap_or_default()
    };
    let end = ": add them with `cargo xtask bench --counts --accept`";
    let start = "not held, since there are no figures for ";
    assert_eq!(compared(&["fanout"], COMPILER), "");
    assert_eq!(compared(&["fanout", "new", "newer"], COMPILER), format!("{start}new, newer{end}"));
    assert_eq!(compared(&["fanout", "new"], "2.0.0 here"), format!("{start}rustc 2.0.0 here{end}"));
    assert_eq!(problems(figures(1e6, 0.0), &kept, "2.0.0 here"), Vec::<String>::new());
}

#[test]
fn accepted_figures_are_in_the_file_one_line_per_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hot-paths.toml");
    let mut kept = Kept::read(&file).unwrap();
    assert_eq!(kept, Kept::default());

    let path = |name: &str, counted| Compared::new(name, counted, &Kept::default(), COMPILER);
    let counted = [path("queue: put", figures(371.96, -0.0001)), path("fanout", figures(453.0, 0.1667))];
    accept(&counted, &mut kept, COMPILER).unwrap();
    accept(&[path("fanout", figures(500.0, 0.0))], &mut kept, "1.88.0 there").unwrap();
    kept.write(&file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let wanted = "\n[\"1.88.0 there\"]\n\"fanout\" = { instructions = 500.0, allocations = 0.00 }\n\
                  \n[\"1.95.0 x86_64-unknown-linux-gnu\"]\n\
                  \"fanout\" = { instructions = 453.0, allocations = 0.17 }\n\
                  \"queue: put\" = { instructions = 372.0, allocations = 0.00 }\n";
    assert!(text.ends_with(wanted), "{text}");

    // The replacement removes paths that no longer exist, and keeps the figures of other compilers.
    let mut kept = Kept::read(&file).unwrap();
    accept(&counted[1..], &mut kept, COMPILER).unwrap();
    kept.write(&file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("1.88.0 there") && text.contains("453.0") && !text.contains("queue"), "{text}");
}

#[test]
fn new_allocations_are_not_accepted() {
    let mut kept = kept(400.0, 0.0);
    let path = Compared::new("fanout", figures(400.0, 1.0), &kept, "2.0.0 there");
    let problem = accept(&[path], &mut kept, "2.0.0 there").unwrap_err().to_string();
    assert_eq!(problem, "not accepted: fanout: 1.00 allocations per item, where there must be none");
    assert!(kept.of("2.0.0 there").is_none());
}

#[test]
fn broken_file_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hot-paths.toml");
    fs::write(&file, "# figures\n[\"1.95.0\"]\nfanout = { instructions = \"few\", allocations = 0.0 }\n")
        .unwrap();
    let problem = Kept::read(&file).unwrap_err().to_string();
    assert!(problem.contains("hot-paths.toml, line 3: invalid type: string \"few\""), "{problem}");
}
