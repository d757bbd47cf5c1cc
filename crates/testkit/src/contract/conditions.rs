//! `register_if` and `remove_if`.

use std::sync::Arc;

use federation_domain::{
    CatalogStore, ChangeKind, Checkpoint, Form, Origin, PatchDraft, Precondition, Project,
    ProjectStatus, Refusal, Registered, Registering, Registration, RegistrationDraft,
    RegistrationPatch, RegistrationTag, Revision, StoreError,
};

use super::samples::{draft, mark, moment, register, registration, stored, transition};

fn on(only_if: Precondition, form: Form) -> Registering {
    Registering { form, only_if }
}

fn unchanged(project: &Project) -> Precondition {
    Precondition::Unchanged(vec![RegistrationTag::of(project)])
}

/// A registration of this slug with this name.
fn named(slug: &str, name: &str) -> Registration {
    let draft = RegistrationDraft { slug: slug.to_owned(), name: name.to_owned(), ..draft() };
    draft.parse().expect("a valid registration")
}

fn patch(slug: &str, draft: &PatchDraft) -> Registering {
    let patch: RegistrationPatch = draft.parse().expect("a valid patch");
    on(Precondition::Always, Form::Patch(slug.parse().expect("a valid slug"), patch))
}

async fn write(
    store: &Arc<dyn CatalogStore>,
    batch: &[Registering],
) -> Result<Vec<Registered>, StoreError> {
    store.register_if(batch, Origin::Api, moment(5)).await
}

