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

/// How often the table is drawn anew though nothing happens: it tells how long ago things were.
const REDRAW: Duration = Duration::from_secs(1);

/// After so long without a sign of life, which the service gives every 15 s, the connection is given
/// up. It may be half open.
const PATIENCE: Duration = Duration::from_secs(45);

/// Arguments of `projects watch`.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Only changes from or to this status; in the table, projects while they have it; several with
    /// commas between them.
    #[arg(long, value_delimiter = ',', value_parser = ProjectStatus::parse)]
    pub status: Vec<ProjectStatus>,

    /// Only changes of this project; several with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = Slug::parse)]
    pub slug: Vec<Slug>,

    /// Only changes of this kind: registered, updated, removed or status_changed; several with
    /// commas between them. A table is of projects, not of changes: this gives lines.
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    pub kind: Vec<ChangeKind>,

    /// Only projects with this tag; given several times: with all of them.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

fn kind(name: &str) -> Result<ChangeKind, String> {
    let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
    ChangeKind::from_name(name).ok_or_else(|| format!("{names} are allowed"))
}

impl WatchArgs {
    /// The parameters by which the service leaves out the rest.
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.status.iter().map(|status| ("status", status.as_str())));
        query.extend_pairs(self.slug.iter().map(|slug| ("slug", slug.as_str())));
        query.extend_pairs(self.kind.iter().map(|kind| ("kind", kind.as_str())));
        query.extend_pairs(self.tag.iter().map(|tag| ("tag", tag)));
        query.finish()
    }

    /// Whether a table can show what is asked for: a project has no kind, only its changes have.
    fn fits_a_table(&self) -> bool {
        self.kind.is_empty()
    }

    /// Whether a project belongs into the table.
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

/// Shows what happens until Ctrl-C, or until nobody reads it any more: a table that moves where a
/// person looks, unless for a kind of changes; a line for each change otherwise.
///
/// # Errors
/// When the service cannot be reached at first, or refuses. Later it is tried again for ever.
pub(super) fn run(client: &Client, watch: &WatchArgs, as_json: bool) -> anyhow::Result<()> {
    end_on_interrupt()?;
    let shown = if io::stdout().is_terminal() && !as_json && watch.fits_a_table() {
        let mut screen = Screen::new(client, watch);
        // Unfiltered, since the table has to hear as well when a project matches no longer.
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

/// Hands on each word, and none from time to time, so that the table moves.
fn listen(
    client: &Client,
    query: &str,
    mut take: impl FnMut(Option<Word>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut position = None;
    let mut words = follow(client.clone(), query.to_owned(), position);
    let mut silent = Duration::ZERO;
    loop {
        let word = match next(&words) {
            Ok(Word::Refused(error)) => return Err(error),
            Ok(word) => Some(word),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        silent = if word.is_some() { Duration::ZERO } else { silent + REDRAW };
        position = word.as_ref().and_then(Word::position).or(position);
        take(word)?;
        if silent >= PATIENCE {
            take(Some(Word::Lost("no sign of life".to_owned())))?;
            words = follow(client.clone(), query.to_owned(), position);
            silent = Duration::ZERO;
        }
    }
}

fn next(words: &Receiver<Word>) -> Result<Word, RecvTimeoutError> {
    words.recv_timeout(REDRAW)
}

/// A line for a change; what else there is to say goes beside it.
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
            Some(Word::Reset(revision)) => eprintln!(
                "the change log is another one, since the database was restored; going on after \
             revision {revision}"
            ),
            // Once is enough.
            Some(Word::Lost(why)) if !was_lost => eprintln!("connecting again: {}", plain(&why)),
            Some(Word::Lost(_) | Word::Ready(_) | Word::Alive(_) | Word::Refused(_)) | None => {}
        }
        Ok(())
    }
}

/// Whether the reader of the output has gone away, as `head` does.
fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(closed)
}

/// Ctrl-C is how this command ends, so it ends well.
fn end_on_interrupt() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
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
    fn the_filter_goes_to_the_service() {
        assert_eq!(
            args().query(),
            "status=online&status=degraded&slug=a&kind=removed&tag=x+y&tag=z"
        );
    }

    #[test]
    fn the_table_shows_what_meets_the_filter_now() {
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
