//! Rules of `CatalogStore::register` without preconditions.

use std::sync::Arc;

use federation_domain::{
    Cause, ChangeKind, Origin, Project, ProjectStatus, Registration, RegistrationDraft,
    RegistrationWrite, Reports, Revision, Store,
};

use super::samples::{
    draft, mark, moment, register, register_all, registration, stored, transition,
};
use crate::log::log_after;

/// The project has no heartbeat and is logged as registered.
pub async fn a_new_project_is_offline_and_logged(store: &Arc<dyn Store>) {
    let by = Origin::File;
    let registered =
        store.register(&[registration("a").into()], by, moment(1)).await.unwrap().remove(0);
    let project = registered.project;
    assert_eq!(project.status, ProjectStatus::Offline);
    assert_eq!((project.last_heartbeat_at, project.last_heartbeat_source), (None, None));
    assert_eq!((project.created_at, project.updated_at), (moment(1), moment(1)));
    assert_eq!(project.reports, Reports::default());
    let change = registered.change.expect("a change");
    assert_eq!((change.revision, change.kind), (Revision(1), ChangeKind::Registered));
    assert_eq!((change.from, change.to), (None, Some(ProjectStatus::Offline)));
    assert_eq!((change.at, &change.cause), (moment(1), &Cause::Registered { by }));
    assert_eq!(log_after(store.as_ref(), Revision(0), 10).await, [change]);
    assert_eq!(stored(store.as_ref()).await, project);
}

/// The longest and oddest values are read as they were written.
pub async fn every_field_is_kept(store: &Arc<dyn Store>) {
    let name = "ß∂ 🦀'\"\\%_;--€".chars().cycle().take(200).collect::<String>();
    let odd = RegistrationDraft {
        slug: "z".repeat(50),
        name: name.clone(),
        hub_url: format!("https://hub.example/{}?ä=1&b='#x", "y".repeat(460)),
        mesh_namespace: format!("hub.{}", "N".repeat(96)),
        tags: vec!["ünïcode".repeat(7), "{\"a\":[1,null]}".to_owned(), "\\u0000".to_owned()],
        heartbeat_interval_seconds: Some(0.125),
        allow_fanout: Some(vec!["re-index, all".to_owned(), "NULL".to_owned()]),
    };
    let odd = odd.parse().expect("a valid registration");
    let project = register_all(store.as_ref(), std::slice::from_ref(&odd)).await.remove(0);
    assert_eq!(project.name.as_str(), name);
    assert!(RegistrationWrite::from(odd).is_noop_for(&project));
    assert_eq!(stored(store.as_ref()).await, project);
}

/// Id, status, heartbeat and time of creation stay, and the update is logged.
pub async fn other_metadata_is_replaced_and_the_rest_stays(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let online = transition(&project, ProjectStatus::Online, moment(1));
    store.commit(&[online]).await.unwrap();
    let heard = federation_domain::Checkpoint {
        heartbeats: vec![mark(&project, moment(2))],
        ..federation_domain::Checkpoint::default()
    };
    store.checkpoint(&heard).await.unwrap();
    let before = stored(store.as_ref()).await;

    let other = RegistrationDraft { slug: "a".to_owned(), name: "Other".to_owned(), ..draft() };
    let other = other.parse().expect("a valid registration");
    let registered =
        store.register(&[other.clone().into()], Origin::Api, moment(3)).await.unwrap().remove(0);

    let mut expected = before.clone();
    other.apply_to(&mut expected);
    expected.updated_at = moment(3);
    assert_eq!(registered.project, expected);
    assert_eq!(stored(store.as_ref()).await, expected);
    let change = registered.change.expect("a change");
    assert_eq!(change.kind, ChangeKind::Updated);
    assert_eq!((change.from, change.to), (Some(before.status), Some(before.status)));
    assert_eq!(change.at, moment(3));
}

/// A repeated registration changes nothing.
pub async fn the_same_metadata_logs_nothing(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let again = store
        .register(&[registration("a").into()], Origin::File, moment(9))
        .await
        .unwrap()
        .remove(0);
    assert_eq!((again.project, again.change), (project.clone(), None));
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
    assert_eq!(stored(store.as_ref()).await, project);
}

