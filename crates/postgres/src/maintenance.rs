//! Maintenance windows.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Actor, MAX_WINDOWS, MaintenanceChange, MaintenanceId, MaintenancePlan, MaintenanceRecord,
    MaintenanceResult, MaintenanceSource, MaintenanceWindow, Slug, WeeklyRecord,
    WrittenMaintenance, to_micros,
};
use time::OffsetDateTime;

use crate::error::PgError;
use crate::load::report;
use crate::row::{JsonText, time_of};
use crate::schema::maintenance_windows as windows;
use crate::unit_of_work::UnitOfWork;

/// A row of `maintenance_windows`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = windows, check_for_backend(Pg))]
struct WindowRow {
    id: i64,
    source: String,
    covers_all: bool,
    projects: JsonText,
    tags: JsonText,
    starts_at: PgTimestamp,
    ends_at: Option<PgTimestamp>,
    weekly: Option<JsonText>,
    reason: String,
    created_by: String,
    created_at: PgTimestamp,
    updated_at: PgTimestamp,
}

impl WindowRow {
    fn into_record(self) -> MaintenanceRecord {
        let time = |at: PgTimestamp| time_of(at).map_err(Into::into);
        let weekly = self.weekly.map(|json| serde_json::from_str(&json.into_text()));
        MaintenanceRecord {
            id: self.id,
            source: self.source,
            all: self.covers_all,
            projects: serde_json::from_str(&self.projects.into_text()).map_err(Into::into),
            tags: serde_json::from_str(&self.tags.into_text()).map_err(Into::into),
            from: time(self.starts_at),
            until: self.ends_at.map(time).transpose(),
            weekly: weekly.transpose().map_err(Into::into),
            reason: self.reason,
            created_by: self.created_by,
            created_at: time(self.created_at),
            updated_at: time(self.updated_at),
        }
    }

    /// Parses a row. Logs an error and returns `None` if the row does not parse.
    fn readable(self) -> Option<MaintenanceWindow> {
        self.into_record().parse().map_err(|error| report(&error)).ok()
    }
}

/// Reads all windows.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
) -> Result<Vec<MaintenanceWindow>, PgError> {
    let rows: Vec<WindowRow> = windows::table
        .order(windows::id)
        .select(<WindowRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(WindowRow::readable).collect())
}

async fn find(
    connection: &mut AsyncPgConnection,
    id: i64,
) -> Result<Option<MaintenanceWindow>, PgError> {
    let row: Option<WindowRow> = windows::table
        .find(id)
        .select(<WindowRow as SelectableHelper<Pg>>::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.and_then(WindowRow::readable))
}

