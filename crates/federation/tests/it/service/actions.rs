//! Actions of projects, from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use federation_testkit::NatsServer;
use serde_json::{Value, json};

use super::process::{QUICK, Service, federation, folder, until};

const MASTER: &str = "0123456789abcdef0123456789abcdef";
const ACTIONS: &str = "/api/fed/actions";
const KEYS: (&str, &str) = ("FEDERATION_KEYS_FILE", "keys.yaml");

const PROJECTS: &str = "projects:
  - {slug: alpha, name: A, hub_url: 'http://localhost:1', mesh_namespace: hub.alpha, tags: [finance], allow_fanout: [audit.security]}
  - {slug: beta, name: B, hub_url: 'http://localhost:2', mesh_namespace: hub.beta, tags: [finance], allow_fanout: [graph.refresh]}
  - {slug: gamma, name: C, hub_url: 'http://localhost:3', mesh_namespace: hub.gamma, tags: [finance], allow_fanout: [audit.security]}
";

/// A project that runs as a process, and is killed when it is dropped.
struct Project(Child);

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a project with a script that takes security audits.
fn project(folder: &Path, nats: &str, slug: &str, script: &str) -> Project {
    let path = folder.join(format!("{slug}.sh"));
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let output = federation(folder)
        .args(["actions", "key", slug])
        .env("MESH_HMAC_KEY", MASTER)
        .output()
        .unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(key.starts_with("fedp_"), "{key}");
    let child = federation(folder)
        .arg("heartbeat")
        .arg(format!("--on-action=audit.security=./{slug}.sh"))
        .envs([("NATS_URL", nats), ("PROJECT_SLUG", slug), ("HEARTBEAT_INTERVAL", "0.5")])
        .env("MESH_HMAC_KEY", key)
        .env("SECRET", "hunter2")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Project(child)
}

fn settings(nats: &str) -> Vec<(&str, &str)> {
    vec![("NATS_URL", nats), ("FANOUT", "true"), ("MESH_HMAC_KEY", MASTER), QUICK]
}

