//! Reads the store directly, without the service.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tokio_postgres::{Client, NoTls, Row};

use crate::clock::Clock;
use crate::seen::{LogEntry, Status};

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
                    (payload -> 'cause')::text
             FROM changes WHERE entity = 'project' ORDER BY revision",
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
        cause: row.try_get(6)?,
    })
}
