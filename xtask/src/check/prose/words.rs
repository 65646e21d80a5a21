//! The words of files against the table.

use std::fmt::{self, Display, Formatter};

use super::source::{Kind, doc_line, pieces};
use super::table::{Banned, Density, Table};
use super::text::{Word, cut, located, stripped, words};
use crate::problems::Problems;

/// A file with its path from the root.
#[derive(Clone)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// A number of words, and the pronouns and indefinites among the words.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    counted: usize,
    words: usize,
}

impl Counts {
    fn of(density: &Density, line: &str) -> Self {
        let is_counted = |word: &&str| density.words.contains(&word.to_ascii_lowercase());
        Self { counted: words(line).filter(is_counted).count(), words: words(line).count() }
    }

    fn plus(self, other: Self) -> Self {
        Self { counted: self.counted + other.counted, words: self.words + other.words }
    }

    #[expect(clippy::cast_precision_loss, reason = "a text has far fewer words than 2^52")]
    fn per_hundred(self) -> f64 {
        100.0 * self.counted as f64 / self.words.max(1) as f64
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { counted, words } = self;
        write!(f, "{:.2} pronouns and indefinites per 100 words ({counted} of {words})", self.per_hundred())
    }
}

/// Returns the doc comments of each file. Every line keeps its number.
pub fn doc_comments(sources: &[File]) -> Vec<File> {
    let docs = |text: &str| {
        text.split('\n').map(|line| doc_line(line).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    };
    sources.iter().map(|source| File { name: source.name.clone(), text: docs(&source.text) }).collect()
}

/// Counts pronouns and indefinites, in total and in each file.
pub fn density(density: &Density, kind: &str, files: &[File]) -> (Counts, Problems) {
    let mut total = Counts::default();
    let mut problems = Problems::new();
    for file in files {
        let text = stripped(&file.text);
        let lines: Vec<_> = text.split('\n').map(|line| Counts::of(density, line)).collect();
        let counts = lines.iter().copied().fold(Counts::default(), Counts::plus);
        total = total.plus(counts);
        if counts.words < density.shortest || counts.per_hundred() <= density.in_a_file {
            continue;
        }
        // The first of the worst lines.
        let worst = lines.iter().enumerate().rev().max_by_key(|(_, counts)| counts.counted);
        let (line, worst) = worst.map_or((1, 0), |(line, counts)| (line + 1, counts.counted));
        problems.push(format!(
            "{}:{line}: the {kind} have {counts}, and {worst} in this line: at most {:.1}; name the noun instead",
            file.name, density.in_a_file
        ));
    }
    if total.per_hundred() > density.in_total {
        problems.push(format!(
            "all {kind}: {total}: at most {:.1}; name the noun instead, first in the files above",
            density.in_total
        ));
    }
    (total, problems)
}

/// Returns the banned words in documents.
pub fn banned_in_documents(table: &Table, documents: &[File]) -> Problems {
    let found = documents.iter().flat_map(|file| banned_in(table, &file.name, 0, &stripped(&file.text)));
    found.collect()
}

/// Returns the banned words in the comments and strings of sources.
pub fn banned_in_sources(table: &Table, sources: &[File]) -> Problems {
    let mut problems = Problems::new();
    for file in sources.iter().filter(|file| !table.exempt.contains(&file.name)) {
        for piece in pieces(&file.text) {
            let text = match piece.kind {
                Kind::Doc | Kind::Comment => stripped(&piece.text),
                // In braces, a format string names variables.
                Kind::String => cut(&stripped(&piece.text), "{", "}", " x "),
            };
            problems.extend(banned_in(table, &file.name, piece.line, &text));
        }
    }
    problems
}

fn banned_in(table: &Table, name: &str, first_line: usize, stripped: &str) -> Problems {
    let words = located(stripped);
    let mut problems = Problems::new();
    for start in 0..words.len() {
        // `let go of` is found once, as `let go`.
        let found = table.banned.iter().find_map(|banned| Some((banned, match_at(banned, &words[start..])?)));
        if let Some((Banned { right, .. }, phrase)) = found {
            let line = first_line + words[start].line + 1;
            problems.push(format!("{name}:{line}: `{phrase}` is a banned word: {right}"));
        }
    }
    problems
}

/// Returns the phrase that begins with the first of `words`.
fn match_at<'a>(banned: &'a Banned, words: &[Word]) -> Option<&'a str> {
    let begins = |phrase: &&String| {
        let mut words = words.iter();
        phrase.split(' ').enumerate().all(|(nth, wanted)| {
            words.next().is_some_and(|word| word.text == wanted && (nth == 0 || word.adjacent))
        })
    };
    banned.words.iter().find(begins).map(String::as_str)
}
