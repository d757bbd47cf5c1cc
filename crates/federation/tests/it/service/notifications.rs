//! Notifications of a running service.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use federation_domain::{NotificationEvent, Outbox as _};
use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::outbox::notification;
use federation_testkit::contract::samples::moment;
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::process::{COMMANDCENTER, Service, federation, folder, until};

use NotificationEvent::{Opened, Resolved};

/// A webhook on a socket that answers with a status.
pub(super) struct Hook {
    address: SocketAddr,
    status: Arc<Mutex<&'static str>>,
    /// Bodies, with the id of each message.
    bodies: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Hook {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (status, bodies) = (Arc::new(Mutex::new("204 No Content")), Arc::default());
        let hook = Self { address, status, bodies };
        let (status, bodies) = (Arc::clone(&hook.status), Arc::clone(&hook.bodies));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (status, bodies) = (Arc::clone(&status), Arc::clone(&bodies));
                std::thread::spawn(move || serve(connection.unwrap(), &status, &bodies));
            }
        });
        hook
    }

    /// Returns a folder with an alerts file that names the webhook.
    pub(super) fn folder(&self) -> TempDir {
        let folder = folder(COMMANDCENTER);
        self.configure(&folder);
        folder
    }

    fn configure(&self, folder: &TempDir) {
        let alerts = format!(
            "channels:\n  - name: hook\n    type: webhook\n    url: http://{}/in\n    secret: \
             ${{HOOK_SECRET}}\nroutes:\n  - channel: hook\n",
            self.address
        );
        std::fs::write(folder.path().join("config/alerts.yaml"), alerts).unwrap();
    }

    /// Returns event and incidents of each accepted message.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        let events = |(_, body): &(String, Value)| {
            let kind = body["type"].as_str().unwrap().to_owned();
            let incidents = body["data"]["incidents"].as_array().unwrap().clone();
            let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
            incidents.iter().map(|one| (kind.clone(), id(one))).collect::<Vec<_>>()
        };
        self.bodies.lock().iter().flat_map(events).collect()
    }
}

fn serve(
    connection: TcpStream,
    status: &Mutex<&'static str>,
    bodies: &Mutex<Vec<(String, Value)>>,
) {
    let mut reader = BufReader::new(connection);
    loop {
        let (mut id, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            match line.trim_end().to_lowercase().split_once(": ") {
                Some(("webhook-id", value)) => value.clone_into(&mut id),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                _ if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let status = *status.lock();
        if status.starts_with('2') {
            bodies.lock().push((id, serde_json::from_slice(&body).unwrap()));
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the service compares it with the time of day")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// The variable with the secret of the webhook.
pub(super) const SECRET: (&str, &str) = ("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

/// Returns the body of a test message.
pub(super) fn sent_body() -> Value {
    let hook = Hook::start();
    let folder = hook.folder();
    let args = ["notifications", "test", "hook"];
    let sent = federation(folder.path()).args(args).env(SECRET.0, SECRET.1).output().unwrap();
    assert!(sent.status.success(), "{sent:?}");
    let bodies = hook.bodies.lock();
    bodies[0].1.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_deliver_each_event_once_and_in_order() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let hook = Hook::start();
    let folder = hook.folder();
    let settings = [("DATABASE_URL", url.as_str()), SECRET];
    let replicas =
        [Service::ready(folder.path(), &settings), Service::ready(folder.path(), &settings)];
    let store = PgStore::connect(&url).unwrap();
    let mut new = Vec::new();
    for incident in 0..30 {
        let incident = incident.to_string();
        new.push(notification(&incident, 1, Opened, moment(0)));
        new.push(notification(&incident, 2, Resolved, moment(1)));
    }
    store.enqueue(&new).await.unwrap();
    until("all are delivered", || (hook.events().len() >= 60).then_some(()));
    let mut by_incident: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (event, incident) in hook.events() {
        by_incident.entry(incident).or_default().push(event);
    }
    assert_eq!(by_incident.len(), 30);
    for events in by_incident.values() {
        assert_eq!(events, &["incident.opened", "incident.resolved"]);
    }
    until("all are recorded", || {
        let (_, log) = replicas[0].get("/api/fed/notifications?status=delivered&limit=1000");
        (log.as_array().unwrap().len() == 60).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_gets_the_same_message_again_after_a_restart() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let hook = Hook::start();
    *hook.status.lock() = "503 Busy";
    let folder = hook.folder();
    let settings = [("DATABASE_URL", url.as_str()), SECRET];
    let service = Service::ready(folder.path(), &settings);
    let store = PgStore::connect(&url).unwrap();
    store.enqueue(&[notification("4", 1, Opened, now())]).await.unwrap();
    until("an attempt is recorded", || {
        let (_, log) = service.get("/api/fed/notifications");
        log[0]["last_error"].as_str().is_some_and(|error| error == "status 503").then_some(())
    });
    service.kill();
    *hook.status.lock() = "204 No Content";
    let service = Service::ready(folder.path(), &settings);
    until("it is delivered", || (!hook.events().is_empty()).then_some(()));
    assert_eq!(hook.events(), [("incident.opened".to_owned(), "4".to_owned())]);
    let shown = service.client(folder.path(), &["notifications", "list"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("hook") && shown.contains("opened"), "{shown}");
}

#[test]
fn channels_follow_the_file_and_an_invalid_file_changes_nothing() {
    let (first, second) = (Hook::start(), Hook::start());
    let folder = first.folder();
    let service = Service::ready(folder.path(), &[SECRET]);
    let file = folder.path().join("config/alerts.yaml");
    std::fs::write(&file, "channels:\n  - name: hook\n    type: pigeon\n").unwrap();
    let line = service.until_logged("alerts file is invalid");
    assert!(line.contains("alerts.yaml:3:11: channels[0].type: expected webhook"), "{line}");
    second.configure(&folder);
    service.until_logged("channels are configured");
    assert!(service.terminate().success());
}

#[test]
fn a_channel_is_tested_without_a_service() {
    let hook = Hook::start();
    let folder = hook.folder();
    let test = |channel: &str| {
        let args = ["notifications", "test", channel];
        federation(folder.path()).args(args).env(SECRET.0, SECRET.1).output().unwrap()
    };
    let sent = test("hook");
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(hook.events(), [("incident.resolved".to_owned(), "test".to_owned())]);
    let unknown = test("chat");
    let error = String::from_utf8(unknown.stderr).unwrap();
    assert!(error.contains("chat: expected the name of a channel: hook"), "{error}");
    *hook.status.lock() = "401 Who";
    let refused = test("hook");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("status 401"));
    let without_secret = federation(folder.path()).args(["config", "check"]).output().unwrap();
    let error = String::from_utf8(without_secret.stderr).unwrap();
    let expected =
        "alerts.yaml:5:13: channels[0].secret: the environment variable HOOK_SECRET is not set";
    assert!(error.contains(expected), "{error}");
}
