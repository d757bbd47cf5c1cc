//! Parsing and writing of the file of API keys.

use std::os::unix::fs::PermissionsExt as _;

use federation_domain::Slug;
use federation_http::{Key, KeyDigest, Scope};
use time::macros::datetime;

use super::*;

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn entry(id: &str) -> KeyEntry {
    KeyEntry {
        id: id.to_owned(),
        name: "Dashboard: \"main\"".to_owned(),
        digest: KeyDigest::of("abc"),
        scopes: [Scope::Read, Scope::Heartbeat].into_iter().collect(),
        slugs: vec![Slug::parse("docs").unwrap()],
        actions: Vec::new(),
        created: datetime!(2026-11-24 12:00:00 UTC),
        expires: Some(datetime!(2027-11-24 12:00:00 UTC)),
        revoked: None,
    }
}

/// Adds a key to the file.
fn add(path: &Path, id: &str) {
    update(path, |entries| {
        entries.push(entry(id));
        Ok(())
    })
    .unwrap();
}

fn problem(text: &str) -> String {
    parse(Path::new("k.yaml"), text.as_bytes()).unwrap_err().to_string()
}

/// Returns a file with one key, with part of its text replaced.
fn with(line: &str, other: &str) -> String {
    let text = format!(
        "keys:\n- id: a1\n  name: A\n  sha256: {DIGEST}\n  scopes: [read]\n  \
         created: 2026-11-24T12:00:00Z\n"
    );
    assert!(text.contains(line), "{line} in {text}");
    text.replace(line, other)
}

#[test]
fn a_written_file_is_read_unchanged() {
    let mut revoked = entry("00000000");
    revoked.revoked = Some(datetime!(2026-12-01 00:00:00 UTC));
    revoked.slugs.clear();
    let text = render(&[entry("1e5"), revoked]);
    let read = parse(Path::new("k.yaml"), text.as_bytes()).unwrap();
    assert_eq!(read.len(), 2, "{text}");
    assert_eq!(render(&read), text);
    assert_eq!(format!("{:?}", read[0]), format!("{:?}", entry("1e5")));
    assert!(read[0].digest.is(&KeyDigest::of("abc")));
    let keys: Vec<_> = read.iter().map(Key::from).collect();
    assert!(keys[0].slugs.as_ref().unwrap().contains(&Slug::parse("docs").unwrap()));
    assert!(keys[1].slugs.is_none() && keys[1].revoked && !keys[0].revoked);
}

#[test]
fn json_is_accepted() {
    let text = format!(
        r#"{{"keys":[{{"id":"a1","name":"A","sha256":"{DIGEST}","scopes":["admin"],"created":"2026-11-24T12:00:00Z"}}]}}"#
    );
    assert_eq!(parse(Path::new("k.json"), text.as_bytes()).unwrap().len(), 1);
    assert_eq!(parse(Path::new("k.yaml"), b"keys: []\n").unwrap().len(), 0);
}

#[test]
fn a_byte_order_mark_merge_keys_and_extensions_are_accepted() {
    let text =
        with("keys:\n- id: a1\n", "x-all: &all {scopes: [admin]}\nkeys:\n- <<: *all\n  id: a1\n");
    let text = text.replace("  scopes: [read]\n", "");
    let keys = parse(Path::new("k.yaml"), format!("\u{feff}---\n{text}").as_bytes()).unwrap();
    assert!(keys[0].scopes.iter().eq([Scope::Admin]));
}

#[test]
fn an_invalid_file_is_reported_by_line_and_field() {
    for (text, expected) in [
        (with("id: a1", "id: A-1"), "k.yaml:2:7: keys[0].id: expected 1 to 32 characters"),
        (with("id: a1", "id: 17"), "k.yaml:2:7: keys[0].id: expected a string (in quotes"),
        (with("name: A", "name: ''"), "k.yaml:3:9: keys[0].name: expected 1 to 64 characters"),
        (
            with("name: A", "nickname: A"),
            "k.yaml:3:3: keys[0]: unknown field …, expected one of `id`, `name`",
        ),
        (with("  name: A\n", ""), "k.yaml:2:3: keys[0]: missing field `name`"),
        (with("  name: A", "  id: a2"), "k.yaml:2:3: keys[0]: duplicate field `id`"),
        (with(DIGEST, "hunter2"), "k.yaml:4:11: keys[0].sha256: expected the SHA-256 of a key"),
        (
            with("[read]", "[read, root]"),
            "k.yaml:5:18: keys[0].scopes[1]: expected read, heartbeat,",
        ),
        (with("[read]", "[]"), "k.yaml:5:11: keys[0].scopes: expected at least one"),
        (with("[read]", "read"), "k.yaml:5:11: keys[0].scopes: expected a"),
        (
            with("[read]", "[read]\n  slugs: [docs]"),
            "k.yaml:6:10: keys[0].slugs: expected the scope heartbeat",
        ),
        (
            with("[read]", "[admin, heartbeat]\n  slugs: [docs]"),
            "k.yaml:6:10: keys[0].slugs: expected the scope heartbeat",
        ),
        (with("[read]", "[heartbeat]\n  slugs: [Docs]"), "k.yaml:6:11: keys[0].slugs[0]: "),
        (
            with("[read]", "[heartbeat]\n  slugs: []"),
            "k.yaml:6:10: keys[0].slugs: expected at least one, got an empty list",
        ),
        (
            with("2026-11-24T12:00:00Z", "today"),
            "k.yaml:6:12: keys[0].created: expected a time such as",
        ),
        (String::new(), "k.yaml:1:1: expected a mapping with the key `keys`, got null"),
        ("keys:\n".to_owned(), "keys: expected a list of keys, got null"),
        (
            "keys: fed_a_hunter2\n".to_owned(),
            "k.yaml:1:7: keys: expected a list of keys, got a string",
        ),
        (
            "fed_a_hunter2\n".to_owned(),
            "k.yaml:1:1: expected a mapping with the key `keys`, got a string",
        ),
        ("keys: [\n".to_owned(), "k.yaml:2:1: "),
        ("keys: []\n---\nkeys: []\n".to_owned(), "k.yaml:3:1: expected the end of the file"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(expected), "{expected}: {problem}");
        assert!(!problem.contains("hunter2") && problem.lines().count() == 1, "{problem}");
    }
}

