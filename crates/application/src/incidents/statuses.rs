//! Statuses of projects according to the log.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{LogEntry, ProjectStatus, Slug, StatusSpell, StoreError, StoredEntry};

use super::Incidents;

/// Number of the newest entries of a project among which its latest changes of status are looked for.
const ENTRIES: usize = 50;

/// The projects that are down according to the log, and those that recovered recently.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    spells: BTreeMap<Slug, StatusSpell>,
}

impl Statuses {
    /// Reads the newest statuses of the projects that are down, and of `members`.
    pub(super) async fn read(
        incidents: &Incidents,
        members: BTreeSet<Slug>,
    ) -> Result<Self, StoreError> {
        let mut slugs = members;
        incidents.0.catalog.registry().for_each(|entry| {
            if entry.status() != ProjectStatus::Online {
                let live = entry.lock();
                if live.project.last_heartbeat_at.is_some()
                    || live.project.status != ProjectStatus::Offline
                {
                    slugs.insert(live.project.slug.clone());
                }
            }
        });
        let mut spells = BTreeMap::new();
        for slug in slugs {
            let log = &incidents.0.journal.stores().change_log;
            let entries = log.history(&slug, None, ENTRIES).await?;
            // An old entry may have been dropped from the log.
            let spell = spell_of(&entries).or_else(|| {
                let live = incidents.0.catalog.entry(&slug).ok()?;
                let live = live.lock();
                Some(StatusSpell::new(live.project.status, live.project.updated_at))
            });
            if let Some(spell) = spell {
                spells.insert(slug, spell);
            }
        }
        Ok(Self { spells })
    }

    /// Applies an entry of the log. Returns `true` if a status changed.
    pub(super) fn take(&mut self, entry: &LogEntry) -> bool {
        let (Some(slug), Some(step)) = (entry.slug(), entry.step()) else { return false };
        let known = self.spells.get(&slug).copied();
        // A project that was registered just now was never heard.
        if known.is_none() && (step.from.is_none() || step.to == Some(ProjectStatus::Online)) {
            return false;
        }
        match StatusSpell::after(known, step, entry.at()) {
            Some(spell) => self.spells.insert(slug, spell) != Some(spell),
            None => self.spells.remove(&slug).is_some(),
        }
    }

    /// Forgets projects that are online, except those for which `is_needed` returns `true`.
    pub(super) fn forget(&mut self, is_needed: impl Fn(&Slug) -> bool) {
        self.spells.retain(|slug, spell| spell.is_down() || is_needed(slug));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Slug, StatusSpell)> {
        self.spells.iter().map(|(slug, spell)| (slug, *spell))
    }
}

/// Returns the status after these entries, which are the newest ones, the newest first.
fn spell_of(entries: &[StoredEntry]) -> Option<StatusSpell> {
    let mut spell: Option<StatusSpell> = None;
    for entry in entries.iter().rev().filter_map(StoredEntry::entry) {
        let Some((at, step)) = entry.timed_step() else { continue };
        // The status before the first entry began at an unknown earlier time.
        let known = spell.or_else(|| step.from.map(|from| StatusSpell::new(from, at)));
        spell = StatusSpell::after(known, step, at);
    }
    spell
}
