//! The live table.

use std::io::{self, Write as _};

use serde_json::Value;
use time::OffsetDateTime;

use super::WatchArgs;
use super::follow::Word;
use super::known::Known;
use crate::commands::projects::client::Client;
use crate::commands::projects::table::{ago, bare, cut, fitted, now, status, text};
use crate::output::{self, plain};

/// Escape sequences that move to the upper left corner and clear the rest of a line or screen.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// Rows and columns if the terminal does not report its size.
const USUAL_SIZE: (usize, usize) = (24, 80);

pub(super) struct Screen<'a> {
    watch: &'a WatchArgs,
    known: Known<'a>,
    position: String,
    /// Reason for the disconnect, while disconnected.
    lost: Option<String>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(client: &'a Client, watch: &'a WatchArgs) -> Self {
        Self { watch, known: Known::new(client), position: String::new(), lost: None }
    }

    /// Applies a message and redraws.
    pub(super) fn take(&mut self, word: Option<Word>) -> anyhow::Result<()> {
        if let Some(position) = word.as_ref().and_then(Word::position) {
            (self.position, self.lost) = (position.to_owned(), None);
        }
        match word {
            Some(Word::Ready(_)) => self.known.begin()?,
            Some(Word::Reset(_)) => self.known.read_all(),
            Some(Word::Change { data, .. }) => self.known.change(&data)?,
            Some(Word::Lost(why)) => self.lost = Some(why),
            Some(Word::Alive(_) | Word::Refused(_)) | None => {}
        }
        if self.lost.is_none() {
            self.known.catch_up();
        }
        self.draw()
    }

    fn draw(&self) -> anyhow::Result<()> {
        let (rows, columns) = output::size().unwrap_or(USUAL_SIZE);
        let mut screen = HOME.to_owned();
        for line in self.lines(now(), rows.saturating_sub(1), columns) {
            screen.push_str(&cut(&line, columns));
            screen.push_str(CLEAR_LINE);
            screen.push_str("\r\n");
        }
        screen.push_str(CLEAR_REST);
        let mut out = io::stdout().lock();
        out.write_all(screen.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Returns a summary and the table, most recent change first.
    fn lines(&self, now: OffsetDateTime, most: usize, columns: usize) -> Vec<String> {
        let mut shown: Vec<_> =
            self.known.projects.values().filter(|project| self.watch.shows(project)).collect();
        shown.sort_by_cached_key(|project| {
            (std::cmp::Reverse(text(&project["updated_at"])), text(&project["slug"]))
        });
        let room = most.saturating_sub(3);
        let mut table = bare();
        table.set_header(["SLUG", "STATUS", "CHANGED", "NAME", "BECAUSE"]);
        for project in shown.iter().take(room) {
            let slug = text(&project["slug"]);
            let because = self.known.reasons.get(&slug).cloned().unwrap_or_default();
            let changed = ago(&project["updated_at"], now);
            table.add_row([slug, status(project), changed, text(&project["name"]), because]);
        }
        let mut lines = vec![self.summary(&shown)];
        lines.extend(fitted(&mut table, 3, Some(columns)).lines().map(str::to_owned));
        if let Some(more) = shown.len().checked_sub(room).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        lines
    }

    fn summary(&self, shown: &[&Value]) -> String {
        let count = |wanted| shown.iter().filter(|project| project["status"] == wanted).count();
        let [online, degraded, offline] = ["online", "degraded", "offline"].map(count);
        let link = match (&self.lost, self.known.doubt()) {
            (Some(why), _) => format!("reconnecting: {}", plain(why)),
            (None, Some(why)) => format!("out of date: {}", plain(why)),
            (None, None) => format!("position {}", plain(&self.position)),
        };
        format!("{online} online, {degraded} degraded, {offline} offline; {link}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 14:41:20 UTC);

    #[test]
    fn the_last_change_comes_first_and_the_rest_is_counted() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let watch = WatchArgs { status: vec![], slug: vec![], kind: vec![], tag: vec![] };
        let mut screen = Screen::new(&client, &watch);
        for (slug, at) in [("a", 10), ("b", 12), ("c", 11)] {
            let at = format!("2026-11-23T14:41:{at}Z");
            let project = json!({"slug": slug, "status": "online", "name": "N", "updated_at": at});
            screen.known.projects.insert(slug.to_owned(), project);
        }
        screen.position = "8f-7".to_owned();
        let change = r#"{"slug":"a","kind":"status_changed","to":"offline","at":"2026-11-23T14:41:13Z","because":"silence","actor":"service"}"#;
        screen.known.change(change).unwrap();
        let removed = r#"{"slug":"c","kind":"removed","at":"2026-11-23T14:41:14Z"}"#;
        screen.known.change(removed).unwrap();
        assert_eq!(
            screen.lines(NOW, 24, 80),
            [
                "1 online, 0 degraded, 1 offline; position 8f-7",
                "SLUG  STATUS   CHANGED  NAME  BECAUSE",
                "a     offline  7 s ago  N     silence (service)",
                "b     online   8 s ago  N",
            ]
        );
        assert_eq!(screen.lines(NOW, 4, 80).last().unwrap(), "and 1 more");
        screen.lost = Some("gone\u{1b}".to_owned());
        assert!(screen.summary(&[]).ends_with(r"; reconnecting: gone\u{1b}"));
    }
    #[test]
    fn a_project_is_shown_and_counted_while_it_matches() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let status = vec![federation_domain::ProjectStatus::Offline];
        let watch = WatchArgs { status, slug: vec![], kind: vec![], tag: vec![] };
        let mut screen = Screen::new(&client, &watch);
        let project = json!({"slug": "a", "status": "online", "name": "N"});
        screen.known.projects.insert("a".to_owned(), project);
        for (to, first, rows) in [
            ("degraded", "0 online, 0 degraded, 0 offline; position ", 0),
            ("offline", "0 online, 0 degraded, 1 offline; position ", 1),
            ("online", "0 online, 0 degraded, 0 offline; position ", 0),
        ] {
            let change = json!({"slug": "a", "kind": "status_changed", "to": to});
            screen.known.change(&change.to_string()).unwrap();
            let lines = screen.lines(NOW, 24, 80);
            assert_eq!((lines[0].as_str(), lines.len() - 2), (first, rows), "{to}");
        }
    }
}
