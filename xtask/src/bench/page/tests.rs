//! The contents of the page, which needs no other file.

use super::*;
use crate::bench::report::{Curve, Distribution, Row};

fn row(workload: &str, subject: &str, median: f64, ours: bool) -> Row {
    Row {
        workload: workload.to_owned(),
        subject: subject.to_owned(),
        unit: "ms".to_owned(),
        median,
        min: median / 2.0,
        max: median * 2.0,
        rounds: 5,
        ours,
        values: Vec::new(),
    }
}

fn distribution(subject: &str, ours: bool) -> Distribution {
    let points = vec![(50.0, 11.5), (99.0, 47.0), (99.9, 310.0), (100.0, 4321.0)];
    Distribution { workload: "latency".to_owned(), subject: subject.to_owned(), ours, points }
}

fn curve(quantity: &str, subject: &str, points: Vec<(f64, f64)>) -> Curve {
    let exponent = 1.02;
    Curve {
        quantity: quantity.to_owned(),
        subject: subject.to_owned(),
        unit: "ms".to_owned(),
        points,
        exponent,
    }
}

fn full() -> Report {
    Report {
        machine: Machine {
            cpu: "A CPU".to_owned(),
            cores: 2,
            rustc: "1.95.0".to_owned(),
            commit: "abc".to_owned(),
            ..Machine::default()
        },
        rows: vec![
            row("io-10k", "fanout", 10.6, true),
            row("io-10k", "go WaitGroup", 13.1, false),
            row("io-1m", "pipeline", 698.0, true),
            row("of tomorrow", "asyncio", 1234.0, false),
        ],
        distributions: vec![distribution("fanout", true), distribution("go channel", false)],
        curves: vec![
            curve("items", "fanout", vec![(1e3, 1.5), (1e6, 1510.0)]),
            curve("items", "pipeline", vec![(1e3, 1.7), (1e5, 171.0)]),
            curve("workers", "fanout", vec![(1.0, 9.25), (64.0, 5.75)]),
        ],
    }
}

