//! Rules of the outbox.

use std::sync::Arc;

use federation_domain::{
    ChannelDepth, ChannelName, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome,
    DeliveryQuery, DeliveryState, EarlierState, IncidentSummary, Lease, MAX_ERROR_CHARS, MessageId,
    NewNotification, NotificationEvent, RetriedDelivery, Settlement, Severity, SharedTag, Store,
};
use time::{Duration, OffsetDateTime};

use super::samples::moment;

use NotificationEvent::{Opened, Resolved};

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

/// Returns a notification that is due at once and is not grouped.
#[must_use]
pub fn notification(
    incident: &str,
    sequence: i64,
    event: NotificationEvent,
    at: OffsetDateTime,
) -> NewNotification {
    NewNotification {
        incident: incident.to_owned(),
        sequence,
        channel: channel("hook"),
        event,
        summary: summary(),
        at,
        due_at: at,
        grouped: false,
    }
}

/// Returns a summary with odd characters in every text.
#[must_use]
pub fn summary() -> IncidentSummary {
    IncidentSummary {
        kind: "offline".to_owned(),
        title: "db is offline <!channel> \"ä\" 🦀".to_owned(),
        severity: Severity::Critical,
        root: Some("db".parse().unwrap()),
        cause: "no heartbeat for 90 s".to_owned(),
        affected_count: 7,
        affected: vec!["web".parse().unwrap(), "api".parse().unwrap()],
        since: moment(-60),
        resolved_at: Some(moment(0)),
        tags: vec![SharedTag { tag: "dc-3".to_owned(), down: 9, total: 10 }],
        link: "/ecosystem/incidents/17".to_owned(),
        earlier: vec![EarlierState {
            kind: "degraded".to_owned(),
            severity: Severity::Warning,
            root: Some("web".parse().unwrap()),
        }],
    }
}

fn lease(owner: &str, now: i64) -> Lease {
    Lease {
        channel: channel("hook"),
        owner: owner.to_owned(),
        now: moment(now),
        until: moment(now + 60),
        messages: 10,
    }
}

async fn leased(store: &Arc<dyn Store>, owner: &str, now: i64) -> Vec<Delivery> {
    store.lease(&lease(owner, now)).await.unwrap()
}

/// Returns incident, sequence and message of each delivery.
fn shape(deliveries: &[Delivery]) -> Vec<(&str, i64, Option<i64>)> {
    let shape = |one: &'_ Delivery| one.message.map(|message| message.0);
    let of = deliveries.iter();
    of.map(|one| (&*one.notification.incident, one.notification.sequence, shape(one))).collect()
}

async fn settle(
    store: &Arc<dyn Store>,
    owner: &str,
    message: MessageId,
    outcome: DeliveryOutcome,
    at: i64,
) -> usize {
    let settlement = Settlement { message, outcome, at: moment(at) };
    store.settle(owner, &[settlement]).await.unwrap()
}

async fn all(store: &Arc<dyn Store>) -> Vec<Delivery> {
    let query = DeliveryQuery { limit: 1_000, ..DeliveryQuery::default() };
    store.deliveries(&query).await.unwrap()
}

fn failed(retry_at: i64) -> DeliveryOutcome {
    DeliveryOutcome::Failed { error: "status 503".to_owned(), retry_at: moment(retry_at) }
}

fn dead() -> DeliveryOutcome {
    DeliveryOutcome::Dead { error: "status 503".to_owned() }
}

/// All fields are read as they were written.
pub async fn a_notification_is_kept_with_every_field(store: &Arc<dyn Store>) {
    let new = NewNotification {
        due_at: moment(31),
        grouped: true,
        ..notification("17", 3, Resolved, moment(1))
    };
    assert_eq!(store.enqueue(std::slice::from_ref(&new)).await.unwrap(), 1);
    let stored = all(store).await;
    let expected = Delivery {
        id: stored[0].id,
        notification: new,
        state: DeliveryState::Pending,
        message: None,
        attempts: 0,
        expires_at: moment(31) + DELIVERY_PERIOD,
        last_error: None,
        finished_at: None,
    };
    assert_eq!(stored, [expected]);
}

/// Incident, sequence and channel identify a notification.
pub async fn a_notification_is_stored_once(store: &Arc<dyn Store>) {
    let new = notification("17", 1, Opened, moment(1));
    let elsewhere = NewNotification { channel: channel("mail"), ..new.clone() };
    let later = notification("17", 2, Resolved, moment(2));
    let three = [new.clone(), elsewhere, later];
    assert_eq!(store.enqueue(&three).await.unwrap(), 3);
    assert_eq!(store.enqueue(&three).await.unwrap(), 0);
    assert_eq!(store.enqueue(&[new.clone(), new]).await.unwrap(), 0);
    assert_eq!(store.enqueue(&[]).await.unwrap(), 0);
    assert_eq!(all(store).await.len(), 3);
}

