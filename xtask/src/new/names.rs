//! The valid names of a pattern crate, and the forms of a name in text.

const LONGEST: usize = 50;

/// The keywords of all editions of Rust, and names whose crates would shadow Rust's own crates.
const RUSTS_OWN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Names that the project uses for other things than patterns.
const OURS: &[&str] = &["benchkit", "limit", "pattern", "testkit", "towpath", "xtask"];

/// Returns the reason why `name` cannot be the name of a new pattern, and the correction; `Ok` for a valid name.
pub fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty; a name is like `rate-window`".to_owned());
    }
    if name.len() > LONGEST {
        let length = name.len();
        return Err(format!("the name has {length} characters; at most {LONGEST} are allowed"));
    }
    if !is_kebab_case(name) {
        return Err(format!(
            "`{name}` is not a crate folder's name; use lower-case letters and digits in words joined by \
             single hyphens, beginning with a letter, like `rate-window`"
        ));
    }
    if RUSTS_OWN.contains(&name) {
        return Err(format!("`{name}` is a word of Rust's own; add a word, like `{name}-window`"));
    }
    if OURS.contains(&name) {
        return Err(format!("`{name}` is taken by the project itself; use another word"));
    }
    if let Some(bare) = name.strip_prefix("towpath-") {
        return Err(format!("`{name}` would become `towpath-{name}`; leave the prefix out: `{bare}`"));
    }
    Ok(())
}

fn is_kebab_case(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('-').all(word)
}

/// The forms of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// `rate-window`: folder, package (with its prefix), prose.
    pub kebab: String,
    /// `rate_window`: module, variable, file.
    pub snake: String,
    /// `RateWindow`: type.
    pub camel: String,
    /// `RATE_WINDOW`: constant.
    pub screaming: String,
}

impl Names {
    pub fn of(kebab: &str) -> Self {
        let snake = kebab.replace('-', "_");
        let camel = kebab.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        Self { kebab: kebab.to_owned(), screaming: snake.to_uppercase(), snake, camel }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        for name in ["scatter", "rate-window", "a", "map2", "h2-pool", "two-2", &"x".repeat(50)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn bad_names_say_why() {
        let kebab = "joined by single hyphens";
        let cases = [
            ("", "empty"),
            ("async", "Rust's own"),
            ("gen", "Rust's own"),
            ("core", "Rust's own"),
            ("std", "Rust's own"),
            ("alloc", "Rust's own"),
            ("test", "Rust's own"),
            ("self", "Rust's own"),
            ("Self", kebab),
            ("../x", kebab),
            ("a/b", kebab),
            (".", kebab),
            ("rate window", kebab),
            (" rate", kebab),
            ("rate_window", kebab),
            ("RateWindow", kebab),
            ("2fast", kebab),
            ("-a", kebab),
            ("a-", kebab),
            ("a--b", kebab),
            ("größe", kebab),
            ("a\n", kebab),
            ("pattern", "taken"),
            ("benchkit", "taken"),
            ("testkit", "taken"),
            ("xtask", "taken"),
            ("towpath-rate", "leave the prefix out: `rate`"),
        ];
        for (name, why) in cases {
            let said = check(name).expect_err(name);
            assert!(said.contains(why), "{name:?}: {said}");
            assert!(!said.contains("\n\n"), "{said}");
        }
        assert!(check(&"x".repeat(51)).unwrap_err().contains("at most 50"));
    }

    #[test]
    fn forms_of_a_name() {
        let names = Names::of("rate-window");
        assert_eq!(names.snake, "rate_window");
        assert_eq!(names.camel, "RateWindow");
        assert_eq!(names.screaming, "RATE_WINDOW");
        assert_eq!(Names::of("h2-pool").camel, "H2Pool");
        assert_eq!(Names::of("a-1b").camel, "A1b");
    }
}
