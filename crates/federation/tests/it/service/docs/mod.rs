//! Every example of README.md and docs/ is tried: what stands there works, and goes on to.
//!
//! A block in a fence says by its language what it is. `sh` is run against a real service, with a
//! publisher for the project of `config/projects.yaml` beside it; in `yaml` a list of projects is
//! checked; `json` must have the shape of something that the service says; `rust` must be an example
//! of a crate's documentation, which is compiled with that. Whatever cannot be tried is named in
//! [`SKIPPED`] with the reason.

mod blocks;
mod shapes;
mod shell;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::blocks::blocks;
use self::stage::Stage;
use super::process::federation;

/// What is not run, by how it begins, and why.
const SKIPPED: [(&str, &str); 5] = [
    ("nats ", "needs the command line of NATS; nats/src/catalog/tests.rs asks the same"),
    ("./scripts/", "each runs for minutes or until Ctrl-C; test.sh is what runs this test"),
    ("docker compose ", "needs an engine; scripts/check-docker.sh checks the file"),
    ("cargo bench ", "measures for minutes"),
    ("SIMULATION_SEEDS=", "a test that runs anyway, with more seeds and optimised"),
];

/// What runs until it is told to end, by a part of it, and what it must have said by then.
const LASTING: [(&str, &str); 3] = [
    ("cargo run -- heartbeat", "publisher is starting"),
    ("curl -N ", "changing"),
    ("projects watch", "changing"),
];

/// What is put in place of what: so that an example takes neither the time that it would in earnest,
/// nor the processor from the tests beside it; and what a reader has to fill in.
const INSTEAD: [(&str, &str); 4] = [
    ("--projects 10000", "--projects 100"),
    ("--seconds 60", "--seconds 1 --warm-up 0 --probes 0"),
    ("--connections 16", "--connections 1 --seconds 1"),
    (
        "revoke 1a2b3c4d",
        r#"revoke "$(federation keys list --json | grep -oE '[0-9a-f]{8}' | head -n 1)""#,
    ),
];

/// Why the command or block of this text is not tried, if it is not.
fn skipped(text: &str) -> Option<&'static str> {
    SKIPPED.iter().find(|(start, _)| text.trim_start().starts_with(start)).map(|(_, why)| *why)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The examples say `cargo run`, in whose place the built program is run here.
#[test]
fn cargo_run_means_the_service() {
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
fn every_block_is_of_a_kind_that_is_tried() {
    for block in blocks(&root()) {
        let known = ["sh", "yaml", "json", "rust", "text"].contains(&block.language.as_str());
        assert!(
            known,
            "{}: nothing tries a block of the language {:?}",
            block.place(),
            block.language
        );
    }
}

#[test]
fn what_is_named_as_skipped_or_special_is_there() {
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
async fn the_examples_of_a_shell_work() {
    let stage = Stage::set(&root()).await;
    for block in blocks(&root()).iter().filter(|block| block.language == "sh") {
        shell::run(&stage, block);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_json_have_the_shape_of_what_the_service_says() {
    let stage = Stage::set(&root()).await;
    let said = stage.says().await;
    for block in blocks(&root()).iter().filter(|block| block.language == "json") {
        let example = serde_json::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}", block.place()));
        let names: Vec<_> = said.iter().map(|(name, _)| name).collect();
        let fits = said.iter().any(|(_, real)| shapes::fit(&example, real));
        assert!(fits, "{}: this has the shape of none of {names:?}", block.place());
    }
}

#[test]
fn the_examples_of_lists_of_projects_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks(&root()).iter().filter(|block| block.language == "yaml") {
        if skipped(&block.text).is_some() {
            continue;
        }
        fs::write(folder.path().join("p.yaml"), &block.text).unwrap();
        let checked =
            federation(folder.path()).args(["config", "check", "p.yaml"]).output().unwrap();
        assert!(checked.status.success(), "{}: {checked:?}", block.place());
    }
}

#[test]
fn the_examples_of_rust_are_examples_of_the_documentation_of_a_crate() {
    let compiled: Vec<String> =
        sources(&root().join("crates")).iter().map(|file| documented(file)).collect();
    for block in blocks(&root()).iter().filter(|block| block.language == "rust") {
        let is_compiled = compiled.iter().any(|text| text.contains(&block.text));
        assert!(is_compiled, "{}: no crate documents exactly this:\n{}", block.place(), block.text);
    }
}

/// The Rust files in a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if path.is_dir() { sources(&path) } else { Vec::from_iter(is_rust.then_some(path)) }
        })
        .collect()
}

/// What a file documents, as a reader sees it: without the lines that examples hide.
fn documented(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(str::trim_start).filter_map(|line| {
        let doc = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
        let doc = doc.strip_prefix(' ').unwrap_or(doc);
        (!doc.starts_with("# ")).then(|| format!("{doc}\n"))
    });
    lines.collect()
}
