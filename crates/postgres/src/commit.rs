//! Storing status transitions by compare-and-set.

use std::collections::{BTreeMap, BTreeSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    NewChange, Outcome, Placeholders, Project, ProjectId, Reports, Source, StoreError, Transition,
    Verdicts, to_micros,
};

use crate::change_log::column;
use crate::error::PgError;
use crate::load::report;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::unit_of_work::UnitOfWork;

/// Commits the transitions in their order. The caller has begun a transaction.
pub(crate) async fn commit(
    connection: &mut AsyncPgConnection,
    transitions: &[Transition],
) -> Result<Vec<Outcome>, PgError> {
    let mut unit = UnitOfWork::begin(connection).await?;
    let mut projects = lock_rows(unit.connection, transitions).await?;
    let held = held_by_others(unit.connection, transitions, &projects).await?;
    let mut touched = BTreeSet::new();
    let mut verdicts = Verdicts::new(transitions);
    let mut outcomes = Vec::with_capacity(transitions.len());
    for (place, transition) in transitions.iter().enumerate() {
        let Some(project) = projects.get_mut(&transition.project) else {
            let is_held = held.contains(&transition.project);
            outcomes.push(if is_held { Outcome::Locked } else { Outcome::Gone });
            continue;
        };
        if !verdicts.stands(place, project.status, project.last_heartbeat_at, project.updated_at) {
            outcomes.push(Outcome::Stale(Box::new(project.clone())));
            continue;
        }
        touched.insert(project.id);
        transition.apply_to(project);
        let change = NewChange::status_changed(&project.slug, transition);
        outcomes.push(Outcome::Accepted(change.map(|change| unit.log(change))));
    }
    projects.retain(|id, _| touched.contains(id));
    update(unit.connection, &projects.into_values().collect::<Vec<_>>()).await?;
    unit.finish().await?;
    Ok(outcomes)
}

/// Locks and reads the rows of the transitions, except those that another transaction holds. The
/// caller holds the lock of the log, so waiting for a row would hold up every other change.
async fn lock_rows(
    connection: &mut AsyncPgConnection,
    transitions: &[Transition],
) -> Result<BTreeMap<ProjectId, Project>, PgError> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::id.eq_any(column(transitions, |transition| transition.project.0)))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_no_key_update()
        .skip_locked()
        .load(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let project = project_of(row, transitions)?;
            Ok((project.id, project))
        })
        .collect()
}

/// Returns the projects that exist and are not among the locked ones.
async fn held_by_others(
    connection: &mut AsyncPgConnection,
    transitions: &[Transition],
    locked: &BTreeMap<ProjectId, Project>,
) -> Result<BTreeSet<ProjectId>, PgError> {
    let ids = transitions.iter().map(|transition| transition.project);
    let missing: BTreeSet<i64> = ids.filter(|id| !locked.contains_key(id)).map(|id| id.0).collect();
    if missing.is_empty() {
        return Ok(BTreeSet::new());
    }
    let held: Vec<i64> = projects::table
        .filter(projects::id.eq_any(missing))
        .select(projects::id)
        .load(connection)
        .await?;
    Ok(held.into_iter().map(ProjectId).collect())
}

/// A row that does not parse must neither block the other rows nor look like a removed one. Its
/// stand-in status is the one that the first transition expects, so an unreadable status rejects
/// nothing.
fn project_of(row: ProjectRow, transitions: &[Transition]) -> Result<Project, StoreError> {
    let first = transitions.iter().find(|transition| transition.project.0 == row.id);
    let record = row.into_record();
    let stored = match first {
        Some(Transition { slug, from, at, .. }) => {
            record.parse_with(&Placeholders { slug, status: *from, at: to_micros(*at) })?
        }
        None => record.parse()?,
    };
    stored.unreadable.iter().for_each(report);
    Ok(stored.project)
}

async fn update(connection: &mut AsyncPgConnection, touched: &[Project]) -> Result<(), PgError> {
    const UPDATE: &str = "
        UPDATE projects AS p
        SET status = u.status::project_status, reports = u.reports::json,
            last_heartbeat_at = u.heard_at, last_heartbeat_source = u.heard_by,
            updated_at = u.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS u (id, status, reports, heard_at, heard_by, updated_at)
        WHERE p.id = u.id";
    if touched.is_empty() {
        return Ok(());
    }
    let reports = touched
        .iter()
        .map(|project| reports_text(&project.reports))
        .collect::<Result<Vec<_>, _>>()
        .map_err(PgError::failed)?;
    diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(touched, |p| p.id.0))
        .bind::<Array<Text>, _>(column(touched, |p| p.status.as_str()))
        .bind::<Array<Nullable<Text>>, _>(reports)
        .bind::<Array<Nullable<Timestamptz>>, _>(column(touched, |p| p.last_heartbeat_at))
        .bind::<Array<Nullable<Text>>, _>(column(touched, |p| {
            p.last_heartbeat_source.map(Source::as_str)
        }))
        .bind::<Array<Timestamptz>, _>(column(touched, |p| p.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Serializes reported health. Returns NULL if the project is healthy, to keep the table readable.
pub(crate) fn reports_text(reports: &Reports) -> serde_json::Result<Option<String>> {
    reports.is_degraded().then(|| serde_json::to_string(reports)).transpose()
}
