//! Compares the outputs of the programs with the expected files. `--accept` writes the expected files.

use std::fs;

use anyhow::{Context, Result};

use super::compare::{canonical, difference};
use super::programs::Program;
use super::runs::Ran;
use super::topic::Topic;
use crate::problems::Problems;

/// Returns the problems of the programs that ran.
pub fn problems(ran: &[Ran]) -> Problems {
    ran.iter().filter_map(|ran| problem(ran).map(|problem| line(ran.program, &problem))).collect()
}

fn line(program: &Program, problem: &str) -> String {
    format!("{}: {problem}", program.name())
}

fn problem(ran: &Ran) -> Option<String> {
    let (topic, file) = (ran.program.topic, ran.program.topic.expected(ran.program.language));
    let said = match &ran.said {
        Ok(said) => canonical(said, &topic.unordered),
        Err(problem) => return Some(format!("{problem:#}")),
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let Ok(expected) = fs::read_to_string(&file) else {
        return Some(format!("{name} is missing; `--accept` writes it"));
    };
    let difference = difference(&canonical(&expected, &topic.unordered), &said);
    (!difference.is_empty()).then(|| format!("it does not print what {name} says{difference}"))
}

/// Writes the expected outputs that have changed. Returns the reasons why some could not be written: a program failed,
/// is left out, or differs from the program in another language that must print the same.
pub fn accept(topics: &[&Topic], ran: &[Ran]) -> Result<Problems> {
    let mut problems = Vec::new();
    for topic in topics {
        let ran: Vec<_> = ran.iter().filter(|ran| ran.program.topic.name == topic.name).collect();
        let refused = refusals(topic, &ran);
        if refused.is_empty() {
            for ran in ran.iter().filter(|ran| problem(ran).is_some()) {
                let file = topic.expected(ran.program.language);
                let said = ran.said.as_deref().unwrap_or_default();
                fs::write(&file, said).with_context(|| format!("cannot write {}", file.display()))?;
                eprintln!("written: {}", file.display());
            }
        }
        problems.extend(refused);
    }
    Ok(problems)
}

fn refusals(topic: &Topic, ran: &[&Ran]) -> Problems {
    let failure = |ran: &&Ran| Some(line(ran.program, &format!("{:#}", ran.said.as_ref().err()?)));
    let failures: Vec<_> = ran.iter().filter_map(failure).collect();
    if !failures.is_empty() {
        return failures;
    }
    if ran.len() < topic.languages.len() {
        return vec![format!("{}: not accepted: a language is left out", topic.name)];
    }
    if !topic.same {
        return Vec::new();
    }
    let said = |ran: &Ran| canonical(ran.said.as_deref().unwrap_or_default(), &topic.unordered);
    let first = ran[0];
    let differs = |other: &&Ran| {
        let difference = difference(&said(first), &said(other));
        let than = first.program.language.name();
        let problem = || format!("not accepted: it does not print what {than} does{difference}");
        (!difference.is_empty()).then(|| line(other.program, &problem()))
    };
    ran[1..].iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use tempfile::TempDir;

    use super::*;
    use crate::guide::topic::Language;

    /// A topic in two languages, with these outputs and expected outputs.
    fn judged(
        expected: Option<&str>,
        python: Result<&str>,
        go: Result<&str>,
    ) -> (Problems, Problems, Option<String>) {
        let dir = TempDir::new().unwrap();
        let settings = "title = \"Gather\"\nlanguages = [\"python\", \"go\"]\nunordered = [\"got\"]\n";
        fs::write(dir.path().join("topic.toml"), settings).unwrap();
        let file = dir.path().join("expected.txt");
        if let Some(expected) = expected {
            fs::write(&file, expected).unwrap();
        }
        let mut topic = Topic::load(dir.path()).unwrap();
        topic.name = "gather".to_owned();
        let programs = [Language::Python, Language::Go].map(|language| Program::of(&topic, language));
        let ran = |program, said: Result<&str>| Ran { program, said: said.map(str::to_owned) };
        let [p, g] = &programs;
        let ran = [ran(p, python), ran(g, go)];
        let problems = super::problems(&ran);
        let refused = accept(&[&topic], &ran).unwrap();
        (problems, refused, fs::read_to_string(file).ok())
    }

    #[test]
    fn program_with_other_output_is_named_with_the_lines() {
        let (problems, refused, kept) = judged(Some("a\nb\n"), Ok("a\nb\n"), Ok("a\nc\n"));
        assert_eq!(problems, ["gather, go: it does not print what expected.txt says\n    - b\n    + c"]);
        assert_eq!(
            refused,
            ["gather, go: not accepted: it does not print what python does\n    - b\n    + c"]
        );
        assert_eq!(kept.as_deref(), Some("a\nb\n"));
    }

    #[test]
    fn output_equal_in_all_languages_is_accepted() {
        let (problems, refused, kept) = judged(None, Ok("got 1\ngot 2\n"), Ok("got 2\ngot 1\n"));
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("expected.txt is missing; `--accept` writes it"), "{}", problems[0]);
        assert_eq!((refused, kept.as_deref()), (Vec::new(), Some("got 1\ngot 2\n")));
    }

    #[test]
    fn output_before_a_failure_is_not_accepted() {
        let failed = || Err(anyhow!("exit status 1: no such page"));
        let (problems, refused, kept) = judged(Some("a\n"), Ok("b\n"), failed());
        assert_eq!(problems[1], "gather, go: exit status 1: no such page");
        assert_eq!(refused, ["gather, go: exit status 1: no such page"]);
        assert_eq!(kept.as_deref(), Some("a\n"));
    }
}
