use std::time::Duration;

use async_trait::async_trait;
use federation_domain::{DeliveryState, Message, NewNotification, NotificationEvent, SendError};
use federation_testkit::contract::outbox::notification;
use federation_testkit::{FakeStore, ManualClock};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use NotificationEvent::{Opened, Resolved};

/// A receiver that fails when it is told to, and records what it accepted.
#[derive(Default)]
struct Receiver {
    accepted: Mutex<Vec<String>>,
    attempts: Mutex<usize>,
    error: Mutex<Option<SendError>>,
}

#[async_trait]
impl Messenger for Receiver {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        *self.attempts.lock() += 1;
        if let Some(error) = self.error.lock().clone() {
            return Err(error);
        }
        let names = message.deliveries.iter().map(|one| one.notification.incident.clone());
        let names = names.collect::<Vec<_>>().join("+");
        self.accepted.lock().push(format!("{} {names}", message.event));
        Ok(())
    }
}

impl Receiver {
    fn fail(&self, retry_after: Option<u64>) {
        let retry_after = retry_after.map(Duration::from_secs);
        *self.error.lock() = Some(SendError { reason: "status 503".to_owned(), retry_after });
    }

    fn recover(&self) {
        *self.error.lock() = None;
    }
}

struct Setting {
    store: Arc<FakeStore>,
    clock: Arc<ManualClock>,
    receiver: Arc<Receiver>,
    notifications: Notifications,
}

impl Setting {
    fn new() -> Self {
        Self::over(Arc::default(), Arc::default(), Arc::default())
    }

    fn over(store: Arc<FakeStore>, clock: Arc<ManualClock>, receiver: Arc<Receiver>) -> Self {
        let notifications = Notifications::new(
            Arc::<FakeStore>::clone(&store),
            Arc::<FakeStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            Metrics::new(),
        );
        let messenger: Arc<dyn Messenger> = Arc::<Receiver>::clone(&receiver);
        notifications.configure(vec![(channel("hook"), messenger)], Vec::new());
        Self { store, clock, receiver, notifications }
    }

    async fn enqueue(&self, incident: &str, sequence: i64, event: NotificationEvent) {
        let new = notification(incident, sequence, event, self.clock.utc());
        self.store.enqueue(&[new]).await.unwrap();
    }

    async fn deliver(&self) -> usize {
        self.notifications.courier().deliver_due().await.unwrap()
    }

    /// Delivers every second for this time and returns the number of attempts.
    async fn pass(&self, seconds: u64) -> usize {
        let before = *self.receiver.attempts.lock();
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.deliver().await;
        }
        *self.receiver.attempts.lock() - before
    }

    async fn states(&self) -> Vec<DeliveryState> {
        let query = DeliveryQuery { limit: 100, ..DeliveryQuery::default() };
        let read = self.notifications.deliveries(&query).await.unwrap();
        read.into_iter().map(|one| one.state).collect()
    }

    fn accepted(&self) -> Vec<String> {
        self.receiver.accepted.lock().clone()
    }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

#[tokio::test]
async fn each_event_of_an_incident_is_delivered_once_and_in_order() {
    let setting = Setting::new();
    setting.enqueue("1", 1, Opened).await;
    setting.enqueue("1", 2, Resolved).await;
    while setting.deliver().await > 0 {}
    assert_eq!(setting.accepted(), ["opened 1", "resolved 1"]);
    assert_eq!(setting.states().await, [DeliveryState::Delivered; 2]);
}

#[tokio::test]
async fn a_receiver_that_was_away_for_an_hour_gets_everything_within_minutes() {
    let setting = Setting::new();
    setting.receiver.fail(None);
    for incident in 0..50 {
        setting.enqueue(&incident.to_string(), 1, Opened).await;
    }
    let attempts = setting.pass(3_600).await;
    assert!(attempts < 60, "{attempts} attempts in an hour");
    assert_eq!(setting.accepted().len(), 0);
    setting.receiver.recover();
    setting.pass(660).await;
    assert_eq!(setting.accepted().len(), 50);
}

#[tokio::test]
async fn a_message_is_not_sent_before_the_receiver_wants_it() {
    let setting = Setting::new();
    setting.receiver.fail(Some(120));
    setting.enqueue("1", 1, Opened).await;
    assert_eq!(setting.deliver().await, 1);
    setting.receiver.recover();
    assert_eq!(setting.pass(119).await, 0);
    assert_eq!(setting.pass(1).await, 1);
    assert_eq!(setting.accepted(), ["opened 1"]);
}

