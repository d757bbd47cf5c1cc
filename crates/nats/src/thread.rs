//! Runs a subscriber on its own thread.

use std::future::Future;
use std::thread;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::connection::ConnectionError;

/// Connects and runs a subscriber on a separate thread. The returned future completes when the thread
/// has stopped.
///
/// The client reads the connection on the same thread, so it cannot read faster than messages are
/// handled. A flood is held back by TCP and the server instead of being dropped from a full queue.
/// Messages do not wake another thread either, which would account for most of their cost.
///
/// # Errors
/// Fails if `connect` fails or if the thread cannot be started.
pub(crate) async fn spawn<F: Future<Output = ()>>(
    name: &'static str,
    connect: impl AsyncFnOnce() -> Result<F, ConnectionError> + Send + 'static,
) -> Result<impl Future<Output = ()> + Send + 'static, ConnectionError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ConnectionError::Thread)?;
    let (connected, is_connected) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let run = move || {
        runtime.block_on(async move {
            match connect().await {
                Ok(work) => {
                    if connected.send(Ok(())).is_ok() {
                        work.await;
                    }
                }
                // If the receiver is gone, nothing waits for the outcome.
                Err(error) => drop(connected.send(Err(error))),
            }
        });
        drop(end);
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(ConnectionError::Thread)?;
    match is_connected.await {
        Ok(outcome) => outcome?,
        Err(_) => {
            tracing::error!(thread = name, "thread of a NATS subscriber stopped at its start")
        }
    }
    Ok(async move {
        // The sender is dropped when the thread stops, even by a panic.
        let _ = ended.await;
    })
}
