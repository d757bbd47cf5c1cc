//! The running service, from start to stop.

mod actions;
mod alerts;
mod background;
mod bus;
mod endpoints;
mod keys;
mod prepare;
mod reload;
mod summary;
mod supervisor;
mod usage;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_application::{AllSinks, Deployment, LogSink, Ports, Series, Service, SystemClock};
use federation_domain::{ChangeSink, Clock, HeartbeatRelay, Prober, SampleRelay};
use federation_http::{ApiState, HttpServer};
use federation_nats::Peers;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::actions::ServedActions;
use self::alerts::ServedAlerts;
use self::background::{BackgroundTasks, TaskParts};
use self::bus::Bus;
use self::keys::ServedKeys;
use self::reload::Reload;
use crate::log;
use crate::open_files::{self, ConnectionLimits};
use crate::projects_file::{self, ProjectsFileError, ProjectsList};
use crate::settings::{self, ClientSettings, ServeSettings};
use crate::signals;
use crate::store::Store;

/// Deadline for stopping, counted from the end of the delay after the signal. Supervisors usually
/// kill the process after 10 s. Requests may take 3 s of it and the last messages on the bus 2 s,
/// so at least 4 s remain for the last checkpoint.
const STOP_WITHIN: Duration = Duration::from_secs(9);

/// Limit on open files below which a warning is logged.
const FEW_OPEN_FILES: usize = 1_024;

/// Time after which a start that has not finished is logged.
const SLOW_START: Duration = Duration::from_secs(1);

/// Runs the service until SIGTERM or Ctrl-C.
///
/// Waits for a store or a bus that is unavailable.
///
/// # Errors
/// Fails if the service cannot start, for example because of an invalid setting or file, a port in
/// use, or a store that rejects a step.
pub async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    let hang_ups = signals::hang_up()?;
    if let Some(bus) = &settings.bus {
        settings::bus::check(bus).await?;
    }
    let open_files = open_files::raise_limit();
    for setting in &settings.obsolete {
        tracing::warn!(setting, "setting is obsolete and has no effect");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let started_at = clock.utc();
    let start_keys = |auth| ServedKeys::start(auth, Arc::clone(&clock));
    let keys = settings.auth.as_ref().map(start_keys).transpose()?;
    let listed = read_projects(&settings.projects_file)?;
    let store = Store::open(&settings.database)?;
    let _claim = store.claim()?;
    let auth = keys.as_ref().map(|keys| Arc::clone(&keys.auth));
    let bus = Bus::connect(&settings, Arc::clone(&clock), auth.clone()).await?;
    let peers = bus.as_ref().map(|bus| &bus.peers);
    let service = wire(&store, &settings, peers, Arc::clone(&clock));
    let series = settings.metrics.map(|metrics| {
        let relays = peers.filter(|_| store.is_shared());
        let relay = relays.map(|peers| Arc::new(peers.clone()) as Arc<dyn SampleRelay>);
        Series::new(&service, store.metrics(), Arc::clone(&clock), metrics, relay)
    });
    let actions =
        ServedActions::new(&service, settings.fanout.as_ref(), bus.as_ref(), auth).await?;
    let reload = Reload::new(&service, &settings, Arc::clone(&clock), listed, hang_ups);
    let endpoints = endpoints::prepare(&settings, &service, Arc::clone(&clock)).await?;
    let alerts = ServedAlerts::start(&settings, &service.notifications, series.clone(), clock)?;
    let stop = signals::stop()?;
    let reserved = endpoints::reserved_files(&settings);
    let server = limited(HttpServer::bind(&settings.http)?, &service, open_files, reserved);
    let address = server.address();
    tracing::debug!(%address, "server listens");

    // The tasks stop one after the other, each by its own token.
    let http_ends = CancellationToken::new();
    service.metrics.read_dropped_log_lines_from(log::dropped_lines());
    usage::report_to(&service.metrics, open_files, started_at);
    let ClientSettings { public_url, cors, badges, max_streams_per_client } =
        settings.clients.clone();
    let mut state = ApiState::from(&service)
        .with_series(series.clone())
        .with_actions(actions.actions.clone())
        .exporting_project_metrics(settings.export_project_metrics)
        .with_endpoints(endpoints.clone())
        .reached_at(public_url)
        .open_to(cors)
        .with_badges(badges)
        .with_streams_per_client(max_streams_per_client)
        .with_graph_max_nodes(settings.graph_max_nodes);
    if let Some(keys) = &keys {
        state = state.guarded_by(Arc::clone(&keys.auth));
    }
    let http = server.run(state, http_ends.clone().cancelled_owned());
    let parts = TaskParts { reload, alerts, bus, series, actions, endpoints };
    let (mut http, following) = (pin!(http), pin!(keys::follow(keys)));
    let tasks = tokio::select! {
        tasks = run(&store, &service, &settings, address, parts, &stop) => tasks?,
        ended = &mut http => {
            ended.context("the REST API failed")?;
            bail!("the REST API stopped unexpectedly");
        }
        ended = following => {
            ended?;
            bail!("the watcher of the API keys stopped unexpectedly");
        }
    };
    tracing::info!("service is stopping");
    supervisor::stopping();
    service.readiness.stop();
    if tasks.is_some() {
        drain(settings.shutdown_delay, http.as_mut()).await?;
    }
    service.presence.retire();
    http_ends.cancel();
    end(http, tasks).await?;
    tracing::info!("service has stopped");
    Ok(())
}

