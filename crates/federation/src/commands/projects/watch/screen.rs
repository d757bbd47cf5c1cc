//! The table that moves.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::Value;
use time::OffsetDateTime;

use super::WatchArgs;
use super::follow::Word;
use crate::commands::projects::client::Client;
use crate::commands::projects::table::{ago, bare, now, status, text, trimmed};
use crate::commands::projects::{COLLECTION, accepted};
use crate::output::plain;

/// To the upper left corner; and what clears the rest of a line, and of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// What the table shows, and goes by.
const FIELDS: &str = "slug,status,name,tags,updated_at,status_known";

/// Rows and columns where the terminal does not tell.
const USUAL_SIZE: (usize, usize) = (24, 80);

pub(super) struct Screen<'a> {
    client: &'a Client,
    watch: &'a WatchArgs,
    projects: BTreeMap<String, Value>,
    /// Why each project changed last, as far as that was seen.
    reasons: HashMap<String, String>,
    position: i64,
    /// Why there is no connection, while there is none.
    lost: Option<String>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(client: &'a Client, watch: &'a WatchArgs) -> Self {
        let (projects, reasons) = (BTreeMap::new(), HashMap::new());
        Self { client, watch, projects, reasons, position: 0, lost: None }
    }

    /// Takes in what happened, and draws.
    pub(super) fn take(&mut self, word: Option<Word>) -> anyhow::Result<()> {
        if let Some(position) = word.as_ref().and_then(Word::position) {
            (self.position, self.lost) = (position, None);
        }
        match word {
            Some(Word::Ready(_)) if !self.projects.is_empty() => {}
            Some(Word::Ready(_) | Word::Reset(_)) => self.read_all()?,
            Some(Word::Change { data, .. }) => self.change(&data)?,
            Some(Word::Lost(why)) => self.lost = Some(why),
            Some(Word::Alive(_) | Word::Refused(_)) | None => {}
        }
        self.draw()
    }

    fn read_all(&mut self) -> anyhow::Result<()> {
        let projects =
            accepted(self.client.get(&format!("{COLLECTION}?fields={FIELDS}"))?)?.json()?;
        let by_slug =
            |project: &Value| Some((project["slug"].as_str()?.to_owned(), project.clone()));
        self.projects = projects.as_array().into_iter().flatten().filter_map(by_slug).collect();
        Ok(())
    }

    fn change(&mut self, data: &str) -> anyhow::Result<()> {
        let change: Value = serde_json::from_str(data).context("an event is not JSON")?;
        let Some(slug) = change["slug"].as_str() else { return Ok(()) };
        self.reasons.insert(slug.to_owned(), text(&change["because"]));
        match (change["kind"].as_str(), self.projects.get_mut(slug)) {
            (Some("status_changed"), Some(project)) => {
                project["status"] = change["to"].clone();
                project["updated_at"] = change["at"].clone();
            }
            (Some("removed"), _) => {
                self.projects.remove(slug);
                self.reasons.remove(slug);
            }
            _ => self.read(slug)?,
        }
        Ok(())
    }

    /// Reads one project; it may be gone by now.
    fn read(&mut self, slug: &str) -> anyhow::Result<()> {
        let answer = self.client.get(&format!("{COLLECTION}/{slug}"))?;
        if answer.is_success() {
            self.projects.insert(slug.to_owned(), answer.json()?);
        } else {
            self.projects.remove(slug);
        }
        Ok(())
    }

    fn draw(&self) -> anyhow::Result<()> {
        let (rows, columns) = size();
        let mut screen = HOME.to_owned();
        for line in self.lines(now(), rows.saturating_sub(1)) {
            screen.extend(line.chars().take(columns));
            screen.push_str(CLEAR_LINE);
            screen.push_str("\r\n");
        }
        screen.push_str(CLEAR_REST);
        let mut out = io::stdout().lock();
        out.write_all(screen.as_bytes())?;
        Ok(out.flush()?)
    }

    /// A line about all, then the table: what changed last comes first.
    fn lines(&self, now: OffsetDateTime, most: usize) -> Vec<String> {
        let mut shown: Vec<_> =
            self.projects.values().filter(|project| self.watch.shows(project)).collect();
        shown.sort_by_cached_key(|project| {
            (std::cmp::Reverse(text(&project["updated_at"])), text(&project["slug"]))
        });
        let room = most.saturating_sub(3);
        let mut table = bare();
        table.set_header(["SLUG", "STATUS", "CHANGED", "NAME", "BECAUSE"]);
        for project in shown.iter().take(room) {
            let slug = text(&project["slug"]);
            let because = self.reasons.get(&slug).cloned().unwrap_or_default();
            let changed = ago(&project["updated_at"], now);
            table.add_row([slug, status(project), changed, text(&project["name"]), because]);
        }
        let mut lines = vec![self.summary()];
        lines.extend(trimmed(&table).lines().map(str::to_owned));
        if let Some(more) = shown.len().checked_sub(room).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        lines
    }

    fn summary(&self) -> String {
        let count =
            |wanted| self.projects.values().filter(|project| project["status"] == wanted).count();
        let [online, degraded, offline] = ["online", "degraded", "offline"].map(count);
        let link = match &self.lost {
            Some(why) => format!("connecting again: {}", plain(why)),
            None => format!("revision {}", self.position),
        };
        format!("{online} online, {degraded} degraded, {offline} offline; {link}")
    }
}

fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => USUAL_SIZE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 14:41:20 UTC);

    #[test]
    fn what_changed_last_comes_first_and_the_rest_is_counted() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let watch = WatchArgs { status: vec![], slug: vec![], kind: vec![], tag: vec![] };
        let mut screen = Screen::new(&client, &watch);
        for (slug, at) in [("a", 10), ("b", 12), ("c", 11)] {
            let at = format!("2026-11-23T14:41:{at}Z");
            let project = json!({"slug": slug, "status": "online", "name": "N", "updated_at": at});
            screen.projects.insert(slug.to_owned(), project);
        }
        screen.position = 7;
        let change = r#"{"slug":"a","kind":"status_changed","to":"offline","at":"2026-11-23T14:41:13Z","because":"silence"}"#;
        screen.change(change).unwrap();
        let removed = r#"{"slug":"c","kind":"removed","at":"2026-11-23T14:41:14Z"}"#;
        screen.change(removed).unwrap();
        assert_eq!(
            screen.lines(NOW, 24),
            [
                "1 online, 0 degraded, 1 offline; revision 7",
                "SLUG  STATUS   CHANGED  NAME  BECAUSE",
                "a     offline  7 s ago  N     silence",
                "b     online   8 s ago  N",
            ]
        );
        assert_eq!(screen.lines(NOW, 4).last().unwrap(), "and 1 more");
        screen.lost = Some("gone\u{1b}".to_owned());
        assert!(screen.summary().ends_with(r"; connecting again: gone\u{1b}"));
    }
}
