//! The state that the evaluators share.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Epoch, EvaluatorClaim, EvaluatorState, IncidentId, IncidentsVersion, LogPosition, Revision,
};

use crate::error::PgError;
use crate::schema::incident_state;

const THE_ROW: i16 = 1;

/// Reads the state as the transaction sees it.
pub(super) async fn read(connection: &mut AsyncPgConnection) -> Result<EvaluatorState, PgError> {
    type Row = (i64, i64, Option<String>, Option<i64>);
    let columns = (
        incident_state::next_id,
        incident_state::version,
        incident_state::cursor_epoch,
        incident_state::cursor_revision,
    );
    let (next_id, version, epoch, revision): Row =
        incident_state::table.find(THE_ROW).select(columns).get_result(connection).await?;
    let epoch = epoch.as_deref().and_then(Epoch::parse);
    let cursor = epoch.zip(revision);
    Ok(EvaluatorState {
        next_id: IncidentId(next_id),
        version: IncidentsVersion(version),
        cursor: cursor.map(|(epoch, at)| LogPosition { epoch, revision: Revision(at) }),
    })
}

/// Claims the evaluation, if no other replica has claimed it.
pub(crate) async fn claim(
    connection: &mut AsyncPgConnection,
    claim: &EvaluatorClaim,
) -> Result<Option<EvaluatorState>, PgError> {
    const CLAIM: &str = "
        UPDATE incident_state SET owner = $1, claimed_until = $2
        WHERE owner IS NULL OR owner = $1 OR claimed_until IS NULL OR claimed_until <= $3";
    let claimed = diesel::sql_query(CLAIM)
        .bind::<Text, _>(&claim.owner)
        .bind::<Timestamptz, _>(claim.until)
        .bind::<Timestamptz, _>(claim.now)
        .execute(connection)
        .await?;
    if claimed == 0 { Ok(None) } else { read(connection).await.map(Some) }
}

/// Gives a claim back.
pub(crate) async fn release(
    connection: &mut AsyncPgConnection,
    owner: &str,
) -> Result<(), PgError> {
    const RELEASE: &str =
        "UPDATE incident_state SET owner = NULL, claimed_until = NULL WHERE owner = $1";
    diesel::sql_query(RELEASE).bind::<Text, _>(owner).execute(connection).await?;
    Ok(())
}

/// Advances the version, and the number of the next incident and the cursor if an evaluator wrote.
pub(super) async fn advance(
    connection: &mut AsyncPgConnection,
    evaluated: Option<(IncidentId, LogPosition)>,
) -> Result<(), PgError> {
    const ADVANCE: &str = "
        UPDATE incident_state
        SET version = version + 1, next_id = COALESCE($1, next_id),
            cursor_epoch = COALESCE($2, cursor_epoch),
            cursor_revision = COALESCE($3, cursor_revision)";
    diesel::sql_query(ADVANCE)
        .bind::<Nullable<BigInt>, _>(evaluated.map(|(next, _)| next.0))
        .bind::<Nullable<Text>, _>(evaluated.map(|(_, cursor)| cursor.epoch.to_string()))
        .bind::<Nullable<BigInt>, _>(evaluated.map(|(_, cursor)| cursor.revision.0))
        .execute(connection)
        .await?;
    Ok(())
}
