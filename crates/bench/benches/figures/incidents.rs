//! Webhooks to a real receiver, on SQLite.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use federation_application::{Deployment, LogSink, Ports, Service, SystemClock};
use federation_domain::{
    ChannelName, Clock, Condition, IncidentRule, IncidentSummary, LivenessRule, NewNotification,
    NotificationEvent, Origin, Outbox as _, Route, Severity, Slug, Source, Stores,
};
use federation_notify::{ChannelDeps, OutboundPolicy};
use federation_sqlite::SqliteStore;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::world::{heartbeat, registration, slug};
use crate::{p99_ms, show};

/// Number of channels, and of messages to each.
const CHANNELS: usize = 10;
const MESSAGES: usize = 1_000;

/// Number of changes of a status whose webhooks are timed.
const CHANGES: usize = 300;

pub(crate) async fn measure() {
    drain().await;
    delay().await;
}

/// A receiver of webhooks that tells when it receives one.
fn receiver(heard: mpsc::UnboundedSender<Instant>) -> String {
    let server = HttpServer::new(move || {
        let heard = heard.clone();
        App::new().default_service(web::to(move |_: web::Bytes| {
            let _ = heard.send(crate::now());
            async { HttpResponse::NoContent().finish() }
        }))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.disable_signals().run());
    format!("http://{address}/")
}

/// A service with webhooks, whose tasks run until it is dropped.
struct Notifying {
    service: Service,
    clock: Arc<dyn Clock>,
    store: Arc<SqliteStore>,
    heard: mpsc::UnboundedReceiver<Instant>,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Notifying {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Notifying {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("f.db").display());
        let store = Arc::new(SqliteStore::connect(&url).unwrap());
        store.migrate().await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let ports = Ports {
            stores: Stores::of(Arc::<SqliteStore>::clone(&store)),
            sink: Arc::new(LogSink),
            clock: Arc::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: false, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let (sender, heard) = mpsc::unbounded_channel();
        let url = receiver(sender);
        let deps = ChannelDeps {
            clock: Arc::clone(&clock),
            public_url: None,
            policy: OutboundPolicy::default(),
        };
        let channels = (0..CHANNELS).map(|number| {
            let url = url.parse().unwrap();
            let messenger = federation_notify::Channel::Webhook { url, secret: None };
            (channel(number), messenger.messenger(&deps))
        });
        service.notifications.configure(channels.collect(), vec![route(0)]);
        let cancel = CancellationToken::new();
        tokio::spawn(service.notifications.courier().run(cancel.clone()));
        Self { service, clock, store, heard, cancel, _folder: folder }
    }
}

fn channel(number: usize) -> ChannelName {
    ChannelName::parse(&format!("hook-{number}")).unwrap()
}

fn route(number: usize) -> Route {
    Route {
        channel: channel(number),
        severities: Vec::new(),
        tags: Vec::new(),
        projects: Vec::new(),
        kinds: Vec::new(),
        events: NotificationEvent::ALL.to_vec(),
        group_wait: time::Duration::ZERO,
    }
}

/// Messages that wait are sent by ten channels.
async fn drain() {
    let mut world = Notifying::new().await;
    let at = world.clock.utc();
    for number in 0..CHANNELS {
        let notifications: Vec<_> =
            (0..MESSAGES).map(|message| notification(number, message, at)).collect();
        world.store.enqueue(&notifications).await.unwrap();
    }
    let began = crate::now();
    world.service.notifications.wake();
    let received = AtomicUsize::default();
    while received.fetch_add(1, Ordering::Relaxed) < CHANNELS * MESSAGES {
        world.heard.recv().await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = (CHANNELS * MESSAGES) as f64 / began.elapsed().as_secs_f64();
    show("incidents: webhooks sent by 10 channels", rate, "/s", "≥ 1000");
}

fn notification(number: usize, message: usize, at: time::OffsetDateTime) -> NewNotification {
    NewNotification {
        incident: message.to_string(),
        sequence: 1,
        channel: channel(number),
        event: NotificationEvent::Opened,
        summary: IncidentSummary {
            kind: "offline".to_owned(),
            title: "db is offline".to_owned(),
            severity: Severity::Critical,
            root: Slug::parse("db").ok(),
            cause: "no heartbeat for 90 s".to_owned(),
            affected_count: 0,
            affected: Vec::new(),
            since: at,
            resolved_at: None,
            tags: Vec::new(),
            link: "/incidents/1".to_owned(),
            earlier: Vec::new(),
        },
        at,
        due_at: at,
        grouped: false,
    }
}

/// A project becomes degraded, and the webhook about it arrives.
async fn delay() {
    let mut world = Notifying::new().await;
    let all = (1..=CHANGES).map(|number| registration(number, &[])).collect();
    world.service.catalog.register_all(all, Origin::Api).await.unwrap();
    let rule = IncidentRule { degraded_delay: Duration::ZERO, ..IncidentRule::default() };
    let evaluator = world.service.incident_evaluator(rule, "bench".to_owned());
    let service = world.service.clone();
    tokio::spawn(evaluator.run(world.cancel.clone()));
    tokio::spawn(service.writer().run(world.cancel.clone()));
    let cancel = world.cancel.clone();
    tokio::spawn(async move { service.run_ticks(cancel, || {}).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut times = Vec::new();
    for number in 1..=CHANGES {
        let slug = slug(number);
        let began = crate::now();
        let condition = Condition::Degraded { reasons: vec!["queue full".to_owned()] };
        let heartbeat = heartbeat(&slug, Source::Http, Some(condition));
        world.service.presence.recorder().record_heartbeat(&heartbeat).unwrap();
        times.push(world.heard.recv().await.unwrap() - began);
    }
    show("incidents: from a heartbeat to its webhook, p99", p99_ms(times), "ms", "≤ 300");
}
