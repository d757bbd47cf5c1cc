//! Storing checkpoints.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{HeartbeatMark, ProjectId};

use crate::change_log::column;
use crate::error::PgError;

/// Moves heartbeats forward and returns the projects whose rows another transaction holds.
///
/// This is a single statement, so that a process that is paused in between holds no lock.
pub(crate) async fn write_heartbeats(
    connection: &mut AsyncPgConnection,
    marks: &[HeartbeatMark],
) -> Result<Vec<ProjectId>, PgError> {
    // The last part sees the rows as they were before the statement.
    const UPDATE: &str = "
        WITH heard AS MATERIALIZED (
            SELECT * FROM unnest($1, $2, $3, $4) AS h (id, at, source, lacking_before)
        ), locked AS MATERIALIZED (
            SELECT p.id FROM heard AS h JOIN projects AS p USING (id)
            WHERE p.last_heartbeat_at IS NULL OR p.last_heartbeat_at < h.lacking_before
            ORDER BY p.id
            FOR NO KEY UPDATE OF p SKIP LOCKED
        ), stored AS (
            UPDATE projects AS p
            SET last_heartbeat_at = h.at, last_heartbeat_source = h.source
            FROM heard AS h JOIN locked USING (id)
            WHERE p.id = h.id
            RETURNING p.id
        )
        SELECT p.id FROM heard AS h JOIN projects AS p USING (id)
        WHERE (p.last_heartbeat_at IS NULL OR p.last_heartbeat_at < h.lacking_before)
          AND p.id NOT IN (SELECT s.id FROM stored AS s)";
    let marks = newest_of_each(marks);
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let skipped: Vec<Skipped> = diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(&marks, |mark| mark.project.0))
        .bind::<Array<Timestamptz>, _>(column(&marks, |mark| mark.at))
        .bind::<Array<Text>, _>(column(&marks, |mark| mark.source.as_str()))
        .bind::<Array<Timestamptz>, _>(column(&marks, HeartbeatMark::lacking_before))
        .load(connection)
        .await?;
    Ok(skipped.into_iter().map(|row| ProjectId(row.id)).collect())
}

#[derive(QueryableByName)]
struct Skipped {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Returns the newest mark of each project, ordered by id. Given two marks for a row, the statement
/// would use an arbitrary one.
fn newest_of_each(marks: &[HeartbeatMark]) -> Vec<HeartbeatMark> {
    let mut newest: BTreeMap<ProjectId, HeartbeatMark> = BTreeMap::new();
    for mark in marks {
        let known = newest.entry(mark.project).or_insert(*mark);
        if mark.at > known.at {
            *known = *mark;
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::Source;
    use time::OffsetDateTime;

    #[test]
    fn marks_are_reduced_to_the_newest_of_each_project_by_id() {
        let mark = |project, seconds| HeartbeatMark {
            project: ProjectId(project),
            at: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds),
            source: Source::Nats,
            tolerance: std::time::Duration::ZERO,
        };
        let newest = newest_of_each(&[mark(2, 1), mark(1, 5), mark(2, 3), mark(2, 2)]);
        assert_eq!(newest, [mark(1, 5), mark(2, 3)]);
    }
}
