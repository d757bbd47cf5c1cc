//! What the table knows of all projects, kept up with what happens.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_application::SystemClock;
use federation_domain::{Clock as _, Monotonic};
use serde_json::Value;

use crate::commands::projects::client::{Answer, Client};
use crate::commands::projects::table::text;
use crate::commands::projects::{COLLECTION, accepted};

/// What the table shows, and goes by.
const FIELDS: &str = "slug,status,name,tags,updated_at,status_known";

/// How long after a read that failed all is read anew.
const PAUSE: Duration = Duration::from_secs(5);

/// All projects, whatever the table shows: one that does not match now may do so later.
pub(super) struct Known<'a> {
    client: &'a Client,
    clock: SystemClock,
    pub(super) projects: BTreeMap<String, Value>,
    /// Why each project changed last, as far as that was seen.
    pub(super) reasons: HashMap<String, String>,
    /// All was read once.
    is_read: bool,
    /// What could not be read, until all is read anew.
    missed: Option<Missed>,
}

struct Missed {
    why: String,
    tried_at: Monotonic,
}

impl<'a> Known<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        let (projects, reasons) = (BTreeMap::new(), HashMap::new());
        Self {
            client,
            clock: SystemClock::start(),
            projects,
            reasons,
            is_read: false,
            missed: None,
        }
    }

    /// Why this may not be the newest, if so.
    pub(super) fn doubt(&self) -> Option<&str> {
        self.missed.as_ref().map(|missed| missed.why.as_str())
    }

    /// A stream began: reads what is not known yet.
    ///
    /// # Errors
    /// When the first read fails. Later ones are tried again.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        if !self.is_read {
            self.projects = all(self.client)?;
            self.is_read = true;
        } else if self.missed.is_some() {
            self.read_all();
        }
        Ok(())
    }

    /// Reads all anew. When that fails, what was known stays.
    pub(super) fn read_all(&mut self) {
        match all(self.client) {
            Ok(projects) => {
                self.reasons.retain(|slug, _| projects.contains_key(slug));
                (self.projects, self.missed) = (projects, None);
            }
            Err(error) => self.miss(&error),
        }
    }

    /// Reads all anew, if something could not be read and the pause after it is over.
    pub(super) fn catch_up(&mut self) {
        if self.is_due(self.clock.monotonic()) {
            self.read_all();
        }
    }

    fn is_due(&self, now: Monotonic) -> bool {
        self.missed.as_ref().is_some_and(|missed| now.since(missed.tried_at) >= PAUSE)
    }

    /// Takes in an event.
    ///
    /// # Errors
    /// When it is not JSON.
    pub(super) fn change(&mut self, data: &str) -> anyhow::Result<()> {
        let change: Value = serde_json::from_str(data).context("an event is not JSON")?;
        let Some(slug) = change["slug"].as_str() else { return Ok(()) };
        self.reasons.insert(slug.to_owned(), text(&change["because"]));
        match (change["kind"].as_str(), self.projects.get_mut(slug)) {
            (Some("status_changed"), Some(project)) => {
                project["status"] = change["to"].clone();
                project["updated_at"] = change["at"].clone();
            }
            (Some("removed"), _) => self.forget(slug),
            // All is read anew in a moment: a service in need is not asked for each change.
            _ if self.missed.is_some() => {}
            _ => self.read(slug),
        }
        Ok(())
    }

    fn forget(&mut self, slug: &str) {
        self.projects.remove(slug);
        self.reasons.remove(slug);
    }

    fn read(&mut self, slug: &str) {
        match one(self.client, slug) {
            Ok(Some(project)) => {
                self.projects.insert(slug.to_owned(), project);
            }
            Ok(None) => self.forget(slug),
            Err(error) => self.miss(&error),
        }
    }

    fn miss(&mut self, error: &anyhow::Error) {
        self.missed = Some(Missed { why: format!("{error:#}"), tried_at: self.clock.monotonic() });
    }
}

fn all(client: &Client) -> anyhow::Result<BTreeMap<String, Value>> {
    let list = accepted(client.get(&format!("{COLLECTION}?fields={FIELDS}"))?)?.json()?;
    let projects = list.as_array().context("the list of projects is none")?.iter();
    let by_slug = |project: &Value| Some((project["slug"].as_str()?.to_owned(), project.clone()));
    Ok(projects.filter_map(by_slug).collect())
}

/// One project; none when it is gone by now.
fn one(client: &Client, slug: &str) -> anyhow::Result<Option<Value>> {
    let answer = client.get(&format!("{COLLECTION}/{slug}"))?;
    if is_not_found(&answer) {
        return Ok(None);
    }
    let project = accepted(answer)?.json()?;
    if project["slug"] != slug {
        bail!("the answer is another project than '{slug}'");
    }
    Ok(Some(project))
}

/// Whether the service says that there is no such project. Its problems bear their status; the 404
/// of a proxy in front of a service that is away does not, and says nothing of the project.
fn is_not_found(answer: &Answer) -> bool {
    let says = |status: u16| answer.json().is_ok_and(|problem| problem["status"] == status);
    answer.is_of_caller() && says(404)
}

#[cfg(test)]
mod tests;
