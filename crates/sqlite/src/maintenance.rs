//! Maintenance windows.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Actor, Decoded, MAX_WINDOWS, MaintenanceChange, MaintenanceId, MaintenancePlan,
    MaintenanceRecord, MaintenanceResult, MaintenanceSource, MaintenanceWindow, Slug, WeeklyRecord,
    WrittenMaintenance, to_micros,
};
use time::OffsetDateTime;

use crate::error::SqliteError;
use crate::load::report;
use crate::schema::maintenance_windows as windows;
use crate::timestamp::{text_of, time_of};
use crate::unit_of_work::UnitOfWork;

/// A row of `maintenance_windows`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = windows, check_for_backend(Sqlite))]
struct WindowRow {
    id: i64,
    source: String,
    covers_all: i64,
    projects: String,
    tags: String,
    starts_at: String,
    ends_at: Option<String>,
    weekly: Option<String>,
    reason: String,
    created_by: String,
    created_at: String,
    updated_at: String,
}

impl WindowRow {
    fn into_record(self) -> MaintenanceRecord {
        fn time(text: &str) -> Decoded<OffsetDateTime> {
            time_of(text).map_err(Into::into)
        }
        let weekly = self.weekly.map(|json| serde_json::from_str(&json));
        MaintenanceRecord {
            id: self.id,
            source: self.source,
            all: self.covers_all != 0,
            projects: serde_json::from_str(&self.projects).map_err(Into::into),
            tags: serde_json::from_str(&self.tags).map_err(Into::into),
            from: time(&self.starts_at),
            until: self.ends_at.as_deref().map(time).transpose(),
            weekly: weekly.transpose().map_err(Into::into),
            reason: self.reason,
            created_by: self.created_by,
            created_at: time(&self.created_at),
            updated_at: time(&self.updated_at),
        }
    }

    /// Parses a row. Logs an error and returns `None` if the row does not parse.
    fn readable(self) -> Option<MaintenanceWindow> {
        self.into_record().parse().map_err(|error| report(&error)).ok()
    }
}

/// Reads all windows.
pub(crate) fn load(
    connection: &mut SqliteConnection,
) -> Result<Vec<MaintenanceWindow>, SqliteError> {
    let rows: Vec<WindowRow> =
        windows::table.order(windows::id).select(WindowRow::as_select()).load(connection)?;
    Ok(rows.into_iter().filter_map(WindowRow::readable).collect())
}

