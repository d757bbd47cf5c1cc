//! Storing transitions of status, by compare-and-set.

use std::collections::{BTreeMap, BTreeSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Change, ChangeKind, Outcome, Project, ProjectId, Reports, Source, StoreError, Transition,
    Verdicts,
};

use crate::change_log::{ChangeLog, Entry, column};
use crate::error::Fault;
use crate::load::report;
use crate::row::{ProjectRow, as_kept};
use crate::schema::projects;

/// Commits all, in their order. The caller has begun a transaction.
pub(crate) async fn commit(
    connection: &mut AsyncPgConnection,
    transitions: &[Transition],
) -> Result<Vec<Outcome>, Fault> {
    let mut log = ChangeLog::lock(connection).await?;
    let mut projects = lock_rows(connection, transitions).await?;
    let mut touched = BTreeSet::new();
    let mut verdicts = Verdicts::new(transitions);
    let mut stands = |place, project: &Project| {
        let Project { status, last_heartbeat_at, updated_at, .. } = *project;
        verdicts.stands(place, status, last_heartbeat_at, updated_at)
    };
    let outcomes = transitions
        .iter()
        .enumerate()
        .map(|(place, transition)| match projects.get_mut(&transition.project) {
            None => Outcome::Gone,
            Some(project) if stands(place, project) => {
                touched.insert(project.id);
                Outcome::Accepted(apply(transition, project, &mut log))
            }
            Some(project) => Outcome::Stale(Box::new(project.clone())),
        })
        .collect();
    projects.retain(|id, _| touched.contains(id));
    update(connection, &projects.into_values().collect::<Vec<_>>()).await?;
    log.write(connection).await?;
    Ok(outcomes)
}

/// Changes the project as the transition says; the change, where its status does.
fn apply(transition: &Transition, project: &mut Project, log: &mut ChangeLog) -> Option<Change> {
    let heard = transition.last_heartbeat_at.map(as_kept);
    if heard > project.last_heartbeat_at {
        project.last_heartbeat_at = heard;
        project.last_heartbeat_source = transition.last_heartbeat_source;
    }
    project.reports = transition.reports.clone();
    if transition.to == transition.from {
        return None;
    }
    project.status = transition.to;
    project.updated_at = as_kept(transition.at);
    Some(log.note(Entry {
        slug: &project.slug,
        kind: ChangeKind::StatusChanged,
        from: Some(transition.from),
        to: Some(transition.to),
        at: transition.at,
        cause: transition.cause.clone(),
    }))
}

/// The projects of the transitions, as far as there are any.
async fn lock_rows(
    connection: &mut AsyncPgConnection,
    transitions: &[Transition],
) -> Result<BTreeMap<ProjectId, Project>, Fault> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::id.eq_any(column(transitions, |transition| transition.project.0)))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_no_key_update()
        .load(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let project = project_of(row, transitions)?;
            Ok((project.id, project))
        })
        .collect()
}

/// A row that does not parse must neither hold up the others for ever nor pass for a removed one.
fn project_of(row: ProjectRow, transitions: &[Transition]) -> Result<Project, StoreError> {
    let parsed = row.clone().parse().or_else(|fault| {
        report(&fault);
        let first = transitions.iter().find(|transition| transition.project.0 == row.id);
        let Some(Transition { slug, from, at, .. }) = first else { return Err(fault) };
        // A status that cannot be read objects to nothing.
        row.with_stand_ins(slug, *from, *at).parse()
    })?;
    Ok(parsed.project)
}

async fn update(connection: &mut AsyncPgConnection, touched: &[Project]) -> Result<(), Fault> {
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
        .map_err(Fault::failed)?;
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

/// NULL where the project reports nothing, for those who read the table.
pub(crate) fn reports_text(reports: &Reports) -> serde_json::Result<Option<String>> {
    reports.is_degraded().then(|| serde_json::to_string(reports)).transpose()
}