/// Limits connections, event streams and long polls by the number of files that may be open, minus the
/// `reserved` ones.
fn limited(
    server: HttpServer,
    service: &Service,
    open_files: Option<usize>,
    reserved: usize,
) -> HttpServer {
    let Some(open_files) = open_files else { return server };
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let limits = ConnectionLimits::of(open_files.saturating_sub(reserved), processors);
    let ConnectionLimits { workers, connections, streams, long_polls } = limits;
    if open_files < FEW_OPEN_FILES {
        tracing::warn!(
            open_files,
            connections,
            streams,
            long_polls,
            "the limit on open files is low; raise it to serve more clients"
        );
    }
    service.changes.lower_limits(streams, long_polls);
    server.limited_to(workers, connections)
}

/// Serves for the delay, so that a load balancer can notice that the service is not ready.
async fn drain(
    delay: Duration,
    http: Pin<&mut impl Future<Output = io::Result<()>>>,
) -> anyhow::Result<()> {
    if delay.is_zero() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(delay) => Ok(()),
        ended = http => {
            ended.context("the REST API failed")?;
            bail!("the REST API stopped unexpectedly");
        }
    }
}

/// Waits until the REST API has stopped, then stops the tasks, within [`STOP_WITHIN`].
async fn end(
    http: impl Future<Output = io::Result<()>>,
    tasks: Option<BackgroundTasks>,
) -> anyhow::Result<()> {
    let all = async {
        http.await.context("the REST API failed while stopping")?;
        if let Some(tasks) = tasks {
            tasks.stop().await;
        }
        Ok(())
    };
    timeout(STOP_WITHIN, all).await.unwrap_or_else(|_| {
        tracing::error!("last checkpoint did not reach the store in time");
        Ok(())
    })
}

fn wire(
    store: &Store,
    settings: &ServeSettings,
    peers: Option<&Peers>,
    clock: Arc<dyn Clock>,
) -> Service {
    let deployment = Deployment { bus: peers.is_some(), shared_store: store.is_shared() };
    let relays = peers.filter(|_| deployment.shared_store);
    let asks = peers.filter(|_| settings.probe_before_offline);
    let mut sinks: Vec<Arc<dyn ChangeSink>> = vec![Arc::new(LogSink)];
    sinks.extend(peers.map(|peers| Arc::new(peers.clone()) as Arc<dyn ChangeSink>));
    let ports = Ports {
        stores: store.ports(),
        sink: Arc::new(AllSinks(sinks)),
        clock,
        relay: relays.map(|peers| Arc::new(peers.clone()) as Arc<dyn HeartbeatRelay>),
        prober: asks.map(|peers| Arc::new(peers.clone()) as Arc<dyn Prober>),
    };
    let service = Service::new(ports, settings.rule.clone(), deployment);
    service.catalog.limit_projects(settings.max_projects);
    service
}

/// Starts the tasks that run beside the REST API and runs them until `stop`. Returns the tasks to
/// stop, or `None` if the store was not ready yet.
async fn run(
    store: &Store,
    service: &Service,
    settings: &ServeSettings,
    address: SocketAddr,
    parts: TaskParts,
    stop: &CancellationToken,
) -> anyhow::Result<Option<BackgroundTasks>> {
    let prepared = prepare::prepare(store, service, settings, parts.reload.listed().cloned());
    let prepared = tokio::select! {
        prepared = prepared => prepared?,
        () = stop.cancelled() => return Ok(None),
        never = log_slow_start(address) => match never {},
    };
    let mut tasks = BackgroundTasks::start(service, settings, parts).await?;
    service.readiness.start();
    supervisor::ready();
    summary::log_start(settings, store, address, prepared);
    tasks.run_until(stop).await?;
    Ok(Some(tasks))
}

/// Logs the address of a service that is not ready soon.
async fn log_slow_start(address: SocketAddr) -> Infallible {
    tokio::time::sleep(SLOW_START).await;
    tracing::info!(%address, "service is waiting for its catalog");
    supervisor::waiting();
    std::future::pending().await
}

/// Reads the projects file. Returns the error, which is logged, if the service starts without a list.
///
/// # Errors
/// Fails if the file has a list that is invalid.
fn read_projects(path: &Path) -> anyhow::Result<Result<ProjectsList, ProjectsFileError>> {
    match projects_file::read(path) {
        Ok(list) => Ok(Ok(list)),
        Err(error @ (ProjectsFileError::Missing(_) | ProjectsFileError::NoList(_))) => {
            tracing::warn!(%error, "service starts without a projects file");
            Ok(Err(error))
        }
        Err(error) => Err(error.into()),
    }
}