fn find(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<Option<MaintenanceWindow>, SqliteError> {
    let row: Option<WindowRow> =
        windows::table.find(id).select(WindowRow::as_select()).first(connection).optional()?;
    Ok(row.and_then(WindowRow::readable))
}

/// Applies writes. The caller has begun an immediate transaction.
pub(crate) fn write(
    connection: &mut SqliteConnection,
    source: MaintenanceSource,
    changes: &[MaintenanceChange],
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<WrittenMaintenance, SqliteError> {
    let at = to_micros(at);
    let mut unit = UnitOfWork::begin(connection)?;
    let file = file_windows(unit.connection, source)?;
    let mut written = WrittenMaintenance::default();
    for change in changes {
        let result = apply(unit.connection, (source, &file), change, actor, at)?;
        if let MaintenanceResult::Stored(window) | MaintenanceResult::Removed(window) = &result {
            written.entries.push(unit.append(change.entry(window.id, actor.clone(), at))?);
        }
        written.results.push(result);
    }
    unit.finish()?;
    Ok(written)
}

/// Returns the windows of the projects file if it is the source of writes.
fn file_windows(
    connection: &mut SqliteConnection,
    source: MaintenanceSource,
) -> Result<Vec<MaintenanceWindow>, SqliteError> {
    if source != MaintenanceSource::File {
        return Ok(Vec::new());
    }
    let mut windows = load(connection)?;
    windows.retain(|window| window.source == source);
    Ok(windows)
}

fn apply(
    connection: &mut SqliteConnection,
    (source, file): (MaintenanceSource, &[MaintenanceWindow]),
    change: &MaintenanceChange,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<MaintenanceResult, SqliteError> {
    let id = match change {
        MaintenanceChange::Create(plan) => {
            if let Some(same) = file.iter().find(|window| window.plan == *plan) {
                return Ok(MaintenanceResult::Unchanged(same.clone()));
            }
            let count: i64 = windows::table.count().get_result(connection)?;
            if usize::try_from(count).is_ok_and(|count| count >= MAX_WINDOWS) {
                return Ok(MaintenanceResult::TooMany);
            }
            insert(connection, source, plan, actor, at)?
        }
        MaintenanceChange::Replace(MaintenanceId(id), plan) => {
            match find(connection, *id)? {
                Some(window) if window.source == source => {}
                Some(_) => return Ok(MaintenanceResult::OtherSource),
                None => return Ok(MaintenanceResult::NotFound),
            }
            replace(connection, *id, plan, at)?;
            *id
        }
        MaintenanceChange::Remove(MaintenanceId(id)) => {
            let window = match find(connection, *id)? {
                Some(window) if window.source == source => window,
                Some(_) => return Ok(MaintenanceResult::OtherSource),
                None => return Ok(MaintenanceResult::NotFound),
            };
            diesel::delete(windows::table.find(id)).execute(connection)?;
            return Ok(MaintenanceResult::Removed(window));
        }
    };
    let stored = find(connection, id)?.map(MaintenanceResult::Stored);
    stored.ok_or_else(|| SqliteError::failed("a window was not stored"))
}

/// Values of the columns that a plan has.
struct Columns {
    projects: String,
    tags: String,
    starts_at: String,
    ends_at: Option<String>,
    weekly: Option<String>,
}

impl Columns {
    fn of(plan: &MaintenancePlan) -> Result<Self, SqliteError> {
        let projects: Vec<&str> = plan.projects.iter().map(Slug::as_str).collect();
        let tags: Vec<&str> = plan.tags.iter().collect();
        let weekly = plan.weekly.as_ref().map(WeeklyRecord::from);
        let weekly = weekly.map(|weekly| serde_json::to_string(&weekly)).transpose();
        Ok(Self {
            projects: serde_json::to_string(&projects).map_err(SqliteError::failed)?,
            tags: serde_json::to_string(&tags).map_err(SqliteError::failed)?,
            starts_at: text_of(plan.from).map_err(SqliteError::failed)?,
            ends_at: plan.until.map(text_of).transpose().map_err(SqliteError::failed)?,
            weekly: weekly.map_err(SqliteError::failed)?,
        })
    }
}

fn insert(
    connection: &mut SqliteConnection,
    source: MaintenanceSource,
    plan: &MaintenancePlan,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<i64, SqliteError> {
    let Columns { projects, tags, starts_at, ends_at, weekly } = Columns::of(plan)?;
    let at = text_of(at).map_err(SqliteError::failed)?;
    let id = diesel::insert_into(windows::table)
        .values((
            windows::source.eq(source.as_str()),
            windows::covers_all.eq(i64::from(plan.all)),
            windows::projects.eq(projects),
            windows::tags.eq(tags),
            windows::starts_at.eq(starts_at),
            windows::ends_at.eq(ends_at),
            windows::weekly.eq(weekly),
            windows::reason.eq(&plan.reason),
            windows::created_by.eq(actor.as_str()),
            windows::created_at.eq(&at),
            windows::updated_at.eq(&at),
        ))
        .returning(windows::id)
        .get_result(connection)?;
    Ok(id)
}

fn replace(
    connection: &mut SqliteConnection,
    id: i64,
    plan: &MaintenancePlan,
    at: OffsetDateTime,
) -> Result<(), SqliteError> {
    let Columns { projects, tags, starts_at, ends_at, weekly } = Columns::of(plan)?;
    diesel::update(windows::table.find(id))
        .set((
            windows::covers_all.eq(i64::from(plan.all)),
            windows::projects.eq(projects),
            windows::tags.eq(tags),
            windows::starts_at.eq(starts_at),
            windows::ends_at.eq(ends_at),
            windows::weekly.eq(weekly),
            windows::reason.eq(&plan.reason),
            windows::updated_at.eq(text_of(at).map_err(SqliteError::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}
