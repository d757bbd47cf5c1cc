//! Errors of the YAML parser, reworded in the style of this program.

use super::Position;

/// Treatment of the given value in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Shown,
    /// Only the type is shown, because the value may be a secret.
    Hidden,
}

/// Longest shown value, in characters.
const MAX_SHOWN: usize = 60;

/// Returns the position of an error, and the message `field: expected X, got Y` without it.
pub(crate) fn explain(error: &serde_yaml::Error, values: Values) -> (Option<Position>, String) {
    let position = Position::of(error);
    let mut problem = error.to_string();
    if let Some(Position { line, column }) = position {
        problem = problem.replacen(&format!(" at line {line} column {column}"), "", 1);
    }
    (position, reworded(&problem, values))
}

fn reworded(problem: &str, values: Values) -> String {
    // The last one, because the given value may contain the same words.
    let Some((found, expected)) = problem.rsplit_once(", expected ") else {
        return problem.to_owned();
    };
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some((field, given)) = found.split_once(kind) {
            return format!("{field}expected {expected}, got {}", words(given, values));
        }
    }
    match found.find(['"', '`']) {
        Some(first) if values == Values::Hidden => {
            format!("{}…, expected {expected}", &found[..first])
        }
        _ => problem.to_owned(),
    }
}

/// Describes a value from serde's description of it.
fn words(given: &str, values: Values) -> String {
    let (kind, value) = match given.find(['"', '`']) {
        Some(at) => (given[..at].trim_end(), given[at..].trim_matches('`')),
        None => (given, ""),
    };
    let name = match kind {
        "unit value" | "Option value" => return "null".to_owned(),
        "map" => return "a mapping".to_owned(),
        "sequence" => return "a list".to_owned(),
        "string" => "a string",
        "integer" => "an integer",
        "floating point" => "a number",
        "boolean" => "a boolean",
        _ => return "another kind of value".to_owned(),
    };
    match values {
        Values::Hidden => name.to_owned(),
        Values::Shown if value.chars().count() > MAX_SHOWN => {
            format!("{}…", value.chars().take(MAX_SHOWN).collect::<String>())
        }
        Values::Shown => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_field_the_expected_and_the_given_value() {
        for (serde, shown, hidden) in [
            (
                "a[0].b: invalid type: string \"x, expected y\", expected a number of seconds",
                "a[0].b: expected a number of seconds, got \"x, expected y\"",
                "a[0].b: expected a number of seconds, got a string",
            ),
            (
                "a: invalid type: integer `5`, expected a string",
                "a: expected a string, got 5",
                "a: expected a string, got an integer",
            ),
            (
                "invalid type: unit value, expected a list",
                "expected a list, got null",
                "expected a list, got null",
            ),
            (
                "unknown field `b`, expected `a`",
                "unknown field `b`, expected `a`",
                "unknown field …, expected `a`",
            ),
            ("unknown anchor", "unknown anchor", "unknown anchor"),
        ] {
            assert_eq!(reworded(serde, Values::Shown), shown);
            assert_eq!(reworded(serde, Values::Hidden), hidden);
        }
    }
}
