//! Rules of the runs of actions: [`ActionStore`](federation_domain::ActionStore).

use std::sync::Arc;

use federation_domain::{
    ActionName, ActionOrder, ActionOutcome, ActionParams, ActionReply, ActionResult, ActionRun,
    ActionTarget, ActionTimeout, Actor, CreatedRun, IdempotencyKey, LogEntry, MaxConcurrency,
    NewRun, NotAsked, OutcomeCounts, Percent, Revision, RunFilter, RunId, RunLease, RunStatus,
    Slug, Store,
};
use time::{Duration, OffsetDateTime};

use super::samples::moment;
use crate::entries_after;

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn run_id(number: u128) -> RunId {
    RunId::new(moment(1), number << 48)
}

fn new_run(number: u128, projects: &[&str]) -> NewRun {
    let targets = projects.iter().map(|project| ActionTarget::waiting(slug(project))).collect();
    of_targets(number, targets)
}

fn of_targets(number: u128, targets: Vec<ActionTarget>) -> NewRun {
    let mut counts = OutcomeCounts::default();
    for target in &targets {
        counts.add(target.outcome, target.asked_at.is_some(), 1);
    }
    let order = ActionOrder {
        action: ActionName::parse("audit.security").unwrap(),
        params: ActionParams::from_json(r#"{"a\u0000":[1,"ä"]}"#).unwrap(),
        timeout: ActionTimeout::parse("1500ms").unwrap(),
        max_concurrency: MaxConcurrency::new(7.0).unwrap(),
        idempotent: true,
        include_offline: false,
    };
    let run = ActionRun {
        id: run_id(number),
        order,
        status: RunStatus::Running,
        actor: Actor::parse("ci"),
        created_at: moment(1),
        ended_at: None,
        counts,
    };
    NewRun { run, targets, request: None }
}

async fn create(store: &dyn Store, new: &NewRun) -> CreatedRun {
    store.create_run(new, 10, moment(0)).await.unwrap()
}

fn lease(owner: &str, now: i64) -> RunLease {
    RunLease { owner: owner.to_owned(), now: moment(now), until: moment(now + 10) }
}

async fn leased(store: &dyn Store, owner: &str, now: i64) -> Vec<RunId> {
    let runs = store.lease_runs(&lease(owner, now)).await.unwrap();
    runs.into_iter().map(|run| run.id).collect()
}

async fn dispatched(store: &dyn Store, owner: &str, projects: &[&str], at: i64) -> Vec<String> {
    let projects: Vec<Slug> = projects.iter().map(|project| slug(project)).collect();
    let recorded = store.record_dispatch(run_id(1), owner, &projects, moment(at)).await.unwrap();
    let mut names: Vec<String> = recorded.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

async fn targets(store: &dyn Store) -> Vec<ActionTarget> {
    store.run_targets(run_id(1), None, 100).await.unwrap()
}

/// Returns the entries about runs in the log as `kind actor`.
async fn logged(store: &dyn Store) -> Vec<String> {
    let entries = entries_after(store, Revision(0), 10_000).await;
    let actions = entries.iter().filter(|entry| entry.entity() == "action");
    actions.map(|entry| format!("{} {}", entry.kind(), entry.actor())).collect()
}

/// All columns are read as they were written.
pub async fn a_run_is_kept_with_every_field(store: &Arc<dyn Store>) {
    let mut skipped = ActionTarget::waiting(slug("b"));
    skipped.skip(&NotAsked::Offline, moment(1));
    let new = of_targets(1, vec![ActionTarget::waiting(slug("a")), skipped]);
    let created = create(store.as_ref(), &new).await;
    let CreatedRun::New(LogEntry::Opaque(entry)) = created else { panic!("{created:?}") };
    assert_eq!((entry.entity.as_str(), entry.kind.as_str()), ("action", "created"));
    assert_eq!((entry.actor, entry.key), (Actor::parse("ci"), run_id(1).to_string()));
    assert_eq!(store.find_run(run_id(1)).await.unwrap(), Some(new.run));
    assert_eq!(targets(store.as_ref()).await, new.targets);
    assert_eq!(store.find_run(run_id(2)).await.unwrap(), None);
}

/// At most so many runs are in progress.
pub async fn runs_in_progress_are_limited(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    for number in 1..=2 {
        let created = store.create_run(&new_run(number, &["a"]), 2, moment(0)).await.unwrap();
        assert!(matches!(created, CreatedRun::New(_)));
    }
    let third = store.create_run(&new_run(3, &["a"]), 2, moment(0)).await.unwrap();
    assert_eq!(third, CreatedRun::TooMany);
    assert_eq!(logged(store).await, ["created ci", "created ci"]);
    assert_eq!(store.find_run(run_id(3)).await.unwrap(), None);
}

/// A request with the same key creates one run, and the key is forgotten after a time.
pub async fn a_repeated_request_creates_one_run(store: &Arc<dyn Store>) {
    let key = |text: &str| IdempotencyKey::parse(text).unwrap();
    let with_key = |number, digest: &str| NewRun {
        request: Some((key("k"), digest.to_owned())),
        ..new_run(number, &["a"])
    };
    let store = store.as_ref();
    assert!(matches!(create(store, &with_key(1, "d")).await, CreatedRun::New(_)));
    assert_eq!(create(store, &with_key(2, "d")).await, CreatedRun::Existing(run_id(1)));
    assert_eq!(create(store, &with_key(3, "other")).await, CreatedRun::KeyReused);
    let mut of_another = with_key(4, "other");
    of_another.run.actor = Actor::parse("other");
    assert!(matches!(create(store, &of_another).await, CreatedRun::New(_)));
    let later = store.create_run(&with_key(5, "other"), 10, moment(2)).await.unwrap();
    assert!(matches!(later, CreatedRun::New(_)));
}

/// Concurrent repetitions of a request create one run.
pub async fn concurrent_repetitions_create_one_run(store: &Arc<dyn Store>) {
    let repeat = |number: u128| {
        let store = Arc::clone(store);
        let key = IdempotencyKey::parse("k").unwrap();
        let new = NewRun { request: Some((key, "d".to_owned())), ..new_run(number, &["a"]) };
        tokio::spawn(async move { create(store.as_ref(), &new).await })
    };
    let calls: Vec<_> = (1..=8).map(repeat).collect();
    let mut created = 0;
    for call in calls {
        created += usize::from(matches!(call.await.unwrap(), CreatedRun::New(_)));
    }
    assert_eq!(created, 1);
    assert_eq!(store.list_runs(&RunFilter::default(), 100).await.unwrap().len(), 1);
}

/// Runs are listed newest first, in pages.
pub async fn runs_are_listed_newest_first(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    for number in 1..=5 {
        create(store, &new_run(number, &["a"])).await;
    }
    store.cancel_run(run_id(4), &Actor::API, moment(2)).await.unwrap();
    let ids = async |filter: RunFilter| {
        let runs = store.list_runs(&filter, 2).await.unwrap();
        runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(RunFilter::default()).await, [run_id(5), run_id(4)]);
    let before = Some(run_id(2));
    assert_eq!(ids(RunFilter { before, ..RunFilter::default() }).await, [run_id(1)]);
    let statuses = vec![RunStatus::Cancelling, RunStatus::Cancelled];
    assert_eq!(ids(RunFilter { statuses, ..RunFilter::default() }).await, [run_id(4)]);
    let action = Some(ActionName::parse("graph.refresh").unwrap());
    assert_eq!(ids(RunFilter { action, ..RunFilter::default() }).await, []);
    let actor = Some(Actor::parse("ci"));
    assert_eq!(ids(RunFilter { actor, ..RunFilter::default() }).await.len(), 2);
}

/// A run belongs to one owner until its lease expires.
pub async fn a_lease_is_taken_over_after_it_expires(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a"])).await;
    assert_eq!(leased(store, "one", 0).await, [run_id(1)]);
    assert_eq!(leased(store, "two", 9).await, []);
    assert_eq!(leased(store, "one", 9).await, [run_id(1)]);
    assert_eq!(leased(store, "two", 19).await, []);
    assert_eq!(leased(store, "two", 20).await, [run_id(1)]);
    assert_eq!(leased(store, "one", 21).await, []);
    assert_eq!(dispatched(store, "one", &["a"], 21).await, Vec::<String>::new());
    let ended =
        ActionTarget { outcome: Some(ActionOutcome::Done), ..targets(store).await.remove(0) };
    assert!(!store.store_targets(run_id(1), "one", &[ended]).await.unwrap());
    assert_eq!(store.advance_run(run_id(1), "one", moment(22)).await.unwrap(), None);
    assert_eq!(targets(store).await[0].outcome, None);
    assert_eq!(dispatched(store, "two", &["a"], 22).await, ["a"]);
}

/// One of several replicas gets a lease.
pub async fn one_of_several_replicas_gets_a_lease(store: &Arc<dyn Store>) {
    create(store.as_ref(), &new_run(1, &["a"])).await;
    let calls: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(store);
            tokio::spawn(async move { leased(store.as_ref(), &number.to_string(), 0).await.len() })
        })
        .collect();
    let mut leases = 0;
    for call in calls {
        leases += call.await.unwrap();
    }
    assert_eq!(leases, 1);
}

