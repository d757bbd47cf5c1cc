//! API keys that stand in a setting.

use std::collections::HashSet;

use federation_http::{Key, KeyDigest, Scope};
use serde_json::Value;

/// The shortest and the longest key, in characters. A key of eight is not to be guessed over a
/// network while wrong ones are slowed down; those that `federation keys` makes are far longer.
const LENGTH: (usize, usize) = (8, 256);

/// Whether a setting protects the API. Someone who sets it to nothing wants protection and does not
/// get it, so that must reach the check that refuses it, and not count as unset.
pub(crate) fn protects(setting: &str) -> bool {
    matches!(setting, "FEDERATION_API_KEYS" | "FEDERATION_KEYS_FILE")
}

/// The keys of `FEDERATION_API_KEYS`: separated by commas, or a JSON list of strings. Each has all
/// scopes.
///
/// # Errors
/// What is wrong, with the place in the list; never with a key.
pub(super) fn parse(text: &str) -> Result<Vec<Key>, String> {
    if text.trim().is_empty() {
        return Err("is set but empty, which would mean that no key fits; remove it from the \
                    environment and from .env"
            .to_owned());
    }
    let texts =
        if text.trim_start().starts_with('[') { json_list(text)? } else { comma_list(text) };
    if texts.is_empty() {
        return Err("is an empty list, which would mean that no key fits".to_owned());
    }
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for (at, text) in (1..).zip(&texts) {
        check(text).map_err(|problem| format!("key {at} {problem}"))?;
        if !seen.insert(text) {
            return Err(format!("key {at} is the same as one before it"));
        }
        keys.push(Key {
            id: format!("env-{at}"),
            digest: KeyDigest::of(text),
            scopes: [Scope::Admin].into_iter().collect(),
            slugs: None,
            expires: None,
            revoked: false,
        });
    }
    Ok(keys)
}

fn comma_list(text: &str) -> Vec<String> {
    text.split(',').map(|key| key.trim().to_owned()).collect()
}

/// The error of the JSON reader names what it found, so only its place is told.
fn json_list(text: &str) -> Result<Vec<String>, String> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("begins with [ and is no JSON list (line {line}, column {column})")
    })?;
    let text = |(at, value)| match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("key {at} is no string")),
    };
    (1..).zip(values).map(text).collect()
}

/// Whether a text can be a key: it must go through a header as it is, and not be too easy to guess.
///
/// # Errors
/// What is allowed.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let (shortest, longest) = LENGTH;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().any(char::is_whitespace) {
        return Err("has a blank in it".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has other characters than letters, digits and signs of ASCII".to_owned());
    }
    if !(shortest..=longest).contains(&text.len()) {
        let problem = if text.len() < shortest { "short" } else { "long" };
        return Err(format!("is too {problem}: {shortest} to {longest} characters are allowed"));
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
    fn keys_are_separated_by_commas_or_stand_in_a_json_list() {
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
    fn what_is_no_key_is_refused_by_its_place_and_not_repeated() {
        let long = format!("hunter2-{}", "x".repeat(249));
        for (text, reason) in [
            ("", "is set but empty"),
            ("  ", "is set but empty"),
            ("[]", "an empty list"),
            ("hunter2-a,", "key 2 is empty"),
            (",hunter2-a", "key 1 is empty"),
            ("hunter2-a,,hunter2-b", "key 2 is empty"),
            (r#"["hunter2-a",""]"#, "key 2 is empty"),
            ("hunter2-a hunter2-b", "key 1 has a blank in it"),
            (r#"[" hunter2-a"]"#, "key 1 has a blank in it"),
            ("hunter2-é", "key 1 has other characters"),
            ("[\"hunter2-\\u0000\"]", "key 1 has other characters"),
            ("hunter2", "key 1 is too short: 8 to 256"),
            (&long, "key 1 is too long"),
            ("hunter2-a,hunter2-a", "key 2 is the same as one before it"),
            (r#"["hunter2-a", 7]"#, "key 2 is no string"),
            (r#"["hunter2-a""#, "no JSON list (line 1, column 12)"),
            ("[hunter2-a]", "no JSON list"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(reason), "{text}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
