//! Runner of the examples that check the signatures of requests.

use std::io::Write as _;
use std::process::{Command, Stdio};

use federation_domain::Slug;
use federation_nats::{MasterKeys, SignedRequest};
use serde_json::{Value, json};

use super::blocks::Block;

const MASTER: &str = "0123456789abcdef0123456789abcdef";
const SUBJECT: &str = "hub.docs.audit.requested.security";

/// Reads a list of cases and prints for each one whether it is valid.
const PYTHON: &str = "
import sys
for case in json.load(sys.stdin):
    request = verify(case['key'], 'docs', case['headers'], case['subject'],
                     case['payload'].encode(), case['now'] / 1000)
    print('invalid' if request is None else 'valid')
";
const NODE: &str = "
for (const c of JSON.parse(require('node:fs').readFileSync(0, 'utf8'))) {
  const request = verify(c.key, 'docs', c.headers, c.subject, Buffer.from(c.payload), c.now);
  console.log(request === null ? 'invalid' : 'valid');
}
";

/// Returns whether a block checks signatures.
pub(super) fn is_check(block: &Block) -> bool {
    block.text.contains("Federation-Signature")
}

/// Runs the check on valid, forged, replayed and old requests. Skips it if its runtime is missing.
pub(super) fn run(block: &Block) {
    let (program, flag, driver) = match block.language.as_str() {
        "python" => ("python3", "-c", PYTHON),
        "js" => ("node", "-e", NODE),
        _ => return,
    };
    if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("{}: skipped, because {program} is missing", block.place());
        return;
    }
    let (cases, expected): (Vec<Value>, Vec<&str>) = cases().into_iter().unzip();
    let mut child = Command::new(program)
        .args([flag, &format!("{}{driver}", block.text)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(Value::Array(cases).to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{}", block.place());
}

/// Returns the cases with the expected verdicts, in the order in which they arrive.
fn cases() -> Vec<(Value, &'static str)> {
    let at = 1_795_910_400_000_i64;
    let valid = |run: &str, now: i64| case("docs", run, at, now);
    let changed = |run: &str, key: &str, value: Value| {
        let mut case = valid(run, at);
        case[key] = value;
        case
    };
    let mut unsigned = valid("e", at);
    unsigned["headers"] = json!({});
    let mut two_keys = valid("f", at);
    let signature = two_keys["headers"]["Federation-Signature"].as_str().unwrap().to_owned();
    two_keys["headers"]["Federation-Signature"] =
        json!(format!("00000000={}, {signature}", "0".repeat(64)));
    vec![
        (valid("a", at), "valid"),
        (valid("a", at + 1), "invalid"),
        (valid("b", at + 300_000), "valid"),
        (valid("c", at + 300_001), "invalid"),
        (valid("d", at - 300_001), "invalid"),
        (unsigned, "invalid"),
        (two_keys, "valid"),
        (changed("g", "subject", json!("hub.docs.other")), "invalid"),
        (changed("h", "payload", json!("{}")), "invalid"),
        (case("veria", "i", at, at), "invalid"),
    ]
}

/// Returns a request that is signed for a project and checked with the key of `docs`.
fn case(slug: &str, run: &str, at: i64, now: i64) -> Value {
    let keys = MasterKeys::parse(MASTER).unwrap();
    let payload = json!({
        "id": run, "action": "audit.security", "project": slug, "params": {"ä": "\u{1F600}"},
        "timeout_ms": 1000,
    });
    let (payload, timestamp) = (payload.to_string(), at.to_string());
    let signed = SignedRequest {
        id: run,
        timestamp: &timestamp,
        subject: SUBJECT,
        payload: payload.as_bytes(),
    };
    let of_project = keys.of_project(&Slug::parse(slug).unwrap());
    json!({
        "key": keys.of_project(&Slug::parse("docs").unwrap()).texts()[0],
        "headers": {
            "Federation-Action-Id": run,
            "Federation-Timestamp": timestamp,
            "Federation-Signature": signed.sign(&of_project),
        },
        "subject": SUBJECT,
        "payload": payload,
        "now": now,
    })
}
