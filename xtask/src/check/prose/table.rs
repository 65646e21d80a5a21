//! The rules as data: `xtask/prose.toml`.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub report_only: Vec<Rule>,
    pub exempt: Vec<String>,
    pub density: Density,
    pub banned: Vec<Banned>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    Density,
    Banned,
    Examples,
}

impl Rule {
    pub fn name(self) -> &'static str {
        match self {
            Self::Density => "pronouns and indefinites",
            Self::Banned => "banned words",
            Self::Examples => "public functions without an example",
        }
    }
}

/// The bounds on pronouns and indefinites, per 100 words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Density {
    /// In lower case.
    pub words: Vec<String>,
    pub in_total: f64,
    pub in_a_file: f64,
    /// The number of words below which a file has no bound.
    pub shortest: usize,
}

/// Words and phrases in lower case, and the correction.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    pub words: Vec<String>,
    pub right: String,
}
