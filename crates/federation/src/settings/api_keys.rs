//! API keys in `FEDERATION_API_KEYS`.

use std::collections::HashSet;

use federation_http::{Key, KeyDigest, Scope};
use serde_json::Value;

/// Shortest and longest key, in characters. Eight cannot be guessed over a network because failed
/// attempts are throttled. Keys made by `federation keys` are far longer.
const LENGTH: (usize, usize) = (8, 256);

/// Returns whether a setting protects the API. An empty value of such a setting must be rejected
/// instead of counting as unset, because it was meant to protect.
pub(crate) fn protects(setting: &str) -> bool {
    matches!(setting, "FEDERATION_API_KEYS" | "FEDERATION_KEYS_FILE")
}

/// Parses comma-separated keys or a JSON list of strings. Each key has all scopes.
///
/// # Errors
/// Returns the problem with its position in the list, and never a key.
pub(super) fn parse(text: &str) -> Result<Vec<Key>, String> {
    if text.trim().is_empty() {
        return Err(
            "expected keys, got an empty value; unset the variable to run without keys".to_owned()
        );
    }
    let texts =
        if text.trim_start().starts_with('[') { json_list(text)? } else { comma_list(text) };
    if texts.is_empty() {
        return Err(
            "expected keys, got an empty list; unset the variable to run without keys".to_owned()
        );
    }
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for (at, text) in (1..).zip(&texts) {
        check(text).map_err(|problem| format!("key {at}: {problem}"))?;
        if !seen.insert(text) {
            return Err(format!(
                "key {at}: expected each key once, got a duplicate of an earlier key"
            ));
        }
        keys.push(Key {
            id: format!("env-{at}"),
            digest: KeyDigest::of(text),
            scopes: [Scope::Admin].into_iter().collect(),
            slugs: None,
            actions: None,
            expires: None,
            revoked: false,
        });
    }
    Ok(keys)
}

fn comma_list(text: &str) -> Vec<String> {
    text.split(',').map(|key| key.trim().to_owned()).collect()
}

/// Parses a JSON list. The error of the parser may quote a key, so only its position is kept.
fn json_list(text: &str) -> Result<Vec<String>, String> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("expected a JSON list after [, got a syntax error at {line}:{column}")
    })?;
    let text = |(at, value)| match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("key {at}: expected a string")),
    };
    (1..).zip(values).map(text).collect()
}

/// Checks that a key can be sent in a header and is not too easy to guess.
///
/// # Errors
/// Returns the rule that the key breaks.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let (shortest, longest) = LENGTH;
    if text.is_empty() {
        return Err("expected a key, got nothing".to_owned());
    }
    if text.chars().any(char::is_whitespace) {
        return Err("expected no whitespace inside a key".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected printable ASCII characters only".to_owned());
    }
    if !(shortest..=longest).contains(&text.len()) {
        return Err(format!("expected {shortest} to {longest} characters, got {}", text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).len()
    }

    #[test]
    fn keys_are_comma_separated_or_a_json_list() {
        for (text, keys) in [
            ("alpha-key", 1),
            ("alpha-key,beta-key", 2),
            (" alpha-key , beta-key ", 2),
            (r#"["alpha-key","beta,key"]"#, 2),
            (" [ \"alpha-key\" ] ", 1),
        ] {
            assert_eq!(count(text), keys, "{text}");
        }
        let keys = parse("alpha-key,beta-key").unwrap();
        assert!(keys[1].digest.is(&KeyDigest::of("beta-key")));
        assert!(keys.iter().all(|key| Scope::ALL.iter().all(|scope| key.scopes.allow(*scope))));
        assert_eq!((&*keys[0].id, &*keys[1].id), ("env-1", "env-2"));
    }

    #[test]
    fn an_invalid_key_is_named_by_its_position_and_not_repeated() {
        let long = format!("hunter2-{}", "x".repeat(249));
        for (text, reason) in [
            ("", "got an empty value"),
            ("  ", "got an empty value"),
            ("[]", "got an empty list"),
            ("hunter2-a,", "key 2: expected a key"),
            (",hunter2-a", "key 1: expected a key"),
            ("hunter2-a,,hunter2-b", "key 2: expected a key"),
            (r#"["hunter2-a",""]"#, "key 2: expected a key"),
            ("hunter2-a hunter2-b", "key 1: expected no whitespace"),
            (r#"[" hunter2-a"]"#, "key 1: expected no whitespace"),
            ("hunter2-é", "key 1: expected printable"),
            ("[\"hunter2-\\u0000\"]", "key 1: expected printable"),
            ("hunter2", "key 1: expected 8 to 256 characters, got 7"),
            (&long, "key 1: expected 8 to 256 characters, got 257"),
            ("hunter2-a,hunter2-a", "key 2: expected each key once"),
            (r#"["hunter2-a", 7]"#, "key 2: expected a string"),
            (r#"["hunter2-a""#, "expected a JSON list after [, got a syntax error at 1:12"),
            ("[hunter2-a]", "expected a JSON list"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(reason), "{text}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
