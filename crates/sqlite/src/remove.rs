//! Removing a project.

use diesel::prelude::*;
use federation_domain::{
    Cause, Change, ChangeKind, Precondition, ProjectId, ProjectStatus, Slug, StoreError,
};
use time::OffsetDateTime;

use crate::change_log::{ChangeLog, Entry};
use crate::error::Fault;
use crate::register::find;
use crate::schema::projects;

/// Removes the project of this slug, a corrupt row too where there is no condition. The caller has
/// begun an immediate transaction.
pub(crate) fn remove(
    connection: &mut SqliteConnection,
    slug: &Slug,
    only_if: &Precondition,
    at: OffsetDateTime,
) -> Result<Option<(ProjectId, Change)>, Fault> {
    let mut log = ChangeLog::begin(connection)?;
    let Some(row) = find(connection, slug)? else { return Ok(None) };
    let (id, status) = (row.id, ProjectStatus::parse(&row.status).ok());
    let stored = row.parse().ok().map(|parsed| parsed.project);
    if !only_if.holds(stored.as_ref()) {
        return Err(StoreError::refused(slug, only_if, stored.as_ref()).into());
    }
    diesel::delete(projects::table.find(id)).execute(connection)?;
    let entry = Entry {
        slug,
        kind: ChangeKind::Removed,
        from: status,
        to: None,
        at,
        cause: Cause::Operator,
    };
    let change = log.note(connection, entry)?;
    log.end(connection)?;
    Ok(Some((ProjectId(id), change)))
}
