//! API keys created, used and revoked while the service runs.

use std::path::Path;
use std::time::Duration;

use federation_testkit::NatsServer;

use super::process::{COMMANDCENTER, Service, federation, folder, until};

const FILE: (&str, &str) = ("FEDERATION_KEYS_FILE", "keys.yaml");
const PROJECTS: &str = "/api/fed/projects";
const HEARTBEAT: &str = "/api/fed/projects/commandcenter/heartbeat";

/// Runs `federation keys` and returns its output.
fn keys(folder: &Path, args: &[&str]) -> String {
    let output = federation(folder).env(FILE.0, FILE.1).arg("keys").args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn get(service: &Service, path: &str, key: &str) -> u16 {
    let request = agent().get(service.url(path)).header("X-API-Key", key);
    request.call().unwrap().status().as_u16()
}

fn post(service: &Service, path: &str, key: &str) -> u16 {
    let request = agent().post(service.url(path)).header("Authorization", format!("Bearer {key}"));
    request.send_empty().unwrap().status().as_u16()
}

#[test]
fn a_new_key_works_soon_and_a_revoked_one_soon_does_not() {
    let folder = folder(COMMANDCENTER);
    let reader = keys(folder.path(), &["create", "reader", "--scope", "read"]);
    let settings = [FILE, ("LOG_LEVEL", "debug"), ("SERVICE_HOST", "0.0.0.0")];
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(get(&service, PROJECTS, &reader), 200);
    assert_eq!(get(&service, PROJECTS, &format!("{reader}0")), 401);
    assert_eq!(service.get(PROJECTS).0, 401);
    assert_eq!(post(&service, HEARTBEAT, &reader), 403);

    let bound = ["create", "b", "--scope", "heartbeat", "--slug", "commandcenter"];
    let sender = keys(folder.path(), &bound);
    let ((), took) =
        until("the new key works", || (post(&service, HEARTBEAT, &sender) == 204).then_some(()));
    assert!(took < Duration::from_secs(3), "the key worked after {took:?}");
    assert_eq!(post(&service, "/api/fed/projects/other/heartbeat", &sender), 403);
    assert_eq!(get(&service, PROJECTS, &reader), 200);

    keys(folder.path(), &["revoke", reader.split('_').nth(1).unwrap()]);
    let ((), took) = until("the revoked key is rejected", || {
        (get(&service, PROJECTS, &reader) == 401).then_some(())
    });
    assert!(took < Duration::from_secs(3), "the key was rejected after {took:?}");
    assert_eq!(post(&service, HEARTBEAT, &sender), 204);

    let log = service.log().join("\n");
    for key in [&reader, &sender] {
        let secret = key.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "{log}");
    }
    let id = sender.split('_').nth(1).unwrap();
    assert!(log.contains(&format!(r#""key.id":"{id}""#)), "the log names the key: {log}");
    assert!(service.terminate().success());
}

#[test]
fn an_invalid_key_file_is_logged_and_a_signal_reloads_it() {
    let folder = folder(COMMANDCENTER);
    let reader = keys(folder.path(), &["create", "reader", "--scope", "read"]);
    let service = Service::ready(folder.path(), &[FILE]);
    let path = folder.path().join(FILE.1);
    let whole = std::fs::read_to_string(&path).unwrap();
    let said =
        |what: &str| until(what, || service.log().into_iter().find(|line| line.contains(what))).0;
    std::fs::write(&path, whole.replace("- read", "- hunter2")).unwrap();
    let line = said("previous API keys stay valid");
    assert!(line.contains("keys.yaml:") && line.contains("keys[0].scopes[0]: "), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    assert_eq!(get(&service, PROJECTS, &reader), 200);
    service.signal("-HUP");
    said("previous API keys stay valid");
    std::fs::write(&path, "keys: []\n").unwrap();
    said("API keys are reloaded");
    assert_eq!(get(&service, PROJECTS, &reader), 401);
}

#[test]
fn keys_of_a_setting_have_all_scopes_and_protected_paths_need_one() {
    let folder = folder(COMMANDCENTER);
    let settings = [("FEDERATION_API_KEYS", "alpha-key,beta-key"), ("PROTECT_METRICS", "true")];
    let service = Service::ready(folder.path(), &settings);
    for key in ["alpha-key", "beta-key"] {
        assert_eq!(get(&service, PROJECTS, key), 200);
        assert_eq!(post(&service, HEARTBEAT, key), 204);
        assert_eq!(get(&service, "/metrics", key), 200);
    }
    for path in [PROJECTS, "/metrics"] {
        assert_eq!(get(&service, path, "gamma-key"), 401);
        assert_eq!(service.get(path).0, 401);
    }
    for path in ["/health", "/livez", "/readyz", "/docs", "/openapi.json"] {
        assert_eq!(get(&service, path, "gamma-key"), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_over_nats_need_a_key_too() {
    let nats = NatsServer::start().await;
    let folder = folder(COMMANDCENTER);
    let reader = keys(folder.path(), &["create", "reader", "--scope", "read"]);
    let sender = keys(folder.path(), &["create", "sender", "--scope", "heartbeat"]);
    let url = nats.url();
    let service = Service::ready(folder.path(), &[FILE, ("NATS_URL", &url)]);
    let client = async_nats::connect(url.as_str()).await.unwrap();
    let ask = async |key: Option<&str>| {
        let mut headers = async_nats::HeaderMap::new();
        if let Some(key) = key {
            headers.insert("Federation-Key", key);
        }
        let subject = "hub.federation.projects.get";
        client.request_with_headers(subject, headers, "commandcenter".into()).await
    };
    // The subscription may not exist yet.
    let first = async {
        loop {
            if let Ok(answer) = ask(None).await {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), first).await.unwrap();
    let error = |answer: &async_nats::Message| {
        let header = |name| Some(answer.headers.as_ref()?.get(name)?.to_string());
        (header("Nats-Service-Error-Code"), header("Nats-Service-Error"))
    };
    let (code, text) = error(&answer);
    assert_eq!(code.as_deref(), Some("401"));
    let expected = "an API key is required: send it in the header Federation-Key";
    assert_eq!(text.as_deref(), Some(expected));
    assert_eq!(error(&ask(Some("guess")).await.unwrap()).0.as_deref(), Some("401"));
    assert_eq!(error(&ask(Some(&sender)).await.unwrap()).0.as_deref(), Some("403"));
    let answer = ask(Some(&reader)).await.unwrap();
    assert_eq!(error(&answer).0, None);
    let project: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(project["slug"], "commandcenter");
    assert!(service.terminate().success());
}