/// Creates a key with the given arguments and returns its text.
fn key(folder: &Path, args: &[&str]) -> String {
    let output = federation(folder)
        .env(KEYS.0, KEYS.1)
        .args(["keys", "create", "ci"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn request(service: &Service, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = service.url(path);
    let answer = match method {
        "GET" => agent.get(url).header("X-API-Key", key).call(),
        _ => agent.post(url).header("X-API-Key", key).send_json(body),
    };
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    let text = answer.into_body().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Returns the position up to which responses reflect all changes.
fn index(service: &Service, key: &str) -> String {
    let url = service.url("/api/fed/projects");
    let answer = ureq::get(url).header("X-API-Key", key).call().unwrap();
    answer.headers()["x-federation-index"].to_str().unwrap().to_owned()
}

/// Returns the data of the events of runs after a position, through the first of a kind.
fn logged(service: &Service, key: &str, after: &str, last: &str) -> Vec<String> {
    let url = service.url(&format!("/api/fed/events?entity=action&last_event_id={after}"));
    let answer = ureq::get(url).header("X-API-Key", key).call().unwrap();
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
    let (mut data, mut event) = (Vec::new(), String::new());
    loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
        } else if let Some(text) = line.strip_prefix("data: ")
            && event.starts_with("action.")
        {
            data.push(text.to_owned());
            if event == last {
                return data;
            }
        }
    }
}

fn ended(service: &Service, key: &str, id: &str) -> Value {
    until("the run has ended", || {
        let (status, run) = request(service, key, "GET", &format!("{ACTIONS}/{id}"), &Value::Null);
        assert_eq!(status, 200, "{run}");
        (run["status"] == "ended").then_some(run)
    })
    .0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_sweep_asks_who_allows_it_and_the_log_names_the_key() {
    let (folder, nats) = (folder(PROJECTS), NatsServer::start().await);
    let path = folder.path();
    let act = key(path, &["--scope", "act", "--scope", "read", "--action", "audit.security"]);
    let id_of_key = act.split('_').nth(1).unwrap().to_owned();
    let url = nats.url();
    let service = Service::ready(path, &[&settings(&url)[..], &[KEYS]].concat());
    // It prints its parameters and its environment, and expands nothing.
    let script = r#"printf '{"params": '; cat; printf ', "secret": "%s"}' "$SECRET""#;
    let _alpha = project(path, &url, "alpha", script);
    let _beta = project(path, &url, "beta", "echo wrong");
    let status = |slug: &str, wanted: &str| {
        until(&format!("{slug} is {wanted}"), || {
            let path = format!("/api/fed/projects/{slug}");
            let (_, project) = request(&service, &act, "GET", &path, &Value::Null);
            (project["status"] == wanted && project["status_known"] == true).then_some(())
        });
    };
    status("alpha", "online");
    status("beta", "online");
    status("gamma", "offline");

    let position = index(&service, &act);
    let hostile = json!({"a": "$(touch pwned); `touch pwned`\n\u{0}' \""});
    let order = json!({
        "action": "audit.security", "targets": {"tags": ["finance"]}, "params": hostile,
    });
    let dry = request(&service, &act, "POST", &format!("{ACTIONS}?dry_run=true"), &order);
    assert_eq!((dry.0, &dry.1["would_ask"]), (200, &json!(1)), "{}", dry.1);
    let (status, run) = request(&service, &act, "POST", ACTIONS, &order);
    assert_eq!(status, 202, "{run}");
    let run = ended(&service, &act, run["id"].as_str().unwrap());
    let outcomes: Vec<_> = run["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["done", "not_allowed", "offline"], "{run}");
    assert_eq!(run["targets"][0]["result"], json!({"params": hostile, "secret": ""}));
    assert_eq!(run["actor"], json!(id_of_key));
    assert!(!path.join("pwned").exists());

    let entries = logged(&service, &act, &position, "action.ended");
    assert!(entries[0].contains(&format!("\"actor\":\"{id_of_key}\"")), "{entries:?}");
    assert!(entries[0].contains("\"kind\":\"created\""), "{entries:?}");
    let last = entries.last().unwrap();
    assert!(last.contains(&format!("\"run_actor\":\"{id_of_key}\"")), "{last}");
    assert!(last.contains("\"done\":1,\"not_allowed\":1,\"offline\":1"), "{last}");

    let (status, refused) = request(
        &service,
        &act,
        "POST",
        ACTIONS,
        &json!({
            "action": "graph.refresh", "targets": {"all": true},
        }),
    );
    assert_eq!(status, 403, "{refused}");
}

/// Returns a projects file in which these projects allow security audits.
fn allowing(slugs: &[&str]) -> String {
    let entry = |slug: &&str| {
        format!(
            "  - {{slug: {slug}, name: {slug}, hub_url: 'http://localhost:1', mesh_namespace: \
             hub.{slug}, allow_fanout: [audit.security]}}\n"
        )
    };
    format!("projects:\n{}", slugs.iter().map(entry).collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_misbehave_end_and_the_command_line_tells() {
    let slugs = ["endless", "loud", "wrong", "absent"];
    let (folder, nats) = (folder(&allowing(&slugs)), NatsServer::start().await);
    let (path, url) = (folder.path(), nats.url());
    let service = Service::ready(path, &settings(&url));
    let _projects = [
        project(path, &url, "endless", "sleep 1000 & echo $! > pid; wait"),
        project(path, &url, "loud", "head -c 65537 /dev/zero | tr '\\0' x"),
        project(path, &url, "wrong", "echo no scanner >&2; exit 3"),
    ];
    for slug in &slugs[..3] {
        service.until_status(slug, "online");
    }
    let order = ["actions", "run", "audit.security", "--timeout", "2s", "--include-offline"];
    let output = service.client(path, &order).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("4 of 4 projects that were asked are not done"), "{said}");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let targets = run["targets"].as_array().unwrap();
    let found: Vec<_> = targets
        .iter()
        .map(|target| (target["project"].as_str().unwrap(), target["outcome"].as_str().unwrap()))
        .collect();
    assert!(matches!(found[1], ("endless", "accepted" | "failed")), "{run}");
    assert_eq!(
        (found[0], found[2], found[3]),
        (("absent", "failed"), ("loud", "failed"), ("wrong", "failed"))
    );
    let errors: Vec<_> = targets.iter().map(|target| target["error"].as_str().unwrap()).collect();
    assert!(errors[0].starts_with("no responders"), "{run}");
    assert!(errors[2].contains("the output is too large"), "{run}");
    assert_eq!(errors[3], "exit status: 3: no scanner");
    let pid = fs::read_to_string(path.join("pid")).unwrap();
    until("the child of the endless program is killed", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    let list = service.client(path, &["actions", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("audit.security"), "{list:?}");
    let show = ["actions", "show", run["id"].as_str().unwrap()];
    let shown = service.client(path, &show).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("no scanner"), "{shown:?}");
    let dry = service.client(path, &["sweep", "--dry-run"]).output().unwrap();
    assert!(String::from_utf8_lossy(&dry.stdout).contains("would_ask"), "{dry:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_asks_nobody_twice_and_says_what_it_does_not_know() {
    let (folder, nats) = (folder(&allowing(&["first", "second"])), NatsServer::start().await);
    let (path, url) = (folder.path(), nats.url());
    let asked = |slug: &str| fs::read_to_string(path.join(format!("{slug}.asked"))).ok();
    let _projects = [
        project(path, &url, "first", "echo asked >> first.asked; exec sleep 1000"),
        project(path, &url, "second", "echo asked >> second.asked; echo 7"),
    ];
    let service = Service::ready(path, &settings(&url));
    for slug in ["first", "second"] {
        service.until_status(slug, "online");
    }
    let order = json!({
        "action": "audit.security", "targets": {"all": true}, "max_concurrency": 1, "timeout": "1h",
    });
    let (status, run) = request(&service, "", "POST", ACTIONS, &order);
    assert_eq!(status, 202, "{run}");
    until("the first project is asked", || asked("first"));
    service.kill();

    let service = Service::ready(path, &settings(&url));
    let run = ended(&service, "", run["id"].as_str().unwrap());
    let target =
        |place: usize| (&run["targets"][place]["outcome"], &run["targets"][place]["result"]);
    assert_eq!(target(0), (&json!("unknown"), &Value::Null), "{run}");
    assert_eq!(target(1), (&json!("done"), &json!(7)), "{run}");
    assert_eq!(
        (asked("first").as_deref(), asked("second").as_deref()),
        (Some("asked\n"), Some("asked\n"))
    );
}

#[test]
fn fan_out_without_a_key_refuses_to_start() {
    let folder = folder("projects: []");
    let output = federation(folder.path()).arg("serve").env("FANOUT", "true").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("MESH_HMAC_KEY: expected a key of at least 32 characters"), "{said}");
}
