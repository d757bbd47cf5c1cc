//! Partitions of the tables of metrics: one for each UTC day, and for each month of the coarsest tier.

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use federation_domain::Tier;
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::table;
use crate::error::PgError;

/// Creates and drops one at a time, also if several replicas do it. The number is arbitrary but must
/// not change.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7237094217002)";

/// A statement that waits for a lock on the table makes later ones wait behind it.
const WAIT_BRIEFLY: &str = "SET LOCAL lock_timeout = '500ms'";

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Ending of the name of a partition: its first day.
const ENDING: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

/// Returns the first day of the partition that a day is in.
pub(crate) fn first_day(tier: Tier, day: Date) -> Date {
    if tier == Tier::Hour { day.replace_day(1).unwrap_or(day) } else { day }
}

/// Returns the first day after the partition that begins with a day.
fn next_first_day(tier: Tier, day: Date) -> Date {
    let days = if tier == Tier::Hour { i64::from(day.month().length(day.year())) } else { 1 };
    day.checked_add(time::Duration::days(days)).unwrap_or(Date::MAX)
}

/// A partition of a table.
#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Creates these partitions if they do not exist. The caller has begun a transaction.
pub(crate) async fn create(
    connection: &mut AsyncPgConnection,
    partitions: &[(Tier, Date)],
) -> Result<(), PgError> {
    connection.batch_execute(LOCK).await?;
    connection.batch_execute(WAIT_BRIEFLY).await?;
    for (tier, day) in partitions {
        let (table, ending) = (table(*tier), text(*day, ENDING)?);
        let (from, to) = (text(*day, DAY)?, text(next_first_day(*tier, *day), DAY)?);
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table}_{ending} PARTITION OF {table}
             FOR VALUES FROM ('{from} 00:00+00') TO ('{to} 00:00+00')"
        );
        connection.batch_execute(&create).await?;
    }
    Ok(())
}

/// Drops the partitions of a tier that begin before a day. The caller has begun a transaction.
pub(crate) async fn drop_before(
    connection: &mut AsyncPgConnection,
    tier: Tier,
    first_kept: Date,
) -> Result<(), PgError> {
    const PARTITIONS: &str = "
        SELECT c.relname::text AS name
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = $1::text::regclass";
    let table = table(tier);
    let partitions: Vec<Partition> =
        sql_query(PARTITIONS).bind::<Text, _>(table).load(connection).await?;
    let day_of = |name: &str| {
        let ending = name.strip_prefix(table)?.strip_prefix('_')?;
        Date::parse(ending, ENDING).ok()
    };
    let expired = partitions
        .into_iter()
        .filter(|partition| day_of(&partition.name).is_some_and(|day| day < first_kept));
    let names: Vec<String> = expired.map(|partition| partition.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    connection.batch_execute(LOCK).await?;
    connection.batch_execute(WAIT_BRIEFLY).await?;
    connection.batch_execute(&format!("DROP TABLE IF EXISTS {}", names.join(", "))).await?;
    Ok(())
}

fn text(day: Date, format: &[BorrowedFormatItem<'_>]) -> Result<String, PgError> {
    day.format(format).map_err(PgError::failed)
}
