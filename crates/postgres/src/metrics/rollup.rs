//! The day up to which runs are rolled up.

use diesel::sql_types::Date as SqlDate;
use diesel::{OptionalExtension as _, QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use time::Date;

use crate::error::PgError;

#[derive(QueryableByName)]
struct Rollup {
    #[diesel(sql_type = SqlDate)]
    rolled_until: Date,
}

/// Reads the day.
pub(crate) async fn until(connection: &mut AsyncPgConnection) -> Result<Option<Date>, PgError> {
    let read = sql_query("SELECT rolled_until FROM metric_rollup").get_result::<Rollup>(connection);
    Ok(read.await.optional()?.map(|rollup| rollup.rolled_until))
}

/// Moves the day forward.
pub(crate) async fn mark(connection: &mut AsyncPgConnection, day: Date) -> Result<(), PgError> {
    const MARK: &str = "
        INSERT INTO metric_rollup AS r (rolled_until) VALUES ($1)
        ON CONFLICT (id) DO UPDATE SET rolled_until = excluded.rolled_until
        WHERE r.rolled_until < excluded.rolled_until";
    sql_query(MARK).bind::<SqlDate, _>(day).execute(connection).await?;
    Ok(())
}
