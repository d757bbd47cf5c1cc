//! The keys of the running service: from its settings and its file, which may change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_application::SystemClock;
use federation_http::{Auth, Key, Keys};
use tokio::time::MissedTickBehavior;

use crate::files::Stamp;
use crate::keys_file::{self, KeysFileError};
use crate::settings::AuthSettings;
use crate::signals;

/// How often it is looked whether the file is another one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The keys, and the file that they are read from anew.
pub(super) struct ServedKeys {
    pub(super) auth: Arc<Auth>,
    file: Option<KeysFile>,
}

struct KeysFile {
    path: PathBuf,
    keys: Arc<Keys>,
    /// What the file was when it was read last; none: it could not be opened.
    seen: Option<Stamp>,
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
                let (path, keys) = (path.clone(), Arc::clone(&keys));
                let mut file = KeysFile { path, keys, seen: None, told: None };
                let count = file.read().context("FEDERATION_KEYS_FILE")?;
                tracing::info!(file = %file.path.display(), keys = count, "API keys read");
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
    /// Reads the file if it is another one than last time, or in any case. What cannot be used
    /// leaves the keys as they are, and is told of once, or whenever somebody asks for the look.
    fn look(&mut self, in_any_case: bool) {
        let now = self.path.metadata().ok().map(|metadata| Stamp::of(&metadata));
        if !in_any_case && now == self.seen {
            return;
        }
        match self.read() {
            Ok(count) => {
                self.told = None;
                tracing::info!(file = %self.path.display(), keys = count, "API keys read anew");
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                if in_any_case || self.told.as_ref() != Some(&error) {
                    tracing::error!(error, "the API keys that were read before stay in force");
                }
                self.told = Some(error);
            }
        }
    }

    /// Puts the keys of the file in the place of those before; how many there are.
    fn read(&mut self) -> Result<usize, KeysFileError> {
        self.seen = None;
        let file = keys_file::open(&self.path)?;
        // Before it is read, so that a change meanwhile is found by the next look.
        self.seen = file.metadata().ok().map(|metadata| Stamp::of(&metadata));
        let entries = keys_file::read_opened(&self.path, file)?;
        self.keys.replace_filed(entries.iter().map(Key::from).collect());
        Ok(entries.len())
    }
}

#[cfg(test)]
mod tests;
