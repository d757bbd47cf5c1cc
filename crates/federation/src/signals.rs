//! When to stop, and when to look at files again.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Within so long after the first, further signals are the same wish: `timeout` and terminals send
/// one to the process and one to its group.
const SAME_WISH: Duration = Duration::from_secs(1);

/// The SIGHUPs from now on, which from now on do not end the process any more.
pub(crate) fn hang_up() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// A token that SIGTERM and SIGINT cancel. Another signal, a second or more later, ends the process
/// at once.
pub(crate) fn stop() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        told().await;
        cancel.cancel();
        let _ = tokio::time::timeout(SAME_WISH, async {
            loop {
                told().await;
            }
        })
        .await;
        told().await;
        tracing::warn!("told to stop again; leaving at once");
        std::process::exit(130);
    });
    Ok(token)
}
