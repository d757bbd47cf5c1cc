//! The state that the evaluators share.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use federation_domain::{
    Epoch, EvaluatorClaim, EvaluatorState, IncidentId, IncidentsVersion, LogPosition, Revision,
};

use crate::error::SqliteError;
use crate::schema::incident_state;
use crate::timestamp::text_of;

const THE_ROW: i64 = 1;

/// Reads the state as the transaction sees it.
pub(super) fn read(connection: &mut SqliteConnection) -> Result<EvaluatorState, SqliteError> {
    type Row = (i64, i64, Option<String>, Option<i64>);
    let columns = (
        incident_state::next_id,
        incident_state::version,
        incident_state::cursor_epoch,
        incident_state::cursor_revision,
    );
    let (next_id, version, epoch, revision): Row =
        incident_state::table.find(THE_ROW).select(columns).get_result(connection)?;
    let epoch = epoch.as_deref().and_then(Epoch::parse);
    let cursor = epoch.zip(revision);
    Ok(EvaluatorState {
        next_id: IncidentId(next_id),
        version: IncidentsVersion(version),
        cursor: cursor.map(|(epoch, at)| LogPosition { epoch, revision: Revision(at) }),
    })
}

/// Claims the evaluation, if no other process has claimed it. The caller has begun a transaction.
pub(crate) fn claim(
    connection: &mut SqliteConnection,
    claim: &EvaluatorClaim,
) -> Result<Option<EvaluatorState>, SqliteError> {
    const CLAIM: &str = "
        UPDATE incident_state SET owner = ?1, claimed_until = ?2
        WHERE owner IS NULL OR owner = ?1 OR claimed_until IS NULL OR claimed_until <= ?3";
    let claimed = diesel::sql_query(CLAIM)
        .bind::<Text, _>(&claim.owner)
        .bind::<Text, _>(text_of(claim.until).map_err(SqliteError::failed)?)
        .bind::<Text, _>(text_of(claim.now).map_err(SqliteError::failed)?)
        .execute(connection)?;
    if claimed == 0 { Ok(None) } else { read(connection).map(Some) }
}

/// Gives a claim back.
pub(crate) fn release(connection: &mut SqliteConnection, owner: &str) -> Result<(), SqliteError> {
    const RELEASE: &str =
        "UPDATE incident_state SET owner = NULL, claimed_until = NULL WHERE owner = ?";
    diesel::sql_query(RELEASE).bind::<Text, _>(owner).execute(connection)?;
    Ok(())
}

/// Advances the version, and the number of the next incident and the cursor if an evaluator wrote.
pub(super) fn advance(
    connection: &mut SqliteConnection,
    evaluated: Option<(IncidentId, LogPosition)>,
) -> Result<(), SqliteError> {
    const ADVANCE: &str = "
        UPDATE incident_state
        SET version = version + 1, next_id = COALESCE(?, next_id),
            cursor_epoch = COALESCE(?, cursor_epoch),
            cursor_revision = COALESCE(?, cursor_revision)";
    diesel::sql_query(ADVANCE)
        .bind::<Nullable<BigInt>, _>(evaluated.map(|(next, _)| next.0))
        .bind::<Nullable<Text>, _>(evaluated.map(|(_, cursor)| cursor.epoch.to_string()))
        .bind::<Nullable<BigInt>, _>(evaluated.map(|(_, cursor)| cursor.revision.0))
        .execute(connection)?;
    Ok(())
}
