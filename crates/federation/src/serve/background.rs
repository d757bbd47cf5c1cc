//! The tasks that run beside the REST API.

use anyhow::{Context as _, bail};
use federation_application::{EdgeObserver, EndpointChecks, Series, Service, TICK};
use federation_domain::Registration;
use federation_nats::{
    EdgeSubscriber, HeartbeatSubscriber, ReplicaId, SampleSubscriber, UnknownProject,
};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::actions::ServedActions;
use super::alerts::ServedAlerts;
use super::bus::Bus;
use super::reload::Reload;
use super::supervisor;
use crate::settings::ServeSettings;

/// Capacity of the queue of projects that register themselves, and the size of a batch.
const UNKNOWN_PROJECTS: usize = 1_000;

/// Parts of the service that run as background tasks.
pub(super) struct TaskParts {
    pub(super) reload: Reload,
    pub(super) alerts: ServedAlerts,
    pub(super) bus: Option<Bus>,
    pub(super) series: Option<Series>,
    pub(super) actions: ServedActions,
    pub(super) endpoints: Option<EndpointChecks>,
}

/// Running tasks beside the REST API.
pub(super) struct BackgroundTasks {
    listeners: JoinSet<()>,
    listeners_end: CancellationToken,
    writer: JoinHandle<()>,
    writer_end: CancellationToken,
    /// Writer of the metrics that projects report.
    metrics: Option<JoinHandle<()>>,
    /// Kept because the keeper of the edges ends with its last observer.
    _edges: EdgeObserver,
}

impl BackgroundTasks {
    pub(super) async fn start(
        service: &Service,
        settings: &ServeSettings,
        parts: TaskParts,
    ) -> anyhow::Result<Self> {
        let TaskParts { reload, alerts, bus, series, actions, endpoints } = parts;
        let (listeners_end, writer_end) = (CancellationToken::new(), CancellationToken::new());
        let mut listeners = JoinSet::new();
        let (ticking, asking) = (service.clone(), service.clone());
        let (ticks_end, probes_end) = (listeners_end.clone(), listeners_end.clone());
        listeners
            .spawn(async move { ticking.run_ticks(ticks_end, supervisor::watchdog(TICK)).await });
        listeners.spawn(async move { asking.run_probes(probes_end).await });
        listeners.spawn(service.follower().run(listeners_end.clone()));
        listeners.spawn(reload.run(listeners_end.clone()));
        listeners.spawn(alerts.run(listeners_end.clone()));
        listeners.spawn(service.notifications.courier().run(listeners_end.clone()));
        if let Some(after) = settings.auto_register_expire {
            listeners.spawn(service.expiry(after).run(listeners_end.clone()));
        }
        let upkeep = service.upkeep(settings.change_retention);
        listeners.spawn(upkeep.run(listeners_end.clone()));
        listeners.spawn(service.instance_keeper().run(listeners_end.clone()));
        let owner = ReplicaId::random().to_string();
        let evaluator = service.incident_evaluator(settings.incidents.clone(), owner);
        let watch = series.clone().map(|series| service.rule_watch(series));
        let evaluator = evaluator.with_rules(watch.as_ref());
        listeners.spawn(evaluator.run(listeners_end.clone()));
        if let Some(watch) = watch {
            listeners.spawn(watch.run(listeners_end.clone()));
        }
        actions.start(&mut listeners, &listeners_end);
        if let Some(endpoints) = endpoints {
            listeners.spawn(endpoints.run(listeners_end.clone()));
        }
        let (edges, keeper) = service.edge_keeper();
        listeners.spawn(keeper.run(listeners_end.clone()));
        if let Some(bus) = bus {
            if let Some(series) = &series {
                let (context, series, end) =
                    (bus.context.clone(), series.clone(), listeners_end.clone());
                let plain = settings.plain_subjects;
                let replica = bus.peers.replica();
                let hearing = SampleSubscriber::spawn(context, series, plain, replica, end).await;
                listeners.spawn(hearing.context("NATS")?);
            }
            let answers = (edges.clone(), series.clone());
            join_bus(&mut listeners, &listeners_end, service, settings, bus, answers).await?;
        }
        let metrics = series.map(|series| tokio::spawn(series.run(writer_end.clone())));
        let writer = tokio::spawn(service.writer().run(writer_end.clone()));
        Ok(Self { listeners, listeners_end, writer, writer_end, metrics, _edges: edges })
    }