/// Applies writes. The caller has begun a transaction.
pub(crate) async fn write(
    connection: &mut AsyncPgConnection,
    source: MaintenanceSource,
    changes: &[MaintenanceChange],
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<WrittenMaintenance, PgError> {
    let at = to_micros(at);
    // The lock of the log serializes writers.
    let mut unit = UnitOfWork::begin(connection).await?;
    let file = file_windows(unit.connection, source).await?;
    let mut written = WrittenMaintenance::default();
    for change in changes {
        let result = apply(unit.connection, (source, &file), change, actor, at).await?;
        if let MaintenanceResult::Stored(window) | MaintenanceResult::Removed(window) = &result {
            written.entries.push(unit.append(change.entry(window.id, actor.clone(), at)));
        }
        written.results.push(result);
    }
    unit.finish().await?;
    Ok(written)
}

/// Returns the windows of the projects file if it is the source of writes. Another replica may have
/// written them already.
async fn file_windows(
    connection: &mut AsyncPgConnection,
    source: MaintenanceSource,
) -> Result<Vec<MaintenanceWindow>, PgError> {
    if source != MaintenanceSource::File {
        return Ok(Vec::new());
    }
    let mut windows = load(connection).await?;
    windows.retain(|window| window.source == source);
    Ok(windows)
}

async fn apply(
    connection: &mut AsyncPgConnection,
    (source, file): (MaintenanceSource, &[MaintenanceWindow]),
    change: &MaintenanceChange,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<MaintenanceResult, PgError> {
    let (id, plan) = match change {
        MaintenanceChange::Create(plan) => {
            if let Some(same) = file.iter().find(|window| window.plan == *plan) {
                return Ok(MaintenanceResult::Unchanged(same.clone()));
            }
            let count: i64 = windows::table.count().get_result(connection).await?;
            if usize::try_from(count).is_ok_and(|count| count >= MAX_WINDOWS) {
                return Ok(MaintenanceResult::TooMany);
            }
            (None, plan)
        }
        MaintenanceChange::Replace(MaintenanceId(id), plan) => match find(connection, *id).await? {
            Some(window) if window.source == source => (Some(*id), plan),
            Some(_) => return Ok(MaintenanceResult::OtherSource),
            None => return Ok(MaintenanceResult::NotFound),
        },
        MaintenanceChange::Remove(MaintenanceId(id)) => {
            let window = match find(connection, *id).await? {
                Some(window) if window.source == source => window,
                Some(_) => return Ok(MaintenanceResult::OtherSource),
                None => return Ok(MaintenanceResult::NotFound),
            };
            diesel::delete(windows::table.find(id)).execute(connection).await?;
            return Ok(MaintenanceResult::Removed(window));
        }
    };
    let id = put(connection, id, source, plan, actor, at).await?;
    let stored = find(connection, id).await?;
    stored.map(MaintenanceResult::Stored).ok_or_else(|| PgError::failed("a window was not stored"))
}

/// Inserts a window, or replaces the one with this id. Returns its id.
async fn put(
    connection: &mut AsyncPgConnection,
    id: Option<i64>,
    source: MaintenanceSource,
    plan: &MaintenancePlan,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<i64, PgError> {
    const INSERT: &str = "
        INSERT INTO maintenance_windows
            (source, covers_all, projects, tags, starts_at, ends_at, weekly, reason, created_by,
             created_at, updated_at)
        VALUES ($1, $2, $3::json, $4::json, $5, $6, $7::json, $8, $9, $10, $10)
        RETURNING id";
    const UPDATE: &str = "
        UPDATE maintenance_windows
        SET source = $1, covers_all = $2, projects = $3::json, tags = $4::json, starts_at = $5,
            ends_at = $6, weekly = $7::json, reason = $8,
            created_by = coalesce(created_by, $9), updated_at = $10
        WHERE id = $11
        RETURNING id";
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let json = |value: serde_json::Result<String>| value.map_err(PgError::failed);
    let projects: Vec<&str> = plan.projects.iter().map(Slug::as_str).collect();
    let tags: Vec<&str> = plan.tags.iter().collect();
    let weekly =
        plan.weekly.as_ref().map(|weekly| serde_json::to_string(&WeeklyRecord::from(weekly)));
    let query = diesel::sql_query(if id.is_some() { UPDATE } else { INSERT })
        .bind::<Text, _>(source.as_str())
        .bind::<Bool, _>(plan.all)
        .bind::<Text, _>(json(serde_json::to_string(&projects))?)
        .bind::<Text, _>(json(serde_json::to_string(&tags))?)
        .bind::<Timestamptz, _>(plan.from)
        .bind::<Nullable<Timestamptz>, _>(plan.until)
        .bind::<Nullable<Text>, _>(weekly.transpose().map_err(PgError::failed)?)
        .bind::<Text, _>(&plan.reason)
        .bind::<Text, _>(actor.as_str())
        .bind::<Timestamptz, _>(at);
    let stored: Id = match id {
        Some(id) => query.bind::<BigInt, _>(id).get_result(connection).await?,
        None => query.get_result(connection).await?,
    };
    Ok(stored.id)
}
