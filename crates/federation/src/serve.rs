//! The running service: its start, and its end.

mod prepare;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_application::{LogSink, Ports, Service, SystemClock};
use federation_domain::Registration;
use federation_http::{ApiState, HttpServer};
use federation_nats::{HeartbeatSubscriber, UnknownProject};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::projects_file::{self, ProjectsFileError};
use crate::settings::ServeSettings;
use crate::signals;
use crate::store::Store;

/// How long the last checkpoint may take; with what comes before it, less than the 10 s after
/// which supervisors lose their patience.
const LAST_CHECKPOINT: Duration = Duration::from_secs(4);

/// How many unknown projects may wait to be registered.
const NEWCOMERS: usize = 1_000;

/// Runs the service until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start: a wrong setting, a wrong file, a port that is taken, a store that refuses.
/// A store or a bus that is away is waited for.
pub async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    for setting in &settings.obsolete {
        tracing::warn!(setting, "this setting has no effect any more");
    }
    let registrations = read_projects(&settings.projects_file)?;
    let store = Store::open(&settings.database)?;
    let ports = Ports {
        store: store.port(),
        sink: Arc::new(LogSink),
        clock: Arc::new(SystemClock::start()),
    };
    let service = Service::new(ports, settings.rule.clone(), settings.bus.is_some());
    let stop = signals::stop()?;
    let server = HttpServer::bind(&settings.http)?;
    let address = server.address();
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");

    // The parts end one after the other, each by its own token.
    let http_ends = CancellationToken::new();
    let http = server.run(ApiState::from(&service), http_ends.clone().cancelled_owned());
    let mut http = pin!(http);
    let parts = async {
        let prepared = prepare::prepare(&store, &service, &settings, registrations);
        match stop.run_until_cancelled(prepared).await {
            Some(prepared) => prepared?,
            None => return Ok(None),
        }
        let mut parts = Parts::start(&service, &settings).await?;
        service.readiness.start();
        parts.run_until(&stop).await?;
        anyhow::Ok(Some(parts))
    };
    let parts = tokio::select! {
        parts = parts => parts?,
        ended = &mut http => {
            ended.context("the REST API failed")?;
            bail!("the REST API ended by itself");
        }
    };
    tracing::info!("stopping");
    service.readiness.stop();
    http_ends.cancel();
    http.await.context("the REST API did not end well")?;
    if let Some(parts) = parts {
        parts.stop().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// What runs beside the REST API once the catalog is loaded.
struct Parts {
    ears: JoinSet<()>,
    ears_end: CancellationToken,
    writer: JoinHandle<()>,
    writer_ends: CancellationToken,
}

impl Parts {
    async fn start(service: &Service, settings: &ServeSettings) -> anyhow::Result<Self> {
        let (ears_end, writer_ends) = (CancellationToken::new(), CancellationToken::new());
        let mut ears = JoinSet::new();
        let ticking = service.clone();
        let end = ears_end.clone();
        ears.spawn(async move { ticking.run_ticks(end).await });
        if let Some(bus) = &settings.bus {
            let newcomers = settings.auto_register.then(|| {
                let (sender, receiver) = mpsc::channel(NEWCOMERS);
                ears.spawn(register_newcomers(service.clone(), receiver));
                sender
            });
            let presence = service.presence.clone();
            let subscriber = HeartbeatSubscriber::connect(bus, presence, newcomers).await;
            ears.spawn(subscriber.context("NATS")?.run(ears_end.clone()));
        }
        let writer = tokio::spawn(service.writer().run(writer_ends.clone()));
        Ok(Self { ears, ears_end, writer, writer_ends })
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// When a part ends by itself: without it the service could not keep its promise, and whoever
    /// supervises the process should start it anew.
    async fn run_until(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.ears.join_next() => {
                ended.context("a part that hears heartbeats failed")?;
                bail!("a part that hears heartbeats ended by itself");
            }
            ended = &mut self.writer => {
                ended.context("the writer failed")?;
                bail!("the writer ended by itself");
            }
        }
    }

    /// First stops hearing, which takes in what is on its way, then writes all that was heard.
    async fn stop(self) {
        let Self { mut ears, ears_end, writer, writer_ends } = self;
        ears_end.cancel();
        while ears.join_next().await.is_some() {}
        writer_ends.cancel();
        if timeout(LAST_CHECKPOINT, writer).await.is_err() {
            tracing::error!("the store did not take the last checkpoint in time");
        }
    }
}

/// Registers projects from their heartbeats until the subscriber ends.
async fn register_newcomers(service: Service, mut newcomers: mpsc::Receiver<UnknownProject>) {
    while let Some(newcomer) = newcomers.recv().await {
        let UnknownProject { slug, hub_url, mesh_namespace } = newcomer;
        let Some(hub_url) = hub_url else {
            tracing::debug!(project.slug = %slug, "its heartbeat does not say where it answers");
            continue;
        };
        let registration = Registration::introduced(slug.clone(), hub_url, mesh_namespace);
        if let Err(error) = service.introduce(registration).await {
            tracing::warn!(project.slug = %slug, %error, "a project could not register itself");
        }
    }
}

/// Reads the static list, all of it or nothing.
fn read_projects(path: &Path) -> anyhow::Result<Vec<Registration>> {
    match projects_file::read(path) {
        Ok(registrations) => Ok(registrations),
        Err(ProjectsFileError::Missing(_)) => {
            tracing::warn!(file = %path.display(), "there is no list of projects; going on without");
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