/// These are the interval and the allowlist.
pub async fn a_registration_keeps_fields_that_it_lacks(store: &Arc<dyn Store>) {
    let full = RegistrationDraft {
        heartbeat_interval_seconds: Some(5.0),
        allow_fanout: Some(vec!["deploy".to_owned()]),
        ..draft()
    };
    let full = full.parse().expect("a valid registration");
    let before = register_all(store.as_ref(), std::slice::from_ref(&full)).await.remove(0);
    let less = RegistrationDraft { name: "Renamed".to_owned(), ..draft() };
    register_all(store.as_ref(), &[less.parse().expect("a valid registration")]).await;
    let after = stored(store.as_ref()).await;
    assert_eq!(after.name.as_str(), "Renamed");
    assert_eq!(after.heartbeat_interval, full.heartbeat_interval);
    assert_eq!(after.allow_fanout, before.allow_fanout);
}

/// Ids and revisions follow the order of the batch. A repeated slug is created, then updated.
pub async fn a_batch_is_applied_in_its_order(store: &Arc<dyn Store>) {
    let twice = RegistrationDraft { slug: "c".to_owned(), name: "Second".to_owned(), ..draft() };
    let twice = twice.parse().expect("a valid registration");
    let batch = [registration("c"), registration("a"), registration("b"), twice]
        .map(RegistrationWrite::from);
    let registered = store.register(&batch, Origin::File, moment(1)).await.unwrap();
    let ids: Vec<_> = registered.iter().map(|registered| registered.project.id).collect();
    assert!(ids[0] < ids[1] && ids[1] < ids[2] && ids[3] == ids[0], "{ids:?}");
    let changes: Vec<_> = registered.iter().filter_map(|done| done.change.clone()).collect();
    assert_eq!(changes.iter().map(|change| change.revision.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(changes[3].kind, ChangeKind::Updated);
    assert_eq!(registered[0].project.name.as_str(), "CommandCenter");
    assert_eq!(registered[3].project.name.as_str(), "Second");
    assert_eq!(store.load().await.unwrap().projects[0], registered[3].project);
    assert_eq!(log_after(store.as_ref(), Revision(0), 10).await, changes);
}

/// Readers never see a part of a batch.
pub async fn a_reader_sees_a_batch_whole_or_not_at_all(store: &Arc<dyn Store>) {
    const BATCH: usize = 50;
    let writer = tokio::spawn({
        let store = Arc::clone(store);
        async move {
            for round in 0..10 {
                let batch: Vec<RegistrationWrite> =
                    (0..BATCH).map(|n| registration(&format!("p-{round}-{n}")).into()).collect();
                store.register(&batch, Origin::File, moment(round)).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let snapshot = store.load().await.unwrap();
        assert_eq!(snapshot.projects.len() % BATCH, 0);
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert_eq!(store.load().await.unwrap().projects.len(), 10 * BATCH);
}

/// It is created as by any registration, and the log names the heartbeat as the origin.
pub async fn a_heartbeat_registers_an_unknown_project(store: &Arc<dyn Store>) {
    let by = Origin::Heartbeat;
    let registered =
        store.register(&[registration("a").into()], by, moment(1)).await.unwrap().remove(0);
    assert_eq!(stored(store.as_ref()).await, registered.project);
    let change = registered.change.expect("a change");
    assert_eq!((change.kind, &change.cause), (ChangeKind::Registered, &Cause::Registered { by }));
    assert_eq!(log_after(store.as_ref(), Revision(0), 10).await, [change]);
}

/// Known projects stay as they are, and the others of the batch are created.
pub async fn a_registration_by_heartbeat_replaces_nothing(store: &Arc<dyn Store>) {
    let known = register(store.as_ref(), "known").await;
    let online = transition(&known, ProjectStatus::Online, moment(1));
    store.commit(&[online]).await.unwrap();
    let before = stored(store.as_ref()).await;
    let batch =
        [introduced("known"), registration("new"), introduced("new")].map(RegistrationWrite::from);
    let registered = store.register(&batch, Origin::Heartbeat, moment(2)).await.unwrap();
    assert_eq!((&registered[0].project, &registered[0].change), (&before, &None));
    assert_eq!(registered[1].change.as_ref().map(|change| change.revision), Some(Revision(3)));
    assert_eq!((&registered[2].project, &registered[2].change), (&registered[1].project, &None));
    let snapshot = store.load().await.unwrap();
    assert_eq!(snapshot.projects, [before, registered[1].project.clone()]);
    assert_eq!(snapshot.revision, Revision(3));
}

/// A project that registered itself counts as auto-registered until another origin registers or
/// changes it, even to the same metadata.
pub async fn a_project_is_auto_registered_until_it_is_claimed(store: &Arc<dyn Store>) {
    let slugs = ["a", "b", "c"];
    let by_heartbeat = slugs.map(|slug| introduced(slug).into());
    let registered = store.register(&by_heartbeat, Origin::Heartbeat, moment(1)).await.unwrap();
    assert!(registered.iter().all(|one| one.project.auto_registered));
    let again = store.register(&by_heartbeat, Origin::Heartbeat, moment(2)).await.unwrap();
    assert!(again.iter().all(|one| one.project.auto_registered && one.change.is_none()));
    let claimed = store.register(&[introduced("a").into()], Origin::File, moment(3)).await.unwrap();
    assert!(!claimed[0].project.auto_registered && claimed[0].change.is_some());
    let repeated =
        store.register(&[introduced("a").into()], Origin::File, moment(4)).await.unwrap();
    assert_eq!((&repeated[0].project, &repeated[0].change), (&claimed[0].project, &None));
    store.register(&[registration("b").into()], Origin::Api, moment(5)).await.unwrap();
    let marked = store.load().await.unwrap().projects;
    let marked: Vec<_> = marked.iter().map(|project| project.auto_registered).collect();
    assert_eq!(marked, [false, false, true]);
    let heard =
        store.register(&[introduced("b").into()], Origin::Heartbeat, moment(6)).await.unwrap();
    assert!(!heard[0].project.auto_registered);
}

/// Returns the registration that a heartbeat makes, which differs from [`registration`].
fn introduced(slug: &str) -> Registration {
    let draft = RegistrationDraft {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        hub_url: "http://introduced.example".to_owned(),
        tags: Vec::new(),
        ..draft()
    };
    draft.parse().expect("a valid registration")
}

/// The result is the same in either order.
pub async fn a_registration_wins_over_a_concurrent_one_by_heartbeat(store: &Arc<dyn Store>) {
    let register_at_once = |registration: Registration, by| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.register(&[registration.into()], by, moment(1)).await })
    };
    for n in 0..20 {
        let slug = format!("p-{n}");
        let introduction = register_at_once(introduced(&slug), Origin::Heartbeat);
        let registering = register_at_once(registration(&slug), Origin::Api);
        introduction.await.unwrap().unwrap();
        registering.await.unwrap().unwrap();
    }
    let projects = store.load().await.unwrap().projects;
    assert_eq!(projects.len(), 20);
    let is_registered =
        |p: &Project| RegistrationWrite::from(registration(p.slug.as_str())).is_noop_for(p);
    assert!(projects.iter().all(is_registered), "{projects:?}");
}

/// An empty batch is not an error.
pub async fn an_empty_batch_does_nothing(store: &Arc<dyn Store>) {
    assert_eq!(store.register(&[], Origin::File, moment(0)).await.unwrap(), []);
    assert_eq!(store.commit(&[]).await.unwrap(), []);
    assert_eq!(store.load().await.unwrap().revision, Revision(0));
}

/// All callers succeed, with one project and one change.
pub async fn sixteen_concurrent_callers_register_one_new_slug(store: &Arc<dyn Store>) {
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                store.register(&[registration("new").into()], Origin::Api, moment(1)).await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap().unwrap().remove(0));
    }
    assert!(answers.iter().all(|answer| answer.project == answers[0].project));
    assert_eq!(answers.iter().filter(|answer| answer.change.is_some()).count(), 1);
    assert_eq!(stored(store.as_ref()).await, answers[0].project);
}
