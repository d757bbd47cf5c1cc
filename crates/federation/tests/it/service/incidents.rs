//! Incidents of several replicas, of which some are killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use federation_testkit::{NatsServer, TestDatabase};
use serde_json::{Value, json};

use super::notifications::{Hook, SECRET};
use super::process::{QUICK, Service, until};

const EVALUATES: &str = "this replica evaluates the rules about incidents";

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_message_although_each_replica_that_evaluates_is_killed() {
    let (nats, database) = (NatsServer::start().await, TestDatabase::create().await);
    let (nats, database) = (nats.url(), database.url());
    let hook = Hook::start();
    let folder = hook.folder();
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("NATS_URL", &nats),
        ("INCIDENT_DELAY", "1"),
        ("GROUP_WAIT", "0"),
        ("LOG_LEVEL", "debug"),
        QUICK,
        SECRET,
    ];
    let first = Service::ready(folder.path(), &settings);
    first.until_logged(EVALUATES);
    let second = Service::ready(folder.path(), &settings);
    for slug in ["db", "web"] {
        assert_eq!(first.register(slug), 201);
    }
    let edge = first.agent().put(first.url("/api/fed/edges/web/db/api"));
    edge.send_json(json!({ "strength": 1 })).unwrap();
    let alive = beating(&second, &["db", "web"]);
    for slug in ["db", "web"] {
        first.until_status(slug, "online");
        second.until_status(slug, "online");
    }
    alive.store(false, Ordering::Relaxed);
    second.until_status("db", "offline");
    first.kill();
    second.until_logged(EVALUATES);
    until("the incident is told", || (!hook.events().is_empty()).then_some(()));
    second.kill();
    let third = Service::ready(folder.path(), &settings);
    third.until_logged(EVALUATES);
    until("all that is down belongs to the incident", || {
        let (_, alerts) = third.get("/api/fed/alerts?project=web");
        let of_web = alerts.as_array().unwrap();
        let is_affected =
            |one: &Value| one["project"] == "db" && one["affected"][0]["project"] == "web";
        (of_web.len() == 1 && is_affected(&of_web[0])).then_some(())
    });
    let (_, alerts) = third.get("/api/fed/alerts?project=db");
    let id = alerts[0]["id"].to_string();
    let told = hook.events();
    let about = |wanted: &str| told.iter().filter(|(_, id)| id == wanted).count();
    assert_eq!((alerts.as_array().unwrap().len(), about(&id)), (1, 1), "{alerts} {told:?}");
}

/// Sends heartbeats of these projects until the flag is cleared.
fn beating(service: &Service, slugs: &'static [&str]) -> Arc<AtomicBool> {
    let alive = Arc::new(AtomicBool::new(true));
    let is_alive = Arc::clone(&alive);
    let (agent, url) = (service.agent(), service.url("/api/fed/projects"));
    std::thread::spawn(move || {
        while is_alive.load(Ordering::Relaxed) {
            for slug in slugs {
                let _ = agent.post(format!("{url}/{slug}/heartbeat")).send_empty();
            }
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    alive
}