#[test]
fn a_key_in_a_wrong_place_is_never_repeated() {
    const KEY: &str = "fed_1a2b3c4d_hunter2";
    let fields = ["id", "name", "sha256", "scopes", "slugs", "created", "expires", "revoked"];
    let long = format!("{KEY}, expected {}", "hunter2`\"' ".repeat(200));
    let quoted = format!("'{}'", long.replace('\'', "''"));
    let mut texts = vec![
        format!("{quoted}: x\n"),
        format!("keys: []\n{quoted}: x\n"),
        format!("keys: []\n? [{KEY}]\n: x\n"),
        format!("? !{KEY} x\n: x\n"),
        format!("keys: *{KEY}\n"),
        format!("keys: []\n--- {KEY}\n"),
    ];
    for found in [KEY, &quoted, "314159265358979", "-314159265358979", "3.14159265358979e-7"]
        .into_iter()
        .chain(["314159265358979314159265358979", "true", "!hunter2 x", "!!int hunter2"])
        .chain(["[hunter2]", "{hunter2: x}", "hunter2: x", "? hunter2\n  : x"])
    {
        texts.extend(["keys: ", "keys:\n- ", ""].map(|place| format!("{place}{found}\n")));
        texts.push(with("  name: A", &format!("  {found}: x")));
        for field in fields {
            texts.push(with("- id: a1\n", &format!("- {field}: {found}\n  id: a1\n")));
            texts.push(with("- id: a1\n", &format!("- {field}: [{found}]\n  id: a1\n")));
            texts.push(format!("keys:\n- {field}: {found}\n"));
        }
    }
    for text in texts {
        let Err(error) = parse(Path::new("k.yaml"), text.as_bytes()) else { continue };
        let said = error.to_string();
        let is_silent = ["hunter2", "14159", "true", "struct "].iter().all(|it| !said.contains(it));
        assert!(is_silent && said.lines().count() == 1, "{said}\nof\n{text}");
    }
}

#[test]
fn a_duplicate_id_is_rejected() {
    let text = render(&[entry("a1"), entry("b2"), entry("a1")]);
    let line = text.lines().enumerate().filter(|(_, line)| line.contains("id: a1")).nth(1);
    let said = format!(
        "k.yaml:{}:7: keys[2].id: expected a unique id, got the id of keys[0]",
        line.unwrap().0 + 1
    );
    assert_eq!(problem(&text), said);
}

#[test]
fn a_file_is_created_for_its_owner_only_and_replaced_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keys.yaml");
    add(&path, "a1");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    add(&path, "b2");
    assert_eq!(mode(&path), 0o640, "the group may go on reading it, others may not");
    assert_eq!(read(&path).unwrap().len(), 2);
    let refused: anyhow::Result<()> = update(&path, |entries| {
        entries.clear();
        anyhow::bail!("no")
    });
    assert!(refused.is_err());
    assert_eq!(read(&path).unwrap().len(), 2);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "a temporary file remains: {names:?}");
}

#[test]
fn an_invalid_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    fs::write(&path, "keys: broken").unwrap();
    assert!(update(&path, |_| Ok(())).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "keys: broken");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.yaml"), folder.path().join("link.yaml"));
    fs::write(&real, "keys: []").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    add(&link, "a1");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read(&real).unwrap().len(), 1);
}

#[test]
fn concurrent_updates_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5 {
                    add(path, &format!("t{thread}n{number}"));
                }
            });
        }
    });
    assert_eq!(read(&path).unwrap().len(), 20);
}