/// A delivery is not leased before its time.
pub async fn only_due_deliveries_are_leased(store: &Arc<dyn Store>) {
    store.enqueue(&[notification("17", 1, Opened, moment(10))]).await.unwrap();
    assert_eq!(store.due_channels(moment(9)).await.unwrap(), []);
    assert_eq!(leased(store, "a", 9).await, []);
    assert_eq!(store.due_channels(moment(10)).await.unwrap(), [channel("hook")]);
    let due = leased(store, "a", 10).await;
    assert_eq!(shape(&due), [("17", 1, Some(due[0].id.0))]);
    assert_eq!(due[0].attempts, 1);
    assert_eq!(store.due_channels(moment(11)).await.unwrap(), []);
}

/// Those that would be due a little later leave with the first one of their event.
pub async fn grouped_deliveries_are_leased_as_one_message(store: &Arc<dyn Store>) {
    let grouped = |incident: &str, event, at: i64| NewNotification {
        due_at: moment(at + 30),
        grouped: true,
        ..notification(incident, 1, event, moment(at))
    };
    let alone = NewNotification { due_at: moment(90), ..notification("4", 1, Opened, moment(0)) };
    let resolved = NewNotification { sequence: 2, ..grouped("5", Resolved, 50) };
    let new = [grouped("1", Opened, 0), grouped("2", Opened, 10), resolved, alone];
    store.enqueue(&new).await.unwrap();
    let due = leased(store, "a", 30).await;
    let first = Some(due[0].id.0);
    assert_eq!(shape(&due), [("1", 1, first), ("2", 1, first)]);
    // A message that is being sent gets no more deliveries.
    store.enqueue(&[grouped("3", Opened, 20)]).await.unwrap();
    let due = leased(store, "b", 51).await;
    assert_eq!(shape(&due), [("3", 1, Some(due[0].id.0))]);
}

/// The order of the sequences holds for each incident and channel, and for nothing else.
pub async fn a_later_event_waits_for_the_earlier_one(store: &Arc<dyn Store>) {
    let mail =
        NewNotification { channel: channel("mail"), ..notification("17", 2, Resolved, moment(2)) };
    let new = [
        notification("17", 1, Opened, moment(5)),
        notification("17", 2, Resolved, moment(2)),
        notification("18", 2, Resolved, moment(2)),
        mail,
    ];
    store.enqueue(&new).await.unwrap();
    let due = leased(store, "a", 10).await;
    assert_eq!(due.iter().map(|one| &*one.notification.incident).collect::<Vec<_>>(), ["18", "17"]);
    assert_eq!(due[1].notification.sequence, 1);
    let of_mail = Lease { channel: channel("mail"), ..lease("a", 10) };
    assert_eq!(store.lease(&of_mail).await.unwrap().len(), 1);
    let message = due[1].message.unwrap();
    settle(store, "a", message, failed(20), 11).await;
    assert_eq!(leased(store, "a", 19).await, []);
    assert_eq!(leased(store, "a", 20).await[0].notification.sequence, 1);
    settle(store, "a", message, dead(), 21).await;
    assert_eq!(leased(store, "a", 22).await[0].notification.sequence, 2);
}

/// A lease that was not settled ends with its time, and the attempt counts.
pub async fn a_delivery_is_leased_by_one_owner_until_the_lease_ends(store: &Arc<dyn Store>) {
    store.enqueue(&[notification("17", 1, Opened, moment(0))]).await.unwrap();
    let first = leased(store, "a", 0).await;
    assert_eq!(leased(store, "b", 59).await, []);
    let second = leased(store, "b", 60).await;
    assert_eq!(shape(&second), shape(&first));
    assert_eq!(second[0].attempts, 2);
    assert_eq!(settle(store, "a", first[0].message.unwrap(), dead(), 61).await, 0);
    let message = second[0].message.unwrap();
    assert_eq!(settle(store, "b", message, DeliveryOutcome::Delivered, 61).await, 1);
    let stored = all(store).await;
    assert_eq!(stored[0].state, DeliveryState::Delivered);
    assert_eq!(stored[0].finished_at, Some(moment(61)));
    assert_eq!(leased(store, "a", 1_000).await, []);
}

