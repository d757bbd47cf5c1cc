//! A service with a bus and rights that tests control.

use std::collections::HashMap;

use federation_domain::{
    ActionName, ActionOrderDraft, ActionOutcome, ActionReply, ActionRequest, ActionResult,
    ActionRights, ActionTransport, Actor, FanoutAllowlist, LivenessRule, MeshNamespace, Origin,
    Registration, ReplySink, RunId, RunStatus, Slug, Stores, TargetSelectionDraft,
};
use federation_testkit::contract::samples::registration;
use federation_testkit::{FakeStore, ManualClock};
use parking_lot::Mutex;

use super::super::driver::RunDriver;
use super::super::*;
use crate::presence::Deployment;
use crate::service::Ports;
use crate::sinks::LogSink;

/// A transport whose replies tests send.
#[derive(Default)]
pub(super) struct FakeTransport(pub(super) Mutex<FakeBus>);

#[derive(Default)]
pub(super) struct FakeBus {
    pub(super) cuts: u64,
    pub(super) is_down: bool,
    pub(super) is_full: bool,
    /// Number of next requests that are answered immediately.
    pub(super) replies_at_once: usize,
    pub(super) most_open: usize,
    pub(super) sent: Vec<(Slug, u64)>,
    pub(super) open: HashMap<u64, Arc<dyn ReplySink>>,
}

impl ActionTransport for FakeTransport {
    fn connection(&self) -> Option<u64> {
        let bus = self.0.lock();
        (!bus.is_down).then_some(bus.cuts)
    }

    fn send(&self, request: &ActionRequest, ticket: u64, replies: &Arc<dyn ReplySink>) -> bool {
        let mut bus = self.0.lock();
        if bus.is_full {
            return false;
        }
        bus.sent.push((request.project.clone(), ticket));
        bus.open.insert(ticket, Arc::clone(replies));
        bus.most_open = bus.most_open.max(bus.open.len());
        if bus.replies_at_once > 0 {
            bus.replies_at_once -= 1;
            replies.take(ticket, ActionReply::Done(ActionResult::None));
        }
        true
    }

    fn close(&self, tickets: &[u64]) {
        let mut bus = self.0.lock();
        tickets.iter().for_each(|ticket| drop(bus.open.remove(ticket)));
    }
}

impl FakeTransport {
    /// Returns the projects that were asked, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().sent.iter().map(|(project, _)| project.to_string()).collect()
    }

    /// Replies to the newest request to a project.
    pub(super) fn reply(&self, project: &str, reply: ActionReply) {
        let bus = self.0.lock();
        let (_, ticket) = bus.sent.iter().rev().find(|(one, _)| one.as_str() == project).unwrap();
        if let Some(replies) = bus.open.get(ticket) {
            replies.take(*ticket, reply);
        }
    }

    pub(super) fn done(&self, project: &str) {
        self.reply(project, ActionReply::Done(ActionResult::from_json("[1]")));
    }
}

/// Rights that tests take away.
#[derive(Default)]
pub(super) struct FakeRights(pub(super) Mutex<bool>);

impl ActionRights for FakeRights {
    fn refusal(&self, _: &Actor, _: &ActionName, project: Option<&Slug>) -> Option<String> {
        (project.is_some() && *self.0.lock()).then(|| "the API key was revoked".to_owned())
    }
}

pub(super) struct World {
    pub(super) service: Service,
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<FakeStore>,
    pub(super) bus: Arc<FakeTransport>,
    pub(super) rights: Arc<FakeRights>,
    pub(super) actions: Actions,
}

impl World {
    pub(super) async fn new(allowed: &[&str], others: &[&str]) -> Self {
        let store = Arc::new(FakeStore::default());
        let world = Self::over(store, Arc::default(), Arc::default()).await;
        let allows = |slug: &&str| allowing(slug, &["audit.security"]);
        let allowed = allowed.iter().map(allows);
        let all: Vec<Registration> =
            allowed.chain(others.iter().map(|slug| allowing(slug, &[]))).collect();
        world.service.catalog.register_all(all, Origin::Api).await.unwrap();
        world
    }

    /// Starts another replica on the same store and bus.
    pub(super) async fn replica(&self) -> Self {
        let store = Arc::new(self.store.sharing());
        Self::over(store, Arc::clone(&self.clock), Arc::clone(&self.bus)).await
    }

    pub(super) async fn over(
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        bus: Arc<FakeTransport>,
    ) -> Self {
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::clone(&store)),
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: false, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let rights = Arc::<FakeRights>::default();
        let fanout = Fanout {
            transport: Arc::<FakeTransport>::clone(&bus),
            subjects: ActionSubjects::default(),
        };
        let given = Arc::<FakeRights>::clone(&rights);
        let actions = Actions::new(&service, Some(fanout), Some(given));
        Self { service, clock, store, bus, rights, actions }
    }

    pub(super) async fn create(&self, draft: ActionOrderDraft) -> RunId {
        self.actions.create(new_action(draft)).await.unwrap().0.id
    }

    /// Takes the run on, as the runner does.
    pub(super) async fn driver(&self) -> RunDriver {
        let mut taken = self.actions.runner().take_runs().await.unwrap();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    pub(super) async fn outcomes(&self, id: RunId) -> Vec<(String, Option<ActionOutcome>)> {
        let targets = self.actions.targets(id, None, 100).await.unwrap();
        targets.into_iter().map(|one| (one.project.to_string(), one.outcome)).collect()
    }

    pub(super) async fn outcome(&self, id: RunId) -> Option<ActionOutcome> {
        self.outcomes(id).await[0].1
    }

    pub(super) async fn status(&self, id: RunId) -> RunStatus {
        self.actions.find(id).await.unwrap().status
    }

    pub(super) async fn allow(&self, slug: &str, actions: &[&str]) {
        self.service.catalog.register(allowing(slug, actions), Origin::Api).await.unwrap();
    }
}

pub(super) fn allowing(slug: &str, actions: &[&str]) -> Registration {
    let slug = Slug::parse(slug).unwrap();
    Registration {
        allow_fanout: Some(FanoutAllowlist::parse(actions).unwrap()),
        mesh_namespace: MeshNamespace::of(&slug),
        ..registration(slug.as_str())
    }
}

pub(super) fn order() -> ActionOrderDraft {
    ActionOrderDraft {
        action: "audit.security".to_owned(),
        // Nothing sends heartbeats in these tests.
        include_offline: true,
        ..ActionOrderDraft::default()
    }
}

pub(super) fn new_action(draft: ActionOrderDraft) -> NewAction {
    NewAction {
        order: draft.parse().unwrap(),
        targets: TargetSelectionDraft { all: true, ..Default::default() }.parse().unwrap(),
        actor: Actor::parse("ci"),
        request: None,
    }
}
