//! Writing to the terminal: what comes from elsewhere must not command it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Writes the text and a line end to standard output.
///
/// A reader that has gone away (`federation projects list | head`) is no error.
///
/// # Errors
/// When standard output cannot take the text.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end));
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The text with everything escaped that could move the cursor, set colours or turn the reading
/// direction.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns_direction(c) {
            // Writing to a String cannot fail.
            let _ = write!(plain, "{}", c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Bidirectional controls (Unicode UAX #9) and line separators, which are no control characters.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_command_a_terminal_is_escaped() {
        assert_eq!(plain("a\u{1b}[31mb\u{9b}c\u{202e}d\n"), r"a\u{1b}[31mb\u{9b}c\u{202e}d\u{a}");
        assert_eq!(plain("Zürich 🦀"), "Zürich 🦀");
    }
}
