use federation_testkit::{NatsServer, PostgresServer};

use super::process::{COMMANDCENTER, PYTHON_HEARTBEAT, QUICK, Service, folder, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_starts_without_the_store_and_becomes_ready_with_it() {
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
    until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
    assert_eq!(service.status("commandcenter"), "offline");
    assert!(service.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_survives_an_outage_of_the_store() {
    let folder = folder(COMMANDCENTER);
    let mut postgres = PostgresServer::start().await;
    let settings = [("DATABASE_URL", postgres.url())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let service = Service::ready(folder.path(), &settings);
    postgres.kill();
    assert_eq!(service.beat("commandcenter"), 204, "heartbeats are still accepted");
    assert_eq!(service.status("commandcenter"), "online", "queries still work");
    assert_eq!(service.register("late"), 503);
    assert_eq!(service.get("/api/fed/projects/late").0, 404);
    postgres.start_again().await;
    until("writes succeed again", || (service.register("late") == 201).then_some(()));
    service.until_nothing_waits();
    service.kill();
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(service.status("commandcenter"), "online", "the change during the outage is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_nats_does_not_count_as_silence() {
    let folder = folder(COMMANDCENTER);
    let mut nats = NatsServer::start().await;
    let settings = [("NATS_URL", nats.url()), (QUICK.0, QUICK.1.to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let service = Service::ready(folder.path(), &settings);
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    nats.stop();
    until("the service is not ready", || (service.get("/readyz").0 == 503).then_some(()));
    assert!(service.metrics().contains("federation_nats_connection_status 0"));
    until("the outage is longer than the threshold of 3 s", || {
        assert_ne!(service.status("commandcenter"), "offline");
        let heard_ago = service.metric("federation_source_heard_ago_seconds{source=\"nats\"}");
        (heard_ago > 4.0).then_some(())
    });
    nats.restart().await;
    until("the service receives heartbeats again", || {
        (service.get("/readyz").0 == 200).then_some(())
    });
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    service.until_status("commandcenter", "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_starts_without_nats() {
    let folder = folder(COMMANDCENTER);
    let mut nats = NatsServer::start().await;
    nats.stop();
    let service = Service::start(folder.path(), &[("NATS_URL", &nats.url())]);
    until("the catalog is loaded", || (service.get("/api/fed/projects").0 == 200).then_some(()));
    assert_eq!(service.get("/readyz").0, 503);
    nats.restart().await;
    until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
    beat(&nats).await;
    service.until_status("commandcenter", "online");
    assert!(service.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_stops_in_time_whatever_hangs() {
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
