//! Runner of the example programs in Python, JavaScript and Go.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::blocks::Block;
use super::stage::Stage;

/// A language in which a program sends heartbeats of the project `docs`.
struct Language {
    /// The word after the fence.
    name: &'static str,
    file: &'static str,
    /// Start of the lines that load packages, which are run by themselves first.
    loads: &'static str,
    /// Fails if the runtime is missing. `$LOADS` has the lines that load packages.
    check: &'static str,
    run: &'static str,
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "python",
        file: "program.py",
        loads: "import ",
        check: r#"python3 -c "$LOADS""#,
        run: "exec python3 program.py",
    },
    Language {
        name: "js",
        file: "program.js",
        loads: "const { connect }",
        check: r#"node -e "fetch; $LOADS""#,
        run: "exec node program.js",
    },
    Language {
        name: "go",
        file: "main.go",
        loads: "\t\"github.com/",
        check: "go mod init example && go mod tidy",
        run: "go build -o program . && exec ./program",
    },
];

/// A running program, which is killed when it goes out of scope.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns whether the blocks of a language are programs.
pub(super) fn is_program(language: &str) -> bool {
    LANGUAGES.iter().any(|known| known.name == language)
}

/// Runs a program until its project is online. Skips it if its runtime or a package is missing.
pub(super) fn run(stage: &Stage, block: &Block) {
    let Some(language) = LANGUAGES.iter().find(|known| known.name == block.language) else {
        return;
    };
    if block.text.contains("EventSource") {
        eprintln!("{}: skipped, because it runs in a browser", block.place());
        return;
    }
    if block.text.contains("webhook-signature") {
        eprintln!("{}: skipped, because scripts/check-notifications.sh runs it", block.place());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(language.file), &block.text).unwrap();
    let loads: Vec<_> =
        block.text.lines().filter(|line| line.starts_with(language.loads)).collect();
    let check = shell(stage, folder.path(), language.check)
        .env("LOADS", loads.join("\n"))
        .stderr(Stdio::null())
        .status();
    if !check.unwrap().success() {
        eprintln!("{}: skipped, because its runtime or a package is missing", block.place());
        return;
    }
    let docs = json!({"slug": "docs", "name": "Docs", "hub_url": "http://localhost:8100",
        "mesh_namespace": "hub.docs"});
    assert_eq!(stage.service.post("/api/fed/projects", &docs), 201);
    let program = Program(shell(stage, folder.path(), language.run).spawn().unwrap());
    stage.service.until_status("docs", "online");
    drop(program);
    assert_eq!(stage.service.remove("docs"), 204);
}

fn shell(stage: &Stage, folder: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    for (name, value) in stage.variables() {
        if name != "HOME" {
            shell.env(name, value);
        }
    }
    shell
}
