//! Rules of maintenance windows.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Actor, LogEntry, MaintenanceChange, MaintenanceId, MaintenancePlan, MaintenanceResult,
    MaintenanceSource, MaintenanceWindow, Revision, Store, Tags, Weekly,
};
use time::{Time, Weekday};

use super::samples::moment;
use crate::entries_after;

fn plan(reason: &str) -> MaintenancePlan {
    MaintenancePlan {
        all: false,
        projects: vec!["db".parse().unwrap(), "web".parse().unwrap()],
        tags: Tags::parse(&["dc-3", "ä"]).unwrap(),
        from: moment(1),
        until: Some(moment(100)),
        weekly: Some(Weekly {
            days: vec![Weekday::Monday, Weekday::Sunday],
            at: Time::from_hms(2, 30, 0).unwrap(),
            duration: Duration::from_secs(5_400),
            zone: "Europe/Berlin".to_owned(),
        }),
        reason: reason.to_owned(),
    }
}

async fn write(
    store: &dyn Store,
    source: MaintenanceSource,
    change: MaintenanceChange,
    seconds: i64,
) -> (MaintenanceResult, Vec<LogEntry>) {
    let actor = Actor::parse("key-1");
    let written =
        store.write_maintenance(source, &[change], &actor, moment(seconds)).await.unwrap();
    (written.results.into_iter().next().unwrap(), written.entries)
}

/// All columns are read as they were written, and the change is in the log.
pub async fn a_window_is_kept_with_every_field_and_logged(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    let create = MaintenanceChange::Create(plan("disks"));
    let (result, entries) = write(store, MaintenanceSource::Api, create, 5).await;
    let MaintenanceResult::Stored(window) = result else { panic!("{result:?}") };
    assert_eq!((&window.plan, window.source), (&plan("disks"), MaintenanceSource::Api));
    assert_eq!((window.created_at, window.created_by.as_str()), (moment(5), "key-1"));
    let endless = MaintenancePlan { until: None, weekly: None, all: true, ..plan("x") };
    write(store, MaintenanceSource::File, MaintenanceChange::Create(endless.clone()), 6).await;
    let stored = store.load_maintenance().await.unwrap();
    assert_eq!((&stored[0], &stored[1].plan), (&window, &endless));
    assert_eq!(entries_after(store, Revision(0), 1).await, entries);
    let entry = &entries[0];
    assert_eq!((entry.entity(), entry.kind()), ("maintenance", "created"));
    assert_eq!(entry.key(), window.id.to_string());
}

/// A window is replaced and removed only by its own source, and its id is not used again.
pub async fn a_window_is_changed_by_its_source(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    let create = MaintenanceChange::Create(plan("disks"));
    let (result, _) = write(store, MaintenanceSource::Api, create.clone(), 5).await;
    let MaintenanceResult::Stored(MaintenanceWindow { id, .. }) = result else { panic!() };
    let replace = MaintenanceChange::Replace(id, plan("more disks"));
    let (other, entries) = write(store, MaintenanceSource::File, replace.clone(), 6).await;
    assert_eq!((other, entries), (MaintenanceResult::OtherSource, Vec::new()));
    let (replaced, _) = write(store, MaintenanceSource::Api, replace, 7).await;
    let MaintenanceResult::Stored(window) = replaced else { panic!("{replaced:?}") };
    assert_eq!((window.created_at, window.updated_at), (moment(5), moment(7)));
    assert_eq!(window.plan.reason, "more disks");
    let remove = MaintenanceChange::Remove(id);
    let (removed, _) = write(store, MaintenanceSource::Api, remove.clone(), 8).await;
    assert_eq!(removed, MaintenanceResult::Removed(window));
    let (again, _) = write(store, MaintenanceSource::Api, remove, 9).await;
    assert_eq!(again, MaintenanceResult::NotFound);
    let (result, _) = write(store, MaintenanceSource::Api, create, 10).await;
    let MaintenanceResult::Stored(MaintenanceWindow { id: next, .. }) = result else { panic!() };
    assert_eq!(next, MaintenanceId(id.0 + 1));
    assert_eq!(store.load_maintenance().await.unwrap().len(), 1);
}

/// A window of the projects file is stored once, even if several replicas apply the file.
pub async fn a_window_of_the_file_is_stored_once(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    let create = MaintenanceChange::Create(plan("disks"));
    let (first, _) = write(store, MaintenanceSource::File, create.clone(), 5).await;
    let MaintenanceResult::Stored(window) = first else { panic!("{first:?}") };
    let again = write(store, MaintenanceSource::File, create.clone(), 6).await;
    assert_eq!(again, (MaintenanceResult::Unchanged(window.clone()), Vec::new()));
    let remove = MaintenanceChange::Remove(window.id);
    let removed = write(store, MaintenanceSource::Api, remove, 7).await;
    assert_eq!(removed, (MaintenanceResult::OtherSource, Vec::new()));
    let (of_api, _) = write(store, MaintenanceSource::Api, create, 8).await;
    assert!(matches!(of_api, MaintenanceResult::Stored(_)), "{of_api:?}");
    assert_eq!(store.load_maintenance().await.unwrap().len(), 2);
}
