//! Removing a project.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Cause, Change, ChangeKind, Precondition, ProjectId, Slug, StoreError};
use time::OffsetDateTime;

use crate::change_log::{ChangeLog, Entry};
use crate::error::Fault;
use crate::row::{ProjectRow, StatusLabel};
use crate::schema::projects;

/// Removes the project of this slug, a corrupt row too where there is no condition. The caller has
/// begun a transaction.
pub(crate) async fn remove(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    only_if: &Precondition,
    at: OffsetDateTime,
) -> Result<Option<(ProjectId, Change)>, Fault> {
    let mut log = ChangeLog::lock(connection).await?;
    if *only_if != Precondition::Always {
        check(connection, slug, only_if).await?;
    }
    let removed: Option<(i64, StatusLabel)> =
        diesel::delete(projects::table.filter(projects::slug.eq(slug.as_str())))
            .returning((projects::id, projects::status))
            .get_result(connection)
            .await
            .optional()?;
    let Some((id, status)) = removed else { return Ok(None) };
    let change = log.note(Entry {
        slug,
        kind: ChangeKind::Removed,
        from: status.parse().ok(),
        to: None,
        at,
        cause: Cause::Operator,
    });
    log.write(connection).await?;
    Ok(Some((ProjectId(id), change)))
}

/// Locks the row, so that the condition goes on to hold.
async fn check(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    only_if: &Precondition,
) -> Result<(), Fault> {
    let row: Option<ProjectRow> = projects::table
        .filter(projects::slug.eq(slug.as_str()))
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_update()
        .get_result(connection)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(()) };
    let stored = row.parse().ok().map(|parsed| parsed.project);
    if only_if.holds(stored.as_ref()) {
        Ok(())
    } else {
        Err(StoreError::refused(slug, only_if, stored.as_ref()).into())
    }
}
