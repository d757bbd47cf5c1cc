//! Rules of preconditions, patches and replacements.

use std::sync::Arc;

use federation_domain::{
    Actor, ChangeKind, Checkpoint, FailedPrecondition, Origin, PatchDraft, Precondition, Project,
    ProjectStatus, Registered, Registration, RegistrationDraft, RegistrationPatch, RegistrationTag,
    RegistrationWrite, Revision, Store, StoreError, WriteMode,
};

use super::samples::{draft, mark, moment, register, registration, stored, transition};

fn on(only_if: Precondition, mode: WriteMode) -> RegistrationWrite {
    RegistrationWrite::new(mode, only_if)
}

fn unchanged(project: &Project) -> Precondition {
    Precondition::Unchanged(vec![RegistrationTag::of(project)])
}

/// Returns a registration with this slug and name.
fn named(slug: &str, name: &str) -> Registration {
    let draft = RegistrationDraft { slug: slug.to_owned(), name: name.to_owned(), ..draft() };
    draft.parse().expect("a valid registration")
}

fn patch(slug: &str, draft: &PatchDraft) -> RegistrationWrite {
    let patch: RegistrationPatch = draft.parse().expect("a valid patch");
    on(Precondition::Always, WriteMode::Patch(slug.parse().expect("a valid slug"), patch))
}

async fn write(
    store: &Arc<dyn Store>,
    batch: &[RegistrationWrite],
) -> Result<Vec<Registered>, StoreError> {
    store.register(batch, Origin::Api, moment(5)).await
}

/// Returns the failed precondition. Anything else breaks the contract.
fn failed<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> FailedPrecondition {
    match answer {
        Err(StoreError::PreconditionFailed(failed)) => *failed,
        other => panic!("expected a failed precondition, got {other:?}"),
    }
}

/// The second write receives the stored project.
pub async fn a_precondition_of_absence_creates_once(store: &Arc<dyn Store>) {
    let create = |name| [on(Precondition::Absent, WriteMode::Replace(named("a", name)))];
    let created = write(store, &create("First")).await.unwrap().remove(0);
    assert_eq!(created.change.map(|change| change.kind), Some(ChangeKind::Registered));
    let refused = failed(write(store, &create("Second")).await);
    assert_eq!((refused.slug.as_str(), refused.stored), ("a", Some(created.project.clone())));
    assert_eq!(stored(store.as_ref()).await, created.project);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
}

/// Neither a registration nor a patch creates the project.
pub async fn a_precondition_of_presence_creates_nothing(store: &Arc<dyn Store>) {
    let other = register(store.as_ref(), "other").await;
    for only_if in [Precondition::Present, unchanged(&other)] {
        let mode = WriteMode::Merge(registration("a"));
        let refused = failed(write(store, &[on(only_if, mode)]).await);
        assert_eq!((refused.slug.as_str(), refused.stored), ("a", None));
    }
    let parts = PatchDraft { name: Some("New".to_owned()), ..PatchDraft::default() };
    assert_eq!(failed(write(store, &[patch("a", &parts)]).await).stored, None);
    assert_eq!(stored(store.as_ref()).await, other);
    let present = on(Precondition::Present, WriteMode::Merge(named("other", "New")));
    assert_eq!(write(store, &[present]).await.unwrap()[0].project.name.as_str(), "New");
}

/// A writer that read before another one wrote receives the stored project.
pub async fn a_changed_project_is_not_replaced(store: &Arc<dyn Store>) {
    let read = register(store.as_ref(), "a").await;
    let other = named("a", "Other");
    let replace = |only_if, name| [on(only_if, WriteMode::Replace(named("a", name)))];
    let written = store.register(&[other.into()], Origin::Api, moment(1)).await.unwrap().remove(0);
    let refused = failed(write(store, &replace(unchanged(&read), "Mine")).await);
    assert_eq!(refused.stored.as_ref(), Some(&written.project));
    assert_eq!(stored(store.as_ref()).await, written.project);

    let either = [&read, &written.project].map(RegistrationTag::of).to_vec();
    let again = write(store, &replace(Precondition::Unchanged(either), "Mine")).await.unwrap();
    assert_eq!(again[0].project.name.as_str(), "Mine");
    assert_eq!(stored(store.as_ref()).await, again[0].project);
}

/// Heartbeats change nothing that a registration sets.
pub async fn a_heartbeat_keeps_the_registration_tag(store: &Arc<dyn Store>) {
    let read = register(store.as_ref(), "a").await;
    store.commit(&[transition(&read, ProjectStatus::Online, moment(1))]).await.unwrap();
    let heartbeats = vec![mark(&read, moment(2))];
    store.checkpoint(&Checkpoint { heartbeats, ..Checkpoint::default() }).await.unwrap();
    let replace = on(unchanged(&read), WriteMode::Replace(named("a", "Mine")));
    let written = write(store, &[replace]).await.unwrap().remove(0).project;
    assert_eq!((written.name.as_str(), written.status), ("Mine", ProjectStatus::Online));
    assert_eq!(written.last_heartbeat_at, Some(moment(2)));
}