    /// Runs until `stop`.
    ///
    /// # Errors
    /// Fails if a task ends early. The service cannot work without it, so the process exits and its
    /// supervisor should restart it.
    pub(super) async fn run_until(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.listeners.join_next() => {
                ended.context("a listening task failed")?;
                bail!("a listening task stopped unexpectedly");
            }
            ended = &mut self.writer => {
                ended.context("the writer failed")?;
                bail!("the writer stopped unexpectedly");
            }
        }
    }

    /// Stops listening after processing the in-flight messages, then writes the last checkpoint.
    pub(super) async fn stop(self) {
        let Self { mut listeners, listeners_end, writer, writer_end, metrics, .. } = self;
        listeners_end.cancel();
        while listeners.join_next().await.is_some() {}
        writer_end.cancel();
        if let Err(error) = writer.await {
            tracing::error!(%error, "last checkpoint failed");
        }
        if let Some(metrics) = metrics
            && let Err(error) = metrics.await
        {
            tracing::error!(%error, "writer of metrics failed");
        }
    }
}

/// Starts the tasks that use NATS.
async fn join_bus(
    listeners: &mut JoinSet<()>,
    end: &CancellationToken,
    service: &Service,
    settings: &ServeSettings,
    bus: Bus,
    (edges, series): (EdgeObserver, Option<Series>),
) -> anyhow::Result<()> {
    let unknown_projects = settings.auto_register.then(|| {
        let (sender, receiver) = mpsc::channel(UNKNOWN_PROJECTS);
        let (register, end) = (register_unknown_projects(service.clone(), receiver), end.clone());
        // Stops at once: a project that is not registered yet sends another heartbeat.
        listeners.spawn(async move {
            end.run_until_cancelled_owned(register).await;
        });
        sender
    });
    if settings.catalog_on_nats {
        let answers = bus.catalog_service(service, settings.graph_max_nodes, series).await?;
        listeners.spawn(answers.run(end.clone()));
    }
    let Bus { context, peers, .. } = bus;
    let subscriber =
        EdgeSubscriber::connect(&context, edges.clone(), settings.plain_subjects).await;
    listeners.spawn(subscriber.context("NATS")?.run(end.clone()));
    let (presence, replica) = (service.presence.clone(), peers.replica());
    let hearing = HeartbeatSubscriber::spawn(
        context,
        presence,
        (unknown_projects, edges),
        replica,
        end.clone(),
    )
    .await;
    listeners.spawn(hearing.context("NATS")?);
    let follower = service.clone();
    listeners.spawn(peers.run(move || follower.request_poll(), end.clone()));
    Ok(())
}

/// Registers projects from their heartbeats until the subscriber ends. Logs a failing store once,
/// not at every heartbeat.
async fn register_unknown_projects(
    service: Service,
    mut unknown_projects: mpsc::Receiver<UnknownProject>,
) {
    let mut is_logged = false;
    let mut waiting = Vec::new();
    while unknown_projects.recv_many(&mut waiting, UNKNOWN_PROJECTS).await > 0 {
        let registrations = waiting.drain(..).filter_map(|unknown| {
            let UnknownProject { slug, hub_url, mesh_namespace } = unknown;
            // A project without a hub URL could not be reached.
            Some(Registration::introduced(slug, hub_url?, mesh_namespace))
        });
        match service.introduce(registrations.collect()).await {
            Ok(()) => is_logged = false,
            Err(error) if is_logged => tracing::debug!(%error, "auto-registration still fails"),
            Err(error) => {
                tracing::warn!(%error, "auto-registration fails; projects retry with their heartbeats");
                is_logged = true;
            }
        }
    }
}
