//! Runs the subscriber on its own thread.

use std::future::Future;

use federation_application::{EdgeObserver, Presence};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{HeartbeatSubscriber, UnknownProject};
use crate::connection::{ConnectionError, NatsContext};
use crate::replica::ReplicaId;
use crate::thread;

impl HeartbeatSubscriber {
    /// Connects and receives heartbeats on a separate thread until cancelled. Edges in heartbeats are
    /// passed on to `edges`. The returned future
    /// completes when the thread has stopped.
    ///
    /// # Errors
    /// Fails if the settings are invalid or if the thread cannot be started. An absent server is not
    /// an error.
    pub async fn spawn(
        context: NatsContext,
        presence: Presence,
        (unknown_projects, edges): (Option<mpsc::Sender<UnknownProject>>, EdgeObserver),
        replica: ReplicaId,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + 'static, ConnectionError> {
        thread::spawn("hearing", async move || {
            let subscriber = Self::connect(&context, presence, unknown_projects, replica).await?;
            Ok(subscriber.observing(edges).run(cancel))
        })
        .await
    }
}