/// What was refused; anything else is a fault of the store.
fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Refusal {
    match answer {
        Err(StoreError::Refused(refusal)) => *refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The first is created; the second is told what is there.
pub async fn what_must_be_absent_is_created_once(store: &Arc<dyn CatalogStore>) {
    let create = |name| [on(Precondition::Absent, Form::Replace(named("a", name)))];
    let created = write(store, &create("First")).await.unwrap().remove(0);
    assert_eq!(created.change.map(|change| change.kind), Some(ChangeKind::Registered));
    let refused = refusal(write(store, &create("Second")).await);
    assert_eq!((refused.slug.as_str(), refused.stored), ("a", Some(created.project.clone())));
    assert_eq!(stored(store.as_ref()).await, created.project);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
}

/// Nothing is created where something must be there.
pub async fn what_must_be_present_is_not_created(store: &Arc<dyn CatalogStore>) {
    let other = register(store.as_ref(), "other").await;
    for only_if in [Precondition::Present, unchanged(&other)] {
        let form = Form::Merge(registration("a"));
        let refused = refusal(write(store, &[on(only_if, form)]).await);
        assert_eq!((refused.slug.as_str(), refused.stored), ("a", None));
    }
    let parts = PatchDraft { name: Some("New".to_owned()), ..PatchDraft::default() };
    assert_eq!(refusal(write(store, &[patch("a", &parts)]).await).stored, None);
    assert_eq!(stored(store.as_ref()).await, other);
    let present = on(Precondition::Present, Form::Merge(named("other", "New")));
    assert_eq!(write(store, &[present]).await.unwrap()[0].project.name.as_str(), "New");
}

/// Who read before another wrote is told how the project is now.
pub async fn a_changed_project_is_not_replaced(store: &Arc<dyn CatalogStore>) {
    let read = register(store.as_ref(), "a").await;
    let other = named("a", "Other");
    let replace = |only_if, name| [on(only_if, Form::Replace(named("a", name)))];
    let written = store.register(&[other], Origin::Api, moment(1)).await.unwrap().remove(0);
    let refused = refusal(write(store, &replace(unchanged(&read), "Mine")).await);
    assert_eq!(refused.stored.as_ref(), Some(&written.project));
    assert_eq!(stored(store.as_ref()).await, written.project);

    let either = [&read, &written.project].map(RegistrationTag::of).to_vec();
    let again = write(store, &replace(Precondition::Unchanged(either), "Mine")).await.unwrap();
    assert_eq!(again[0].project.name.as_str(), "Mine");
    assert_eq!(stored(store.as_ref()).await, again[0].project);
}

/// What a heartbeat changes is not what a registration sets.
pub async fn a_heartbeat_is_no_change_of_the_registration(store: &Arc<dyn CatalogStore>) {
    let read = register(store.as_ref(), "a").await;
    store.commit(&[transition(&read, ProjectStatus::Online, moment(1))]).await.unwrap();
    let heartbeats = vec![mark(&read, moment(2))];
    store.checkpoint(&Checkpoint { heartbeats, ..Checkpoint::default() }).await.unwrap();
    let replace = on(unchanged(&read), Form::Replace(named("a", "Mine")));
    let written = write(store, &[replace]).await.unwrap().remove(0).project;
    assert_eq!((written.name.as_str(), written.status), ("Mine", ProjectStatus::Online));
    assert_eq!(written.last_heartbeat_at, Some(moment(2)));
}

/// Its successor may bear the same metadata.
pub async fn a_project_that_took_the_slug_is_another(store: &Arc<dyn CatalogStore>) {
    let read = register(store.as_ref(), "a").await;
    store.remove(&read.slug, moment(1)).await.unwrap();
    let successor = register(store.as_ref(), "a").await;
    let replace = on(unchanged(&read), Form::Replace(named("a", "Mine")));
    assert_eq!(refusal(write(store, &[replace]).await).stored, Some(successor));
}

/// Neither what comes before it nor what comes after it.
pub async fn of_a_batch_with_a_refusal_nothing_is_applied(store: &Arc<dyn CatalogStore>) {
    let known = register(store.as_ref(), "known").await;
    let batch = [
        Registering::from(registration("before")),
        Registering::from(named("known", "Other")),
        on(Precondition::Absent, Form::Merge(registration("known"))),
        Registering::from(registration("after")),
    ];
    let refused = refusal(write(store, &batch).await);
    assert_eq!(refused.slug, known.slug);
    assert_eq!(stored(store.as_ref()).await, known);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
    // The store is not left in a transaction.
    write(store, &batch[..2]).await.unwrap();
    assert_eq!(store.load().await.unwrap().revision, Revision(3));
}

/// Of a slug that comes twice the second meets what the first made.
pub async fn each_condition_meets_the_row_as_those_before_left_it(store: &Arc<dyn CatalogStore>) {
    let parts = PatchDraft { name: Some("Patched".to_owned()), ..PatchDraft::default() };
    let batch = [
        on(Precondition::Absent, Form::Replace(registration("a"))),
        on(Precondition::Present, Form::Merge(named("a", "Merged"))),
        patch("a", &parts),
    ];
    let registered = write(store, &batch).await.unwrap();
    let names: Vec<_> = registered.iter().map(|done| done.project.name.as_str()).collect();
    assert_eq!(names, ["CommandCenter", "Merged", "Patched"]);
    assert_eq!(stored(store.as_ref()).await, registered[2].project);
    let twice = [on(Precondition::Absent, Form::Merge(registration("b"))), batch[0].clone()];
    refusal(write(store, &[twice[0].clone(), twice[0].clone()]).await);
    assert_eq!(store.load().await.unwrap().projects.len(), 1);
}

/// A replacement is whole; a registration keeps what it does not give.
pub async fn a_replacement_resets_what_it_does_not_give(store: &Arc<dyn CatalogStore>) {
    let full = RegistrationDraft {
        slug: "a".to_owned(),
        heartbeat_interval_seconds: Some(5.0),
        allow_fanout: Some(vec!["deploy".to_owned()]),
        ..draft()
    };
    let full = Registering::from(full.parse().expect("a valid registration"));
    write(store, &[full]).await.unwrap();
    let whole = on(Precondition::Always, Form::Replace(registration("a")));
    let replaced = write(store, std::slice::from_ref(&whole)).await.unwrap().remove(0);
    assert_eq!(replaced.change.map(|change| change.kind), Some(ChangeKind::Updated));
    assert_eq!(replaced.project.heartbeat_interval, None);
    assert_eq!(replaced.project.allow_fanout.iter().len(), 0);
    assert_eq!(stored(store.as_ref()).await, replaced.project);
    assert_eq!(write(store, &[whole]).await.unwrap()[0].change, None, "it is so already");
}

/// All else stays, and what is so already logs nothing.
pub async fn a_patch_changes_its_parts(store: &Arc<dyn CatalogStore>) {
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

/// A removal is refused as a replacement is; where there is nothing to remove, nothing is refused.
pub async fn a_changed_project_is_not_removed(store: &Arc<dyn CatalogStore>) {
    let read = register(store.as_ref(), "a").await;
    let other = store.register(&[named("a", "Other")], Origin::Api, moment(1)).await.unwrap();
    let other = &other[0].project;
    for refused in [unchanged(&read), Precondition::Absent] {
        let refused = refusal(store.remove_if(&read.slug, &refused, moment(2)).await);
        assert_eq!(refused.stored.as_ref(), Some(other));
    }
    assert_eq!(store.load().await.unwrap().revision, Revision(2));
    let removed = store.remove_if(&read.slug, &unchanged(other), moment(2)).await.unwrap();
    let (id, change) = removed.expect("a project");
    assert_eq!((id, change.revision, change.kind), (read.id, Revision(3), ChangeKind::Removed));
    for gone in [Precondition::Present, unchanged(other), Precondition::Absent] {
        assert_eq!(store.remove_if(&read.slug, &gone, moment(3)).await.unwrap(), None);
    }
}

/// Each writes what it made of the same reading: the others are told that it is out of date.
pub async fn of_writers_with_the_same_reading_one_wins(store: &Arc<dyn CatalogStore>) {
    race(std::slice::from_ref(store)).await;
}

/// [`of_writers_with_the_same_reading_one_wins`] where the writers use several stores, which are
/// ways to one database, in turn.
pub async fn race(stores: &[Arc<dyn CatalogStore>]) {
    const WRITERS: usize = 16;
    let mut read = register(stores[0].as_ref(), "a").await;
    for round in 1..=5 {
        let write = |(writer, store): (usize, &Arc<dyn CatalogStore>)| {
            let name = format!("{round}-{writer}");
            let form = Form::Replace(named("a", &name));
            let (store, one) = (Arc::clone(store), on(unchanged(&read), form));
            tokio::spawn(async move { store.register_if(&[one], Origin::Api, moment(round)).await })
        };
        let writers: Vec<_> = stores.iter().cycle().take(WRITERS).enumerate().map(write).collect();
        let (mut won, mut refused) = (Vec::new(), Vec::new());
        for writer in writers {
            match writer.await.unwrap() {
                Ok(mut registered) => won.push(registered.remove(0).project),
                lost => refused.push(refusal(lost).stored.expect("the project")),
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

/// Nobody undoes what another changed at the same time.
pub async fn patches_of_different_parts_at_once_all_stand(store: &Arc<dyn CatalogStore>) {
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
        tokio::spawn(async move { store.register_if(&[one], Origin::Api, moment(1)).await })
    });
    for patched in patching {
        patched.await.unwrap().unwrap();
    }
    let patched = stored(store.as_ref()).await;
    assert!(parts.iter().all(|draft| patch("a", draft).is_met_by(&patched)), "{patched:?}");
}
