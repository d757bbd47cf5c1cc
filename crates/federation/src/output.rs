//! Terminal output. Foreign text is escaped so that it cannot control the terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

/// Writes the text and a newline to standard output.
///
/// A closed pipe (`federation projects list | head`) is not an error.
///
/// # Errors
/// Fails if standard output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end));
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Returns the rows and columns of standard output. Returns `None` if it is not a terminal.
#[must_use]
pub fn size() -> Option<(usize, usize)> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}

/// Returns the columns of standard output. Returns `None` if it is not a terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    size().map(|(_, columns)| columns)
}

/// Escapes every character that could move the cursor, set colours or reverse the reading direction.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) {
            // Writing to a String cannot fail.
            let _ = write!(plain, "{}", c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Returns whether the character could change how a terminal shows the text around it: a control
/// character, a bidirectional control (Unicode UAX #9) or a line separator.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        assert_eq!(plain("a\u{1b}[31mb\u{9b}c\u{202e}d\n"), r"a\u{1b}[31mb\u{9b}c\u{202e}d\u{a}");
        assert_eq!(plain("Zürich 🦀"), "Zürich 🦀");
    }
}
