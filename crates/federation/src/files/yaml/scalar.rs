//! Quoting of strings.

use std::borrow::Cow;

use crate::output;

/// Words that some YAML 1.1 or 1.2 parser reads as a boolean, null or a number.
const RESERVED: [&str; 13] =
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity"];

/// Formats a string so that every YAML 1.1 and 1.2 parser reads it as this string. It stays plain
/// only if it starts with a letter and has no special characters.
pub(crate) fn scalar(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else if text.chars().any(must_be_escaped) {
        Cow::Owned(double_quoted(text))
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', "''")))
    }
}

fn is_plain(text: &str) -> bool {
    let is_safe = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | ':');
    text.starts_with(|c: char| c.is_alphabetic() || c == '/')
        && text.chars().all(is_safe)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !RESERVED.contains(&text.to_lowercase().as_str())
}

/// Returns whether single quotes do not preserve a character, or a reader could overlook it.
fn must_be_escaped(c: char) -> bool {
    output::is_control(c) || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if must_be_escaped(c) => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_some_parser_reads_as_something_else_is_quoted() {
        for text in [
            "",
            "no",
            "No",
            "on",
            "y",
            "N",
            "true",
            "null",
            "~",
            "22:22",
            "1_000",
            "2024-01-01",
            "=",
            "<<",
            "1",
            "+1",
            "-1",
            "0x1f",
            "0o7",
            "017",
            "1e3",
            ".5",
            ".inf",
            ".NaN",
            "- a",
            "?",
            "a: b",
            "a:",
            "a #b",
            "#",
            "[a]",
            "{a}",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            " a",
            "a ",
            "---",
            "...",
            "'",
            "007",
            "12:30:45.5",
            "2001-12-14t21:59:43.10-05:00",
            "a,b",
            "Infinity",
        ] {
            let quoted = scalar(text);
            assert_eq!(quoted, format!("'{}'", text.replace('\'', "''")), "{text}");
        }
    }

    #[test]
    fn an_ordinary_word_stays_plain() {
        for text in
            ["rag", "a b", "http://localhost:8000/x", "hub.a-b", "Zürich", "/a/b", "v1.2", "日本"]
        {
            assert_eq!(scalar(text), text);
        }
    }

    #[test]
    fn a_character_that_quotes_do_not_preserve_is_escaped() {
        assert_eq!(scalar("a\u{2028}b\"\\\n"), "\"a\\U00002028b\\\"\\\\\\U0000000a\"");
        for text in ["\u{feff}a", "a\u{202e}b", "\t", "\u{85}", "\u{fffe}"] {
            let read: String = serde_yaml::from_str(&scalar(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}
