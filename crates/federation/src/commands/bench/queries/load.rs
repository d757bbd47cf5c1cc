//! Connections that ask as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::task::JoinSet;

use super::requests::Requests;
use crate::commands::bench::connection::Connection;
use crate::commands::bench::latency::Latencies;
use crate::commands::bench::lifecycle::refusal;
use crate::commands::bench::stopwatch::Stopwatch;
use crate::commands::bench::target::Target;

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const ENDED: u8 = 2;

/// A running load.
pub(super) struct Load {
    phase: Arc<AtomicU8>,
    workers: JoinSet<anyhow::Result<Outcome>>,
}

/// What came of the requests that began and were answered while it was measured.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// How long the answers took, refusals included.
    pub(super) latencies: Latencies,
    /// All bytes of the answers.
    pub(super) bytes: u64,
    /// How many answers were refusals.
    pub(super) failed: u64,
    /// What the first of them said.
    pub(super) first_failure: Option<String>,
}

impl Load {
    /// Connects and begins to ask.
    ///
    /// # Errors
    /// When the service cannot be reached.
    pub(super) async fn start(
        target: &Target,
        requests: &Requests,
        connections: u32,
    ) -> anyhow::Result<Self> {
        let phase = Arc::new(AtomicU8::new(WARMING_UP));
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            let connection = Connection::open(target).await?;
            workers.spawn(ask(connection, requests.clone(), Arc::clone(&phase)));
        }
        Ok(Self { phase, workers })
    }

    pub(super) fn begin_measuring(&self) {
        self.phase.store(MEASURING, Ordering::Relaxed);
    }

    /// Ends at once what is measured; the requests on their way are let finish.
    ///
    /// # Errors
    /// When a connection broke off.
    pub(super) fn end(mut self) -> impl Future<Output = anyhow::Result<Outcome>> {
        self.phase.store(ENDED, Ordering::Relaxed);
        async move {
            let mut whole = Outcome::default();
            while let Some(worker) = self.workers.join_next().await {
                whole.append(worker??);
            }
            Ok(whole)
        }
    }
}

impl Outcome {
    fn append(&mut self, other: Self) {
        self.latencies.append(other.latencies);
        self.bytes += other.bytes;
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

async fn ask(
    mut connection: Connection,
    requests: Requests,
    phase: Arc<AtomicU8>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    loop {
        let began_in = phase.load(Ordering::Relaxed);
        if began_in == ENDED {
            return Ok(outcome);
        }
        let began = Stopwatch::start();
        let answer = connection.exchange(&requests.next()).await?;
        if began_in != MEASURING || phase.load(Ordering::Relaxed) != MEASURING {
            continue;
        }
        outcome.latencies.record(began.elapsed());
        outcome.bytes += answer.bytes as u64;
        if !answer.is_success() {
            outcome.failed += 1;
            outcome.first_failure.get_or_insert_with(|| {
                let body = String::from_utf8_lossy(connection.body(answer));
                refusal(answer.status, &body)
            });
        }
    }
}
