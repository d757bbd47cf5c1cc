//! Presence: which projects are alive, judged by the heartbeats received.
//!
//! - [`Listening`] tracks when this process could receive heartbeats. It owns the listening clock
//!   and the link of each source, and the time of the last read of the change log.
//! - [`Judge`] turns evidence of silence into statuses. It owns the liveness rule, the decisions
//!   deferred while the bus lags, and the queue of probes.
//! - [`Recorder`] records heartbeats. It owns the flags of heartbeats relayed and not stored yet.
//! - [`Transitions`] changes a status and queues the change for the store. It owns the list of
//!   flapping projects, whose changes are held back.
//! - [`Reconciler`] compares stored rows with local knowledge. It owns no state.
//!
//! The state of each project is in its registry entry. [`Listening`] reports how long a source has
//! listened without hearing a project ([`HearingSnapshot::evidence`]). [`Judge`] decides what that
//! means. Neither depends on the other's rules.

use std::sync::Arc;

use federation_domain::{
    Clock, HeartbeatRelay, ListeningPeriod, LivenessRule, Monotonic, Prober, Project, Proof, Source,
};
use tokio_util::sync::CancellationToken;

use crate::entry::ProjectEntry;
use crate::instances::Instances;
use crate::metrics::Metrics;
use crate::queue::TransitionQueue;
use crate::registry::Registry;

mod judge;
mod listening;
mod reconciler;
mod recorder;
#[cfg(test)]
mod testing;
mod transitions;

pub(crate) use judge::Judge;
pub use judge::ProjectState;
pub(crate) use listening::HearingSnapshot;
pub use listening::{Deployment, Listening, TICK};
pub(crate) use reconciler::Reconciler;
pub use recorder::{HeartbeatBatch, RecordError, Recorder};
pub(crate) use transitions::Transitions;

/// Entry point to presence for adapters and use cases. Cheap to clone.
#[derive(Clone)]
pub struct Presence(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    listening: Arc<Listening>,
    judge: Arc<Judge>,
    transitions: Arc<Transitions>,
    reconciler: Reconciler,
    recorder: Recorder,
}

/// Collaborators of a [`Presence`].
pub(crate) struct PresenceDeps {
    pub(crate) rule: LivenessRule,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) queue: Arc<TransitionQueue>,
    pub(crate) metrics: Metrics,
    pub(crate) instances: Instances,
    pub(crate) deployment: Deployment,
    pub(crate) relay: Option<Arc<dyn HeartbeatRelay>>,
    pub(crate) prober: Option<Arc<dyn Prober>>,
}

impl Presence {
    pub(crate) fn new(deps: PresenceDeps) -> Self {
        let PresenceDeps { clock, registry, .. } = &deps;
        let (clock, registry) = (Arc::clone(clock), Arc::clone(registry));
        let listening = Arc::new(Listening::new(Arc::clone(&clock), deps.deployment));
        let transitions = Arc::new(Transitions::new(&deps));
        let judge = Arc::new(Judge::new(&deps, Arc::clone(&listening), Arc::clone(&transitions)));
        let reconciler = Reconciler::new(
            &deps,
            Arc::clone(&listening),
            Arc::clone(&judge),
            Arc::clone(&transitions),
        );
        let recorder = Recorder::new(
            deps,
            Arc::clone(&listening),
            Arc::clone(&judge),
            Arc::clone(&transitions),
        );
        let inner = Inner { clock, registry, listening, judge, transitions, reconciler, recorder };
        Self(Arc::new(inner))
    }

    /// Returns the recorder of heartbeats.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// Returns the state of hearing of all sources.
    #[must_use]
    pub fn listening(&self) -> &Arc<Listening> {
        &self.0.listening
    }

    pub(crate) fn judge(&self) -> &Judge {
        &self.0.judge
    }

    pub(crate) fn transitions(&self) -> &Transitions {
        &self.0.transitions
    }

    pub(crate) fn reconciler(&self) -> &Reconciler {
        &self.0.reconciler
    }

    /// Returns the monotonic time, for [`Proof::heard_through`] and [`Recorder::batch`].
    #[must_use]
    pub fn now(&self) -> Monotonic {
        self.0.clock.monotonic()
    }

    /// Advances the listening clock of a source and judges the silence of its projects.
    ///
    /// If other replicas relay their HTTP heartbeats over the bus, a proof of the bus proves HTTP
    /// too.
    pub fn prove_hearing(&self, source: Source, proof: Proof) {
        let proven = self.0.listening.prove(source, proof);
        if source == Source::Nats {
            self.0.judge.decide_deferred();
        }
        self.0.judge.judge_silence(proven);
    }

    /// Proves the hearing of HTTP, unless it depends on the bus, takes overdue decisions, and queues
    /// changes that were held back.
    pub(crate) fn tick(&self) {
        if let Some(proof) = self.0.listening.http_proof() {
            self.prove_hearing(Source::Http, proof);
        }
        self.0.judge.decide_overdue();
        self.0.transitions.release_due();
    }

    /// Stops judging silence; heartbeats still count. A process that is stopping no longer accepts
    /// requests, so projects that send over HTTP would seem silent.
    pub fn retire(&self) {
        self.0.judge.retire();
    }

    /// Returns a copy of the project of an entry and whether its status is known.
    pub(crate) fn state(&self, entry: &ProjectEntry) -> ProjectState {
        self.0.judge.state(entry, &self.0.listening.snapshot())
    }

    /// Fills the registry at the start. Silence continues across the listening periods of earlier
    /// processes, which MUST have been read before the projects.
    pub(crate) fn resume(&self, periods: &[ListeningPeriod], projects: Vec<Project>) {
        self.0.registry.fill(self.0.listening.resume(periods, projects));
    }

    /// Probes silent projects until cancelled, if a prober is configured.
    pub(crate) async fn run_probes(&self, cancel: CancellationToken) {
        judge::run_probes(&self.0.judge, &self.0.recorder, cancel).await;
    }
}
