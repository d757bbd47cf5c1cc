//! Notifications about incidents, which are stored in the outbox.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{
    ChannelName, DeliveryQuery, EarlierState, Incident, IncidentChange, IncidentEvent, IncidentId,
    IncidentNotice, IncidentStatus, IncidentSummary, LiveIncident, LiveIncidents,
    MAX_SUMMARY_PROJECTS, NewNotification, NotificationEvent, REPEAT_EVERY, SharedTag, Slug,
    StoreError, route,
};
use time::{Duration, OffsetDateTime};

use super::Incidents;

/// Maximum number of shared tags in a summary.
const MAX_TAGS: usize = 3;

/// Time for which the end of an incident that a person resolved is looked for in the outbox.
const RESOLVED_RECENTLY: Duration = Duration::hours(1);

/// Maximum number of incidents whose events are looked for in the outbox at once.
const MAX_LOOKED_FOR: usize = 50;

/// Times of the newest events of incidents that are known to be in the outbox.
pub(super) type Told = BTreeMap<IncidentId, OffsetDateTime>;

/// Maximum number of deliveries of one incident that are read at once.
const MAX_DELIVERIES: usize = 500;

/// Notifications about an incident that are in the outbox.
#[derive(Default)]
struct Sent {
    /// Those that were told that it opened.
    notified: BTreeSet<ChannelName>,
    /// The different states that each one was told, the newest first.
    states: BTreeMap<ChannelName, Vec<EarlierState>>,
}

impl Sent {
    fn take(&mut self, told: NewNotification) {
        let states = self.states.entry(told.channel.clone()).or_default();
        if !states.contains(&told.summary.state()) {
            states.push(told.summary.state());
        }
        if told.event == NotificationEvent::Opened {
            self.notified.insert(told.channel);
        }
    }
}

impl Incidents {
    /// Returns the notifications about changes that are to be stored.
    pub(super) async fn notifications(
        &self,
        live: &LiveIncidents,
        changes: &[IncidentChange],
    ) -> Result<Vec<NewNotification>, StoreError> {
        let mut notifications = Vec::new();
        if self.0.notifications.routes().is_empty() {
            return Ok(notifications);
        }
        for change in changes {
            let Some(notice) = change.notice else { continue };
            let mut after = live.get(change.incident.id).cloned().unwrap_or_else(|| LiveIncident {
                incident: change.incident.clone(),
                members: BTreeMap::new(),
            });
            after.incident = change.incident.clone();
            let members = change.members.iter().cloned();
            after.members.extend(members.map(|member| (member.project.clone(), member)));
            let at = change.incident.updated_at;
            notifications.extend(self.about(&after, notice, at).await?);
        }
        Ok(notifications)
    }

    async fn about(
        &self,
        one: &LiveIncident,
        notice: IncidentNotice,
        at: OffsetDateTime,
    ) -> Result<Vec<NewNotification>, StoreError> {
        let sent = match notice {
            IncidentNotice::Opened => Sent::default(),
            IncidentNotice::StateChanged if self.0.notifications.keeping_state().is_empty() => {
                return Ok(Vec::new());
            }
            _ => self.sent(one).await?,
        };
        Ok(match notice {
            IncidentNotice::Opened | IncidentNotice::Reopened => {
                self.routed(one, NotificationEvent::Opened, at, &sent)
            }
            // Channels that are told only about severe incidents hear of it now.
            IncidentNotice::Escalated => {
                let mut opened = self.routed(one, NotificationEvent::Opened, at, &Sent::default());
                opened.retain(|new| !sent.notified.contains(&new.channel));
                opened.extend(self.state_notifications(one, at, &sent));
                opened
            }
            IncidentNotice::StateChanged => self.state_notifications(one, at, &sent),
            IncidentNotice::Resolved => self.routed(one, NotificationEvent::Resolved, at, &sent),
        })
    }

    /// Returns notifications for the channels whose receivers keep a state for the incident.
    fn state_notifications(
        &self,
        one: &LiveIncident,
        at: OffsetDateTime,
        sent: &Sent,
    ) -> Vec<NewNotification> {
        let keeping = self.0.notifications.keeping_state();
        if keeping.is_disjoint(&sent.notified) {
            return Vec::new();
        }
        let mut repeated = self.routed(one, NotificationEvent::Repeated, at, sent);
        repeated
            .retain(|new| keeping.contains(&new.channel) && sent.notified.contains(&new.channel));
        repeated
    }

    /// Stores the notifications that no decision stores: the end of incidents that a person resolved,
    /// and repetitions. Storing them again has no effect. The next call continues with the incidents for
    /// which there was no time.
    pub(super) async fn notify_of_time(
        &self,
        live: &LiveIncidents,
        told: &mut Told,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if self.0.notifications.routes().is_empty() {
            return Ok(());
        }
        told.retain(|id, _| live.get(*id).is_some());
        let mut notifications = Vec::new();
        let mut looked_for = Told::new();
        let open = self.0.maintenance.open(now);
        for one in live.iter() {
            let incident = &one.incident;
            let Some((event, at)) = timed_event(incident, now) else { continue };
            let is_told = told.get(&incident.id).is_some_and(|told| *told >= at);
            let is_covered = || {
                incident.root.as_ref().is_some_and(|root| self.0.maintenance.covers(&open, root))
            };
            if is_told || (event == NotificationEvent::Repeated && is_covered()) {
                continue;
            }
            let sent = self.sent(one).await?;
            notifications.extend(match incident.status {
                IncidentStatus::Acknowledged => self.state_notifications(one, at, &sent),
                _ => self.routed(one, event, at, &sent),
            });
            looked_for.insert(incident.id, at);
            if looked_for.len() >= MAX_LOOKED_FOR {
                break;
            }
        }
        if !notifications.is_empty() {
            let outbox = &self.0.journal.stores().outbox;
            if outbox.enqueue(&notifications).await? > 0 {
                self.0.notifications.wake();
            }
        }
        told.extend(looked_for);
        Ok(())
    }

