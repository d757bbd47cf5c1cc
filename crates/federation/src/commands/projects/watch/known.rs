//! State of all projects for the live table, updated by the event stream.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_application::SystemClock;
use federation_domain::{Clock as _, Monotonic};
use serde_json::Value;

use crate::commands::projects::client::{Client, ServiceResponse};
use crate::commands::projects::table::text;
use crate::commands::projects::{COLLECTION, accepted};

/// Fields that the table shows or filters by.
const FIELDS: &str = "slug,status,name,tags,updated_at,status_known";

/// Pause after a failed read before everything is read again.
const PAUSE: Duration = Duration::from_secs(5);

/// All projects, including those that do not match the filter now.
pub(super) struct Known<'a> {
    client: &'a Client,
    clock: SystemClock,
    pub(super) projects: BTreeMap<String, Value>,
    /// Reason of the last change of each project, if it was seen.
    pub(super) reasons: HashMap<String, String>,
    is_read: bool,
    /// The last failed read, until everything is read again.
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

    /// Returns the reason why the table may be out of date, or `None` if it is current.
    pub(super) fn doubt(&self) -> Option<&str> {
        self.missed.as_ref().map(|missed| missed.why.as_str())
    }

    /// Reads the projects when a stream starts, if they have not been read yet.
    ///
    /// # Errors
    /// Fails if the first read fails. Later reads are retried.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        if !self.is_read {
            self.projects = all(self.client)?;
            self.is_read = true;
        } else if self.missed.is_some() {
            self.read_all();
        }
        Ok(())
    }

    /// Reads all projects again. Keeps the current ones if that fails.
    pub(super) fn read_all(&mut self) {
        match all(self.client) {
            Ok(projects) => {
                self.reasons.retain(|slug, _| projects.contains_key(slug));
                (self.projects, self.missed) = (projects, None);
            }
            Err(error) => self.miss(&error),
        }
    }

    /// Reads all projects again once the pause after a failed read is over.
    pub(super) fn catch_up(&mut self) {
        if self.is_due(self.clock.monotonic()) {
            self.read_all();
        }
    }

    fn is_due(&self, now: Monotonic) -> bool {
        self.missed.as_ref().is_some_and(|missed| now.since(missed.tried_at) >= PAUSE)
    }

    /// Applies an event.
    ///
    /// # Errors
    /// Fails if the event is not JSON.
    pub(super) fn change(&mut self, data: &str) -> anyhow::Result<()> {
        let change: Value = serde_json::from_str(data).context("expected JSON in an event")?;
        let Some(slug) = change["slug"].as_str() else { return Ok(()) };
        self.reasons.insert(slug.to_owned(), reason(&change));
        match (change["kind"].as_str(), self.projects.get_mut(slug)) {
            (Some("status_changed"), Some(project)) => {
                project["status"] = change["to"].clone();
                project["updated_at"] = change["at"].clone();
            }
            (Some("removed"), _) => self.forget(slug),
            // Everything is read again soon, so an overloaded service gets no request per change.
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

/// Returns the reason of a change and its actor.
fn reason(change: &Value) -> String {
    let because = text(&change["because"]);
    match change["actor"].as_str() {
        Some(_) => format!("{because} ({})", text(&change["actor"])),
        None => because,
    }
}

fn all(client: &Client) -> anyhow::Result<BTreeMap<String, Value>> {
    let list = accepted(client.get(&format!("{COLLECTION}?fields={FIELDS}"))?)?.json()?;
    let projects = list.as_array().context("expected a list of projects")?.iter();
    let by_slug = |project: &Value| Some((project["slug"].as_str()?.to_owned(), project.clone()));
    Ok(projects.filter_map(by_slug).collect())
}

/// Reads one project. Returns `None` if it no longer exists.
fn one(client: &Client, slug: &str) -> anyhow::Result<Option<Value>> {
    let answer = client.get(&format!("{COLLECTION}/{slug}"))?;
    if is_not_found(&answer) {
        return Ok(None);
    }
    let project = accepted(answer)?.json()?;
    if project["slug"] != slug {
        bail!("expected project '{slug}', got another one");
    }
    Ok(Some(project))
}

/// Returns whether the service itself reports that there is no such project. A 404 without our
/// problem document comes from a proxy and says nothing about the project.
fn is_not_found(answer: &ServiceResponse) -> bool {
    let says = |status: u16| answer.json().is_ok_and(|problem| problem["status"] == status);
    answer.is_of_caller() && says(404)
}

#[cfg(test)]
mod tests;
