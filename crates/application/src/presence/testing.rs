//! A presence with a manual clock and a registry without a store.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Channel, Condition, Heartbeat, InstanceReport, LivenessRule, Project, ProjectStatus, Proof,
    Source,
};
use federation_testkit::ManualClock;

use super::{Deployment, Presence, PresenceDeps, TICK};
use crate::entry::ProjectEntry;
use crate::metrics::Metrics;
use crate::queue::TransitionQueue;
use crate::registry::Registry;
use crate::testing::project;

pub(super) struct Fixture {
    pub(super) clock: Arc<ManualClock>,
    pub(super) registry: Arc<Registry>,
    pub(super) queue: Arc<TransitionQueue>,
    pub(super) metrics: Metrics,
    pub(super) presence: Presence,
}

impl Fixture {
    /// A presence whose catalog was not read yet.
    pub(super) fn unloaded(deployment: Deployment) -> Self {
        let (clock, registry) = (Arc::<ManualClock>::default(), Arc::<Registry>::default());
        let (queue, metrics) = (Arc::<TransitionQueue>::default(), Metrics::new());
        let presence = Presence::new(PresenceDeps {
            rule: LivenessRule::default(),
            clock: Arc::<ManualClock>::clone(&clock),
            registry: Arc::clone(&registry),
            queue: Arc::clone(&queue),
            instances: crate::instances::Instances::default(),
            metrics: metrics.clone(),
            deployment,
            relay: None,
            prober: None,
        });
        Self { clock, registry, queue, metrics, presence }
    }

    /// A presence with an empty catalog, whose sources have proved their hearing for a minute.
    pub(super) fn settled(deployment: Deployment) -> Self {
        let fixture = Self::unloaded(deployment);
        fixture.presence.resume(&[], Vec::new());
        fixture.presence.listening().set_link(Source::Nats, true);
        fixture.listen(&Source::ALL, Duration::from_secs(60));
        fixture
    }

    /// Registers the project `p{id}`, which is online and was never heard.
    pub(super) fn add(&self, id: i64) -> Arc<ProjectEntry> {
        let online = Project { status: ProjectStatus::Online, ..project(id) };
        let listening = self.presence.listening();
        self.registry.register(&online, |project| listening.new_entry(project));
        self.registry.get(&format!("p{id}")).unwrap()
    }

    /// Lets time pass while these sources prove their hearing at each tick.
    pub(super) fn listen(&self, sources: &[Source], time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            self.clock.advance(TICK);
            sources.iter().for_each(|&source| self.prove(source, true));
        }
    }

    pub(super) fn prove(&self, source: Source, unbroken: bool) {
        let proof = Proof { heard_through: self.presence.now(), unbroken };
        self.presence.prove_hearing(source, proof);
    }

    /// Records a heartbeat that just arrived.
    pub(super) fn hear(&self, slug: &str, source: Source, condition: Option<Condition>) {
        let heartbeat = Heartbeat {
            slug,
            source,
            channel: Channel::Presence,
            condition,
            key: None,
            instance: InstanceReport::default(),
        };
        self.presence.recorder().record_heartbeat(&heartbeat).unwrap();
    }
}

/// A single process with NATS and a store of its own.
pub(super) const ALONE: Deployment = Deployment { bus: true, shared_store: false };

/// One of several replicas that share a store.
pub(super) const REPLICA: Deployment = Deployment { bus: true, shared_store: true };
