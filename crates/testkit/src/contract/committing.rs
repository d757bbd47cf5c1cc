//! Rules of `CatalogStore::commit`.

use std::sync::Arc;

use federation_domain::{
    Actor, Cause, ChangeKind, Channel, Checkpoint, Condition, Outcome, Precondition, Project,
    ProjectStatus, Reports, Revision, Source, Store, Transition,
};

use super::samples::{mark, moment, register, register_all, registration, stored, transition};
use crate::log::log_after;

fn degraded(reason: &str) -> Reports {
    let mut reports = Reports::default();
    let condition = Condition::Degraded { reasons: vec![reason.to_owned()] };
    reports.hear(Channel::Health, Some(&condition), ProjectStatus::Online);
    reports
}

fn accepted(outcome: &Outcome) -> &federation_domain::Change {
    match outcome {
        Outcome::Accepted(Some(change)) => change,
        other => panic!("expected a logged transition, got {other:?}"),
    }
}

async fn hear(store: &dyn Store, project: &Project, seconds: i64) {
    let heartbeats = vec![mark(project, moment(seconds))];
    store.checkpoint(&Checkpoint { heartbeats, ..Checkpoint::default() }).await.unwrap();
}

/// Status, reports and heartbeat are stored, and the change is logged with its cause.
pub async fn a_transition_that_stands_is_stored_and_logged(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let found = Transition {
        reports: degraded("queue \"backlog\" 🦀"),
        last_heartbeat_at: Some(moment(3)),
        last_heartbeat_source: Some(Source::Http),
        cause: Cause::Reported { reasons: vec!["queue \"backlog\" 🦀".to_owned()] },
        ..transition(&project, ProjectStatus::Degraded, moment(4))
    };
    let outcomes = store.commit(std::slice::from_ref(&found)).await.unwrap();
    let change = accepted(&outcomes[0]);
    assert_eq!((change.revision, change.kind), (Revision(2), ChangeKind::StatusChanged));
    assert_eq!(change.from, Some(ProjectStatus::Offline));
    assert_eq!(change.to, Some(ProjectStatus::Degraded));
    assert_eq!((change.at, &change.cause), (moment(4), &found.cause));
    assert_eq!(log_after(store.as_ref(), Revision(1), 10).await, std::slice::from_ref(change));
    let expected = Project {
        status: ProjectStatus::Degraded,
        reports: found.reports,
        last_heartbeat_at: Some(moment(3)),
        last_heartbeat_source: Some(Source::Http),
        updated_at: moment(4),
        ..project
    };
    assert_eq!(stored(store.as_ref()).await, expected);
}

/// A writer that saw another status receives the stored project.
pub async fn a_transition_from_another_status_is_stale(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let wrong = Transition {
        from: ProjectStatus::Online,
        ..transition(&project, ProjectStatus::Degraded, moment(1))
    };
    let outcomes = store.commit(&[wrong]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Stale(Box::new(project.clone()))]);
    assert_eq!(stored(store.as_ref()).await, project);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
}

/// A replica that receives fewer heartbeats cannot override one that receives more.
pub async fn a_transition_that_knows_an_older_heartbeat_is_stale(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    hear(store.as_ref(), &project, 10).await;
    let newer = stored(store.as_ref()).await;
    for known in
        [None, Some(moment(9)), newer.last_heartbeat_at.map(|at| at - time::Duration::MICROSECOND)]
    {
        let late = Transition {
            last_heartbeat_at: known,
            ..transition(&project, ProjectStatus::Degraded, moment(11))
        };
        let outcomes = store.commit(&[late]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Stale(Box::new(newer.clone()))]);
    }
    let same = transition(&newer, ProjectStatus::Degraded, moment(11));
    accepted(&store.commit(&[same]).await.unwrap()[0]);
}

/// Other transitions of the batch are committed.
pub async fn a_transition_of_a_removed_project_is_gone(store: &Arc<dyn Store>) {
    let gone = register(store.as_ref(), "gone").await;
    let there = register(store.as_ref(), "there").await;
    store.remove(&gone.slug, &Precondition::Always, &Actor::API, moment(1)).await.unwrap();
    let batch = [
        transition(&gone, ProjectStatus::Online, moment(2)),
        transition(&there, ProjectStatus::Online, moment(2)),
    ];
    let outcomes = store.commit(&batch).await.unwrap();
    assert_eq!(outcomes[0], Outcome::Gone);
    accepted(&outcomes[1]);
    assert_eq!(stored(store.as_ref()).await.status, ProjectStatus::Online);
}

/// This holds within a batch, too.
pub async fn a_transition_applies_to_the_row_as_earlier_ones_left_it(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let heard = Transition {
        last_heartbeat_at: Some(moment(5)),
        last_heartbeat_source: Some(Source::Nats),
        ..transition(&project, ProjectStatus::Online, moment(6))
    };
    let silent = Transition {
        from: ProjectStatus::Online,
        to: ProjectStatus::Degraded,
        at: moment(65),
        ..heard.clone()
    };
    let deaf = Transition {
        from: ProjectStatus::Degraded,
        to: ProjectStatus::Offline,
        last_heartbeat_at: Some(moment(4)),
        ..heard.clone()
    };
    let outcomes = store.commit(&[heard.clone(), silent, heard, deaf]).await.unwrap();
    let left = stored(store.as_ref()).await;
    assert_eq!(accepted(&outcomes[0]).revision, Revision(2));
    assert_eq!(accepted(&outcomes[1]).revision, Revision(3));
    assert_eq!(outcomes[2..], [(); 2].map(|()| Outcome::Stale(Box::new(left.clone()))));
    assert_eq!((left.status, left.updated_at), (ProjectStatus::Degraded, moment(65)));
    assert_eq!(left.last_heartbeat_at, Some(moment(5)));
}

