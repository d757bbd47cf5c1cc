//! Notifications to a service manager.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::process::{COMMANDCENTER, Service, folder, until};

fn received(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = manager.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn a_service_manager_is_told_of_the_start_each_interval_and_the_stop() {
    let folder = folder(COMMANDCENTER);
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let socket = path.to_str().unwrap();
    let settings = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "1500000")];
    let service = Service::start(folder.path(), &settings);

    // The first tick may come earlier.
    until("the start is told", || received(&manager).starts_with("READY=1\n").then_some(()));
    assert_eq!(service.get("/readyz").0, 200);
    for _ in 0..3 {
        assert_eq!(received(&manager), "WATCHDOG=1");
    }
    service.signal("-TERM");
    until("the stop is told", || received(&manager).starts_with("STOPPING=1\n").then_some(()));
}

#[test]
fn a_service_that_waits_for_its_store_is_not_ready() {
    let folder = folder(COMMANDCENTER);
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let database = "postgres://nobody@127.0.0.1:9/none";
    let settings = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("DATABASE_URL", database)];
    let _service = Service::start(folder.path(), &settings);
    assert_eq!(received(&manager), "STATUS=Waiting for the catalog");
}