/// A repeated message has the same number and the same deliveries.
pub async fn a_failed_message_is_repeated_whole_when_it_is_due_again(store: &Arc<dyn Store>) {
    let grouped = |incident: &str, at: i64| NewNotification {
        grouped: true,
        ..notification(incident, 1, Opened, moment(at))
    };
    store.enqueue(&[grouped("1", 0), grouped("2", 1)]).await.unwrap();
    let first = leased(store, "a", 1).await;
    let message = first[0].message.unwrap();
    assert_eq!(settle(store, "a", message, failed(10), 2).await, 2);
    let stored = all(store).await;
    assert_eq!(stored[0].last_error.as_deref(), Some("status 503"));
    assert_eq!(stored[0].state, DeliveryState::Pending);
    store.enqueue(&[grouped("3", 3)]).await.unwrap();
    assert_eq!(shape(&leased(store, "a", 9).await).len(), 1);
    let again = leased(store, "b", 10).await;
    assert_eq!(shape(&again), shape(&first));
    assert_eq!(again[0].attempts, 2);
    let long = "x\n".repeat(MAX_ERROR_CHARS);
    let outcome = DeliveryOutcome::Failed { error: long, retry_at: moment(20) };
    settle(store, "b", message, outcome, 11).await;
    let stored = all(store).await;
    let error = stored[2].last_error.as_deref().unwrap();
    assert_eq!(error.chars().count(), MAX_ERROR_CHARS);
    assert!(!error.contains('\n'));
}

/// Neither an unknown owner nor an unknown message changes anything.
pub async fn an_owner_without_the_lease_settles_nothing(store: &Arc<dyn Store>) {
    store.enqueue(&[notification("17", 1, Opened, moment(0))]).await.unwrap();
    let message = leased(store, "a", 0).await[0].message.unwrap();
    assert_eq!(settle(store, "b", message, DeliveryOutcome::Delivered, 1).await, 0);
    let other = MessageId(message.0 + 1);
    assert_eq!(settle(store, "a", other, DeliveryOutcome::Delivered, 1).await, 0);
    assert_eq!(all(store).await[0].state, DeliveryState::Pending);
    assert_eq!(settle(store, "a", message, DeliveryOutcome::Delivered, 1).await, 1);
    assert_eq!(settle(store, "a", message, dead(), 2).await, 0);
}

/// A retry restores all deliveries of the message, with its number.
pub async fn a_dead_message_is_retried_whole(store: &Arc<dyn Store>) {
    let grouped = |incident: &str| NewNotification {
        grouped: true,
        ..notification(incident, 1, Opened, moment(0))
    };
    store.enqueue(&[grouped("1"), grouped("2")]).await.unwrap();
    let first = leased(store, "a", 0).await;
    let pending = RetriedDelivery::NotDead(DeliveryState::Pending);
    assert_eq!(store.retry_delivery(first[1].id, moment(1)).await.unwrap(), pending);
    settle(store, "a", first[0].message.unwrap(), dead(), 1).await;
    assert_eq!(leased(store, "a", 100).await, []);
    let RetriedDelivery::Pending(retried) =
        store.retry_delivery(first[1].id, moment(200)).await.unwrap()
    else {
        panic!("the message is not pending")
    };
    assert_eq!(retried.len(), 2);
    assert!(retried.iter().all(|one| one.expires_at == moment(200) + DELIVERY_PERIOD));
    assert_eq!(shape(&leased(store, "b", 200).await), shape(&first));
    let unknown = store.retry_delivery(DeliveryId(1_000_000), moment(1)).await.unwrap();
    assert_eq!(unknown, RetriedDelivery::Unknown);
}

/// A channel is not told that an incident opened after it was told that it ended.
pub async fn a_dead_message_is_not_retried_after_a_later_one(store: &Arc<dyn Store>) {
    store.enqueue(&[notification("17", 1, Opened, moment(0))]).await.unwrap();
    let first = leased(store, "a", 0).await;
    settle(store, "a", first[0].message.unwrap(), dead(), 1).await;
    store.enqueue(&[notification("17", 2, Resolved, moment(2))]).await.unwrap();
    leased(store, "a", 3).await;
    let superseded = store.retry_delivery(first[0].id, moment(4)).await.unwrap();
    assert_eq!(superseded, RetriedDelivery::Superseded);
}

