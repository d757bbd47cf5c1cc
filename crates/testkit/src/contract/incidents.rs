//! Rules of incidents.

use std::sync::Arc;

use federation_domain::{
    Actor, EditedIncident, Epoch, EvaluatorClaim, Incident, IncidentChange, IncidentEdit,
    IncidentEditError, IncidentId, IncidentKind, IncidentMember, IncidentStatus, IncidentWrite,
    IncidentsVersion, LogEntry, LogPosition, ProjectStatus, Revision, Severity, Slug, Store,
    TimelineEvent,
};

use super::samples::moment;
use crate::entries_after;

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn incident(id: i64) -> Incident {
    Incident {
        id: IncidentId(id),
        kind: IncidentKind::Offline,
        severity: Severity::Critical,
        status: IncidentStatus::Open,
        root: Some(slug("db")),
        rule: Some("vulnerabilities".to_owned()),
        finding: Some("3 within an hour, ä".to_owned()),
        started_at: moment(1),
        opened_at: moment(2),
        resolved_at: None,
        resolved_by: None,
        acknowledged: Some((Actor::parse("key-1"), moment(3))),
        merged_into: Some(IncidentId(7)),
        silences: false,
        updated_at: moment(4),
    }
}

fn member(project: &str, via: Option<&str>) -> IncidentMember {
    IncidentMember {
        project: slug(project),
        via: via.map(slug),
        status: ProjectStatus::Offline,
        down_since: moment(1),
        joined_at: moment(2),
        recovered_at: Some(moment(3)),
        left_at: None,
    }
}

fn change(incident: Incident, members: Vec<IncidentMember>) -> IncidentChange {
    let events = vec![TimelineEvent::Opened, TimelineEvent::Affected(members.clone())];
    IncidentChange { incident, members, events, notice: None }
}

fn cursor(revision: i64) -> LogPosition {
    LogPosition { epoch: Epoch::from_bits(5), revision: Revision(revision) }
}

/// Stores changes on top of this version.
async fn write(
    store: &dyn Store,
    known: i64,
    changes: Vec<IncidentChange>,
) -> Option<Vec<LogEntry>> {
    let known = IncidentsVersion(known);
    let (next_id, at) = (IncidentId(50), moment(9));
    let notifications = Vec::new();
    let write = IncidentWrite { known, next_id, changes, notifications, cursor: cursor(17), at };
    store.write_incidents(&write).await.unwrap()
}

fn claim(owner: &str, now: i64) -> EvaluatorClaim {
    EvaluatorClaim { owner: owner.to_owned(), now: moment(now), until: moment(now + 10) }
}

/// All columns are read as they were written, and the changes are in the log.
pub async fn an_incident_is_kept_with_its_members_and_logged(store: &Arc<dyn Store>) {
    let members = vec![member("db", None), member("web", Some("db"))];
    let entries = write(store.as_ref(), 0, vec![change(incident(1), members.clone())]).await;
    let entries = entries.unwrap();
    let snapshot = store.load_incidents(moment(0), 10).await.unwrap();
    assert_eq!(snapshot.version, IncidentsVersion(1));
    let stored = snapshot.incidents.get(IncidentId(1)).unwrap();
    assert_eq!(stored.incident, incident(1));
    assert_eq!(stored.members.values().cloned().collect::<Vec<_>>(), members);
    let found = store.find_incidents(&[IncidentId(1)]).await.unwrap();
    assert_eq!(found, std::slice::from_ref(stored));
    assert_eq!(entries_after(store.as_ref(), Revision(0), 10).await, entries);
    let logged: Vec<_> = entries.iter().map(|one| (one.entity(), one.key(), one.kind())).collect();
    assert_eq!(logged, [("incident", "1", "opened"), ("incident", "1", "affected")]);
    assert!(entries.iter().all(|entry| *entry.actor() == Actor::SERVICE));
    let timeline = store.incident_entries(IncidentId(1), None, 1).await.unwrap();
    assert_eq!(timeline[0].entry(), Some(&entries[1]));
    let before = Some(entries[1].revision());
    let timeline = store.incident_entries(IncidentId(1), before, 10).await.unwrap();
    assert_eq!(timeline.len(), 1);
    assert!(store.incident_entries(IncidentId(2), None, 10).await.unwrap().is_empty());
}

/// A later change replaces the incident and the members that it names.
pub async fn a_change_replaces_what_it_names(store: &Arc<dyn Store>) {
    let members = vec![member("db", None), member("web", Some("db"))];
    write(store.as_ref(), 0, vec![change(incident(1), members)]).await;
    let left = IncidentMember { left_at: Some(moment(8)), ..member("web", None) };
    let second = Incident { severity: Severity::Warning, root: None, ..incident(1) };
    write(store.as_ref(), 1, vec![change(second.clone(), vec![left.clone()])]).await;
    let stored = store.find_incidents(&[IncidentId(1)]).await.unwrap().remove(0);
    assert_eq!(stored.incident, second);
    assert_eq!(stored.members[&slug("web")], left);
    assert_eq!(stored.members[&slug("db")], member("db", None));
}

/// A decision that is based on an older version is not stored.
pub async fn a_decision_about_older_incidents_is_not_stored(store: &Arc<dyn Store>) {
    assert!(write(store.as_ref(), 0, vec![change(incident(1), Vec::new())]).await.is_some());
    assert!(write(store.as_ref(), 0, vec![change(incident(2), Vec::new())]).await.is_none());
    assert!(store.find_incidents(&[IncidentId(2)]).await.unwrap().is_empty());
    assert_eq!(entries_after(store.as_ref(), Revision(0), 10).await.len(), 2);
    assert!(write(store.as_ref(), 1, vec![change(incident(2), Vec::new())]).await.is_some());
}

