//! Storing transitions of status, by compare-and-set.

use diesel::prelude::*;
use federation_domain::{ChangeKind, Outcome, Project, Reports, Source, Transition, Verdicts};

use crate::change_log::{ChangeLog, Entry};
use crate::error::Fault;
use crate::load::report;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::timestamp::{as_kept, text_of};

/// Commits all, in their order. The caller has begun an immediate transaction.
pub(crate) fn commit(
    connection: &mut SqliteConnection,
    transitions: &[Transition],
) -> Result<Vec<Outcome>, Fault> {
    let mut log = ChangeLog::begin(connection)?;
    let mut verdicts = Verdicts::new(transitions);
    let outcomes = transitions
        .iter()
        .enumerate()
        .map(|(place, transition)| {
            let stands = |project: &Project| {
                let Project { status, last_heartbeat_at, updated_at, .. } = *project;
                verdicts.stands(place, status, last_heartbeat_at, updated_at)
            };
            apply(connection, transition, stands, &mut log)
        })
        .collect::<Result<_, Fault>>()?;
    log.end(connection)?;
    Ok(outcomes)
}

fn apply(
    connection: &mut SqliteConnection,
    transition: &Transition,
    stands: impl FnOnce(&Project) -> bool,
    log: &mut ChangeLog,
) -> Result<Outcome, Fault> {
    let row: Option<ProjectRow> = projects::table
        .find(transition.project.0)
        .select(ProjectRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(Outcome::Gone) };
    // A row that does not parse must neither hold up the others for ever nor pass for a removed one.
    let parsed = row.clone().parse().or_else(|fault| {
        report(&fault);
        let at = text_of(transition.at).map_err(Fault::failed)?;
        // A status that cannot be read objects to nothing.
        let row = row.with_stand_ins(&transition.slug, transition.from, &at);
        row.parse().map_err(Fault::from)
    })?;
    let project = parsed.project;
    if !stands(&project) {
        return Ok(Outcome::Stale(Box::new(project)));
    }
    update(connection, transition, &project)?;
    if transition.to == transition.from {
        return Ok(Outcome::Accepted(None));
    }
    let entry = Entry {
        slug: &project.slug,
        kind: ChangeKind::StatusChanged,
        from: Some(transition.from),
        to: Some(transition.to),
        at: transition.at,
        cause: transition.cause.clone(),
    };
    Ok(Outcome::Accepted(Some(log.note(connection, entry)?)))
}

fn update(
    connection: &mut SqliteConnection,
    transition: &Transition,
    stored: &Project,
) -> Result<(), Fault> {
    let heard = transition.last_heartbeat_at.map(as_kept);
    let (heard_at, heard_by) = if heard > stored.last_heartbeat_at {
        (heard, transition.last_heartbeat_source)
    } else {
        (stored.last_heartbeat_at, stored.last_heartbeat_source)
    };
    let updated_at =
        if transition.to == transition.from { stored.updated_at } else { transition.at };
    diesel::update(projects::table.find(stored.id.0))
        .set((
            projects::status.eq(transition.to.as_str()),
            projects::reports.eq(reports_text(&transition.reports).map_err(Fault::failed)?),
            projects::last_heartbeat_at
                .eq(heard_at.map(text_of).transpose().map_err(Fault::failed)?),
            projects::last_heartbeat_source.eq(heard_by.map(Source::as_str)),
            projects::updated_at.eq(text_of(updated_at).map_err(Fault::failed)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// NULL where the project reports nothing, for those who read the table.
pub(crate) fn reports_text(reports: &Reports) -> serde_json::Result<Option<String>> {
    reports.is_degraded().then(|| serde_json::to_string(reports)).transpose()
}
