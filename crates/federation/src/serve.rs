//! The running service: its start, and its end.

mod keys;
mod parts;
mod prepare;
mod reload;

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_application::{AllSinks, LogSink, Ports, Service, Surroundings, SystemClock};
use federation_domain::{ChangeSink, HeartbeatRelay, Prober, Registration};
use federation_http::{ApiState, HttpServer};
use federation_nats::Peers;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::keys::ServedKeys;
use self::parts::Parts;
use self::reload::Reload;
use crate::open_files;
use crate::projects_file::{self, ProjectsFileError};
use crate::settings::{ServeSettings, bus};
use crate::signals;
use crate::store::Store;

/// How long the end may take, from the signal on; supervisors lose their patience after 10 s.
/// Requests have 3 s of it and the last words on the bus 2 s, which leaves at least 4 s for the last
/// checkpoint.
const STOP_WITHIN: Duration = Duration::from_secs(9);

/// Runs the service until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start: a wrong setting, a wrong file, a port that is taken, a store that refuses.
/// A store or a bus that is away is waited for.
pub async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    let hang_ups = signals::hang_up()?;
    if let Some(bus) = &settings.bus {
        bus::check(bus).await?;
    }
    open_files::raise_limit();
    for setting in &settings.obsolete {
        tracing::warn!(setting, "this setting has no effect any more");
    }
    let keys = settings.auth.as_ref().map(ServedKeys::start).transpose()?;
    let listed = read_projects(&settings.projects_file)?;
    let store = Store::open(&settings.database)?;
    let peers = match &settings.bus {
        Some(bus) => Some(Peers::connect(bus).await.context("NATS")?),
        None => None,
    };
    let service = wire(&store, &settings, peers.as_ref());
    let reload = Reload::new(&service, &settings, listed, hang_ups);
    let stop = signals::stop()?;
    let server = HttpServer::bind(&settings.http)?;
    let address = server.address();
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");

    // The parts end one after the other, each by its own token.
    let http_ends = CancellationToken::new();
    let mut state = ApiState::from(&service);
    if let Some(keys) = &keys {
        state = state.guarded_by(Arc::clone(&keys.auth));
    }
    let http = server.run(state, http_ends.clone().cancelled_owned());
    let (mut http, following) = (pin!(http), pin!(keys::follow(keys)));
    let parts = tokio::select! {
        parts = run(&store, &service, &settings, reload, peers, &stop) => parts?,
        ended = &mut http => {
            ended.context("the REST API failed")?;
            bail!("the REST API ended by itself");
        }
        ended = following => {
            ended?;
            bail!("nobody looks after the API keys any more");
        }
    };
    tracing::info!("stopping");
    service.readiness.stop();
    service.presence.retire();
    http_ends.cancel();
    end(http, parts).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for the end of the REST API, then ends the parts, as long as the time allows.
async fn end(
    http: impl Future<Output = io::Result<()>>,
    parts: Option<Parts>,
) -> anyhow::Result<()> {
    let all = async {
        http.await.context("the REST API did not end well")?;
        if let Some(parts) = parts {
            parts.stop().await;
        }
        Ok(())
    };
    timeout(STOP_WITHIN, all).await.unwrap_or_else(|_| {
        tracing::error!("the store did not take the last checkpoint in time");
        Ok(())
    })
}

fn wire(store: &Store, settings: &ServeSettings, peers: Option<&Peers>) -> Service {
    let surroundings = Surroundings { bus: peers.is_some(), shared_store: store.is_shared() };
    let relays = peers.filter(|_| surroundings.shared_store);
    let asks = peers.filter(|_| settings.probe_before_offline);
    let mut sinks: Vec<Arc<dyn ChangeSink>> = vec![Arc::new(LogSink)];
    sinks.extend(peers.map(|peers| Arc::new(peers.clone()) as Arc<dyn ChangeSink>));
    let ports = Ports {
        store: store.port(),
        sink: Arc::new(AllSinks(sinks)),
        clock: Arc::new(SystemClock::start()),
        relay: relays.map(|peers| Arc::new(peers.clone()) as Arc<dyn HeartbeatRelay>),
        prober: asks.map(|peers| Arc::new(peers.clone()) as Arc<dyn Prober>),
    };
    Service::new(ports, settings.rule.clone(), surroundings)
}

/// Brings up what runs beside the REST API, and lets it run until told to stop. Gives what is to be
/// ended then; nothing where that came before the store was ready.
async fn run(
    store: &Store,
    service: &Service,
    settings: &ServeSettings,
    reload: Reload,
    peers: Option<Peers>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Parts>> {
    let prepared = prepare::prepare(store, service, settings, reload.listed().to_vec());
    match stop.run_until_cancelled(prepared).await {
        Some(prepared) => prepared?,
        None => return Ok(None),
    }
    let mut parts = Parts::start(service, settings, reload, peers).await?;
    service.readiness.start();
    parts.run_until(stop).await?;
    Ok(Some(parts))
}

/// Reads the static list, all of it or nothing; none where there is no such file.
fn read_projects(path: &Path) -> anyhow::Result<Option<Vec<Registration>>> {
    match projects_file::read(path) {
        Ok(registrations) => Ok(Some(registrations)),
        Err(ProjectsFileError::Missing(_)) => {
            tracing::warn!(file = %path.display(), "there is no list of projects; going on without");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
