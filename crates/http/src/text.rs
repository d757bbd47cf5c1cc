//! Makes text from requests safe to include in responses and logs.

/// Shortens a text and escapes its control characters.
pub(crate) fn abbreviate(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut short: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// Returns a slug from a path as it was given, so that clients can compare it with their own.
///
/// Replaces only characters that would garble a terminal or a log: control characters, and
/// characters that are invisible or change the reading direction (Unicode category Cf). Cuts off
/// texts that are far too long for a slug.
pub(crate) fn sanitize(slug: &str) -> String {
    const MAX_CHARS: usize = 500;
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            )
    };
    let replace = |c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut sanitized: String = slug.chars().take(MAX_CHARS).map(replace).collect();
    if slug.chars().nth(MAX_CHARS).is_some() {
        sanitized.push('…');
    }
    sanitized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviating_escapes_control_characters_and_limits_the_length() {
        assert_eq!(abbreviate("a\0\u{7f}\u{202e}b\n"), "a\\0\\u{7f}\\u{202e}b\\n");
        assert_eq!(abbreviate(&"x".repeat(100)).chars().count(), 61);
    }
}