/// The text of each line of the tables.
fn lines(page: &str) -> Vec<String> {
    let text = |html: &str| {
        let mut text = String::new();
        let mut parts = html.split('<');
        text.extend(parts.next());
        text.extend(
            parts.map(|part| part.split_once('>').map_or("", |(_, text)| text)).flat_map(|t| [t, " "]),
        );
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    page.split("<tr")
        .skip(1)
        .map(|line| text(&format!("<tr{}", line.split("</tr>").next().unwrap())))
        .collect()
}

#[test]
fn rows_are_all_in_a_table() {
    let lines = lines(&of(&full()).unwrap());
    for line in [
        "▸ fanout 10.6 5.30–21.2 5",
        "go WaitGroup 13.1 6.55–26.2 5 1.2×",
        "▸ pipeline 698 349–1396 5",
        "asyncio 1234 617–2468 5",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is not among {lines:#?}");
    }
}

#[test]
fn curves_and_distributions_are_all_in_a_table() {
    let lines = lines(&of(&full()).unwrap());
    for line in [
        "subject p50 p99 p99.9 max",
        "▸ fanout 11.5 47.0 310 4321",
        "subject exponent 1000 100 k 1 M",
        "fanout 1.02 1.50 – 1510",
        "pipeline 1.02 1.70 171 –",
        "fanout 1.02 9.25 5.75",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is not among {lines:#?}");
    }
}

#[test]
fn table_of_the_document_comes_with_its_workloads() {
    let line = "10,000 I/O tasks ~2–3 s – ~0.5–1 s 13.1 ms 10.6 ms, fanout";
    assert!(lines(&of(&full()).unwrap()).iter().any(|found| found == line));
    let mut other = full();
    other.rows.retain(|row| row.workload == "io-1m");
    assert!(!of(&other).unwrap().contains("I/O tasks"));
}

#[test]
fn machine_versions_commit_and_quick_run_are_named() {
    let mut report = full();
    let page = of(&report).unwrap();
    for text in ["A CPU, 2 cores", "rustc 1.95.0", "abc"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("quick run"));
    report.machine.quick = true;
    assert!(of(&report).unwrap().contains("quick run"));
}

#[test]
fn nothing_is_loaded_or_run() {
    let page = of(&full()).unwrap();
    for word in ["http", "//", "<script", "<link", "<img", "<iframe", "<object", "@import", "src=", "onload="]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
}

#[test]
fn links_all_have_a_target() {
    let page = of(&full()).unwrap();
    let targets: Vec<_> =
        page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(targets.len(), 6);
    for target in targets {
        assert_eq!(page.matches(&format!("<article id=\"{target}\"")).count(), 1, "{target}");
    }
}

#[test]
fn charts_have_titles_and_the_colours_of_the_page() {
    let page = of(&full()).unwrap();
    let charts: Vec<_> =
        page.split("<svg ").skip(1).map(|rest| rest.split("</svg>").next().unwrap()).collect();
    assert_eq!(charts.len(), 6);
    for chart in charts {
        assert!(chart.contains("role=\"img\" aria-label=\""), "{chart}");
        for fixed in ["fill=\"#", "stroke=\"#", "black", "white", "rgb("] {
            assert!(!chart.contains(fixed), "{fixed} in {chart}");
        }
    }
}

#[test]
fn names_are_text() {
    let name = "<b>&\"'</b>";
    let mut report = full();
    report.machine.cpu = name.to_owned();
    report.rows.push(row(name, name, 1.0, true));
    report.distributions.push(Distribution { workload: name.to_owned(), ..distribution(name, true) });
    report.curves.push(curve(name, name, vec![(1.0, 1.0), (10.0, 10.0)]));
    let page = of(&report).unwrap();
    assert!(!page.contains("<b>") && !page.contains("</b>"));
    assert!(page.matches("b&gt;").count() + page.matches("b&#62;").count() > 10);
}

#[test]
fn spread_of_many_rounds_has_a_table_and_a_chart() {
    let mut report = full();
    assert!(!of(&report).unwrap().contains("id=\"io-10k-spread\""), "without rounds there is no spread");
    report.rows[0].values = (0..60).map(|round| if round % 4 == 0 { 20.0 } else { 10.0 }).collect();
    let page = of(&report).unwrap();
    assert_eq!(page.matches("<article id=\"io-10k-spread\"").count(), 1);
    for line in ["subject rounds p50 ms p90 ms max ms", "▸ fanout 5 10.0 20.0 21.2"] {
        assert!(lines(&page).iter().any(|found| found == line), "{line}: {:#?}", lines(&page));
    }
}

#[test]
fn unmeasured_workload_has_no_section() {
    let titles = |report: &Report| -> Vec<&str> {
        figures::sections(report).iter().map(|section| section.title).collect()
    };
    assert_eq!(titles(&full()), ["Workloads", "Latency", "Growth"]);
    assert_eq!(titles(&Report { curves: Vec::new(), ..full() }), ["Workloads", "Latency"]);
    assert_eq!(titles(&Report { distributions: Vec::new(), ..full() }), ["Workloads", "Growth"]);
    assert_eq!(titles(&Report::default()), [""; 0]);
    assert!(of(&Report::default()).unwrap().contains("</html>"));
}

#[test]
fn bar_that_dwarfs_the_others_is_cut() {
    let bars = |medians: &[f64]| {
        let rows: Vec<_> = medians.iter().map(|&median| row("io-10k", "go", median, false)).collect();
        bars::of(&rows).content
    };
    // A cut is two strokes.
    assert_eq!(bars(&[10.0, 20.0, 30.0, 79.0]).matches("var(--card)").count(), 0);
    assert_eq!(bars(&[10.0, 20.0, 20.0, 4000.0, 5000.0]).matches("var(--card)").count(), 4);
    assert!(bars(&[10.0, 20.0, 20.0, 4000.0, 5000.0]).contains("4000 ms"));
    assert!(bars(&[0.0]).contains("0.000 ms"));
}

#[test]
fn name_too_long_for_a_chart_is_whole_in_the_table() {
    let name = "a subject whose name is as long as a sentence that goes on and on";
    let report = Report { rows: vec![row("io-10k", name, 1.0, false)], ..Report::default() };
    let page = of(&report).unwrap();
    let (chart, table) = page.split_once("</svg>").unwrap();
    assert!(chart.contains("a subject whose name") && chart.contains('…') && !chart.contains(name));
    assert!(table.contains(name));
}

#[test]
fn points_that_have_no_place_on_the_axes_are_only_in_the_table() {
    for points in [vec![], vec![(0.0, 0.0)], vec![(10.0, 3.0)], vec![(1.0, 0.0), (10.0, 0.5), (100.0, 0.5)]] {
        let report = Report { curves: vec![curve("items", "fanout", points)], ..Report::default() };
        let page = of(&report).unwrap();
        assert!(page.contains("fanout, 1.02"));
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}

#[test]
fn folder_is_made_and_holds_one_whole_page() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("new/report");
    prepare(&folder).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    for _ in 0..2 {
        write(&folder, &full()).unwrap();
        let page = fs::read_to_string(folder.join(FILE)).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        prepare(&folder).unwrap();
    }
}

#[test]
fn impossible_folder_is_refused_before_the_run() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("report");
    fs::write(&file, "").unwrap();
    let problem = prepare(&file).unwrap_err().to_string();
    assert!(problem.ends_with("report: that is a file, not a folder"), "{problem}");
    assert!(prepare(&file.join("below")).is_err());
}