    /// Returns what the channels were told about an incident.
    async fn sent(&self, one: &LiveIncident) -> Result<Sent, StoreError> {
        let incident = Some(one.incident.id.to_string());
        let limit = MAX_DELIVERIES;
        let mut query = DeliveryQuery { incident, limit, ..DeliveryQuery::default() };
        let mut sent = Sent::default();
        // An incident that stays open for days has many repetitions after its start.
        loop {
            let page = self.0.journal.stores().outbox.deliveries(&query).await?;
            let is_last = page.len() < limit;
            query.before = page.last().map(|delivery| delivery.id);
            page.into_iter().for_each(|delivery| sent.take(delivery.notification));
            if is_last {
                return Ok(sent);
            }
        }
    }

    fn routed(
        &self,
        one: &LiveIncident,
        event: NotificationEvent,
        at: OffsetDateTime,
        sent: &Sent,
    ) -> Vec<NewNotification> {
        let current = one.current().map(|member| &member.project);
        let projects: BTreeSet<Slug> = one.incident.root.iter().chain(current).cloned().collect();
        let projects: Vec<Slug> = projects.into_iter().collect();
        let by_tag = self.tags_of(&projects);
        let summary = self.summary(one, &projects, &by_tag);
        let event = IncidentEvent {
            incident: &one.incident.id.to_string(),
            sequence: i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX),
            event,
            at,
            summary: &summary,
            projects: &projects,
            tags: &by_tag.keys().cloned().collect(),
            notified: &sent.notified,
        };
        let mut notifications = route(&event, &self.0.notifications.routes());
        let current = summary.state();
        for new in &mut notifications {
            let states = sent.states.get(&new.channel).into_iter().flatten();
            new.summary.earlier.extend(states.filter(|state| **state != current).cloned());
        }
        notifications
    }

    /// Returns the tags of these projects, and the number of projects that have each.
    fn tags_of(&self, projects: &[Slug]) -> BTreeMap<String, u64> {
        let mut by_tag = BTreeMap::new();
        for slug in projects {
            let Ok(entry) = self.0.catalog.entry(slug) else { continue };
            for tag in entry.lock().project.tags.iter() {
                *by_tag.entry(tag.to_owned()).or_insert(0) += 1;
            }
        }
        by_tag
    }

    fn summary(
        &self,
        one: &LiveIncident,
        projects: &[Slug],
        by_tag: &BTreeMap<String, u64>,
    ) -> IncidentSummary {
        let incident = &one.incident;
        let affected = one.affected();
        IncidentSummary {
            kind: incident.kind.as_str().to_owned(),
            title: incident.title(),
            severity: incident.severity,
            root: incident.root.clone(),
            cause: one.description(),
            affected_count: affected.len() as u64,
            affected: affected.into_iter().take(MAX_SUMMARY_PROJECTS).cloned().collect(),
            since: incident.started_at,
            resolved_at: incident.resolved_at,
            tags: self.shared_tags(projects, by_tag),
            link: format!("/incidents/{}", incident.id),
            earlier: Vec::new(),
        }
    }

    /// Returns the tags that at least half of several projects share.
    fn shared_tags(&self, projects: &[Slug], by_tag: &BTreeMap<String, u64>) -> Vec<SharedTag> {
        let count = projects.len() as u64;
        let is_shared = |down: u64| down >= 2 && down * 2 >= count;
        let mut shared: Vec<SharedTag> = by_tag
            .iter()
            .filter(|(_, down)| is_shared(**down))
            .map(|(tag, down)| SharedTag { tag: tag.clone(), down: *down, total: 0 })
            .collect();
        shared.sort_by_key(|shared| std::cmp::Reverse(shared.down));
        shared.truncate(MAX_TAGS);
        if !shared.is_empty() {
            self.0.catalog.registry().for_each(|entry| {
                let live = entry.lock();
                for shared in &mut shared {
                    if live.project.tags.iter().any(|tag| tag == shared.tag) {
                        shared.total += 1;
                    }
                }
            });
        }
        shared
    }
}

/// Returns the newest event of an incident that no decision stores, and its time.
fn timed_event(
    incident: &Incident,
    now: OffsetDateTime,
) -> Option<(NotificationEvent, OffsetDateTime)> {
    if let (Some(at), Some(_)) = (incident.resolved_at, &incident.resolved_by) {
        return (now - at < RESOLVED_RECENTLY).then_some((NotificationEvent::Resolved, at));
    }
    let repeats = (now - incident.opened_at).whole_seconds() / REPEAT_EVERY.whole_seconds();
    let repeats = i32::try_from(repeats).unwrap_or(i32::MAX);
    let is_open = incident.status != IncidentStatus::Resolved;
    let at = incident.opened_at + REPEAT_EVERY * repeats;
    (is_open && repeats > 0).then_some((NotificationEvent::Repeated, at))
}
