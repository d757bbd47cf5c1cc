//! `federation keys`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::program::{Outcome, Program};

fn program() -> Program {
    Program::new().variable("FEDERATION_KEYS_FILE", "keys.yaml")
}

fn run(program: &Program, line: &str) -> Outcome {
    program.run(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_key_is_printed_once_and_listed_without_its_secret() {
    let program = program();
    let made = run(&program, "keys create docs --scope heartbeat --slug docs --days 30");
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.stdout.trim_end();
    let [prefix, id, secret] = key.split('_').collect::<Vec<_>>()[..] else { panic!("{key}") };
    assert_eq!((prefix, id.len(), secret.len()), ("fed", 8, 48));
    assert!(made.stderr.contains("docs") && !made.stderr.contains(secret), "{made:?}");

    let path = program.folder().join("keys.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(id) && !text.contains(secret), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let listed = run(&program, "keys list").stdout;
    let digest = text.lines().find_map(|line| line.trim().strip_prefix("sha256: ")).unwrap();
    assert!(!listed.contains(secret) && !listed.contains(digest), "{listed}");
    let line = listed.lines().nth(1).unwrap();
    assert!(line.starts_with(id) && line.contains("valid  heartbeat  docs"), "{listed}");

    let revoked = run(&program, &format!("keys revoke {id}"));
    assert_eq!(revoked.stdout, format!("revoked {id} (docs)\n"));
    let again = run(&program, &format!("keys revoke {id}"));
    assert_eq!(again.stdout, format!("{id} (docs) was already revoked\n"));
    let listed: Value = serde_json::from_str(&run(&program, "keys list --json").stdout).unwrap();
    let again = run(&program, &format!("keys revoke {id} --json")).stdout;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again, json!({ "id": id, "revoked": listed[0]["revoked"] }));
    assert_eq!((&listed[0]["state"], listed.as_array().unwrap().len()), (&"revoked".into(), 1));
}

#[test]
fn keys_differ_and_programs_get_json() {
    let program = program();
    let made = run(&program, "keys create a --scope read --scope write --json");
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("fed_{}_", made["id"].as_str().unwrap())), "{made}");
    assert_eq!(made["scopes"], serde_json::json!(["read", "write"]));
    let other = run(&program, "keys create a --scope admin").stdout;
    assert_ne!(other.trim_end(), key);
    assert_eq!(run(&program, "keys list").stdout.lines().count(), 3);
}

#[test]
fn an_invalid_key_is_rejected_and_the_file_stays() {
    let program = program();
    for (line, code, said) in [
        ("keys create a", 2, "--scope"),
        ("keys create a --scope root", 2, "expected read, heartbeat, write, act or admin"),
        ("keys create a --scope heartbeat --slug A", 2, "--slug"),
        ("keys create a --scope read --days 0", 2, "--days"),
        ("keys create a --scope read --slug docs", 1, "slugs: expected the scope heartbeat"),
        ("keys list", 1, "keys.yaml does not exist"),
        ("keys revoke 1a2b3c4d", 1, "keys.yaml does not exist"),
    ] {
        let run = run(&program, line);
        assert_eq!(run.code, Some(code), "{line}: {run:?}");
        assert!(run.stderr.contains(said), "{line}: {}", run.stderr);
        assert!(!program.folder().join("keys.yaml").exists(), "{line}");
    }
    run(&program, "keys create a --scope read");
    let unknown = run(&program, "keys revoke unknown");
    assert!(unknown.stderr.contains("expected the id of a key"), "{unknown:?}");
    let unnamed = run(&Program::new(), "keys list");
    assert!(unnamed.stderr.contains("FEDERATION_KEYS_FILE (or --keys-file)"), "{unnamed:?}");
}
