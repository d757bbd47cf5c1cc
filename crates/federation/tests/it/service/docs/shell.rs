//! Runner of the shell examples.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use super::blocks::Block;
use super::stage::Stage;
use super::{INSTEAD, LASTING, skipped};

/// Deadline for a block, in seconds.
const PATIENCE: &str = "120";

/// Prelude of a block. `until_says` waits for the output of a command that runs until it is stopped,
/// changes a project meanwhile so that there is something to see, and then stops the command.
const PROLOGUE: &str = r#"set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
until_says() {
  local file=$1 text=$2 pid=$3 turn
  for ((turn = 0; turn < 200; turn++)); do
    if grep -qF -- "$text" "$file"; then
      kill -TERM -- "-$pid"
      wait "$pid" || [[ $? -eq 143 ]]
      return
    fi
    kill -0 "$pid" || return 1
    curl "$FEDERATION_URL/api/fed/projects" --output /dev/null --json \
      '{"slug":"changing","name":"'"$turn"'","hub_url":"http://h","mesh_namespace":"hub.changing"}'
    sleep 0.1
  done
  return 1
}
"#;

/// A command of a block.
struct Example {
    /// First line in the block, counted from zero.
    line: usize,
    text: String,
}

/// Runs the commands of a block in one shell.
pub(super) fn run(stage: &Stage, block: &Block) {
    let mut examples = commands(block);
    examples.retain(|example| skipped(&example.text).is_none());
    if examples.is_empty() {
        return;
    }
    let said = tempfile::tempdir().unwrap();
    let script = said.path().join("script");
    fs::write(&script, self::script(stage, &examples)).unwrap();
    let done = Command::new("timeout")
        .args([PATIENCE, "bash"])
        .arg(&script)
        .current_dir(stage.folder())
        .env_clear()
        .envs(stage.variables())
        .env("SAID", said.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut last = String::new();
    for (at, example) in examples.iter().enumerate() {
        let Ok(output) = fs::read_to_string(said.path().join(at.to_string())) else { break };
        last = format!("{}: {}\n{output}", block.place_of(example.line), example.text);
        for promised in promises(&example.text) {
            assert!(plain(&output).contains(&promised), "{promised} is not there: {last}");
        }
    }
    assert!(done.status.success(), "{} after the start of {last}\n{done:?}", done.status);
}

/// Splits a block into commands, each of as many lines as the shell needs.
fn commands(block: &Block) -> Vec<Example> {
    let mut commands = Vec::new();
    let mut open: Option<Example> = None;
    for (at, line) in block.text.lines().enumerate() {
        let is_blank = line.trim().is_empty() || line.trim_start().starts_with('#');
        if is_blank && open.is_none() {
            continue;
        }
        let mut example = open.take().unwrap_or(Example { line: at, text: String::new() });
        example.text.push_str(line);
        if is_whole(&example.text) {
            commands.push(example);
        } else {
            example.text.push('\n');
            open = Some(example);
        }
    }
    assert!(open.is_none(), "{}: the last command has no end", block.place());
    commands
}

fn is_whole(text: &str) -> bool {
    let parsed = Command::new("bash").args(["-n", "-c", text]).output().unwrap();
    // An unfinished here-document is only a warning.
    parsed.status.success() && parsed.stderr.is_empty() && !text.ends_with('\\')
}

/// Returns the script of a block, with the output of each command in a separate file.
fn script(stage: &Stage, examples: &[Example]) -> String {
    let address = stage.service.url("").replace("http://", "");
    let mut script = PROLOGUE.to_owned();
    for (at, example) in examples.iter().enumerate() {
        let text = example.text.replace("127.0.0.1:8001", &address);
        let text = INSTEAD.iter().fold(text, |text, (written, run)| text.replace(written, run));
        let grouped = format!("{{ {text}\n}} >\"$SAID/{at}\" 2>&1");
        let lasting = LASTING.iter().find(|(part, _)| text.contains(part));
        let written = match (lasting, refusal(&text)) {
            (Some((_, says)), _) => {
                writeln!(
                    script,
                    "set -m; {grouped} &\nset +m; until_says \"$SAID/{at}\" '{says}' $!"
                )
            }
            (None, Some(_)) => writeln!(script, "! {grouped} || exit 1"),
            (None, None) => writeln!(script, "{grouped}"),
        };
        written.unwrap();
    }
    script
}

/// Returns the comment at the end of the last line.
fn comment(text: &str) -> &str {
    text.lines().last().and_then(|line| line.rsplit_once(" # ")).map_or("", |(_, comment)| comment)
}

/// Returns the error status stated by the comment, as in `# 404 …`.
fn refusal(text: &str) -> Option<&str> {
    let status = comment(text).split(|c: char| !c.is_alphanumeric()).next()?;
    let is_refusal = status.len() == 3
        && status.starts_with(['4', '5'])
        && status.bytes().all(|digit| digit.is_ascii_digit());
    is_refusal.then_some(status)
}

/// Returns the parts of the output stated by the comment: a status and each `"key":value`.
fn promises(text: &str) -> Vec<String> {
    let mut promises: Vec<_> = refusal(text).map(str::to_owned).into_iter().collect();
    let words = plain(comment(text));
    let words = words.split_whitespace().map(|word| word.trim_end_matches([',', ';', '.']));
    promises.extend(
        words.filter(|word| word.starts_with('"') && word.contains("\":")).map(str::to_owned),
    );
    promises
}

/// Removes the whitespace of JSON.
fn plain(text: &str) -> String {
    text.replace("\": ", "\":")
}

#[test]
fn a_comment_announces_the_status_and_fields_of_the_output() {
    assert_eq!(
        promises("curl x   # \"status\": \"online\" after seconds"),
        ["\"status\":\"online\""]
    );
    assert_eq!(promises("curl x # 404, since it is gone"), ["404"]);
    assert!(promises("curl 'http://h/#a'   # the same as a table").is_empty());
}
