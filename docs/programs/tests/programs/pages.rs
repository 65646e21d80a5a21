//! The pages of the programs have the numbers of lines.

use std::fs;
use std::path::Path;

/// A whole program on Towpath has fewer lines.
const BOUND: usize = 120;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn page_has_the_lines_of_every_version() {
    for program in ["crawl", "hash", "worker"] {
        let files = [
            format!("src/bin/{program}.rs"),
            format!("src/bin/plain/{program}.rs"),
            format!("go/{program}/main.go"),
        ];
        let [towpath, plain, go] = files.map(|file| read(&file).lines().count());
        assert!(towpath < BOUND, "{program}: {towpath} lines");
        let row = format!("| lines of the program | {towpath} | {plain} | {go} |");
        assert!(read(&format!("{program}.md")).contains(&row), "{program}.md has no row {row}");
    }
}
