//! Hearing on a thread of its own.

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
    /// Connects and hears on a thread of its own until cancelled. What it returns completes when
    /// that has ended.
    ///
    /// The client reads the connection there too. So it cannot run ahead of who takes the messages
    /// in: a flood is held back by the connection, and by the server, instead of being dropped from
    /// a queue that is full. No message has to wake another thread, which is most of what hearing
    /// one costs otherwise.
    ///
    /// # Errors
    /// What is wrong with the settings, or that there is no thread. An absent server is no error.
    pub async fn spawn(
        context: NatsContext,
        presence: Presence,
        newcomers: Option<mpsc::Sender<UnknownProject>>,
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
            let subscriber = Self::connect(&context, presence, newcomers, replica).await;
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
            Err(_) => tracing::error!("the thread that hears ended while it began"),
        }
        Ok(async move {
            // It is dropped at the end, in a panic too.
            let _ = ended.await;
        })
    }
}
