//! Runs the subscriber on its own thread.

use std::future::Future;
use std::thread;

use federation_application::Presence;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{HeartbeatSubscriber, UnknownProject};
use crate::connection::{ConnectionError, NatsContext};
use crate::replica::ReplicaId;

impl HeartbeatSubscriber {
    /// Connects and receives heartbeats on a separate thread until cancelled. The returned future
    /// completes when the thread has stopped.
    ///
    /// The client reads the connection on the same thread, so it cannot read faster than messages
    /// are recorded. A flood is held back by TCP and the server instead of being dropped from a
    /// full queue. Messages do not wake another thread either, which would account for most of
    /// their cost.
    ///
    /// # Errors
    /// Fails if the settings are invalid or if the thread cannot be started. An absent server is not
    /// an error.
    pub async fn spawn(
        context: NatsContext,
        presence: Presence,
        unknown_projects: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + 'static, ConnectionError> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ConnectionError::Thread)?;
        let (connected, is_connected) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let hear = async move {
            let subscriber = Self::connect(&context, presence, unknown_projects, replica).await;
            let (outcome, subscriber) = match subscriber {
                Ok(subscriber) => (Ok(()), Some(subscriber)),
                Err(error) => (Err(error), None),
            };
            if connected.send(outcome).is_ok()
                && let Some(subscriber) = subscriber
            {
                subscriber.run(cancel).await;
            }
        };
        let run = move || {
            runtime.block_on(hear);
            drop(end);
        };
        thread::Builder::new()
            .name("hearing".to_owned())
            .spawn(run)
            .map_err(ConnectionError::Thread)?;
        match is_connected.await {
            Ok(outcome) => outcome?,
            Err(_) => tracing::error!("thread of the NATS subscriber stopped while it started"),
        }
        Ok(async move {
            // The sender is dropped when the thread stops, even by a panic.
            let _ = ended.await;
        })
    }
}
