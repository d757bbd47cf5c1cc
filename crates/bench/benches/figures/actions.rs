//! A run of an action with 10,000 targets, beside as many bare NATS requests.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use federation_application::{
    Actions, Deployment, Fanout, LogSink, NewAction, Ports, Service, SystemClock,
};
use federation_domain::{
    ActionOrderDraft, ActionOutcome, ActionSubjects, Actor, Clock, LivenessRule, Origin, RunStatus,
    Stores, TargetSelectionDraft,
};
use federation_nats::{MasterKeys, NatsActions, NatsContext, NatsSettings};
use federation_postgres::PgStore;
use federation_testkit::{FakeStore, NatsServer, TestDatabase};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::show;
use crate::world::{BATCH, registration, slug};

const TARGETS: usize = 10_000;
const CONCURRENCY: usize = 50;
const ROUNDS: usize = 5;

/// Interval at which the log is watched for the end of the run.
const POLL: Duration = Duration::from_millis(1);

pub(crate) async fn measure() {
    let nats = NatsServer::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    reply_at_once(&client).await;
    let database = TestDatabase::create().await;
    let store = PgStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    let in_memory = World::on(Stores::of(Arc::<FakeStore>::default()), &nats).await;
    let postgres = World::on(Stores::of(Arc::new(store)), &nats).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([bare(&client).await, in_memory.run().await, postgres.run().await]);
    }
    let median = |place: usize| {
        let mut times: Vec<f64> = rounds.iter().map(|round| round[place]).collect();
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    let [limit, in_memory, postgres] = [0, 1, 2].map(median);
    show("actions: 10,000 bare requests, 50 at once", limit, "s", "");
    show("actions: a run with 10,000 targets, in-memory store", in_memory, "s", "");
    show("actions: a run with 10,000 targets, Postgres", postgres, "s", "");
    show("actions: a run on Postgres, ratio", postgres / limit, "", "≤ 2");
}

/// Answers every request of the action as a project would.
async fn reply_at_once(client: &Client) {
    let mut requests = client.subscribe("hub.*.bench.requested.run").await.unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let reply = r#"{"status":"done","result":{"files":12,"findings":[]}}"#;
            client.publish(request.reply.unwrap(), reply.into()).await.unwrap();
        }
    });
}

async fn bare(client: &Client) -> f64 {
    let began = crate::now();
    let requests = stream::iter(1..=TARGETS).map(|number| {
        let subject = format!("hub.{}.bench.requested.run", slug(number));
        async move { client.request(subject, "{}".into()).await.unwrap() }
    });
    let replies = requests.buffer_unordered(CONCURRENCY).count().await;
    assert_eq!(replies, TARGETS);
    began.elapsed().as_secs_f64()
}

/// A service that may ask all projects.
struct World {
    actions: Actions,
    service: Service,
}

impl World {
    async fn on(stores: Stores, nats: &NatsServer) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let ports = Ports {
            stores,
            sink: Arc::new(LogSink),
            clock: Arc::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: true, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let all: Vec<_> =
            (1..=TARGETS).map(|number| registration(number, &["bench.run"])).collect();
        for batch in all.chunks(BATCH) {
            service.catalog.register_all(batch.to_vec(), Origin::Api).await.unwrap();
        }
        let context = NatsContext::new(NatsSettings::new(nats.url()), clock);
        let keys = MasterKeys::parse("0123456789abcdef0123456789abcdef").unwrap();
        let transport = NatsActions::connect(&context, keys).await.unwrap();
        tokio::spawn(transport.clone().run(CancellationToken::new()));
        let fanout = Fanout {
            transport: Arc::new(transport),
            subjects: ActionSubjects::parse::<&str>(&[]).unwrap(),
        };
        let actions = Actions::new(&service, Some(fanout), None);
        tokio::spawn(actions.runner().run(CancellationToken::new()));
        Self { actions, service }
    }

    /// Returns the seconds until every target has an outcome.
    async fn run(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let order = ActionOrderDraft {
            action: "bench.run".to_owned(),
            max_concurrency: Some(CONCURRENCY as f64),
            include_offline: true,
            ..ActionOrderDraft::default()
        };
        let targets = TargetSelectionDraft { all: true, ..TargetSelectionDraft::default() };
        let new = NewAction {
            order: order.parse().unwrap(),
            targets: targets.parse().unwrap(),
            actor: Actor::API,
            request: None,
        };
        let began = crate::now();
        let (run, _) = self.actions.create(new).await.unwrap();
        let mut logged = self.service.changes.newest();
        let ended = loop {
            // Counting the outcomes takes the store some time, so it is only asked after an entry.
            tokio::time::sleep(POLL).await;
            if self.service.changes.newest() == logged {
                continue;
            }
            logged = self.service.changes.newest();
            let run = self.actions.find(run.id).await.unwrap();
            if run.status == RunStatus::Ended {
                break run;
            }
        };
        assert_eq!(ended.counts.of(ActionOutcome::Done), TARGETS, "{:?}", ended.counts);
        began.elapsed().as_secs_f64()
    }
}
