//! Runs of actions.

use std::sync::Arc;

use anyhow::Context as _;
use federation_application::{Actions, Fanout, Service};
use federation_domain::ActionRights;
use federation_http::Auth;
use federation_nats::NatsActions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bus::Bus;
use crate::settings::FanoutSettings;

/// The use case and its connection to NATS.
pub(super) struct ServedActions {
    pub(super) actions: Actions,
    transport: Option<NatsActions>,
}

impl ServedActions {
    /// Connects in the background if fan-out is on. `auth` is `None` if no API keys are configured.
    pub(super) async fn new(
        service: &Service,
        settings: Option<&FanoutSettings>,
        bus: Option<&Bus>,
        auth: Option<Arc<Auth>>,
    ) -> anyhow::Result<Self> {
        let mut transport = None;
        let mut fanout = None;
        if let (Some(settings), Some(bus)) = (settings, bus) {
            let keys = settings.keys.clone();
            let connected = NatsActions::connect(&bus.context, keys).await.context("NATS")?;
            fanout = Some(Fanout {
                transport: Arc::new(connected.clone()),
                subjects: settings.subjects.clone(),
            });
            transport = Some(connected);
        }
        let rights = auth.map(|auth| auth as Arc<dyn ActionRights>);
        Ok(Self { actions: Actions::new(service, fanout, rights), transport })
    }

    /// Starts the tasks. Runs in progress end even if fan-out is off.
    pub(super) fn start(self, listeners: &mut JoinSet<()>, end: &CancellationToken) {
        listeners.spawn(self.actions.runner().run(end.clone()));
        if let Some(transport) = self.transport {
            listeners.spawn(transport.run(end.clone()));
        }
    }
}
