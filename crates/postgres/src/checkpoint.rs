//! Storing checkpoints.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Checkpoint, HeartbeatMark, ProjectId};

use crate::change_log::column;
use crate::error::PgError;
use crate::listening_periods;

/// Moves heartbeats forward and joins listening periods, in four statements for any number of
/// heartbeats. The caller has begun a transaction.
pub(crate) async fn checkpoint(
    connection: &mut AsyncPgConnection,
    checkpoint: &Checkpoint,
) -> Result<(), PgError> {
    let newest = newest_of_each(&checkpoint.heartbeats);
    if !newest.is_empty() {
        write_heartbeats(connection, &newest).await?;
    }
    // This is the last lock that the transaction takes, so its holder never waits for another one.
    if !checkpoint.listening_periods.is_empty() {
        listening_periods::join(connection, &checkpoint.listening_periods).await?;
    }
    Ok(())
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

async fn write_heartbeats(
    connection: &mut AsyncPgConnection,
    marks: &[HeartbeatMark],
) -> Result<(), PgError> {
    // All rows are locked in the order of their ids before one is updated; see the crate docs.
    const UPDATE: &str = "
        WITH heard AS MATERIALIZED (
            SELECT * FROM unnest($1, $2, $3) AS h (id, at, source)
        ), locked AS MATERIALIZED (
            SELECT id FROM projects WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE projects AS p
        SET last_heartbeat_at = heard.at, last_heartbeat_source = heard.source
        FROM heard JOIN locked USING (id)
        WHERE p.id = heard.id
          AND (p.last_heartbeat_at IS NULL OR p.last_heartbeat_at < heard.at)";
    diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(marks, |mark| mark.project.0))
        .bind::<Array<Timestamptz>, _>(column(marks, |mark| mark.at))
        .bind::<Array<Text>, _>(column(marks, |mark| mark.source.as_str()))
        .execute(connection)
        .await?;
    Ok(())
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
        };
        let newest = newest_of_each(&[mark(2, 1), mark(1, 5), mark(2, 3), mark(2, 2)]);
        assert_eq!(newest, [mark(1, 5), mark(2, 3)]);
    }
}
