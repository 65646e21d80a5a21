//! The comments and strings of a source file.

use std::iter::Peekable;
use std::str::Chars;

/// A block of comment lines of the same kind, or a string.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    /// The first line, from 0.
    pub line: usize,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Doc,
    Comment,
    String,
}

/// Returns the text of a doc comment's line.
pub fn doc_line(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let text = text.strip_prefix("///").or_else(|| text.strip_prefix("//!"))?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}

/// Returns the comments and strings in their order. Escapes in a string become blanks.
pub fn pieces(source: &str) -> Vec<Piece> {
    let mut scanner = Scanner { chars: source.chars().peekable(), line: 0, pieces: Vec::new() };
    while let Some(c) = scanner.next() {
        match c {
            '/' if scanner.next_is('/') => scanner.line_comment(),
            '/' if scanner.next_is('*') => scanner.block_comment(),
            '"' => scanner.string(),
            '\'' => scanner.character(),
            c if is_of_name(c) => scanner.name(c),
            _ => {}
        }
    }
    scanner.pieces
}

struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    pieces: Vec<Piece>,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn next_is(&mut self, c: char) -> bool {
        self.chars.peek() == Some(&c)
    }

    /// After a slash. A comment on the line below a comment of the same kind continues that comment.
    fn line_comment(&mut self) {
        let line = self.line;
        let mut text = String::from("/");
        while let Some(c) = self.chars.next_if(|&c| c != '\n') {
            text.push(c);
        }
        let kind = if doc_line(&text).is_some() { Kind::Doc } else { Kind::Comment };
        let text = doc_line(&text).unwrap_or(&text[2..]);
        match self.pieces.last_mut() {
            Some(last) if last.kind == kind && last.line + last.text.split('\n').count() == line => {
                last.text.push('\n');
                last.text.push_str(text);
            }
            _ => self.pieces.push(Piece { kind, line, text: text.to_owned() }),
        }
    }

    /// After a slash.
    fn block_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut depth = 0;
        let mut before = '/';
        while let Some(c) = self.next() {
            match (before, c) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            // The slash of `*/` begins no `/*`.
            before = if (before, c) == ('*', '/') || (before, c) == ('/', '*') { ' ' } else { c };
            text.push(if c == '*' { ' ' } else { c });
        }
        self.pieces.push(Piece { kind: Kind::Comment, line, text });
    }

    /// After a quotation mark.
    fn string(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => match self.next() {
                    Some('\n') => text.push('\n'),
                    _ => text.push(' '),
                },
                c => text.push(c),
            }
        }
        self.pieces.push(Piece { kind: Kind::String, line, text });
    }

    /// After the `r` of a raw string. `r#name` is none.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.chars.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        if self.chars.next_if_eq(&'"').is_none() {
            return;
        }
        let line = self.line;
        let end = format!("\"{}", "#".repeat(hashes));
        let mut text = String::new();
        while let Some(c) = self.next() {
            text.push(c);
            if text.ends_with(&end) {
                text.truncate(text.len() - end.len());
                break;
            }
        }
        self.pieces.push(Piece { kind: Kind::String, line, text });
    }

    /// After an apostrophe: a character, or a lifetime.
    fn character(&mut self) {
        if self.next_is('\\') {
            self.next();
            self.next();
            while self.next().is_some_and(|c| c != '\'') {}
        } else if self.chars.clone().nth(1) == Some('\'') {
            self.next();
            self.next();
        }
    }

    /// After the first character of a name, or of the prefix of a string.
    fn name(&mut self, first: char) {
        let mut name = String::from(first);
        while let Some(c) = self.chars.next_if(|&c| is_of_name(c)) {
            name.push(c);
        }
        if ["r", "br", "cr"].contains(&name.as_str()) {
            self.raw_string();
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
