use std::time::Duration;

use federation_testkit::{NatsServer, TestDatabase};

use super::process::{COMMANDCENTER, PYTHON_HEARTBEAT, QUICK, Service, folder, now, until};

/// Takes a project from the projects file through each status, as the validation guide of the Python
/// service does by hand.
async fn passes_through_each_status(database: &str) {
    let (folder, nats) = (folder(COMMANDCENTER), NatsServer::start().await);
    let settings = [("DATABASE_URL", database), ("NATS_URL", &nats.url()), QUICK];
    let service = Service::ready(folder.path(), &settings);
    let health = service.get("/health").1;
    assert_eq!(
        health.to_string(),
        r#"{"service":"federation","status":"ok","version":"0.9.0"}"#,
        "the same members; their order is held by a test of the API"
    );
    assert_eq!(service.status("commandcenter"), "offline");

    let client = async_nats::connect(nats.url()).await.unwrap();
    client.publish("hub.presence.commandcenter", PYTHON_HEARTBEAT.into()).await.unwrap();
    client.flush().await.unwrap();
    let took = service.until_status("commandcenter", "online");
    assert!(took < Duration::from_millis(100), "online after {took:?}");

    // By now the service has listened for more than one and a half intervals.
    let begun = now();
    client.publish("hub.presence.commandcenter", PYTHON_HEARTBEAT.into()).await.unwrap();
    client.flush().await.unwrap();
    service.until_status("commandcenter", "degraded");
    let degraded = begun.elapsed();
    service.until_status("commandcenter", "offline");
    let offline = begun.elapsed();
    assert!((2.0..2.5).contains(&degraded.as_secs_f64()), "degraded after {degraded:?}");
    assert!((3.0..3.5).contains(&offline.as_secs_f64()), "offline after {offline:?}");

    let (_, listed) = service.get("/api/fed/projects?status=offline");
    assert_eq!(listed[0]["slug"], "commandcenter");
    assert!(service.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_passes_through_each_status_on_sqlite() {
    passes_through_each_status("sqlite:federation.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_passes_through_each_status_on_postgres() {
    let database = TestDatabase::create().await;
    let url = database.url().replacen("postgres", "postgresql+asyncpg", 1);
    passes_through_each_status(&url).await;
}

#[test]
fn heartbeats_arrive_over_http_without_nats() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[QUICK]);
    assert_eq!(service.beat("commandcenter"), 204);
    assert_eq!(service.status("commandcenter"), "online");
    assert_eq!(service.beat("unknown"), 404);
    service.until_status("commandcenter", "offline");
}

#[test]
fn a_stopping_service_serves_for_the_shutdown_delay() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[("SHUTDOWN_DELAY", "1.5")]);
    let begun = now();
    service.signal("-TERM");
    until("the service is not ready", || (service.get("/readyz").0 == 503).then_some(()));
    assert_eq!(service.get("/api/fed/projects/commandcenter").0, 200);
    assert_eq!(service.beat("commandcenter"), 204);
    assert!(service.terminate().success());
    let took = begun.elapsed().as_secs_f64();
    assert!((1.5..5.0).contains(&took), "stopped after {took} s");
}

#[test]
fn a_second_process_on_the_same_file_does_not_start() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[("DATABASE_URL", "sqlite:federation.db")]);
    let second = service.client(folder.path(), &["serve", "--service-port", "0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("DATABASE_URL: expected a file that no other process uses, got /"),
        "{said}"
    );
    assert!(said.contains("/federation.db, which is in use"), "{said}");
    assert_eq!(service.beat("commandcenter"), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_project_registers_itself_only_with_auto_register() {
    let (folder, nats) = (folder("projects: []"), NatsServer::start().await);
    let client = async_nats::connect(nats.url()).await.unwrap();
    let url = nats.url();
    let open = Service::ready(folder.path(), &[("NATS_URL", &url), ("AUTO_REGISTER", "true")]);
    let closed_settings = [("NATS_URL", url.as_str()), ("DATABASE_URL", "sqlite:closed.db")];
    let closed = Service::ready(folder.path(), &closed_settings);
    let send = async || {
        client.publish("hub.presence.commandcenter", PYTHON_HEARTBEAT.into()).await.unwrap();
        client.flush().await.unwrap();
    };
    send().await;
    until("the project registers itself", || {
        (open.get("/api/fed/projects/commandcenter").0 == 200).then_some(())
    });
    let project = open.get("/api/fed/projects/commandcenter").1;
    assert_eq!(project["hub_url"], "http://localhost:8000");
    // By now the project is registered.
    send().await;
    open.until_status("commandcenter", "online");

    let counted =
        r#"federation_heartbeat_messages_total{status="unknown_project",source="nats"} 2"#;
    until("the other service counts the heartbeats", || {
        closed.metrics().contains(counted).then_some(())
    });
    assert_eq!(closed.get("/api/fed/projects/commandcenter").0, 404);
}
