use time::Duration as Span;

use super::*;
use crate::notification::message::tests::delivery;
use crate::notification::{ChannelName, DELIVERY_PERIOD, Delivery, MessageId, NotificationEvent};

const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn message(attempts: u32) -> Message {
    let one = delivery(1, NotificationEvent::Opened, false, Some(1));
    Message {
        id: MessageId(1),
        channel: ChannelName::parse("hook").unwrap(),
        event: NotificationEvent::Opened,
        deliveries: vec![Delivery { attempts, expires_at: START + DELIVERY_PERIOD, ..one }],
    }
}

fn delay(attempts: u32, retry_after: Option<u64>, jitter: f64) -> Span {
    let retry_after = retry_after.map(Duration::from_secs);
    match after_failure(&message(attempts), String::new(), retry_after, START, jitter) {
        DeliveryOutcome::Failed { retry_at, .. } => retry_at - START,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_delay_doubles_up_to_five_minutes_and_is_spread() {
    let delays: Vec<_> = (1..=8).map(|attempts| delay(attempts, None, 0.5)).collect();
    assert_eq!(delays, [5, 10, 20, 40, 80, 160, 300, 300].map(Span::seconds));
    assert_eq!(delay(u32::MAX, None, 0.5), Span::seconds(300));
    assert_eq!(delay(3, None, 0.0), Span::seconds(15));
    assert_eq!(delay(3, None, 1.0), Span::seconds(25));
}

#[test]
fn the_receiver_may_ask_for_a_longer_delay_but_not_for_a_shorter_one() {
    assert_eq!(delay(1, Some(120), 0.5), Span::seconds(120));
    assert_eq!(delay(1, Some(0), 0.5), Span::seconds(5));
    assert_eq!(delay(1, Some(u64::MAX), 0.5), DELIVERY_PERIOD);
}

#[test]
fn a_receiver_that_stays_away_is_tried_for_a_day_and_then_given_up() {
    let mut now = START;
    for attempts in 1.. {
        match after_failure(&message(attempts), "away".to_owned(), None, now, 0.3) {
            DeliveryOutcome::Failed { retry_at, .. } => {
                assert!(retry_at > now && retry_at <= START + DELIVERY_PERIOD);
                now = retry_at;
            }
            DeliveryOutcome::Dead { error } => {
                assert_eq!((now, &*error), (START + DELIVERY_PERIOD, "away"));
                assert!((280..450).contains(&attempts), "{attempts}");
                return;
            }
            DeliveryOutcome::Delivered => panic!("it failed"),
        }
    }
}

#[test]
fn a_breaker_opens_after_five_failures_and_admits_one_message_after_each_pause() {
    let mut breaker = Breaker::default();
    let at = |seconds| START + Span::seconds(seconds);
    for _ in 0..4 {
        breaker.failed(START);
        assert_eq!(breaker.allowed(START, 32), 32);
    }
    breaker.failed(START);
    assert!(breaker.is_open());
    assert_eq!(breaker.allowed(at(9), 32), 0);
    assert_eq!(breaker.allowed(at(10), 32), 1);
    breaker.failed(at(10));
    assert_eq!(breaker.allowed(at(29), 32), 0);
    assert_eq!(breaker.allowed(at(30), 32), 1);
    for _ in 0..100 {
        breaker.failed(at(30));
    }
    assert_eq!(breaker.allowed(at(330), 32), 1);
    breaker.succeeded();
    assert_eq!((breaker.allowed(at(330), 32), breaker.is_open()), (32, false));
}
