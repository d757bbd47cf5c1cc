//! Environment of the examples.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Stdio};

use federation_testkit::NatsServer;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::process::{Service, federation, folder};

/// Replaces `cargo run`, which would build the program again.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = run ] || { echo "only \`cargo run\` is supported here" >&2; exit 2; }
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
[ $# -eq 0 ] || shift
exec federation "$@"
"#;

/// Makes curl fail for error responses.
const CURL: &str = r#"#!/bin/sh
PATH=${PATH#*:}
command -v curl >/dev/null || { echo "the examples need curl; install it" >&2; exit 2; }
exec curl --fail --silent --show-error "$@"
"#;

/// A service with the projects file of the repository, a NATS server, a publisher for the project in
/// the file, and replacements of the programs that the examples call.
pub(super) struct Stage {
    pub(super) service: Service,
    pub(super) nats: NatsServer,
    folder: TempDir,
    publisher: Child,
}

impl Stage {
    pub(super) async fn set(root: &Path) -> Self {
        let list = fs::read_to_string(root.join("config/projects.yaml")).unwrap();
        let (folder, nats) = (folder(&list), NatsServer::start().await);
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_federation"), programs.join("federation")).unwrap();
        for (name, text) in [("cargo", CARGO), ("curl", CURL)] {
            fs::write(programs.join(name), text).unwrap();
            fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let url = nats.url();
        let service = Service::ready(folder.path(), &[("NATS_URL", &url)]);
        let publisher = federation(folder.path())
            .args(["heartbeat", "--nats-url", &url, "--heartbeat-interval", "1"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stage = Self { service, nats, folder, publisher };
        stage.service.until_status("commandcenter", "online");
        stage
    }

    /// Working directory of the examples.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Environment of the examples.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        vec![
            ("PATH", format!("{}:{path}", self.folder().join("bin").display())),
            ("HOME", self.folder().display().to_string()),
            ("NATS_URL", self.nats.url()),
            ("FEDERATION_URL", self.service.url("")),
        ]
    }

    /// Returns named documents of the service, from responses and from NATS.
    pub(super) async fn says(&self) -> Vec<(String, Value)> {
        let mut said = self.tells_on_the_bus().await;
        let metrics = json!({"metrics": {"coverage.percent": 84.2}});
        let sent = self.service.post("/api/fed/projects/commandcenter/metrics", &metrics);
        assert_eq!(sent, 204);
        for path in [
            "/api/fed/projects",
            "/api/fed/projects/commandcenter",
            "/api/fed/projects/commandcenter/explain",
            "/api/fed/projects/commandcenter/history",
            "/api/fed/metrics/commandcenter",
            "/api/fed/metrics?type=coverage.percent",
            "/api/fed/metrics/commandcenter?type=coverage.percent&from=-1h&step=5m",
            "/api/fed/graph?group=tag",
            "/api/fed/projects/unknown",
            "/api/fed/projects?status=well",
            "/health",
            "/readyz",
        ] {
            said.push((format!("GET {path}"), self.service.get(path).1));
        }
        said
    }

    /// Returns the changes of a project that registers, sends one heartbeat and falls silent.
    async fn tells_on_the_bus(&self) -> Vec<(String, Value)> {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let mut changes = client.subscribe("hub.federation.changes.short").await.unwrap();
        client.flush().await.unwrap();
        let short = json!({"slug": "short", "name": "Short", "hub_url": "http://h",
            "mesh_namespace": "hub.short", "heartbeat_interval_seconds": 0.1});
        assert_eq!(self.service.post("/api/fed/projects", &short), 201);
        assert_eq!(self.service.beat("short"), 204);
        self.service.until_status("short", "offline");
        assert_eq!(self.service.remove("short"), 204);
        let mut told = Vec::new();
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_secs(20), changes.next());
            let Ok(message) = next.await else { panic!("waited 20 s for the removal to be told") };
            let change: Value = serde_json::from_slice(&message.unwrap().payload).unwrap();
            let is_last = change["kind"] == "removed";
            told.push((
                format!("change {} by {}", change["kind"], change["cause"]["kind"]),
                change,
            ));
            if is_last {
                return told;
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.publisher.kill();
        let _ = self.publisher.wait();
    }
}
