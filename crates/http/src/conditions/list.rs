//! Lists of entity tags, as RFC 9110, section 8.8.3 and 5.6.1, spells them.

/// What a header names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`: whatever there is.
    Any,
    /// At least one.
    These(Vec<Listed>),
}

/// A tag of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) is_weak: bool,
    /// What stands between its quotes.
    pub(super) opaque: String,
}

/// Parses the value of a header; none where it is malformed. Elements may be empty, as of all
/// lists in HTTP.
pub(super) fn parse(text: &str) -> Option<Tags> {
    let mut rest = text.trim_matches(is_space);
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut listed = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == ',');
        if rest.is_empty() {
            return (!listed.is_empty()).then_some(Tags::These(listed));
        }
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        let after = after.trim_start_matches(is_space);
        let is_ended = after.is_empty() || after.starts_with(',');
        if !is_ended || opaque.contains(|c: char| c <= ' ' || c == '\u{7f}') {
            return None;
        }
        listed.push(Listed { is_weak, opaque: opaque.to_owned() });
        rest = after;
    }
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_within_quotes_ends_no_tag() {
        let listed = |is_weak, opaque: &str| Listed { is_weak, opaque: opaque.to_owned() };
        let both = Tags::These(vec![listed(false, "a,b"), listed(true, "")]);
        assert_eq!(parse("\"a,b\", W/\"\""), Some(both));
    }
}
