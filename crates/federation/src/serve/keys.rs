//! The keys of the running service: from its settings and its file, which may change.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_application::SystemClock;
use federation_http::{Auth, Key, Keys};
use tokio::time::MissedTickBehavior;

use crate::keys_file::{self, Entry, Watch};
use crate::settings::AuthSettings;
use crate::signals;

/// How often it is looked whether the file is another one. It is read at the second look that finds
/// it the same, and a key that is revoked is to be refused within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The keys, and the file that they are read from anew.
pub(super) struct ServedKeys {
    pub(super) auth: Arc<Auth>,
    file: Option<KeysFile>,
}

struct KeysFile {
    watch: Watch,
    keys: Arc<Keys>,
    /// What was said of it last, if it cannot be used.
    told: Option<String>,
}

impl ServedKeys {
    /// Reads the file, if there is to be one.
    ///
    /// # Errors
    /// When it cannot be used: a service that went on without would refuse everyone.
    pub(super) fn start(settings: &AuthSettings) -> anyhow::Result<Self> {
        let keys = Arc::new(Keys::new(settings.given.clone()));
        let file = match &settings.file {
            Some(path) => {
                let (watch, keys) = (keys_file::watch(path.clone()), Arc::clone(&keys));
                let mut file = KeysFile { watch, keys, told: None };
                let entries = file.watch.read().context("FEDERATION_KEYS_FILE")?;
                let count = file.put(&entries);
                tracing::info!(file = %path.display(), keys = count, "API keys read");
                Some(file)
            }
            None => None,
        };
        let auth = Auth::new(keys, settings.closed, Arc::new(SystemClock::start()));
        Ok(Self { auth: Arc::new(auth), file })
    }
}

/// Follows the file: when it changes, and when SIGHUP says that it did. Without a file it waits for
/// ever.
///
/// # Errors
/// When signals cannot be listened to, or reading panicked.
pub(super) async fn follow(keys: Option<ServedKeys>) -> anyhow::Result<()> {
    let Some(mut file) = keys.and_then(|keys| keys.file) else {
        return std::future::pending().await;
    };
    let mut hang_up = signals::hang_up().context("SIGHUP")?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            _ = looks.tick() => false,
            _ = hang_up.recv() => true,
        };
        // A disk that hangs must not hold up requests.
        file = tokio::task::spawn_blocking(move || {
            file.look(told);
            file
        })
        .await
        .context("the file of API keys")?;
    }
}

impl KeysFile {
    /// Reads the file if it has become another, or in any case where somebody asks for that. What
    /// cannot be used leaves the keys as they are, and is told of once, or whenever it is asked for.
    fn look(&mut self, is_asked: bool) {
        let found = if is_asked { Some(self.watch.read()) } else { self.watch.look() };
        match found {
            None => {}
            Some(Ok(entries)) => {
                self.told = None;
                let count = self.put(&entries);
                let file = self.watch.path().display();
                tracing::info!(file = %file, keys = count, "API keys read anew");
            }
            Some(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                if is_asked || self.told.as_ref() != Some(&error) {
                    tracing::error!(error, "the API keys that were read before stay in force");
                }
                self.told = Some(error);
            }
        }
    }

    /// Puts the keys of the file in the place of those before; how many there are.
    fn put(&self, entries: &[Entry]) -> usize {
        self.keys.replace_filed(entries.iter().map(Key::from).collect());
        entries.len()
    }
}

#[cfg(test)]
mod tests;
