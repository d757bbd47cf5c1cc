//! Removing a project.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Cause, Change, ChangeKind, ProjectId, Slug};
use time::OffsetDateTime;

use crate::change_log::{ChangeLog, Entry};
use crate::error::Fault;
use crate::row::StatusLabel;
use crate::schema::projects;

/// Removes the project of this slug, a corrupt row too. The caller has begun a transaction.
pub(crate) async fn remove(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    at: OffsetDateTime,
) -> Result<Option<(ProjectId, Change)>, Fault> {
    let mut log = ChangeLog::lock(connection).await?;
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
