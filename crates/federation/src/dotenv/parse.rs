//! Statements of a `.env` file, by the rules that python-dotenv and Compose share.
//!
//! They differ in two points. `${NAME}` in single quotes is not a reference, as in Compose. `$NAME`
//! without braces is never a reference, as in python-dotenv. A lone comment after `=` is not a
//! value.

/// An assignment.
#[derive(Debug)]
pub(super) struct Statement {
    /// First line, counted from 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// The value, or the rule that the line breaks.
    pub(super) value: Result<Vec<Part>, &'static str>,
}

/// A part of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `${NAME}` or `${NAME:-default}`.
    Reference {
        name: String,
        default: String,
    },
}

/// Splits a text into statements. Lines that do not start a statement are skipped.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut scanner = Scanner { rest: &text, line: 1 };
    let mut statements = Vec::new();
    loop {
        scanner.skip(char::is_whitespace);
        if scanner.rest.is_empty() {
            return statements;
        }
        statements.extend(scanner.statement());
    }
}

#[derive(Clone, Copy)]
struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !skipped(c)).unwrap_or(self.rest.len()))
    }

    fn skip_blanks(&mut self) -> &'a str {
        self.skip(|c| c.is_whitespace() && c != '\n')
    }

    fn skip_line(&mut self) -> &'a str {
        self.skip(|c| c != '\n')
    }

    /// Reads to the end of the statement. If the statement is invalid, only its first line is
    /// skipped, because a missing quote must not hide the lines up to the next quote.
    fn statement(&mut self) -> Option<Statement> {
        let start = *self;
        if self.rest.strip_prefix("export").is_some_and(|rest| rest.starts_with([' ', '\t'])) {
            self.take("export".len());
            self.skip_blanks();
        }
        let name = self.name();
        let value = self.value();
        if value.is_err() {
            *self = start;
            self.skip_line();
        }
        // A line such as `NAME: value` is meant to set NAME.
        let name = if value.is_err() { name.trim_end_matches(':') } else { name };
        (!name.is_empty()).then(|| Statement { line: start.line, name: name.to_owned(), value })
    }

    fn name(&mut self) -> &'a str {
        let quoted = self.rest.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        match quoted {
            Some((name, _)) if !name.contains('\n') => {
                self.take(name.len() + 2);
                name
            }
            _ => self.skip(|c| !c.is_whitespace() && c != '=' && c != '#'),
        }
    }

    fn value(&mut self) -> Result<Vec<Part>, &'static str> {
        self.skip_blanks();
        if !self.rest.starts_with('=') {
            return Err("expected NAME=VALUE");
        }
        self.take(1);
        let blanks = self.skip_blanks();
        let parts = match self.rest.chars().next() {
            Some('\'') => self.single_quoted()?,
            Some('"') => self.double_quoted()?,
            Some('#') if !blanks.is_empty() => Vec::new(),
            _ => return Ok(references(without_comment(self.skip_line()))),
        };
        self.skip_blanks();
        if self.rest.starts_with('#') {
            self.skip_line();
        }
        match self.rest.chars().next() {
            None | Some('\n') => Ok(parts),
            _ => Err("expected a comment or the end of the line after the closing quote"),
        }
    }

    fn single_quoted(&mut self) -> Result<Vec<Part>, &'static str> {
        let inside = &self.rest[1..];
        // A backslash in front of the only further quote does not escape it, as in 'C:\dir\'.
        let end = closing(inside, '\'').or_else(|| inside.find('\'')).ok_or(UNCLOSED)?;
        let text = single_unescaped(&inside[..end]);
        self.take(end + 2);
        Ok(vec![Part::Text(text)])
    }

    fn double_quoted(&mut self) -> Result<Vec<Part>, &'static str> {
        let inside = &self.rest[1..];
        let end = closing(inside, '"').ok_or(UNCLOSED)?;
        let parts = unescaped(&inside[..end]);
        self.take(end + 2);
        Ok(parts)
    }
}

const UNCLOSED: &str = "expected a closing quote";

/// Returns the position of the first quote that no backslash escapes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Removes a comment, which starts with white space and `#`.
fn without_comment(line: &str) -> &str {
    let comment =
        line.match_indices('#').find(|(at, _)| line[..*at].ends_with(|c: char| c.is_whitespace()));
    comment.map_or(line, |(at, _)| &line[..at]).trim_end()
}

/// Replaces the escapes of single quotes.
fn single_unescaped(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, '\\' | '\''));
        unescaped.push(escaped.unwrap_or(c));
    }
    unescaped
}

/// Replaces the escapes of double quotes. An escaped `$` does not start a reference.
fn unescaped(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        parts.extend(references(before));
        let mut chars = after.chars();
        let replacement = match chars.next() {
            Some(c @ ('\\' | '\'' | '"' | '$')) => c.to_string(),
            Some('n') => "\n".to_owned(),
            Some('r') => "\r".to_owned(),
            Some('t') => "\t".to_owned(),
            Some('a') => "\u{7}".to_owned(),
            Some('b') => "\u{8}".to_owned(),
            Some('f') => "\u{c}".to_owned(),
            Some('v') => "\u{b}".to_owned(),
            Some(c) => format!("\\{c}"),
            None => "\\".to_owned(),
        };
        parts.push(Part::Text(replacement));
        rest = chars.as_str();
    }
    parts.extend(references(rest));
    parts
}

/// Splits a text at its references.
fn references(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(start) = rest[from..].find("${").map(|at| from + at) {
        let Some((reference, after)) = rest[start + 2..].split_once('}') else { break };
        match parsed(reference) {
            Some(part) => {
                parts.extend([Part::Text(rest[..start].to_owned()), part]);
                (rest, from) = (after, 0);
            }
            None => from = start + 2,
        }
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

fn parsed(reference: &str) -> Option<Part> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, rest) =
        reference.split_at(reference.find(|c| !is_name(c)).unwrap_or(reference.len()));
    let default = match rest {
        "" => "",
        rest => rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'))?,
    };
    (!name.is_empty())
        .then(|| Part::Reference { name: name.to_owned(), default: default.to_owned() })
}
