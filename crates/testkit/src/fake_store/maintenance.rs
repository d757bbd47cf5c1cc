//! Maintenance windows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use federation_domain::{
    Actor, MAX_WINDOWS, MaintenanceChange, MaintenanceId, MaintenancePlan, MaintenanceResult,
    MaintenanceSource, MaintenanceStore, MaintenanceWindow, StoreError, WrittenMaintenance,
    to_micros,
};
use time::OffsetDateTime;

use super::FakeStore;

#[derive(Default, Clone)]
pub(super) struct Windows {
    all: BTreeMap<MaintenanceId, MaintenanceWindow>,
    last_id: i64,
}

impl Windows {
    fn apply(
        &mut self,
        source: MaintenanceSource,
        change: &MaintenanceChange,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> MaintenanceResult {
        let same = |plan: &MaintenancePlan| {
            let mut of_file = self.all.values().filter(|one| one.source == MaintenanceSource::File);
            of_file.find(|one| source == one.source && one.plan == *plan).cloned()
        };
        let known =
            |id: &MaintenanceId| self.all.get(id).filter(|one| one.source == source).cloned();
        let refused = |id: &MaintenanceId| match self.all.contains_key(id) {
            true => MaintenanceResult::OtherSource,
            false => MaintenanceResult::NotFound,
        };
        if let MaintenanceChange::Create(plan) = change
            && let Some(same) = same(plan)
        {
            return MaintenanceResult::Unchanged(same);
        }
        match change {
            MaintenanceChange::Create(_) if self.all.len() >= MAX_WINDOWS => {
                MaintenanceResult::TooMany
            }
            MaintenanceChange::Create(plan) => {
                self.last_id += 1;
                let id = MaintenanceId(self.last_id);
                self.put(
                    id,
                    MaintenanceWindow {
                        id,
                        source,
                        plan: plan.clone(),
                        created_by: actor.clone(),
                        created_at: at,
                        updated_at: at,
                    },
                )
            }
            MaintenanceChange::Replace(id, plan) => match known(id) {
                Some(window) => {
                    let plan: MaintenancePlan = plan.clone();
                    self.put(*id, MaintenanceWindow { plan, updated_at: at, ..window })
                }
                None => refused(id),
            },
            MaintenanceChange::Remove(id) => match known(id) {
                Some(window) => {
                    self.all.remove(id);
                    MaintenanceResult::Removed(window)
                }
                None => refused(id),
            },
        }
    }

    fn put(&mut self, id: MaintenanceId, window: MaintenanceWindow) -> MaintenanceResult {
        self.all.insert(id, window.clone());
        MaintenanceResult::Stored(window)
    }
}

#[async_trait]
impl MaintenanceStore for FakeStore {
    async fn load_maintenance(&self) -> Result<Vec<MaintenanceWindow>, StoreError> {
        Ok(self.tables()?.windows.all.values().cloned().collect())
    }

    async fn write_maintenance(
        &self,
        source: MaintenanceSource,
        changes: &[MaintenanceChange],
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<WrittenMaintenance, StoreError> {
        let mut tables = self.tables()?;
        let at = to_micros(at);
        let mut written = WrittenMaintenance::default();
        for change in changes {
            let result = tables.windows.apply(source, change, actor, at);
            if let MaintenanceResult::Stored(window) | MaintenanceResult::Removed(window) = &result
            {
                let entry = change.entry(window.id, actor.clone(), at);
                written.entries.push(tables.append(entry));
            }
            written.results.push(result);
        }
        Ok(written)
    }
}