#[tokio::test]
async fn a_message_is_dead_after_a_day_and_can_be_retried() {
    let setting = Setting::new();
    setting.receiver.fail(None);
    setting.enqueue("1", 1, Opened).await;
    for minute in 0..24 * 60 + 10 {
        if minute == 12 * 60 {
            setting.enqueue("1", 2, Resolved).await;
        }
        setting.clock.advance(Duration::from_secs(60));
        setting.deliver().await;
    }
    assert_eq!(setting.states().await, [DeliveryState::Pending, DeliveryState::Dead]);
    let query = DeliveryQuery { limit: 1, state: Some(DeliveryState::Dead), ..Default::default() };
    let dead = setting.notifications.deliveries(&query).await.unwrap().remove(0);
    assert_eq!(dead.last_error.as_deref(), Some("status 503"));
    let superseded = setting.notifications.retry(dead.id).await.unwrap();
    assert_eq!(superseded, RetriedDelivery::Superseded);
    for _ in 0..24 * 60 + 10 {
        setting.clock.advance(Duration::from_secs(60));
        setting.deliver().await;
    }
    setting.receiver.recover();
    let dead = setting.notifications.deliveries(&query).await.unwrap().remove(0);
    setting.notifications.retry(dead.id).await.unwrap();
    setting.pass(300).await;
    assert_eq!(setting.accepted(), ["resolved 1"]);
}

#[tokio::test]
async fn what_a_broken_receiver_never_saw_is_given_up_too() {
    let setting = Setting::new();
    setting.receiver.fail(None);
    for incident in 0..50 {
        setting.enqueue(&incident.to_string(), 1, Opened).await;
    }
    for _ in 0..25 * 60 {
        setting.clock.advance(Duration::from_secs(60));
        setting.deliver().await;
        setting.notifications.courier().tidy().await.unwrap();
    }
    assert_eq!(setting.states().await, [DeliveryState::Dead; 50]);
    let text = setting.notifications.0.metrics.encode().unwrap();
    assert!(text.contains("federation_notifications_dead{channel=\"hook\"} 50"), "{text}");
}

#[tokio::test]
async fn a_replica_that_dies_between_sending_and_recording_leaves_its_message_to_another() {
    let first = Setting::new();
    first.enqueue("1", 1, Opened).await;
    // The first replica sends, and its answer never reaches the store.
    let lanes = first.notifications.0.lanes(&[channel("hook")]);
    let turn = Arc::clone(&lanes[0]).turn().unwrap();
    let lease = federation_domain::Lease {
        channel: channel("hook"),
        owner: first.notifications.0.owner.clone(),
        now: first.clock.utc(),
        until: first.clock.utc() + Duration::from_secs(60),
        messages: 1,
    };
    let leased = first.store.lease(&lease).await.unwrap();
    let message = federation_domain::messages_of(leased).remove(0);
    first.receiver.send(&message).await.unwrap();
    drop(turn);
    let (store, clock) = (Arc::clone(&first.store), Arc::clone(&first.clock));
    let second = Setting::over(store, clock, Arc::clone(&first.receiver));
    assert_eq!(second.pass(59).await, 0);
    assert_eq!(second.pass(1).await, 1);
    assert_eq!(second.accepted(), ["opened 1", "opened 1"]);
    assert_eq!(second.pass(100).await, 0);
}

#[tokio::test]
async fn two_replicas_send_each_message_once() {
    let first = Setting::new();
    let (store, clock) = (Arc::clone(&first.store), Arc::clone(&first.clock));
    let second = Setting::over(store, clock, Arc::clone(&first.receiver));
    for incident in 0..40 {
        first.enqueue(&incident.to_string(), 1, Opened).await;
    }
    while tokio::join!(first.deliver(), second.deliver()) != (0, 0) {}
    let mut accepted = first.accepted();
    accepted.sort_unstable();
    accepted.dedup();
    assert_eq!((accepted.len(), *first.receiver.attempts.lock()), (40, 40));
}

/// A receiver that holds each message until it is released.
struct Hanging(Semaphore);

#[async_trait]
impl Messenger for Hanging {
    async fn send(&self, _: &Message) -> Result<(), SendError> {
        drop(self.0.acquire().await);
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_channel_delays_no_other_and_a_wake_delivers_at_once() {
    let setting = Setting::new();
    let hanging = Arc::new(Hanging(Semaphore::new(0)));
    let (slow, fast): (Arc<dyn Messenger>, Arc<dyn Messenger>) =
        (Arc::<Hanging>::clone(&hanging), Arc::<Receiver>::clone(&setting.receiver));
    let channels = vec![(channel("slow"), slow), (channel("hook"), fast)];
    setting.notifications.configure(channels, Vec::new());
    let cancel = CancellationToken::new();
    let running = tokio::spawn(setting.notifications.courier().run(cancel.clone()));
    let to_slow = |incident: &str| NewNotification {
        channel: channel("slow"),
        ..notification(incident, 1, Opened, setting.clock.utc())
    };
    for number in 0..20 {
        let incident = number.to_string();
        setting.store.enqueue(&[to_slow(&incident)]).await.unwrap();
        setting.enqueue(&incident, 1, Opened).await;
        setting.notifications.wake();
        let arrived = async {
            while setting.accepted().len() <= number {
                tokio::task::yield_now().await;
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(5), arrived).await;
        assert!(within.is_ok(), "message {number} to the fast channel did not arrive");
    }
    hanging.0.close();
    cancel.cancel();
    running.await.unwrap();
}
