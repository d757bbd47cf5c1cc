//! Reloads of the file of API keys, without waiting.

use std::fs;

use federation_http::{Closed, KeyDigest};
use federation_testkit::ManualClock;

use super::*;

fn text(id: &str) -> String {
    let digest = KeyDigest::of(id).to_hex();
    format!(
        "keys:\n- id: {id}\n  name: A\n  sha256: {digest}\n  scopes: [read]\n  \
         created: 2026-11-24T12:00:00Z\n"
    )
}

fn served(path: &std::path::Path) -> KeysFile {
    let file = Some(path.to_owned());
    let settings =
        AuthSettings { given: Vec::new(), file, closed: Closed::default(), session_secret: None };
    ServedKeys::start(&settings, Arc::<ManualClock>::default()).unwrap().file.unwrap()
}

#[test]
fn an_invalid_file_at_the_start_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let file = Some(path.clone());
    let settings =
        AuthSettings { given: Vec::new(), file, closed: Closed::default(), session_secret: None };
    let said = |text: Option<&str>| {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        format!("{:#}", ServedKeys::start(&settings, Arc::<ManualClock>::default()).err().unwrap())
    };
    let missing = said(None);
    assert!(missing.starts_with("FEDERATION_KEYS_FILE: ") && missing.contains("keys create"));
    assert!(said(Some("keys: x")).contains("keys.yaml:1:7: keys: expected a list of keys"));
}

/// Checks until the file was found unchanged twice.
fn settle(file: &mut KeysFile) {
    file.look(false);
    file.look(false);
}

#[test]
fn a_file_is_not_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let revoked = format!("{}  revoked: 2026-11-25T12:00:00Z\n", text("a1"));
    fs::write(&path, &revoked).unwrap();
    let mut file = served(&path);
    // A copy in progress, from which a reload would read a key as valid again.
    let half = format!("{}{}", text("a1"), &text("b2")["keys:\n".len()..]);
    fs::write(&path, &half).unwrap();
    file.look(false);
    assert_eq!(file.keys.filed_count(), 1);
    fs::write(&path, format!("{revoked}{}", &text("b2")["keys:\n".len()..])).unwrap();
    file.look(false);
    assert_eq!(file.keys.filed_count(), 1, "it has changed since the last look");
    file.look(false);
    assert_eq!(file.keys.filed_count(), 2);
}

#[test]
fn an_invalid_file_keeps_the_keys_and_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    fs::write(&path, text("a1")).unwrap();
    let mut file = served(&path);
    for broken in ["keys: x", ""] {
        fs::write(&path, broken).unwrap();
        settle(&mut file);
        let told = file.last_error.clone().unwrap();
        assert!(told.contains("keys.yaml"), "{told}");
        assert_eq!(file.keys.filed_count(), 1);
    }
    fs::remove_file(&path).unwrap();
    settle(&mut file);
    assert!(file.last_error.as_ref().unwrap().contains("does not exist"));
    assert_eq!(file.keys.filed_count(), 1);

    fs::write(&path, format!("{}{}", text("a1"), &text("b2")["keys:\n".len()..])).unwrap();
    settle(&mut file);
    assert_eq!((file.last_error.clone(), file.keys.filed_count()), (None, 2));
}

#[test]
fn an_unchanged_file_is_read_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    fs::write(&path, text("a1")).unwrap();
    let mut file = served(&path);
    file.keys.replace_filed(Vec::new());
    settle(&mut file);
    assert_eq!(file.keys.filed_count(), 0);
    file.look(true);
    assert_eq!(file.keys.filed_count(), 1);
}