/// The tags differ even if the metadata are the same.
pub async fn a_successor_with_the_same_slug_has_another_tag(store: &Arc<dyn Store>) {
    let read = register(store.as_ref(), "a").await;
    store.remove(&read.slug, &Precondition::Always, &Actor::API, moment(1)).await.unwrap();
    let successor = register(store.as_ref(), "a").await;
    let replace = on(unchanged(&read), WriteMode::Replace(named("a", "Mine")));
    assert_eq!(failed(write(store, &[replace]).await).stored, Some(successor));
}

/// Neither earlier nor later writes of the batch are applied.
pub async fn a_failed_precondition_rejects_the_whole_batch(store: &Arc<dyn Store>) {
    let known = register(store.as_ref(), "known").await;
    let batch = [
        RegistrationWrite::from(registration("before")),
        RegistrationWrite::from(named("known", "Other")),
        on(Precondition::Absent, WriteMode::Merge(registration("known"))),
        RegistrationWrite::from(registration("after")),
    ];
    let refused = failed(write(store, &batch).await);
    assert_eq!(refused.slug, known.slug);
    assert_eq!(stored(store.as_ref()).await, known);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
    // The store is not left in a transaction.
    write(store, &batch[..2]).await.unwrap();
    assert_eq!(store.load().await.unwrap().revision, Revision(3));
}

/// This matters for a slug that occurs twice in a batch.
pub async fn a_precondition_applies_to_the_row_as_earlier_writes_left_it(store: &Arc<dyn Store>) {
    let parts = PatchDraft { name: Some("Patched".to_owned()), ..PatchDraft::default() };
    let batch = [
        on(Precondition::Absent, WriteMode::Replace(registration("a"))),
        on(Precondition::Present, WriteMode::Merge(named("a", "Merged"))),
        patch("a", &parts),
    ];
    let registered = write(store, &batch).await.unwrap();
    let names: Vec<_> = registered.iter().map(|done| done.project.name.as_str()).collect();
    assert_eq!(names, ["CommandCenter", "Merged", "Patched"]);
    assert_eq!(stored(store.as_ref()).await, registered[2].project);
    let create = |name| on(Precondition::Absent, WriteMode::Merge(named("b", name)));
    failed(write(store, &[create("First"), create("Second")]).await);
    assert_eq!(store.load().await.unwrap().projects.len(), 1);
}

/// A merging registration keeps these fields instead.
pub async fn a_replacement_resets_fields_that_it_lacks(store: &Arc<dyn Store>) {
    let full = RegistrationDraft {
        slug: "a".to_owned(),
        heartbeat_interval_seconds: Some(5.0),
        allow_fanout: Some(vec!["deploy".to_owned()]),
        ..draft()
    };
    let full = RegistrationWrite::from(full.parse().expect("a valid registration"));
    write(store, &[full]).await.unwrap();
    let whole = on(Precondition::Always, WriteMode::Replace(registration("a")));
    let replaced = write(store, std::slice::from_ref(&whole)).await.unwrap().remove(0);
    assert_eq!(replaced.change.map(|change| change.kind), Some(ChangeKind::Updated));
    assert_eq!(replaced.project.heartbeat_interval, None);
    assert_eq!(replaced.project.allow_fanout.iter().len(), 0);
    assert_eq!(stored(store.as_ref()).await, replaced.project);
    assert_eq!(
        write(store, &[whole]).await.unwrap()[0].change,
        None,
        "a repeated replacement changes nothing"
    );
}

/// Other fields stay, and a patch that changes nothing is not logged.
pub async fn a_patch_changes_only_its_fields(store: &Arc<dyn Store>) {
    let before = register(store.as_ref(), "a").await;
    let parts = PatchDraft {
        hub_url: Some("https://patched.example".to_owned()),
        tags: Some(Vec::new()),
        heartbeat_interval_seconds: Some(Some(2.5)),
        ..PatchDraft::default()
    };
    let patched = write(store, &[patch("a", &parts)]).await.unwrap().remove(0);
    let mut expected = Project { updated_at: moment(5), ..before.clone() };
    parts.parse().expect("a valid patch").apply_to(&mut expected);
    assert_eq!((expected.tags.iter().len(), expected.name), (0, before.name));
    assert_eq!(patched.project.hub_url.as_str(), "https://patched.example");
    assert_eq!(patched.change.map(|change| change.kind), Some(ChangeKind::Updated));
    assert_eq!(stored(store.as_ref()).await, patched.project);

    let none = PatchDraft { heartbeat_interval_seconds: Some(None), ..PatchDraft::default() };
    let without = write(store, &[patch("a", &none)]).await.unwrap().remove(0);
    assert_eq!(without.project.heartbeat_interval, None);
    for nothing in [none, PatchDraft::default()] {
        let same = write(store, &[patch("a", &nothing)]).await.unwrap().remove(0);
        assert_eq!((same.change, same.project), (None, without.project.clone()));
    }
    assert_eq!(store.load().await.unwrap().revision, Revision(3));
}

