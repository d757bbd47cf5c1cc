//! Creating projects and changing their metadata.

use diesel::prelude::*;
use federation_domain::{
    Decision, HeartbeatInterval, NewChange, Origin, Placeholders, Project, ProjectStatus,
    Registered, Registration, RegistrationWrite, Slug, Source, StoredProject, to_micros,
};
use time::OffsetDateTime;

use crate::commit::reports_text;
use crate::error::SqliteError;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::timestamp::text_of;
use crate::unit_of_work::UnitOfWork;

/// Applies the writes in their order. The caller has begun an immediate transaction.
pub(crate) fn register(
    connection: &mut SqliteConnection,
    writes: &[RegistrationWrite],
    by: Origin,
    at: OffsetDateTime,
) -> Result<Vec<Registered>, SqliteError> {
    let at = to_micros(at);
    let mut unit = UnitOfWork::begin(connection)?;
    let registered = writes
        .iter()
        .map(|write| {
            apply(&mut unit, write, by, at).map_err(|error| error.of_project(write.slug()))
        })
        .collect::<Result<_, SqliteError>>()?;
    unit.finish()?;
    Ok(registered)
}

fn apply(
    unit: &mut UnitOfWork<'_>,
    write: &RegistrationWrite,
    by: Origin,
    at: OffsetDateTime,
) -> Result<Registered, SqliteError> {
    let stored = find(unit.connection, write.slug())?
        .map(|row| stored(row, write.slug(), at))
        .transpose()?;
    match write.decide(stored.as_ref(), by, at)? {
        Decision::Create(registration) => {
            let project = insert(unit.connection, registration, by, at)?;
            let change = unit.log(NewChange::registered(&project, by, &write.actor(by), at))?;
            Ok(Registered { project, change: Some(change) })
        }
        Decision::Keep(project) => Ok(Registered { project, change: None }),
        Decision::Update { project, repairs } => {
            update(unit.connection, &project)?;
            if repairs {
                repair(unit.connection, &project)?;
            }
            let change = unit.log(NewChange::updated(&project, by, &write.actor(by), at))?;
            Ok(Registered { project, change: Some(change) })
        }
    }
}

fn stored(row: ProjectRow, slug: &Slug, at: OffsetDateTime) -> Result<StoredProject, SqliteError> {
    let stand_ins = Placeholders { slug, status: ProjectStatus::Offline, at };
    Ok(row.into_record().parse_with(&stand_ins)?)
}

/// Returns the row of this slug.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    slug: &Slug,
) -> QueryResult<Option<ProjectRow>> {
    projects::table
        .filter(projects::slug.eq(slug.as_str()))
        .select(ProjectRow::as_select())
        .first(connection)
        .optional()
}

fn insert(
    connection: &mut SqliteConnection,
    registration: &Registration,
    by: Origin,
    at: OffsetDateTime,
) -> Result<Project, SqliteError> {
    let at = text_of(at).map_err(SqliteError::failed)?;
    let allow_fanout = registration.allow_fanout.clone().unwrap_or_default();
    let row: ProjectRow = diesel::insert_into(projects::table)
        .values((
            projects::slug.eq(registration.slug.as_str()),
            projects::name.eq(registration.name.as_str()),
            projects::hub_url.eq(registration.hub_url.as_str()),
            projects::mesh_namespace.eq(registration.mesh_namespace.as_str()),
            projects::status.eq(ProjectStatus::Offline.as_str()),
            projects::tags.eq(json(&registration.tags)?),
            projects::created_at.eq(&at),
            projects::updated_at.eq(&at),
            projects::heartbeat_interval_ms.eq(registration.heartbeat_interval.map(millis)),
            projects::allow_fanout.eq(json(&allow_fanout)?),
            projects::auto_registered.eq(i64::from(by == Origin::Heartbeat)),
        ))
        .returning(ProjectRow::as_returning())
        .get_result(connection)?;
    Ok(row.into_record().parse()?.project)
}

fn update(connection: &mut SqliteConnection, project: &Project) -> Result<(), SqliteError> {
    diesel::update(projects::table.find(project.id.0))
        .set((
            projects::name.eq(project.name.as_str()),
            projects::hub_url.eq(project.hub_url.as_str()),
            projects::mesh_namespace.eq(project.mesh_namespace.as_ref().map(AsRef::<str>::as_ref)),
            projects::tags.eq(json(&project.tags)?),
            projects::heartbeat_interval_ms.eq(project.heartbeat_interval.map(millis)),
            projects::allow_fanout.eq(json(&project.allow_fanout)?),
            projects::updated_at.eq(text_of(project.updated_at).map_err(SqliteError::failed)?),
            projects::auto_registered.eq(i64::from(project.auto_registered)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes the columns that a registration does not set, for a row that did not parse completely.
fn repair(connection: &mut SqliteConnection, project: &Project) -> Result<(), SqliteError> {
    let heard_at =
        project.last_heartbeat_at.map(text_of).transpose().map_err(SqliteError::failed)?;
    diesel::update(projects::table.find(project.id.0))
        .set((
            projects::status.eq(project.status.as_str()),
            projects::last_heartbeat_at.eq(heard_at),
            projects::last_heartbeat_source.eq(project.last_heartbeat_source.map(Source::as_str)),
            projects::reports.eq(reports_text(&project.reports).map_err(SqliteError::failed)?),
            projects::created_at.eq(text_of(project.created_at).map_err(SqliteError::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, SqliteError> {
    serde_json::to_string(value).map_err(SqliteError::failed)
}

fn millis(interval: HeartbeatInterval) -> i64 {
    i64::try_from(interval.get().as_millis()).unwrap_or(i64::MAX)
}
