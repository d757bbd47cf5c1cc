//! Text from the service, made safe for a terminal.

/// Escapes characters that could move the cursor, set colours or reverse the reading direction.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        // `escape_debug` also escapes quotes and backslashes, which are harmless.
        if matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1 {
            printable.push(c);
        } else {
            printable.extend(c.escape_unicode());
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{9b}c\u{202e}d\n"),
            r"a\u{1b}[31mb\u{9b}c\u{202e}d\u{a}"
        );
        assert_eq!(printable(r#"Zürich 🦀 "quoted" \o/"#), r#"Zürich 🦀 "quoted" \o/"#);
    }
}
