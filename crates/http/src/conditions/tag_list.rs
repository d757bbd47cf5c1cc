//! Lists of entity tags (RFC 9110, sections 8.8.3 and 5.6.1).

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TagList {
    /// `*`.
    Any,
    /// At least one.
    Tags(Vec<Tag>),
}

/// The text between the quotes of a tag, weak or strong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) String);

/// Parses the value of a header. Returns `None` if it is malformed. As in all HTTP lists, elements
/// may be empty.
pub(super) fn parse(text: &str) -> Option<TagList> {
    let mut rest = text.trim_matches(is_space);
    if rest == "*" {
        return Some(TagList::Any);
    }
    let mut listed = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == ',');
        if rest.is_empty() {
            return (!listed.is_empty()).then_some(TagList::Tags(listed));
        }
        let quoted = rest.strip_prefix("W/").unwrap_or(rest);
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        let after = after.trim_start_matches(is_space);
        let is_ended = after.is_empty() || after.starts_with(',');
        if !is_ended || opaque.contains(|c: char| c <= ' ' || c == '\u{7f}') {
            return None;
        }
        listed.push(Tag(opaque.to_owned()));
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
    fn a_comma_within_quotes_does_not_end_a_tag() {
        let both = TagList::Tags(vec![Tag("a,b".to_owned()), Tag(String::new())]);
        assert_eq!(parse("\"a,b\", W/\"\""), Some(both));
    }
}
