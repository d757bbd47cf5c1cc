//! Removing a project.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Actor, Change, NewChange, Precondition, ProjectId, Slug};
use time::OffsetDateTime;

use crate::error::PgError;
use crate::instances;
use crate::row::{ProjectRow, StatusLabel};
use crate::schema::projects;
use crate::unit_of_work::UnitOfWork;

/// Removes the project with this slug. Without a precondition, a row that does not parse is removed
/// too. The caller has begun a transaction.
pub(crate) async fn remove(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    only_if: &Precondition,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Option<(ProjectId, Change)>, PgError> {
    let mut unit = UnitOfWork::begin(connection).await?;
    if *only_if != Precondition::Always {
        check(unit.connection, slug, only_if).await?;
    }
    let removed: Option<(i64, StatusLabel)> =
        diesel::delete(projects::table.filter(projects::slug.eq(slug.as_str())))
            .returning((projects::id, projects::status))
            .get_result(unit.connection)
            .await
            .optional()?;
    let Some((id, status)) = removed else { return Ok(None) };
    instances::remove(unit.connection, id).await?;
    let change = unit.log(NewChange::removed(slug, status.parse().ok(), actor, at));
    unit.finish().await?;
    Ok(Some((ProjectId(id), change)))
}

/// Locks the row, so that the precondition still holds when it is deleted.
async fn check(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    only_if: &Precondition,
) -> Result<(), PgError> {
    let row: Option<ProjectRow> = projects::table
        .filter(projects::slug.eq(slug.as_str()))
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_update()
        .get_result(connection)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(()) };
    let stored = row.into_record().parse().ok();
    Ok(only_if.check(slug, stored.as_ref().and_then(|stored| stored.readable()))?)
}