/// A later transition of the same writer builds on the rejected one, unless the row is as the writer
/// left it.
pub async fn a_transition_after_a_rejected_one_is_rejected_too(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let falls = |from, to, at| Transition { from, ..transition(&project, to, moment(at)) };
    let (online, degraded) = (ProjectStatus::Online, ProjectStatus::Degraded);
    let others = falls(project.status, degraded, 9);
    store.commit(std::slice::from_ref(&others)).await.unwrap();
    let ours = [falls(project.status, online, 1), falls(degraded, online, 2)];
    let left = stored(store.as_ref()).await;
    let refused = || Outcome::Stale(Box::new(left.clone()));
    assert_eq!(store.commit(&ours).await.unwrap(), [refused(), refused()]);
    // The call is repeated because the answer was lost, together with transitions found since then.
    let returned = falls(degraded, online, 10);
    let outcomes = store.commit(&[others, returned]).await.unwrap();
    assert_eq!(outcomes[0], refused());
    assert_eq!(accepted(&outcomes[1]).to, Some(online));
}

/// This holds even if the row is again as it was before the first transition.
pub async fn a_transition_repeated_after_a_lost_answer_is_logged_once(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let (online, degraded) = (ProjectStatus::Online, ProjectStatus::Degraded);
    let turns = |from, to, at| Transition { from, ..transition(&project, to, moment(at)) };
    let told = [
        turns(project.status, online, 1),
        turns(online, degraded, 2),
        turns(degraded, project.status, 3),
    ];
    store.commit(&told).await.unwrap();
    let left = stored(store.as_ref()).await;
    let later = turns(project.status, online, 4);
    let outcomes = store.commit(&[&told[..], &[later]].concat()).await.unwrap();
    assert_eq!(outcomes[..3], [(); 3].map(|()| Outcome::Stale(Box::new(left.clone()))));
    assert_eq!(accepted(&outcomes[3]).revision, Revision(5));
}

/// Neither the revision nor `updated_at` moves.
pub async fn a_change_of_reports_alone_is_stored_and_not_logged(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    for reports in [degraded("slow"), degraded("slower"), Reports::default()] {
        let said = Transition {
            reports: reports.clone(),
            ..transition(&project, project.status, moment(7))
        };
        assert_eq!(store.commit(&[said]).await.unwrap(), [Outcome::Accepted(None)]);
        assert_eq!(stored(store.as_ref()).await, Project { reports, ..project.clone() });
    }
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
}

/// Time and source of a stored heartbeat belong together.
pub async fn a_heartbeat_that_is_not_newer_keeps_its_source(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    hear(store.as_ref(), &project, 10).await;
    let same = Transition {
        last_heartbeat_at: Some(moment(10)),
        last_heartbeat_source: Some(Source::Http),
        ..transition(&project, ProjectStatus::Online, moment(11))
    };
    accepted(&store.commit(&[same]).await.unwrap()[0]);
    assert_eq!(stored(store.as_ref()).await.last_heartbeat_source, Some(Source::Nats));
}

/// The other replica receives the stored project.
pub async fn one_of_two_equal_transitions_of_replicas_is_accepted(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let replicas: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(store);
            let found = transition(&project, ProjectStatus::Online, moment(1));
            tokio::spawn(async move { store.commit(&[found]).await.unwrap().remove(0) })
        })
        .collect();
    let mut count = 0;
    for replica in replicas {
        count += usize::from(matches!(replica.await.unwrap(), Outcome::Accepted(Some(_))));
    }
    assert_eq!(count, 1);
    assert_eq!(store.load().await.unwrap().revision, Revision(2));
}

/// All are stored and logged in the order given.
pub async fn one_call_commits_a_thousand_transitions(store: &Arc<dyn Store>) {
    let registrations: Vec<_> = (0..1000).map(|n| registration(&format!("p-{n}"))).collect();
    let mut projects = register_all(store.as_ref(), &registrations).await;
    projects.reverse();
    let batch: Vec<_> =
        projects.iter().map(|p| transition(p, ProjectStatus::Online, moment(1))).collect();
    let outcomes = store.commit(&batch).await.unwrap();
    for (n, (outcome, project)) in outcomes.iter().zip(&projects).enumerate() {
        let change = accepted(outcome);
        assert_eq!(change.slug, project.slug);
        assert_eq!(change.revision.0, 1001 + i64::try_from(n).expect("a small number"));
    }
    let snapshot = store.load().await.unwrap();
    assert!(snapshot.projects.iter().all(|project| project.status == ProjectStatus::Online));
    assert_eq!(snapshot.revision, Revision(2000));
}
