//! Storing status transitions by compare-and-set.

use diesel::prelude::*;
use federation_domain::{
    NewChange, Outcome, Placeholders, Project, Reports, Source, Transition, Verdicts, to_micros,
};

use crate::error::SqliteError;
use crate::load::report;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::timestamp::text_of;
use crate::unit_of_work::UnitOfWork;

/// Commits the transitions in their order. The caller has begun an immediate transaction.
pub(crate) fn commit(
    connection: &mut SqliteConnection,
    transitions: &[Transition],
) -> Result<Vec<Outcome>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    let mut verdicts = Verdicts::new(transitions);
    let mut outcomes = Vec::with_capacity(transitions.len());
    for (place, transition) in transitions.iter().enumerate() {
        let Some(mut project) = find(unit.connection, transition)? else {
            outcomes.push(Outcome::Gone);
            continue;
        };
        if !verdicts.stands(place, project.status, project.last_heartbeat_at, project.updated_at) {
            outcomes.push(Outcome::Stale(Box::new(project)));
            continue;
        }
        transition.apply_to(&mut project);
        update(unit.connection, &project)?;
        let change = NewChange::status_changed(&project.slug, transition);
        outcomes.push(Outcome::Accepted(change.map(|change| unit.log(change)).transpose()?));
    }
    unit.finish()?;
    Ok(outcomes)
}

/// Reads the row of a transition.
///
/// A row that does not parse must neither block the other rows nor look like a removed one. Its
/// stand-in status is the one that the transition expects, so an unreadable status rejects nothing.
fn find(
    connection: &mut SqliteConnection,
    transition: &Transition,
) -> Result<Option<Project>, SqliteError> {
    let row: Option<ProjectRow> = projects::table
        .find(transition.project.0)
        .select(ProjectRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let Transition { slug, from, at, .. } = transition;
    let stand_ins = Placeholders { slug, status: *from, at: to_micros(*at) };
    let stored = row.into_record().parse_with(&stand_ins)?;
    stored.unreadable.iter().for_each(report);
    Ok(Some(stored.project))
}

fn update(connection: &mut SqliteConnection, project: &Project) -> Result<(), SqliteError> {
    let heard_at = project.last_heartbeat_at.map(text_of).transpose();
    diesel::update(projects::table.find(project.id.0))
        .set((
            projects::status.eq(project.status.as_str()),
            projects::reports.eq(reports_text(&project.reports).map_err(SqliteError::failed)?),
            projects::last_heartbeat_at.eq(heard_at.map_err(SqliteError::failed)?),
            projects::last_heartbeat_source.eq(project.last_heartbeat_source.map(Source::as_str)),
            projects::updated_at.eq(text_of(project.updated_at).map_err(SqliteError::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// Serializes reported health. Returns NULL if the project is healthy, to keep the table readable.
pub(crate) fn reports_text(reports: &Reports) -> serde_json::Result<Option<String>> {
    reports.is_degraded().then(|| serde_json::to_string(reports)).transpose()
}
