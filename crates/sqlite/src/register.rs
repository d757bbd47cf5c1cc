//! Creating projects and changing their metadata.

use diesel::prelude::*;
use federation_domain::{
    Cause, ChangeKind, HeartbeatInterval, Origin, Project, ProjectStatus, Registered, Registering,
    Registration, Slug, Source,
};
use time::OffsetDateTime;

use crate::change_log::{ChangeLog, Entry};
use crate::commit::reports_text;
use crate::error::Fault;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::timestamp::{as_kept, text_of};

/// Registers all, in their order. The caller has begun an immediate transaction.
pub(crate) fn register(
    connection: &mut SqliteConnection,
    registrations: &[Registering],
    by: Origin,
    at: OffsetDateTime,
) -> Result<Vec<Registered>, Fault> {
    let mut log = ChangeLog::begin(connection)?;
    let at = as_kept(at);
    let registered = registrations
        .iter()
        .map(|registration| {
            let (project, kind) = store(connection, registration, by, at)?;
            let note = |kind| log.note(connection, entry(&project, kind, by, at));
            let change = kind.map(note).transpose()?;
            Ok(Registered { project, change })
        })
        .collect::<Result<_, Fault>>()?;
    log.end(connection)?;
    Ok(registered)
}

fn entry(project: &Project, kind: ChangeKind, by: Origin, at: OffsetDateTime) -> Entry<'_> {
    let status = Some(project.status);
    Entry {
        slug: &project.slug,
        kind,
        from: if kind == ChangeKind::Registered { None } else { status },
        to: status,
        at,
        cause: Cause::Registered { by },
    }
}

/// Stores one, and says what kind of change that was, if any.
fn store(
    connection: &mut SqliteConnection,
    registering: &Registering,
    by: Origin,
    at: OffsetDateTime,
) -> Result<(Project, Option<ChangeKind>), Fault> {
    let row = find(connection, registering.slug())?;
    let found = row.as_ref().map(|row| row.clone().parse()).transpose();
    let readable = found.as_ref().ok().and_then(Option::as_ref).map(|parsed| &parsed.project);
    if !registering.may_meet(readable) {
        return Err(registering.refusal(readable).into());
    }
    let Some(row) = row else {
        let registration = registering.creates().ok_or_else(|| registering.refusal(None))?;
        return Ok((insert(connection, registration, at)?, Some(ChangeKind::Registered)));
    };
    let (mut project, is_whole) = match found {
        Ok(Some(parsed)) => (parsed.project, parsed.ignored.is_empty()),
        _ => {
            let at = text_of(at).map_err(Fault::failed)?;
            let row = row.with_stand_ins(registering.slug(), ProjectStatus::Offline, &at);
            (row.parse()?.project, false)
        }
    };
    // What was registered elsewhere meanwhile stays, and so does what does not parse.
    if by == Origin::Heartbeat || (is_whole && registering.is_met_by(&project)) {
        return Ok((project, None));
    }
    registering.apply_to(&mut project);
    project.updated_at = at;
    update(connection, &project)?;
    if !is_whole {
        mend(connection, &project)?;
    }
    Ok((project, Some(ChangeKind::Updated)))
}

/// The row of this slug.
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
    at: OffsetDateTime,
) -> Result<Project, Fault> {
    let at = text_of(at).map_err(Fault::failed)?;
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
        ))
        .returning(ProjectRow::as_returning())
        .get_result(connection)?;
    Ok(row.parse()?.project)
}

fn update(connection: &mut SqliteConnection, project: &Project) -> Result<(), Fault> {
    diesel::update(projects::table.find(project.id.0))
        .set((
            projects::name.eq(project.name.as_str()),
            projects::hub_url.eq(project.hub_url.as_str()),
            projects::mesh_namespace.eq(project.mesh_namespace.as_ref().map(AsRef::<str>::as_ref)),
            projects::tags.eq(json(&project.tags)?),
            projects::heartbeat_interval_ms.eq(project.heartbeat_interval.map(millis)),
            projects::allow_fanout.eq(json(&project.allow_fanout)?),
            projects::updated_at.eq(text_of(project.updated_at).map_err(Fault::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes what a registration does not replace, for a row that could not be read in full.
fn mend(connection: &mut SqliteConnection, project: &Project) -> Result<(), Fault> {
    let heard_at = project.last_heartbeat_at.map(text_of).transpose().map_err(Fault::failed)?;
    diesel::update(projects::table.find(project.id.0))
        .set((
            projects::status.eq(project.status.as_str()),
            projects::last_heartbeat_at.eq(heard_at),
            projects::last_heartbeat_source.eq(project.last_heartbeat_source.map(Source::as_str)),
            projects::reports.eq(reports_text(&project.reports).map_err(Fault::failed)?),
            projects::created_at.eq(text_of(project.created_at).map_err(Fault::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(Fault::failed)
}

fn millis(interval: HeartbeatInterval) -> i64 {
    i64::try_from(interval.get().as_millis()).unwrap_or(i64::MAX)
}