/// Filters combine, and pages continue before an id.
pub async fn deliveries_are_read_newest_first_and_filtered(store: &Arc<dyn Store>) {
    let mail = |one: NewNotification| NewNotification { channel: channel("mail"), ..one };
    let new = [
        notification("1", 1, Opened, moment(0)),
        mail(notification("1", 1, Opened, moment(0))),
        notification("2", 1, Opened, moment(1)),
        notification("1", 2, Resolved, moment(2)),
    ];
    store.enqueue(&new).await.unwrap();
    let due = leased(store, "a", 0).await;
    settle(store, "a", due[0].message.unwrap(), DeliveryOutcome::Delivered, 1).await;
    let query = DeliveryQuery { limit: 10, ..DeliveryQuery::default() };
    let read = async |query| {
        let read = store.deliveries(&query).await.unwrap();
        let shape = |one: &Delivery| {
            let of = &one.notification;
            format!("{}/{}/{}", of.incident, of.sequence, of.channel)
        };
        read.iter().map(shape).collect::<Vec<_>>()
    };
    let everything = ["1/2/hook", "2/1/hook", "1/1/mail", "1/1/hook"];
    assert_eq!(read(query.clone()).await, everything);
    let of_mail = DeliveryQuery { channel: Some(channel("mail")), ..query.clone() };
    assert_eq!(read(of_mail).await, ["1/1/mail"]);
    let of_one = DeliveryQuery { incident: Some("1".to_owned()), ..query.clone() };
    assert_eq!(read(of_one).await, ["1/2/hook", "1/1/mail", "1/1/hook"]);
    let delivered = DeliveryQuery { state: Some(DeliveryState::Delivered), ..query.clone() };
    assert_eq!(read(delivered).await, ["1/1/hook"]);
    let newest = DeliveryQuery { limit: 2, ..query.clone() };
    assert_eq!(read(newest.clone()).await, everything[..2]);
    let before = store.deliveries(&newest).await.unwrap()[1].id;
    assert_eq!(read(DeliveryQuery { before: Some(before), ..newest }).await, everything[2..]);
}

/// Pending and dead deliveries are counted by channel.
pub async fn depth_counts_what_is_not_delivered(store: &Arc<dyn Store>) {
    assert_eq!(store.outbox_depth().await.unwrap(), []);
    let numbers = ["1", "2", "3", "4"];
    let new = numbers.map(|incident| notification(incident, 1, Opened, moment(0)));
    store.enqueue(&new).await.unwrap();
    let due = leased(store, "a", 0).await;
    settle(store, "a", due[0].message.unwrap(), DeliveryOutcome::Delivered, 1).await;
    settle(store, "a", due[1].message.unwrap(), dead(), 1).await;
    let depth = ChannelDepth { channel: channel("hook"), pending: 2, dead: 1 };
    assert_eq!(store.outbox_depth().await.unwrap(), [depth]);
}

/// The log of deliveries is bounded in time, and so is the wait for a channel that is gone.
pub async fn finished_deliveries_are_dropped_and_orphans_given_up(store: &Arc<dyn Store>) {
    let numbers = ["1", "2", "3"];
    let new = numbers.map(|incident| notification(incident, 1, Opened, moment(0)));
    store.enqueue(&new).await.unwrap();
    let due = leased(store, "a", 0).await;
    for (message, at) in [(0, 1), (1, 50)] {
        let message = due[message].message.unwrap();
        settle(store, "a", message, DeliveryOutcome::Delivered, at).await;
    }
    let hook = [channel("hook")];
    assert_eq!(store.tidy_outbox(&hook, moment(100), moment(50), 10).await.unwrap(), 1);
    assert_eq!(all(store).await.len(), 2);
    let expired = moment(1) + DELIVERY_PERIOD;
    assert_eq!(store.tidy_outbox(&hook, expired, moment(0), 10).await.unwrap(), 0);
    assert_eq!(store.tidy_outbox(&[], expired, moment(0), 10).await.unwrap(), 1);
    let given_up = all(store).await.remove(0);
    assert_eq!(given_up.state, DeliveryState::Dead);
    assert_eq!(given_up.last_error.as_deref(), Some("the channel was not reached in time"));
    let later = expired + Duration::days(1);
    assert_eq!(store.tidy_outbox(&hook, later, later, 1).await.unwrap(), 1);
    assert_eq!(store.tidy_outbox(&hook, later, later, 10).await.unwrap(), 1);
    assert_eq!(all(store).await, []);
}

/// Several replicas that deliver at once share the work.
pub async fn concurrent_owners_lease_each_delivery_once(store: &Arc<dyn Store>) {
    const OWNERS: usize = 4;
    const DELIVERIES: usize = 60;
    let new: Vec<_> = (0..DELIVERIES)
        .map(|number| notification(&number.to_string(), 1, Opened, moment(0)))
        .collect();
    store.enqueue(&new).await.unwrap();
    let owner = |number: usize| {
        let store = Arc::clone(store);
        async move {
            let mut ids = Vec::new();
            for _ in 0..DELIVERIES {
                let due = leased(&store, &format!("replica-{number}"), 0).await;
                ids.extend(due.iter().map(|one| one.id));
                tokio::task::yield_now().await;
            }
            ids
        }
    };
    let owners: Vec<_> = (0..OWNERS).map(|number| tokio::spawn(owner(number))).collect();
    let mut ids = Vec::new();
    for owner in owners {
        ids.extend(owner.await.unwrap());
    }
    // What is left was leased by none, because another owner was about to lease.
    ids.extend(leased(store, "last", 0).await.iter().map(|one| one.id));
    ids.sort_unstable();
    let leased = ids.len();
    ids.dedup();
    assert_eq!((leased, ids.len()), (DELIVERIES, DELIVERIES));
}
