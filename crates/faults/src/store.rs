//! Reads the store directly, without the service.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use tokio_postgres::{Client, NoTls, Row};

use crate::clock::Clock;
use crate::seen::{LogEntry, Status};

/// Lets changes of the project `refused` fail until the time in the table `refusal`.
pub(crate) const REFUSALS: &str = "
    CREATE TABLE refusal (until timestamptz NOT NULL);
    INSERT INTO refusal VALUES ('-infinity');
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF clock_timestamp() < (SELECT until FROM refusal) THEN
                RAISE EXCEPTION 'refused by the fault suite';
            END IF;
            RETURN NEW;
        END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON projects FOR EACH ROW
        WHEN (NEW.slug = 'refused') EXECUTE FUNCTION refuse()";

/// Adds a column. Gives up if the table is locked for long.
pub(crate) const EXPANSION: &str = "
    SET lock_timeout = '1s';
    ALTER TABLE projects ADD COLUMN IF NOT EXISTS added_later text";

/// Writes a log entry of an entity that no version of the service knows.
pub(crate) const UNKNOWN_ENTRY: &str = "
    SET lock_timeout = '1s';
    WITH state AS (
        UPDATE catalog_state SET revision = revision + 1 RETURNING revision
    )
    INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
    SELECT revision, now(), 'forecast', 'all', 'revised', '{\"sun\": true}', 'service' FROM state";

/// Returns the statement that refuses changes for `length` from now on.
pub(crate) fn refusal(length: Duration) -> String {
    let seconds = length.as_secs_f64();
    format!("UPDATE refusal SET until = clock_timestamp() + {seconds} * interval '1 second'")
}

/// Executes statements in a transaction.
///
/// # Errors
/// Fails if the store does not respond or rejects a statement.
pub(crate) async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("cannot connect to the store")?;
    // The task ends with the client.
    tokio::spawn(connection);
    client.batch_execute(sql).await.context("the store rejects a statement")
}

/// Contents of the store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The change log by revision.
    pub(crate) log: Vec<LogEntry>,
    pub(crate) statuses: BTreeMap<String, Status>,
}

/// Reads the log and the catalog in one snapshot.
///
/// # Errors
/// Fails if the store does not respond or has malformed rows.
pub(crate) async fn read(url: &str, clock: &Clock) -> anyhow::Result<Stored> {
    let (mut client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("cannot connect to the store")?;
    // The task ends with the client.
    tokio::spawn(connection);
    read_all(&mut client, clock).await.context("cannot read the store")
}

async fn read_all(client: &mut Client, clock: &Clock) -> anyhow::Result<Stored> {
    let builder = client.build_transaction().read_only(true);
    let level = tokio_postgres::IsolationLevel::RepeatableRead;
    let view = builder.isolation_level(level).start().await?;
    let log = view
        .query(
            "SELECT revision, key, kind, payload ->> 'from', payload ->> 'to', at,
                    (payload -> 'cause')::text, entity = 'project'
             FROM changes ORDER BY revision",
            &[],
        )
        .await?;
    let projects = view.query("SELECT slug, status::text FROM projects", &[]).await?;
    let status = |row: &Row| Ok((row.try_get(0)?, Status::parse(row.try_get(1)?)?));
    Ok(Stored {
        log: log.iter().map(|row| entry(row, clock)).collect::<anyhow::Result<_>>()?,
        statuses: projects.iter().map(status).collect::<anyhow::Result<_>>()?,
    })
}

fn entry(row: &Row, clock: &Clock) -> anyhow::Result<LogEntry> {
    let status = |column: usize| -> anyhow::Result<Option<Status>> {
        row.try_get::<_, Option<&str>>(column)?.map(Status::parse).transpose()
    };
    Ok(LogEntry {
        revision: row.try_get(0)?,
        slug: row.try_get(1)?,
        kind: row.try_get(2)?,
        from: status(3)?,
        to: status(4)?,
        at: clock.moment_of(row.try_get(5)?),
        cause: row.try_get::<_, Option<String>>(6)?.unwrap_or_default(),
        of_project: row.try_get(7)?,
    })
}