/// Of evaluators that race, one stores its decision.
pub async fn one_of_two_evaluators_stores_its_decision(store: &Arc<dyn Store>) {
    let write = |id| {
        let store = Arc::clone(store);
        let changes = vec![change(incident(id), Vec::new())];
        tokio::spawn(async move { write(store.as_ref(), 0, changes).await.is_some() })
    };
    let writes = [write(1), write(2), write(3)];
    let mut stored = 0;
    for one in writes {
        stored += usize::from(one.await.unwrap());
    }
    assert_eq!(stored, 1);
}

/// The claim of a replica excludes others until it ends or is given back.
pub async fn one_replica_evaluates_at_a_time(store: &Arc<dyn Store>) {
    let first = store.claim_evaluation(&claim("a", 0)).await.unwrap().unwrap();
    assert_eq!(
        (first.next_id, first.version, first.cursor),
        (IncidentId(1), IncidentsVersion(0), None)
    );
    assert!(store.claim_evaluation(&claim("b", 9)).await.unwrap().is_none());
    assert!(store.claim_evaluation(&claim("a", 9)).await.unwrap().is_some(), "renewed");
    assert!(store.claim_evaluation(&claim("b", 18)).await.unwrap().is_none());
    write(store.as_ref(), 0, vec![change(incident(1), Vec::new())]).await;
    let second = store.claim_evaluation(&claim("b", 19)).await.unwrap().unwrap();
    assert_eq!((second.next_id, second.cursor), (IncidentId(50), Some(cursor(17))));
    store.release_evaluation("a").await.unwrap();
    assert!(store.claim_evaluation(&claim("a", 20)).await.unwrap().is_none());
    store.release_evaluation("b").await.unwrap();
    assert!(store.claim_evaluation(&claim("a", 20)).await.unwrap().is_some());
}

/// Open incidents and those that silence projects are loaded, and only the newest of the others.
pub async fn old_incidents_are_not_loaded(store: &Arc<dyn Store>) {
    let resolved = |id, at| Incident {
        status: IncidentStatus::Resolved,
        resolved_at: Some(moment(at)),
        ..incident(id)
    };
    let silencing = Incident { silences: true, ..resolved(4, 5) };
    let all = [incident(1), resolved(2, 100), resolved(3, 200), silencing, resolved(5, 150)];
    let changes = all.into_iter().map(|one| change(one, Vec::new())).collect();
    write(store.as_ref(), 0, changes).await;
    let loaded = async |after, limit| {
        let snapshot = store.load_incidents(moment(after), limit).await.unwrap();
        snapshot.incidents.iter().map(|one| one.incident.id.0).collect::<Vec<_>>()
    };
    assert_eq!(loaded(0, 10).await, [1, 2, 3, 4, 5]);
    assert_eq!(loaded(100, 10).await, [1, 3, 4, 5]);
    assert_eq!(loaded(0, 1).await, [1, 3, 4]);
}

/// An edit is decided on for the stored incident and logged with its actor.
pub async fn an_edit_is_applied_to_the_stored_incident(store: &Arc<dyn Store>) {
    let acknowledge = IncidentEdit::Acknowledge(Some("on it".to_owned()));
    let actor = Actor::parse("key-9");
    let edit = async |id, edit: &IncidentEdit| {
        store.edit_incident(IncidentId(id), edit, &actor, moment(20)).await.unwrap()
    };
    assert_eq!(edit(1, &acknowledge).await, EditedIncident::NotFound);
    write(store.as_ref(), 0, vec![change(incident(1), vec![member("db", None)])]).await;
    let EditedIncident::Changed(edited, entries) = edit(1, &acknowledge).await else { panic!() };
    assert_eq!(edited.incident.status, IncidentStatus::Acknowledged);
    assert_eq!(edited.incident.acknowledged, Some((actor.clone(), moment(20))));
    assert_eq!(edited.members.len(), 1);
    let kinds: Vec<_> = entries.iter().map(LogEntry::kind).collect();
    assert_eq!(kinds, ["acknowledged", "commented"]);
    assert!(entries.iter().all(|entry| *entry.actor() == actor));
    let again = edit(1, &IncidentEdit::Acknowledge(None)).await;
    assert!(matches!(again, EditedIncident::Unchanged(_)), "{again:?}");
    let resolve = IncidentEdit::Resolve(None);
    assert!(matches!(edit(1, &resolve).await, EditedIncident::Changed(..)));
    let rejected = edit(1, &acknowledge).await;
    assert_eq!(rejected, EditedIncident::Rejected(IncidentEditError::Resolved));
    let stored = store.find_incidents(&[IncidentId(1)]).await.unwrap().remove(0);
    assert_eq!((stored.incident.silences, stored.incident.resolved_by), (true, Some(actor)));
    assert!(write(store.as_ref(), 1, Vec::new()).await.is_none(), "an edit is a new version");
}

/// A mass outage is one call.
pub async fn one_call_stores_ten_thousand_members(store: &Arc<dyn Store>) {
    let members: Vec<_> = (0..10_000).map(|n| member(&format!("p{n}"), Some("db"))).collect();
    write(store.as_ref(), 0, vec![change(incident(1), members)]).await.unwrap();
    let stored = store.find_incidents(&[IncidentId(1)]).await.unwrap().remove(0);
    assert_eq!(stored.members.len(), 10_000);
}
