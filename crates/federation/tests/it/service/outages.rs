use std::time::Duration;

use federation_testkit::{NatsServer, PostgresServer};

use super::process::{COMMANDCENTER, PYTHON_HEARTBEAT, QUICK, Service, folder, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_without_the_store_and_is_ready_when_that_comes() {
    let folder = folder(COMMANDCENTER);
    let mut postgres = PostgresServer::start().await;
    let url = postgres.url();
    postgres.kill();
    let service = Service::start(folder.path(), &[("DATABASE_URL", &url)]);
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.get("/health").0, 200);
    let (status, reason) = service.get("/readyz");
    assert_eq!(status, 503);
    assert!(reason.to_string().contains("the store does not answer"), "{reason}");
    assert_eq!(service.get("/api/fed/projects").0, 503);
    postgres.start_again().await;
    until("it is ready", || (service.get("/readyz").0 == 200).then_some(()));
    assert_eq!(service.status("commandcenter"), "offline");
    assert!(service.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_may_go_and_come_back() {
    let folder = folder(COMMANDCENTER);
    let mut postgres = PostgresServer::start().await;
    let settings = [("DATABASE_URL", postgres.url())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let service = Service::ready(folder.path(), &settings);
    postgres.kill();
    assert_eq!(service.beat("commandcenter"), 204, "hearing goes on");
    assert_eq!(service.status("commandcenter"), "online", "queries go on");
    assert_eq!(service.register("late"), 503);
    assert_eq!(service.get("/api/fed/projects/late").0, 404);
    postgres.start_again().await;
    until("writes are taken again", || (service.register("late") == 201).then_some(()));
    service.until_nothing_waits();
    service.kill();
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(service.status("commandcenter"), "online", "what was found meanwhile is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_bus_is_nobodys_silence() {
    let folder = folder(COMMANDCENTER);
    let mut nats = NatsServer::start().await;
    let settings = [("NATS_URL", nats.url()), (QUICK.0, QUICK.1.to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let service = Service::ready(folder.path(), &settings);
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    nats.stop();
    until("it says so", || (service.get("/readyz").0 == 503).then_some(()));
    assert!(service.metrics().contains("federation_nats_connection_status 0"));
    // Silence beyond the threshold of 3 s.
    std::thread::sleep(Duration::from_secs(4));
    assert_ne!(service.status("commandcenter"), "offline");
    nats.restart().await;
    until("it hears again", || (service.get("/readyz").0 == 200).then_some(()));
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    service.until_status("commandcenter", "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_without_the_bus() {
    let folder = folder(COMMANDCENTER);
    let mut nats = NatsServer::start().await;
    nats.stop();
    let service = Service::start(folder.path(), &[("NATS_URL", &nats.url())]);
    until("the catalog is loaded", || (service.get("/api/fed/projects").0 == 200).then_some(()));
    assert_eq!(service.get("/readyz").0, 503);
    nats.restart().await;
    until("it is ready", || (service.get("/readyz").0 == 200).then_some(()));
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    assert!(service.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_time_whatever_hangs() {
    let folder = folder(COMMANDCENTER);
    let (postgres, nats) = (PostgresServer::start().await, NatsServer::start().await);
    let settings = [("DATABASE_URL", postgres.url()), ("NATS_URL", nats.url())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let service = Service::ready(folder.path(), &settings);
    postgres.pause();
    nats.pause();
    assert_eq!(service.beat("commandcenter"), 204, "there is something to write");
    let _half = service.post_half();
    assert!(service.terminate().success());
}

async fn beat(nats: &NatsServer) {
    let client = async_nats::connect(nats.url()).await.unwrap();
    client.publish("hub.presence.commandcenter", PYTHON_HEARTBEAT.into()).await.unwrap();
    client.flush().await.unwrap();
}
