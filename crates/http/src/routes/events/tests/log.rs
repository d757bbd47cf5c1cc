//! Positions in the log, and entries of other entities.

use federation_domain::{Actor, Clock as _, NewEntry, Revision};

use super::Events;
use crate::testing::Api;

#[actix_web::test]
async fn a_position_in_another_log_leads_to_a_reset() {
    let api = Api::new().await;
    for slug in ["a", "b"] {
        api.register(slug).await;
    }
    for id in ["1", "8f3a9c01b2d4-1", "8f3a9c01b2d4-17"] {
        let mut events = Events::open(&api, &format!("?last_event_id={id}"), None).await;
        assert_eq!(events.ids(), ["2 ready", "2 reset"], "{id}");
    }
}

#[actix_web::test]
async fn a_position_before_the_oldest_entry_leads_to_a_reset() {
    let api = Api::new().await;
    for slug in ["a", "b", "c"] {
        api.register(slug).await;
    }
    api.store.drop_entries(Revision(2));
    // A new process has nothing in memory.
    api.service.load().await.unwrap();
    assert_eq!(Events::open(&api, "", Some("1")).await.ids(), ["3 ready", "3 reset"]);
    assert_eq!(Events::open(&api, "", Some("2")).await.ids(), ["2 ready", "3 registered"]);
}

#[actix_web::test]
async fn an_entry_of_another_entity_is_an_event_named_after_it() {
    let api = Api::new().await;
    let mut all = Events::open(&api, "", None).await;
    let mut projects = Events::open(&api, "?entity=project", None).await;
    let mut edges = Events::open(&api, "?entity=edge", None).await;
    let mut removed = Events::open(&api, "?kind=removed&slug=a", None).await;
    for events in [&mut all, &mut projects, &mut edges, &mut removed] {
        events.waiting();
    }
    let entry = |entity, key: &str, kind| NewEntry {
        entity,
        key: key.to_owned(),
        kind,
        at: api.clock.utc(),
        payload: "{\"strength\": 0.5}".to_owned(),
        actor: Actor::FILE,
    };
    api.store.append(entry("edge", "a", "removed"));
    api.store.append(entry("project", "a", "renamed"));
    api.service.follower().follow().await.unwrap();
    insta::assert_snapshot!(all.waiting(), @r#"
    id: 000000000000-1
    event: edge.removed
    data: {"revision":1,"entity":"edge","key":"a","kind":"removed","at":"2026-11-24T12:00:00.123456Z","payload":{"strength": 0.5},"actor":"file"}

    id: 000000000000-2
    event: renamed
    data: {"revision":2,"entity":"project","key":"a","kind":"renamed","at":"2026-11-24T12:00:00.123456Z","payload":{"strength": 0.5},"actor":"file"}
    "#);
    assert_eq!(
        (projects.ids(), edges.ids()),
        (vec!["2 renamed".into()], vec!["1 edge.removed".into()])
    );
    assert_eq!(removed.ids(), Vec::<String>::new());
    let history = api.get("/api/fed/projects/a/history").await;
    assert!(history.body.contains(r#""kind":"renamed","#), "{history}");
}
