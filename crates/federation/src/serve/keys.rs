//! API keys of the running service, from its settings and from a file that may change.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_domain::Clock;
use federation_http::{Auth, Key, Keys};
use tokio::time::MissedTickBehavior;

use crate::keys_file::{self, KeyEntry, Watch};
use crate::settings::AuthSettings;
use crate::signals;

/// Interval at which the file is checked for changes. It is read at the second check that finds it
/// unchanged, so a revoked key is rejected within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The keys and the file that they are reloaded from.
pub(super) struct ServedKeys {
    pub(super) auth: Arc<Auth>,
    file: Option<KeysFile>,
}

struct KeysFile {
    watch: Watch,
    keys: Arc<Keys>,
    /// The last logged error of the file, if it is invalid.
    last_error: Option<String>,
}

impl ServedKeys {
    /// Reads the file, if one is configured.
    ///
    /// # Errors
    /// Fails if the file is invalid, because a service without its keys would reject every client.
    pub(super) fn start(settings: &AuthSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let keys = Arc::new(Keys::new(settings.given.clone()));
        let file = match &settings.file {
            Some(path) => {
                let (watch, keys) = (keys_file::watch(path.clone()), Arc::clone(&keys));
                let mut file = KeysFile { watch, keys, last_error: None };
                let entries = file.watch.read().context("FEDERATION_KEYS_FILE")?;
                let count = file.put(&entries);
                tracing::debug!(file = %path.display(), keys = count, "API keys are loaded");
                Some(file)
            }
            None => None,
        };
        let mut auth = Auth::new(keys, settings.closed, clock);
        if let Some(secret) = &settings.session_secret {
            auth = auth.with_session_secret(secret.expose());
        }
        Ok(Self { auth: Arc::new(auth), file })
    }
}

/// Reloads the file when it changes and on SIGHUP. Never returns if there is no file.
///
/// # Errors
/// Fails if the signal handler cannot be installed or reading panics.
pub(super) async fn follow(keys: Option<ServedKeys>) -> anyhow::Result<()> {
    let Some(mut file) = keys.and_then(|keys| keys.file) else {
        return std::future::pending().await;
    };
    let mut hang_up = signals::hang_up().context("SIGHUP")?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_asked = tokio::select! {
            _ = looks.tick() => false,
            _ = hang_up.recv() => true,
        };
        // A slow disk must not block requests.
        file = tokio::task::spawn_blocking(move || {
            file.look(is_asked);
            file
        })
        .await
        .context("the file of API keys")?;
    }
}

impl KeysFile {
    /// Reads the file if it has changed or if `is_asked`. An invalid file leaves the keys as they are
    /// and is logged once, or each time it is asked for.
    fn look(&mut self, is_asked: bool) {
        let found = if is_asked { Some(self.watch.read()) } else { self.watch.look() };
        match found {
            None => {}
            Some(Ok(entries)) => {
                self.last_error = None;
                let count = self.put(&entries);
                let file = self.watch.path().display();
                tracing::info!(file = %file, keys = count, "API keys are reloaded");
            }
            Some(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                if is_asked || self.last_error.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "file of API keys is invalid; previous API keys stay valid"
                    );
                }
                self.last_error = Some(error);
            }
        }
    }

    /// Replaces the keys of the file. Returns their number.
    fn put(&self, entries: &[KeyEntry]) -> usize {
        self.keys.replace_filed(entries.iter().map(Key::from).collect());
        entries.len()
    }
}

#[cfg(test)]
mod tests;
