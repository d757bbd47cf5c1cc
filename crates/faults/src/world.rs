//! State shared by all tasks of a run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use federation_testkit::{NatsServer, PostgresServer};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::invariants::actions::Asks;
use crate::replica::{Replica, ReplicaSettings};
use crate::report::Report;
use crate::roster;
use crate::truth::Truth;

/// The servers, the replicas, the model, and the report.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) truth: Mutex<Truth>,
    pub(crate) report: Mutex<Report>,
    pub(crate) asks: Mutex<Asks>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) bus: tokio::sync::Mutex<NatsServer>,
    pub(crate) bus_address: SocketAddr,
    pub(crate) store: tokio::sync::Mutex<PostgresServer>,
    pub(crate) store_url: String,
    /// Directory of the logs.
    pub(crate) folder: PathBuf,
    /// No project dies or comes back any more.
    pub(crate) frozen: AtomicBool,
    /// The run is over.
    pub(crate) over: CancellationToken,
}

impl World {
    /// Starts the servers and prepares the replicas.
    pub(crate) async fn new(
        seed: u64,
        replicas: usize,
        binary: PathBuf,
        folder: PathBuf,
    ) -> anyhow::Result<Arc<Self>> {
        let (bus, store) = tokio::join!(NatsServer::start(), PostgresServer::start());
        let bus_address = SocketAddr::from((Ipv4Addr::LOCALHOST, bus.port()));
        let store_address = SocketAddr::from((Ipv4Addr::LOCALHOST, store.port()));
        let projects_file = folder.join("projects.yaml");
        std::fs::write(&projects_file, roster::projects_file())
            .context("cannot write the projects file")?;
        let settings = ReplicaSettings { binary, folder: folder.clone(), projects_file };
        let mut all = Vec::new();
        for number in 0..replicas {
            all.push(Replica::new(number, settings.clone(), bus_address, store_address).await?);
        }
        Ok(Arc::new(Self {
            seed,
            clock: Clock::start(),
            truth: Mutex::new(Truth::new(replicas)),
            report: Mutex::default(),
            asks: Mutex::default(),
            replicas: all,
            store_url: store.url(),
            bus: tokio::sync::Mutex::new(bus),
            bus_address,
            store: tokio::sync::Mutex::new(store),
            folder,
            frozen: AtomicBool::new(false),
            over: CancellationToken::new(),
        }))
    }

    /// Returns a random stream for one task, which depends only on the seed.
    pub(crate) fn chance(&self, part: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1_000_003).wrapping_add(part))
    }
}
