//! Facts about the running instance of a project, which its heartbeats carry.

use std::borrow::Cow;

use time::OffsetDateTime;

use crate::log::{Actor, NewEntry, PROJECT};
use crate::project::ProjectId;
use crate::values::Slug;

/// Maximum difference between reports of the same time that replicas write.
const MAX_DISORDER: time::Duration = time::Duration::minutes(1);

/// Kind of the entry that is logged when a project runs another version.
pub const VERSION_CHANGED: &str = "version_changed";

/// Facts in a heartbeat. An absent one keeps its former value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct InstanceReport<'a> {
    /// Version of the program.
    pub version: Option<Cow<'a, str>>,
    /// Tools that the instance uses.
    pub tools: Option<Vec<String>>,
    /// Capabilities that the instance offers.
    pub capabilities: Option<Vec<String>>,
}

impl InstanceReport<'_> {
    /// Returns `true` if the heartbeat carries no facts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.version.is_none() && self.tools.is_none() && self.capabilities.is_none()
    }

    /// Returns the report cut to what [`InstanceFacts`] keep.
    #[must_use]
    pub fn bounded(self) -> InstanceReport<'static> {
        InstanceReport {
            version: self.version.as_deref().and_then(tidy).map(Cow::Owned),
            tools: self.tools.map(tidy_all),
            capabilities: self.capabilities.map(tidy_all),
        }
    }
}

/// Facts about the instance of a project. Bounded, and without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InstanceFacts {
    version: Option<String>,
    tools: Vec<String>,
    capabilities: Vec<String>,
}

impl InstanceFacts {
    /// Maximum number of entries kept of each list.
    pub const MAX_ENTRIES: usize = 50;
    /// Maximum number of characters kept of each text.
    pub const MAX_CHARS: usize = 100;

    /// Creates facts from stored or reported texts, cut to the limits. Texts that are empty without
    /// control characters and surrounding spaces are left out.
    #[must_use]
    pub fn new(
        version: Option<&str>,
        tools: impl IntoIterator<Item = impl AsRef<str>>,
        capabilities: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        Self {
            version: version.and_then(tidy),
            tools: tidy_all(tools),
            capabilities: tidy_all(capabilities),
        }
    }

    /// Returns the facts after a report.
    #[must_use]
    pub fn after(&self, report: &InstanceReport<'_>) -> Self {
        let list = |reported: &Option<Vec<String>>, known: &Vec<String>| match reported {
            Some(reported) => tidy_all(reported),
            None => known.clone(),
        };
        let version = report.version.as_deref().and_then(tidy);
        Self {
            version: version.or_else(|| self.version.clone()),
            tools: list(&report.tools, &self.tools),
            capabilities: list(&report.capabilities, &self.capabilities),
        }
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the tools.
    #[must_use]
    pub fn tools(&self) -> &[String] {
        &self.tools
    }

    /// Returns the capabilities.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }
}

fn tidy(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    let cut: String = plain.trim().chars().take(InstanceFacts::MAX_CHARS).collect();
    (!cut.is_empty()).then_some(cut)
}

fn tidy_all(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let texts = texts.into_iter().filter_map(|text| tidy(text.as_ref()));
    texts.take(InstanceFacts::MAX_ENTRIES).collect()
}

/// Facts of a project at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenInstance {
    /// The project.
    pub project: ProjectId,
    /// The facts.
    pub facts: InstanceFacts,
    /// Time of the heartbeat that reported them.
    pub at: OffsetDateTime,
}

impl SeenInstance {
    /// Returns `true` if the store has to keep these facts instead of the stored ones. A report that
    /// is a little older does not replace a newer one, because replicas may write in any order. One
    /// that is much older comes from a clock that was set back.
    #[must_use]
    pub fn replaces(&self, stored: Option<&Self>) -> bool {
        stored.is_none_or(|stored| {
            let is_in_order = stored.at <= self.at || stored.at - self.at > MAX_DISORDER;
            stored.facts != self.facts && is_in_order
        })
    }

    /// Returns the entry of the log for these facts, which replace the stored ones. `None` if the
    /// version is the same, or if none was known before.
    #[must_use]
    pub fn entry(&self, slug: &Slug, stored: Option<&Self>, actor: Actor) -> Option<NewEntry> {
        let previous = stored?.facts.version.as_deref()?;
        let version = self.facts.version.as_deref().filter(|version| *version != previous)?;
        let payload =
            format!(r#"{{"previous":{},"version":{}}}"#, quoted(previous), quoted(version));
        let (key, at) = (slug.to_string(), self.at);
        Some(NewEntry { entity: PROJECT, key, kind: VERSION_CHANGED, at, payload, actor })
    }
}

/// Returns a text without control characters as JSON.
fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            json.push('\\');
        }
        json.push(c);
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(version: Option<&str>, second: i64) -> SeenInstance {
        let at = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second);
        let facts = InstanceFacts::new(version, ["vault"], [] as [&str; 0]);
        SeenInstance { project: ProjectId(1), facts, at }
    }

    #[test]
    fn facts_are_bounded_and_clean() {
        let long = "ä\n\u{7f}".repeat(500);
        let many = vec![long.clone(); 200];
        let facts = InstanceFacts::new(Some(&long), &many, ["", " \n", " x "]);
        assert_eq!(facts.version(), Some("ä".repeat(100).as_str()));
        assert_eq!(facts.tools().len(), 50);
        assert!(facts.tools().iter().all(|tool| tool.chars().count() == 100));
        assert_eq!(facts.capabilities(), ["x"]);
    }

    #[test]
    fn a_report_changes_only_what_it_says() {
        let facts = InstanceFacts::new(Some("1"), ["a"], ["b"]);
        assert_eq!(facts.after(&InstanceReport::default()), facts);
        let report = InstanceReport { version: Some(" ".into()), ..InstanceReport::default() };
        assert_eq!(facts.after(&report), facts, "a blank version says nothing");
        let report = InstanceReport {
            version: Some("2".into()),
            tools: Some(Vec::new()),
            capabilities: None,
        };
        assert_eq!(facts.after(&report), InstanceFacts::new(Some("2"), [] as [&str; 0], ["b"]));
    }

    #[test]
    fn only_another_version_is_logged() {
        let slug = Slug::parse("a").unwrap();
        let entry = |stored: Option<&SeenInstance>, new: SeenInstance| {
            new.entry(&slug, stored, Actor::NATS).map(|entry| entry.payload)
        };
        assert_eq!(entry(None, seen(Some("1"), 1)), None);
        assert_eq!(entry(Some(&seen(None, 0)), seen(Some("1"), 1)), None);
        assert_eq!(entry(Some(&seen(Some("1"), 0)), seen(Some("1"), 1)), None);
        assert_eq!(
            entry(Some(&seen(Some(r#"1"\"#), 0)), seen(Some("2"), 1)).unwrap(),
            r#"{"previous":"1\"\\","version":"2"}"#
        );
    }

    #[test]
    fn an_older_report_replaces_nothing() {
        assert!(seen(Some("1"), 1).replaces(None));
        assert!(seen(Some("2"), 2).replaces(Some(&seen(Some("1"), 1))));
        assert!(!seen(Some("1"), 2).replaces(Some(&seen(Some("1"), 1))));
        assert!(!seen(Some("2"), 1).replaces(Some(&seen(Some("1"), 2))));
        assert!(seen(Some("2"), 1).replaces(Some(&seen(Some("1"), 62))), "the clock was set back");
    }
}
