//! Tests of every example in README.md and docs/.
//!
//! The language of a fenced block selects its test. `sh` runs against a real service with a publisher
//! for the project of `config/projects.yaml`. `yaml` must be a valid projects file. `json` must have
//! the shape of a document of the service. `rust` must be an example of the documentation of a crate,
//! which is compiled with it. `python`, `js` and `go` are programs that send heartbeats, which run if
//! their runtimes are present. [`SKIPPED`] names the exceptions with their reasons.

mod blocks;
mod programs;
mod shapes;
mod shell;
mod stage;
mod verifying;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::blocks::blocks;
use self::stage::Stage;
use super::notifications::{SECRET, sent_body};
use super::process::federation;

/// Prefixes of commands that are not run, with the reason.
const SKIPPED: [(&str, &str); 7] = [
    ("nats ", "needs the NATS command line; nats/src/catalog/tests.rs tests the same"),
    ("./scripts/", "each runs for minutes or until Ctrl-C; test.sh runs this test"),
    ("docker compose ", "needs Docker; scripts/check-docker.sh checks the file"),
    ("cargo bench ", "measures for minutes"),
    ("cargo install ", "builds a release; the examples run the tested binary"),
    ("SIMULATION_SEEDS=", "a test that is part of the suite, with more seeds"),
    ("LIVENESS_CASES=", "a test that is part of the suite, with more cases"),
];

/// Substrings of commands that run until they are stopped, with the output to wait for.
const LASTING: [(&str, &str); 3] = [
    ("cargo run -- heartbeat", "publisher is starting"),
    ("curl -N ", "changing"),
    ("projects watch", "changing"),
];

/// Replacements that shorten an example or fill in values that a reader would supply.
const INSTEAD: [(&str, &str); 4] = [
    ("--projects 10000", "--projects 100"),
    ("--seconds 60", "--seconds 1 --warm-up 0 --probes 0"),
    ("--connections 16", "--connections 1 --seconds 1"),
    (
        "revoke 1a2b3c4d",
        r#"revoke "$(federation keys list --json | grep -oE '[0-9a-f]{8}' | head -n 1)""#,
    ),
];

/// Returns the reason if a command or block is skipped.
fn skipped(text: &str) -> Option<&'static str> {
    SKIPPED.iter().find(|(start, _)| text.trim_start().starts_with(start)).map(|(_, why)| *why)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Checks that `cargo run`, which the examples use, starts the program that is tested here.
#[test]
fn cargo_run_starts_the_service() {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let said = metadata.current_dir(root()).output().unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let run = &said["workspace_default_members"];
    let package = &said["packages"].as_array().unwrap().iter().find(|one| one["id"] == run[0]);
    assert_eq!(
        (run.as_array().unwrap().len(), &package.unwrap()["name"]),
        (1, &"federation".into())
    );
}

#[test]
fn every_block_has_a_tested_language() {
    for block in blocks(&root()) {
        let known = ["sh", "yaml", "json", "rust", "text", "mermaid"]
            .contains(&block.language.as_str())
            || programs::is_program(&block.language);
        assert!(
            known,
            "{}: nothing tries a block of the language {:?}",
            block.place(),
            block.language
        );
    }
}

#[test]
fn every_special_case_names_an_existing_example() {
    let all = blocks(&root());
    let anywhere =
        |wanted: &dyn Fn(&str) -> bool| all.iter().any(|block| block.text.lines().any(wanted));
    for (start, _) in SKIPPED {
        assert!(anywhere(&|line| line.starts_with(start)), "no example begins with {start:?}");
    }
    for (part, _) in LASTING.iter().chain(&INSTEAD) {
        assert!(anywhere(&|line| line.contains(part)), "no example has {part:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_examples_work() {
    let stage = Stage::set(&root()).await;
    for block in blocks(&root()).iter().filter(|block| block.language == "sh") {
        shell::run(&stage, block);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_programs_make_their_project_online() {
    let stage = Stage::set(&root()).await;
    for block in blocks(&root()).iter().filter(|block| !verifying::is_check(block)) {
        programs::run(&stage, block);
    }
}

#[test]
fn the_example_checks_accept_only_valid_requests() {
    let all = blocks(&root());
    let checks: Vec<_> = all.iter().filter(|block| verifying::is_check(block)).collect();
    assert!(checks.iter().filter(|block| block.language != "rust").count() >= 2);
    checks.into_iter().for_each(verifying::run);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_examples_have_the_shape_of_real_documents() {
    let stage = Stage::set(&root()).await;
    let mut said = stage.says().await;
    said.push(("a webhook".to_owned(), sent_body()));
    for block in blocks(&root()).iter().filter(|block| block.language == "json") {
        let example = serde_json::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}", block.place()));
        let names: Vec<_> = said.iter().map(|(name, _)| name).collect();
        let fits = said.iter().any(|(_, real)| shapes::fit(&example, real));
        assert!(fits, "{}: this has the shape of none of {names:?}", block.place());
    }
}

#[test]
fn the_example_project_files_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks(&root()).iter().filter(|block| block.language == "yaml") {
        if skipped(&block.text).is_some() {
            continue;
        }
        let is_of_alerts = ["channels:", "rules:"].iter().any(|key| block.text.starts_with(key));
        let (projects, alerts) = match is_of_alerts {
            true => ("projects: []", block.text.as_str()),
            false => (block.text.as_str(), ""),
        };
        fs::write(folder.path().join("p.yaml"), projects).unwrap();
        fs::write(folder.path().join("a.yaml"), alerts).unwrap();
        for secret in ["hook.secret", "smtp.password"] {
            fs::write(folder.path().join(secret), SECRET.1).unwrap();
        }
        let checked = federation(folder.path())
            .args(["config", "check", "p.yaml", "--alerts-file", "a.yaml"])
            .envs([SECRET, ("SLACK_TOKEN", "T/B/x")])
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}: {checked:?}", block.place());
    }
}

#[test]
fn the_rust_examples_are_part_of_a_crate_documentation() {
    let compiled: Vec<String> =
        sources(&root().join("crates")).iter().map(|file| documented(file)).collect();
    for block in blocks(&root()).iter().filter(|block| block.language == "rust") {
        let is_compiled = compiled.iter().any(|text| text.contains(&block.text));
        assert!(is_compiled, "{}: no crate documents exactly this:\n{}", block.place(), block.text);
    }
}

/// Returns the Rust files in a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if path.is_dir() { sources(&path) } else { Vec::from_iter(is_rust.then_some(path)) }
        })
        .collect()
}

/// Returns the documentation in a file without the hidden lines of examples.
fn documented(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(str::trim_start).filter_map(|line| {
        let doc = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
        let doc = doc.strip_prefix(' ').unwrap_or(doc);
        (!doc.starts_with("# ")).then(|| format!("{doc}\n"))
    });
    lines.collect()
}
