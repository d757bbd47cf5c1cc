use time::OffsetDateTime;

use super::*;
use crate::notification::{DeliveryId, DeliveryState, IncidentSummary, NewNotification};
use crate::severity::Severity;

pub(in crate::notification) fn delivery(
    id: i64,
    event: NotificationEvent,
    grouped: bool,
    message: Option<i64>,
) -> Delivery {
    let at = OffsetDateTime::UNIX_EPOCH;
    let summary = IncidentSummary {
        kind: "offline".into(),
        title: "db is offline".into(),
        severity: Severity::Critical,
        root: None,
        cause: String::new(),
        affected_count: 0,
        affected: Vec::new(),
        since: at,
        resolved_at: None,
        tags: Vec::new(),
        link: "/".into(),
        earlier: Vec::new(),
    };
    let notification = NewNotification {
        incident: id.to_string(),
        sequence: 1,
        channel: ChannelName::parse("hook").unwrap(),
        event,
        summary,
        at,
        due_at: at,
        grouped,
    };
    Delivery {
        id: DeliveryId(id),
        notification,
        state: DeliveryState::Pending,
        message: message.map(MessageId),
        attempts: 0,
        expires_at: at,
        last_error: None,
        finished_at: None,
    }
}

fn shape(messages: &[Message]) -> Vec<(i64, Vec<i64>)> {
    let ids = |message: &Message| message.deliveries.iter().map(|one| one.id.0).collect();
    messages.iter().map(|message| (message.id.0, ids(message))).collect()
}

use NotificationEvent::{Opened, Resolved};

#[test]
fn grouped_deliveries_of_one_event_are_one_message() {
    let due = vec![
        delivery(1, Opened, true, None),
        delivery(2, Resolved, true, None),
        delivery(3, Opened, false, None),
        delivery(4, Opened, true, None),
    ];
    let messages = join_messages(due, false, 10);
    assert_eq!(shape(&messages), [(1, vec![1, 4]), (2, vec![2]), (3, vec![3])]);
}

#[test]
fn an_attempted_message_keeps_its_deliveries_and_gets_no_others() {
    let due = vec![
        delivery(1, Opened, true, Some(1)),
        delivery(2, Opened, true, None),
        delivery(5, Opened, true, Some(1)),
    ];
    let messages = join_messages(due, false, 10);
    assert_eq!(shape(&messages), [(1, vec![1, 5]), (2, vec![2])]);
    let leased: Vec<_> = messages.into_iter().flat_map(|message| message.deliveries).collect();
    assert_eq!(shape(&messages_of(leased)), [(1, vec![1, 5]), (2, vec![2])]);
}

#[test]
fn a_message_that_may_be_cut_off_is_left_out_unless_it_is_the_only_one() {
    let due =
        |ids: &[i64]| ids.iter().map(|&id| delivery(id, Opened, true, Some(id / 10))).collect();
    assert_eq!(shape(&join_messages(due(&[10, 20]), true, 10)), [(1, vec![10])]);
    assert_eq!(shape(&join_messages(due(&[10]), true, 10)), [(1, vec![10])]);
    assert_eq!(shape(&join_messages(due(&[10, 20, 30]), false, 2)).len(), 2);
}

#[test]
fn a_message_has_a_bounded_number_of_deliveries() {
    let many = i64::try_from(MAX_MESSAGE_DELIVERIES).unwrap() + 1;
    let due = (1..=many).map(|id| delivery(id, Opened, true, None)).collect();
    let messages = join_messages(due, false, 10);
    assert_eq!(
        messages.iter().map(|message| message.deliveries.len()).collect::<Vec<_>>(),
        [MAX_MESSAGE_DELIVERIES, 1]
    );
}
