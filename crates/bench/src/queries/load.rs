//! Connections that send the next request as soon as the previous one is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::task::JoinSet;

use super::requests::Requests;
use crate::connection::Connection;
use crate::latency::Latencies;
use crate::lifecycle::problem;
use crate::stopwatch::Stopwatch;
use crate::target::Target;

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const ENDED: u8 = 2;

/// A running load.
pub(super) struct Load {
    phase: Arc<AtomicU8>,
    workers: JoinSet<anyhow::Result<Outcome>>,
}

/// Results of the requests that were sent and answered during the measurement.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Latencies of all responses, including failures.
    pub(super) latencies: Latencies,
    /// Size of all responses.
    pub(super) bytes: u64,
    /// Number of responses without a 2xx status.
    pub(super) failed: u64,
    /// Description of the first of them.
    pub(super) first_failure: Option<String>,
}

impl Load {
    /// Connects and starts to send requests.
    ///
    /// # Errors
    /// Fails if the service cannot be reached.
    pub(super) async fn start(
        target: &Target,
        requests: &Requests,
        connections: u32,
    ) -> anyhow::Result<Self> {
        let phase = Arc::new(AtomicU8::new(WARMING_UP));
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            let connection = Connection::open(target).await?;
            workers.spawn(send_all(connection, requests.clone(), Arc::clone(&phase)));
        }
        Ok(Self { phase, workers })
    }

    pub(super) fn begin_measuring(&self) {
        self.phase.store(MEASURING, Ordering::Relaxed);
    }

    /// Ends the measurement at once. The returned future waits for the requests in flight.
    ///
    /// # Errors
    /// Fails if a connection broke.
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

async fn send_all(
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
        let response = connection.exchange(&requests.next()).await?;
        if began_in != MEASURING || phase.load(Ordering::Relaxed) != MEASURING {
            continue;
        }
        outcome.latencies.record(began.elapsed());
        outcome.bytes += response.bytes as u64;
        if !response.is_success() {
            outcome.failed += 1;
            outcome.first_failure.get_or_insert_with(|| {
                let body = String::from_utf8_lossy(connection.body(response));
                problem(response.status, &body)
            });
        }
    }
}
