//! Removing a project.

use diesel::prelude::*;
use federation_domain::{Actor, Change, NewChange, Precondition, ProjectId, ProjectStatus, Slug};
use time::OffsetDateTime;

use crate::error::SqliteError;
use crate::instances;
use crate::register::find;
use crate::schema::projects;
use crate::unit_of_work::UnitOfWork;

/// Removes the project with this slug. Without a precondition, a row that does not parse is removed
/// too. The caller has begun an immediate transaction.
pub(crate) fn remove(
    connection: &mut SqliteConnection,
    slug: &Slug,
    only_if: &Precondition,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Option<(ProjectId, Change)>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    let Some(row) = find(unit.connection, slug)? else { return Ok(None) };
    let (id, status) = (row.id, ProjectStatus::parse(&row.status).ok());
    let stored = row.into_record().parse().ok();
    only_if.check(slug, stored.as_ref().and_then(|stored| stored.readable()))?;
    diesel::delete(projects::table.find(id)).execute(unit.connection)?;
    instances::remove(unit.connection, id)?;
    let change = unit.log(NewChange::removed(slug, status, actor, at))?;
    unit.finish()?;
    Ok(Some((ProjectId(id), change)))
}