/// If there is nothing to remove, the precondition does not matter.
pub async fn a_changed_project_is_not_removed(store: &Arc<dyn Store>) {
    let read = register(store.as_ref(), "a").await;
    let other =
        store.register(&[named("a", "Other").into()], Origin::Api, moment(1)).await.unwrap();
    let other = &other[0].project;
    for refused in [unchanged(&read), Precondition::Absent] {
        let refused = failed(store.remove(&read.slug, &refused, &Actor::API, moment(2)).await);
        assert_eq!(refused.stored.as_ref(), Some(other));
    }
    assert_eq!(store.load().await.unwrap().revision, Revision(2));
    let removed =
        store.remove(&read.slug, &unchanged(other), &Actor::API, moment(2)).await.unwrap();
    let (id, change) = removed.expect("a project");
    assert_eq!((id, change.revision, change.kind), (read.id, Revision(3), ChangeKind::Removed));
    for gone in [Precondition::Present, unchanged(other), Precondition::Absent] {
        assert_eq!(store.remove(&read.slug, &gone, &Actor::API, moment(3)).await.unwrap(), None);
    }
}

/// The other writers receive the stored project.
pub async fn one_of_several_writers_with_the_same_tag_wins(store: &Arc<dyn Store>) {
    race(std::slice::from_ref(store)).await;
}

/// Runs [`one_of_several_writers_with_the_same_tag_wins`] with several stores on the same database.
pub async fn race(stores: &[Arc<dyn Store>]) {
    const WRITERS: usize = 16;
    let mut read = register(stores[0].as_ref(), "a").await;
    for round in 1..=5 {
        let write = |(writer, store): (usize, &Arc<dyn Store>)| {
            let name = format!("{round}-{writer}");
            let mode = WriteMode::Replace(named("a", &name));
            let (store, one) = (Arc::clone(store), on(unchanged(&read), mode));
            tokio::spawn(async move { store.register(&[one], Origin::Api, moment(round)).await })
        };
        let writers: Vec<_> = stores.iter().cycle().take(WRITERS).enumerate().map(write).collect();
        let (mut won, mut refused) = (Vec::new(), Vec::new());
        for writer in writers {
            match writer.await.unwrap() {
                Ok(mut registered) => won.push(registered.remove(0).project),
                lost => refused.push(failed(lost).stored.expect("the project")),
            }
        }
        assert_eq!((won.len(), refused.len()), (1, WRITERS - 1));
        read = stored(stores[0].as_ref()).await;
        assert_eq!(won[0], read);
        assert!(refused.iter().all(|told| *told == read), "{refused:?}");
        let revision = stores[0].load().await.unwrap().revision;
        assert_eq!(revision, Revision(1 + round), "one change is logged");
    }
}

/// No patch undoes another one.
pub async fn concurrent_patches_of_different_fields_all_apply(store: &Arc<dyn Store>) {
    let text = |text: &str| Some(text.to_owned());
    let parts = [
        PatchDraft { name: text("Patched"), ..PatchDraft::default() },
        PatchDraft { hub_url: text("http://patched"), ..PatchDraft::default() },
        PatchDraft { mesh_namespace: text("hub.patched"), ..PatchDraft::default() },
        PatchDraft { tags: Some(vec!["patched".to_owned()]), ..PatchDraft::default() },
        PatchDraft { allow_fanout: Some(vec!["patched".to_owned()]), ..PatchDraft::default() },
        PatchDraft { heartbeat_interval_seconds: Some(Some(7.0)), ..PatchDraft::default() },
    ];
    register(store.as_ref(), "a").await;
    let patching = parts.each_ref().map(|draft| {
        let (store, one) = (Arc::clone(store), patch("a", draft));
        tokio::spawn(async move { store.register(&[one], Origin::Api, moment(1)).await })
    });
    for patched in patching {
        patched.await.unwrap().unwrap();
    }
    let patched = stored(store.as_ref()).await;
    assert!(parts.iter().all(|draft| patch("a", draft).is_noop_for(&patched)), "{patched:?}");
}
