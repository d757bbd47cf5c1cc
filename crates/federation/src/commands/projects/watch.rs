//! `federation projects watch`.

mod follow;
mod known;
mod screen;
mod words;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context as _;
use federation_domain::{ChangeKind, ProjectStatus, Slug};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use self::follow::{Word, follow};
use self::screen::Screen;
use super::client::Client;
use crate::output::plain;

/// Interval at which the table is redrawn without changes, because it shows ages.
const REDRAW: Duration = Duration::from_secs(1);

/// Silence after which a connection is considered half-open. The service sends something every
/// 15 s.
const TIMEOUT: Duration = Duration::from_secs(45);

/// Arguments of `projects watch`.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Show only changes from or to these statuses, comma-separated. A table shows the projects that
    /// currently have them.
    #[arg(long, value_delimiter = ',', value_parser = ProjectStatus::parse)]
    pub status: Vec<ProjectStatus>,

    /// Show only the projects with these slugs, comma-separated.
    #[arg(long, value_delimiter = ',', value_parser = Slug::parse)]
    pub slug: Vec<Slug>,

    /// Show only these kinds of changes, comma-separated: registered, updated, removed or
    /// status_changed. Prints lines instead of a table.
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    pub kind: Vec<ChangeKind>,

    /// Show only projects with this tag; repeat to require several.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

fn kind(name: &str) -> Result<ChangeKind, String> {
    let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
    ChangeKind::from_name(name).ok_or_else(|| format!("expected one of {names}"))
}

impl WatchArgs {
    /// Returns the filter as query parameters.
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.status.iter().map(|status| ("status", status.as_str())));
        query.extend_pairs(self.slug.iter().map(|slug| ("slug", slug.as_str())));
        query.extend_pairs(self.kind.iter().map(|kind| ("kind", kind.as_str())));
        query.extend_pairs(self.tag.iter().map(|tag| ("tag", tag)));
        query.finish()
    }

    /// Returns whether a table can show the selection. Projects, unlike changes, have no kind.
    fn fits_a_table(&self) -> bool {
        self.kind.is_empty()
    }

    /// Returns whether the table shows this project.
    fn shows(&self, project: &Value) -> bool {
        let is = |key: &str, wanted: &str| project[key] == wanted;
        let has = |tag: &String| {
            project["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| one == tag))
        };
        (self.status.is_empty() || self.status.iter().any(|one| is("status", one.as_str())))
            && (self.slug.is_empty() || self.slug.iter().any(|one| is("slug", one.as_str())))
            && self.tag.iter().all(has)
    }
}

/// Shows changes until Ctrl-C or until standard output is closed.
///
/// # Errors
/// Fails if the service rejects the request or cannot be reached at first. Later failures are
/// retried forever.
pub(super) fn run(client: &Client, watch: &WatchArgs, as_json: bool) -> anyhow::Result<()> {
    end_on_interrupt()?;
    let shown = if io::stdout().is_terminal() && !as_json && watch.fits_a_table() {
        let mut screen = Screen::new(client, watch);
        // Without a filter, because the table must also notice that a project no longer matches.
        listen(client, "", |word| screen.take(word))
    } else {
        let mut printer = Printer { as_json, is_lost: false };
        listen(client, &watch.query(), |word| printer.take(word))
    };
    match shown {
        Err(error) if is_closed(&error) => Ok(()),
        other => other,
    }
}

/// Passes on each message, and `None` every [`REDRAW`].
fn listen(
    client: &Client,
    query: &str,
    mut take: impl FnMut(Option<Word>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut position: Option<String> = None;
    let mut words = follow(client.clone(), query.to_owned(), None);
    let mut silent = Duration::ZERO;
    loop {
        let word = match next(&words) {
            Ok(Word::Refused(error)) => return Err(error),
            Ok(word) => Some(word),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        silent = if word.is_some() { Duration::ZERO } else { silent + REDRAW };
        if let Some(reached) = word.as_ref().and_then(Word::position) {
            position = Some(reached.to_owned());
        }
        take(word)?;
        if silent >= TIMEOUT {
            take(Some(Word::Lost("the connection is silent".to_owned())))?;
            words = follow(client.clone(), query.to_owned(), position.clone());
            silent = Duration::ZERO;
        }
    }
}

fn next(words: &Receiver<Word>) -> Result<Word, RecvTimeoutError> {
    words.recv_timeout(REDRAW)
}

/// Prints changes to standard output and notices to standard error.
struct Printer {
    as_json: bool,
    is_lost: bool,
}

impl Printer {
    fn take(&mut self, word: Option<Word>) -> anyhow::Result<()> {
        let was_lost = self.is_lost;
        if let Some(word) = &word {
            self.is_lost = matches!(word, Word::Lost(_));
        }
        match word {
            Some(Word::Change { data, .. }) => {
                let line = if self.as_json { data } else { words::line(&data)? };
                let mut out = io::stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()?;
            }
            Some(Word::Reset(position)) => eprintln!(
                "changes were missed, because the change log was replaced or its oldest entries \
                 were dropped; continuing after {}",
                plain(&position)
            ),
            Some(Word::Lost(why)) if !was_lost => eprintln!("reconnecting: {}", plain(&why)),
            Some(Word::Lost(_) | Word::Ready(_) | Word::Alive(_) | Word::Refused(_)) | None => {}
        }
        Ok(())
    }
}

/// Returns whether standard output was closed, as `head` does.
fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(closed)
}

/// Exits with 0 on Ctrl-C, the regular end of this command.
fn end_on_interrupt() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            std::process::exit(0);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn args() -> WatchArgs {
        WatchArgs {
            status: vec![ProjectStatus::Online, ProjectStatus::Degraded],
            slug: vec![Slug::parse("a").unwrap()],
            kind: vec![ChangeKind::Removed],
            tag: vec!["x y".to_owned(), "z".to_owned()],
        }
    }

    #[test]
    fn the_filter_is_sent_to_the_service() {
        assert_eq!(
            args().query(),
            "status=online&status=degraded&slug=a&kind=removed&tag=x+y&tag=z"
        );
    }

    #[test]
    fn the_table_shows_the_projects_that_match_the_filter() {
        let project = json!({"slug": "a", "status": "degraded", "tags": ["z", "x y"]});
        assert!(args().shows(&project));
        for (key, value) in
            [("slug", json!("b")), ("status", json!("offline")), ("tags", json!([]))]
        {
            let mut other = project.clone();
            other[key] = value;
            assert!(!args().shows(&other), "{key}");
        }
    }
}
