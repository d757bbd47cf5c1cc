//! Signals to stop and to reload.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::log;

/// Period after the first signal in which further ones are ignored: `timeout` and terminals send one
/// to the process and another to its group.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Returns a stream of SIGHUP signals. From then on SIGHUP no longer ends the process.
pub(crate) fn hang_up() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Returns a token that SIGTERM and SIGINT cancel. A second signal, at least a second later, ends the
/// process at once.
pub(crate) fn stop() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut received = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        received().await;
        cancel.cancel();
        let _ = tokio::time::timeout(SAME_SIGNAL, async {
            loop {
                received().await;
            }
        })
        .await;
        received().await;
        tracing::warn!("second signal received; service exits at once");
        log::flush();
        std::process::exit(130);
    });
    Ok(token)
}
