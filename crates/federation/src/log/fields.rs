//! Fields of events and spans as `key=value` pairs.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::output;

/// Fields of an event, with the message apart.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) pairs: Vec<(&'static str, String)>,
}

impl Fields {
    pub(super) fn of(fields: impl RecordFields) -> Self {
        let mut found = Self::default();
        fields.record(&mut found);
        found
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.pairs.push((field.name(), value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Formats the fields of spans as logfmt pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairFormat;

impl<'writer> FormatFields<'writer> for PairFormat {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'writer>, fields: R) -> fmt::Result {
        for (index, (key, value)) in Fields::of(fields).pairs.iter().enumerate() {
            if index > 0 {
                to.write_char(' ')?;
            }
            write!(to, "{key}={}", Value(value))?;
        }
        Ok(())
    }
}

/// Displays a value as logfmt does: in quotes if it would otherwise be ambiguous.
pub(super) struct Value<'a>(pub(super) &'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| {
            !(c.is_whitespace() || matches!(c, '"' | '=' | '\\') || output::is_control(c))
        };
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                // All of them are in the Basic Multilingual Plane, so four digits suffice.
                c if output::is_control(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_only_if_it_would_be_ambiguous() {
        for (value, expected) in [
            ("plain", "plain"),
            ("postgres://h:5432/d", "postgres://h:5432/d"),
            ("", r#""""#),
            ("two words", r#""two words""#),
            ("a=b", r#""a=b""#),
            (r#"say "hi" \o/"#, r#""say \"hi\" \\o/""#),
            ("line\nline\ttab", r#""line\nline\ttab""#),
            ("\u{1b}[31m\u{202e}", r#""\u001b[31m\u202e""#),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(Value(value).to_string(), expected);
        }
    }
}