/// A dispatch is recorded once. The same call may be repeated.
pub async fn a_dispatch_is_recorded_once(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a", "b", "c"])).await;
    leased(store, "one", 0).await;
    assert_eq!(dispatched(store, "one", &["a", "b", "ghost"], 2).await, ["a", "b"]);
    assert_eq!(dispatched(store, "one", &["a", "b"], 2).await, ["a", "b"], "an answer was lost");
    assert_eq!(dispatched(store, "one", &["a", "b", "c"], 3).await, ["c"]);
    let run = store.find_run(run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.counts.asked, run.counts.waiting), (3, 0));
    assert_eq!(targets(store).await[0].asked_at, Some(moment(2)));
}

/// An outcome in the store never changes.
pub async fn a_stored_outcome_never_changes(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a"])).await;
    leased(store, "one", 0).await;
    dispatched(store, "one", &["a"], 2).await;
    let mut target = targets(store).await.remove(0);
    target.reply(ActionReply::Progress(Percent::new(40.0).unwrap()), moment(3));
    assert!(store.store_targets(run_id(1), "one", &[target.clone()]).await.unwrap());
    assert_eq!(targets(store).await, [target.clone()]);
    let result = ActionResult::from_json(r#"{"a\u0000":["ä",1.5]}"#);
    target.reply(ActionReply::Done(result), moment(4));
    assert!(store.store_targets(run_id(1), "one", &[target.clone()]).await.unwrap());
    let late = ActionTarget { outcome: Some(ActionOutcome::Unknown), ..target.clone() };
    assert!(store.store_targets(run_id(1), "one", &[late]).await.unwrap());
    assert_eq!(targets(store).await, [target]);
}

/// A run ends when all of its targets have ended.
pub async fn a_run_ends_with_its_last_target(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a", "b"])).await;
    leased(store, "one", 0).await;
    dispatched(store, "one", &["a", "b"], 2).await;
    for (place, expected) in [(0, None), (1, Some(moment(9)))] {
        let mut target = targets(store).await.remove(place);
        target.expire(false, moment(3));
        store.store_targets(run_id(1), "one", &[target]).await.unwrap();
        let (run, entry) = store.advance_run(run_id(1), "one", moment(9)).await.unwrap().unwrap();
        assert_eq!(run.ended_at, expected);
        assert_eq!(store.find_run(run_id(1)).await.unwrap(), Some(run));
        assert_eq!(entry.key(), run_id(1).to_string());
    }
    assert_eq!(logged(store).await, ["created ci", "progressed service", "ended service"]);
    assert_eq!(store.advance_run(run_id(1), "one", moment(10)).await.unwrap(), None);
    assert_eq!(leased(store, "two", 99).await, []);
}

/// A cancelled run records no dispatch, and ends as cancelled.
pub async fn a_cancelled_run_asks_no_further_targets(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a"])).await;
    leased(store, "one", 0).await;
    let actor = Actor::parse("key-2");
    let (run, entry) = store.cancel_run(run_id(1), &actor, moment(2)).await.unwrap().unwrap();
    assert_eq!((run.status, entry.unwrap().actor()), (RunStatus::Cancelling, &actor));
    let (again, entry) = store.cancel_run(run_id(1), &actor, moment(3)).await.unwrap().unwrap();
    assert_eq!((again.status, entry), (RunStatus::Cancelling, None));
    assert_eq!(dispatched(store, "one", &["a"], 4).await, Vec::<String>::new());
    let mut target = targets(store).await.remove(0);
    target.skip(&NotAsked::Cancelled, moment(5));
    store.store_targets(run_id(1), "one", &[target]).await.unwrap();
    let (run, _) = store.advance_run(run_id(1), "one", moment(6)).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    let (run, entry) = store.cancel_run(run_id(1), &actor, moment(7)).await.unwrap().unwrap();
    assert_eq!((run.status, entry), (RunStatus::Cancelled, None));
    assert_eq!(store.cancel_run(run_id(2), &actor, moment(7)).await.unwrap(), None);
}

/// Targets are read in pages, in the order of their slugs.
pub async fn targets_are_read_in_pages(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    create(store, &new_run(1, &["a-b", "a", "ab", "b1", "0"])).await;
    let page = async |after: Option<&str>| {
        let read = store.run_targets(run_id(1), after.map(slug), 3).await.unwrap();
        read.iter().map(|target| target.project.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, ["0", "a", "a-b"]);
    assert_eq!(page(Some("a-b")).await, ["ab", "b1"]);
}

/// Runs that ended long ago are deleted with their targets.
pub async fn old_runs_are_deleted(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    let mut skipped = ActionTarget::waiting(slug("a"));
    skipped.skip(&NotAsked::Offline, moment(1));
    for number in 1..=3 {
        create(store, &of_targets(number, vec![skipped.clone()])).await;
    }
    leased(store, "one", 0).await;
    for (number, at) in [(1, 5), (2, 6)] {
        store.advance_run(run_id(number), "one", moment(at)).await.unwrap();
    }
    assert_eq!(store.drop_runs(moment(5), 10).await.unwrap(), 0);
    assert_eq!(store.drop_runs(moment(9), 1).await.unwrap(), 1);
    assert_eq!(store.find_run(run_id(1)).await.unwrap(), None);
    assert_eq!(targets(store).await, []);
    assert_eq!(store.drop_runs(moment(9), 10).await.unwrap(), 1);
    assert!(store.find_run(run_id(3)).await.unwrap().is_some(), "it has not ended");
}

/// A run has up to ten thousand targets.
pub async fn a_run_has_ten_thousand_targets(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    let all: Vec<Slug> = (0..10_000).map(|number| slug(&format!("p-{number}"))).collect();
    let waiting = all.iter().cloned().map(ActionTarget::waiting).collect();
    create(store, &of_targets(1, waiting)).await;
    leased(store, "one", 0).await;
    let at: OffsetDateTime = moment(2) + Duration::nanoseconds(1);
    let recorded = store.record_dispatch(run_id(1), "one", &all, at).await.unwrap();
    assert_eq!(recorded.len(), 10_000);
    let mut read = store.run_targets(run_id(1), None, 10_000).await.unwrap();
    for target in &mut read {
        target.reply(ActionReply::NoResponders, moment(3));
    }
    assert!(store.store_targets(run_id(1), "one", &read).await.unwrap());
    let (run, _) = store.advance_run(run_id(1), "one", moment(4)).await.unwrap().unwrap();
    assert_eq!(run.counts.of(ActionOutcome::Failed), 10_000);
}
