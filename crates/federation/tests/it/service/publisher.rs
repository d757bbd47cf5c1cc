use std::process::{Command, Stdio};
use std::time::Duration;

use federation_testkit::NatsServer;

use super::process::{COMMANDCENTER, QUICK, Service, federation, folder, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_keeps_its_project_online_and_ends_cleanly() {
    let (folder, mut nats) = (folder(COMMANDCENTER), NatsServer::start().await);
    let url = nats.url();
    let service = Service::ready(folder.path(), &[("NATS_URL", &url), QUICK]);
    // The publisher starts without a NATS server.
    nats.stop();
    let mut publisher = federation(folder.path())
        .arg("heartbeat")
        .envs([("NATS_URL", url.as_str()), ("HEARTBEAT_INTERVAL", "0.5")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    nats.restart().await;
    service.until_status("commandcenter", "online");
    let first = service.last_heartbeat("commandcenter");
    until("heartbeats arrive for longer than the threshold of 3 s", || {
        assert_eq!(service.status("commandcenter"), "online");
        (service.last_heartbeat("commandcenter") - first > Duration::from_secs(4)).then_some(())
    });
    let told = Command::new("kill").args(["-TERM", &publisher.id().to_string()]).status().unwrap();
    assert!(told.success());
    let (ended, _) = until("the publisher stops", || publisher.try_wait().unwrap());
    assert!(ended.success());
    service.until_status("commandcenter", "offline");
}
