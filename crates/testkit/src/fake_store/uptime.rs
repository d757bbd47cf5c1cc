//! Uptime and retention of the fake store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use federation_domain::{
    DayStep, Dropped, HeardDay, LogEntry, Revision, RollUpProgress, RollUpStep, Slug, Source,
    StoreError, UptimeDay, UptimeDays, UptimeStore,
};
use time::{Date, OffsetDateTime};

use super::{FakeStore, Tables};

#[derive(Default, Clone)]
pub(super) struct Uptime {
    progress: RollUpProgress,
    days: BTreeMap<(Slug, Date), UptimeDay>,
    heard: BTreeMap<(Source, Date), HeardDay>,
}

#[async_trait]
impl UptimeStore for FakeStore {
    async fn roll_up_progress(&self) -> Result<RollUpProgress, StoreError> {
        Ok(self.tables()?.uptime.progress)
    }

    async fn store_roll_up(
        &self,
        known: &RollUpProgress,
        step: &RollUpStep,
    ) -> Result<bool, StoreError> {
        let uptime = &mut self.tables()?.uptime;
        if uptime.progress != *known {
            return Ok(false);
        }
        uptime.progress = step.progress;
        uptime.days.extend(step.days.iter().map(|(slug, one)| ((slug.clone(), one.day), *one)));
        uptime.heard.extend(step.heard.iter().map(|one| ((one.source, one.day), *one)));
        Ok(true)
    }

    async fn find_days(&self, keys: &[(Slug, Date)]) -> Result<Vec<(Slug, UptimeDay)>, StoreError> {
        let days = &self.tables()?.uptime.days;
        let find = |key: &(Slug, Date)| Some((key.0.clone(), *days.get(key)?));
        Ok(keys.iter().filter_map(find).collect())
    }

    async fn uptime_days(
        &self,
        slug: &Slug,
        source: Source,
        since: Date,
    ) -> Result<UptimeDays, StoreError> {
        let uptime = &self.tables()?.uptime;
        let days = uptime.days.iter().rev();
        let heard = uptime.heard.iter().rev();
        Ok(UptimeDays {
            progress: uptime.progress,
            days: days
                .filter(|((of, day), _)| of == slug && *day >= since)
                .map(|(_, one)| *one)
                .collect(),
            heard: heard
                .filter(|((of, day), _)| *of == source && *day >= since)
                .map(|(_, one)| *one)
                .collect(),
        })
    }

    async fn steps(
        &self,
        slug: &Slug,
        after: Revision,
        through: Revision,
        limit: usize,
    ) -> Result<Vec<DayStep>, StoreError> {
        let tables = self.tables()?;
        let is_in = |entry: &&LogEntry| {
            entry.is_of(slug) && entry.revision() > after && entry.revision() <= through
        };
        let step = |entry: &LogEntry| {
            let (revision, at) = (entry.revision(), entry.at());
            entry.step().map(|step| DayStep { revision, at, step })
        };
        Ok(tables.entries.iter().rev().filter(is_in).filter_map(step).take(limit).collect())
    }

    async fn drop_entries(
        &self,
        before: OffsetDateTime,
        through: Revision,
        limit: usize,
    ) -> Result<Dropped, StoreError> {
        Ok(self.tables()?.drop_entries(before, through, limit))
    }

    async fn drop_uptime(&self, before: Date, limit: usize) -> Result<usize, StoreError> {
        let uptime = &mut self.tables()?.uptime;
        let old = uptime.days.keys().filter(|(_, day)| *day < before).take(limit);
        let old: Vec<_> = old.cloned().collect();
        for key in &old {
            uptime.days.remove(key);
        }
        uptime.heard.retain(|(_, day), _| *day >= before);
        Ok(old.len())
    }
}

impl Tables {
    fn drop_entries(&mut self, before: OffsetDateTime, through: Revision, limit: usize) -> Dropped {
        let through = through.min(Revision(self.revision().0 - 1));
        let oldest = Revision(self.dropped.0 + 1);
        let seen: Vec<&LogEntry> = self
            .entries
            .iter()
            .filter(|entry| (oldest..=through).contains(&entry.revision()))
            .take(limit)
            .collect();
        let old = seen.iter().take_while(|entry| entry.at() < before).count();
        let has_more = old == seen.len() && old > 0;
        let last = old.checked_sub(1).map(|index| seen[index].revision());
        let mut entries = 0;
        if let Some(last) = last {
            let count = self.entries.len();
            self.drop_through(last);
            entries = count - self.entries.len();
        }
        let first = self.entries.iter().find(|entry| entry.revision() > self.dropped);
        Dropped { entries, has_more, oldest_at: first.map(LogEntry::at) }
    }

    /// Drops the entries through a revision, except the newest of each project that exists.
    fn drop_through(&mut self, last: Revision) {
        let (oldest, ids) = (Revision(self.dropped.0 + 1), &self.ids);
        let name = |entry: &LogEntry| (entry.entity().to_owned(), entry.key().to_owned());
        let touched: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| (oldest..=last).contains(&entry.revision()))
            .map(name)
            .collect();
        let newest: BTreeMap<_, _> =
            self.entries.iter().map(|entry| (name(entry), entry.revision())).collect();
        self.entries.retain(|entry| {
            let is_kept = entry.slug().is_some_and(|slug| ids.contains_key(&slug))
                && newest.get(&name(entry)) == Some(&entry.revision());
            entry.revision() > last || is_kept || !touched.contains(&name(entry))
        });
        self.dropped = last;
    }
}
