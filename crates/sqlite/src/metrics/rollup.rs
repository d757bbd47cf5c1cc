//! The day up to which runs are rolled up.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::error::SqliteError;

/// Days in this form sort chronologically.
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

#[derive(QueryableByName)]
struct Rollup {
    #[diesel(sql_type = Text)]
    rolled_until: String,
}

/// Reads the day. One that another program broke counts as absent.
pub(crate) fn until(connection: &mut SqliteConnection) -> Result<Option<Date>, SqliteError> {
    let read = sql_query("SELECT rolled_until FROM metric_rollup").get_result::<Rollup>(connection);
    Ok(read.optional()?.and_then(|rollup| Date::parse(&rollup.rolled_until, DAY).ok()))
}

/// Moves the day forward.
pub(crate) fn mark(connection: &mut SqliteConnection, day: Date) -> Result<(), SqliteError> {
    const MARK: &str = "
        INSERT INTO metric_rollup AS r (id, rolled_until) VALUES (1, ?1)
        ON CONFLICT (id) DO UPDATE SET rolled_until = excluded.rolled_until
        WHERE r.rolled_until < excluded.rolled_until";
    let day = day.format(DAY).map_err(SqliteError::failed)?;
    sql_query(MARK).bind::<Text, _>(day).execute(connection)?;
    Ok(())
}
