//! Creating projects and changing their metadata.

use std::collections::{HashMap, HashSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Decision, HeartbeatInterval, NewChange, Origin, Placeholders, Project, ProjectStatus,
    Registered, Registration, RegistrationWrite, Slug, Source, StoreError, StoredProject,
    to_micros,
};
use time::OffsetDateTime;

use crate::change_log::column;
use crate::commit::reports_text;
use crate::error::PgError;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::unit_of_work::UnitOfWork;

/// Applies the writes in their order. The caller has begun a transaction.
pub(crate) async fn register(
    connection: &mut AsyncPgConnection,
    writes: &[RegistrationWrite],
    by: Origin,
    at: OffsetDateTime,
) -> Result<Vec<Registered>, PgError> {
    let at = to_micros(at);
    let mut unit = UnitOfWork::begin(connection).await?;
    let created = insert_missing(unit.connection, writes, by, at).await?;
    let rows = lock_rows(unit.connection, writes, at).await?;
    let mut batch =
        Batch { rows, created, updated: HashSet::new(), repaired: HashSet::new(), by, at };
    let registered = writes
        .iter()
        .map(|write| batch.apply(write, &mut unit))
        .collect::<Result<Vec<_>, PgError>>()?;
    update(unit.connection, &batch.projects(&batch.updated)).await?;
    repair(unit.connection, &batch.projects(&batch.repaired)).await?;
    unit.finish().await?;
    Ok(registered)
}

/// The rows of the batch, as the writes so far left them.
struct Batch {
    rows: HashMap<Slug, StoredProject>,
    /// Slugs of rows that this transaction inserted and that no write has claimed yet.
    created: HashSet<Slug>,
    updated: HashSet<Slug>,
    repaired: HashSet<Slug>,
    by: Origin,
    at: OffsetDateTime,
}

impl Batch {
    fn apply(
        &mut self,
        write: &RegistrationWrite,
        unit: &mut UnitOfWork<'_>,
    ) -> Result<Registered, PgError> {
        let (slug, actor) = (write.slug(), write.actor(self.by));
        let is_new = self.created.contains(slug);
        let stored = self.rows.get(slug).filter(|_| !is_new);
        match write.decide(stored, self.by, self.at)? {
            Decision::Create(_) => {
                let stored = self.rows.get(slug).filter(|_| self.created.remove(slug));
                let project = stored.ok_or_else(removed_concurrently)?.project.clone();
                let change = NewChange::registered(&project, self.by, &actor, self.at);
                let change = unit.log(change);
                Ok(Registered { project, change: Some(change) })
            }
            Decision::Keep(project) => Ok(Registered { project, change: None }),
            Decision::Update { project, repairs } => {
                self.updated.insert(slug.clone());
                if repairs {
                    self.repaired.insert(slug.clone());
                }
                self.rows.insert(slug.clone(), StoredProject::intact(project.clone()));
                let change = NewChange::updated(&project, self.by, &actor, self.at);
                let change = unit.log(change);
                Ok(Registered { project, change: Some(change) })
            }
        }
    }

    fn projects(&self, slugs: &HashSet<Slug>) -> Vec<&Project> {
        slugs.iter().filter_map(|slug| self.rows.get(slug)).map(|row| &row.project).collect()
    }
}

/// Only a program that does not lock the log can cause this. A retry creates the project.
fn removed_concurrently() -> PgError {
    StoreError::Unavailable("another program removed the project meanwhile".into()).into()
}

/// Inserts the projects that do not exist and may be created, in the order given, and returns their
/// slugs. A row that another program inserts at the same time is left alone.
async fn insert_missing(
    connection: &mut AsyncPgConnection,
    writes: &[RegistrationWrite],
    by: Origin,
    at: OffsetDateTime,
) -> Result<HashSet<Slug>, PgError> {
    // The query leaves existing rows out, because a conflict would use up an id.
    const INSERT: &str = "
        INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, tags, created_at,
                              updated_at, heartbeat_interval_ms, allow_fanout, auto_registered)
        SELECT slug, name, hub_url, mesh_namespace, 'offline', tags::json, $8, $8, interval_ms,
               coalesce(allow_fanout, '[]')::json, $9
        FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
            AS r (slug, name, hub_url, mesh_namespace, tags, interval_ms, allow_fanout, position)
        WHERE NOT EXISTS (SELECT FROM projects AS p WHERE p.slug = r.slug)
        ORDER BY position
        ON CONFLICT (slug) DO NOTHING
        RETURNING slug";
    let mut seen = HashSet::new();
    let firsts: Vec<&Registration> = writes
        .iter()
        .filter_map(RegistrationWrite::creates)
        .filter(|registration| seen.insert(&registration.slug))
        .collect();
    let created: Vec<Created> = diesel::sql_query(INSERT)
        .bind::<Array<Text>, _>(column(&firsts, |r| r.slug.as_str()))
        .bind::<Array<Text>, _>(column(&firsts, |r| r.name.as_str()))
        .bind::<Array<Text>, _>(column(&firsts, |r| r.hub_url.as_str()))
        .bind::<Array<Text>, _>(column(&firsts, |r| r.mesh_namespace.as_str()))
        .bind::<Array<Text>, _>(json_column(&firsts, |r| json(&r.tags))?)
        .bind::<Array<Nullable<BigInt>>, _>(column(&firsts, |r| r.heartbeat_interval.map(millis)))
        .bind::<Array<Nullable<Text>>, _>(json_column(&firsts, |r| {
            r.allow_fanout.as_ref().map(json).transpose()
        })?)
        .bind::<Timestamptz, _>(at)
        .bind::<Bool, _>(by == Origin::Heartbeat)
        .load(connection)
        .await?;
    Ok(created.iter().filter_map(|row| Slug::parse(&row.slug).ok()).collect())
}

#[derive(QueryableByName)]
struct Created {
    #[diesel(sql_type = Text)]
    slug: String,
}

async fn lock_rows(
    connection: &mut AsyncPgConnection,
    writes: &[RegistrationWrite],
    at: OffsetDateTime,
) -> Result<HashMap<Slug, StoredProject>, PgError> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::slug.eq_any(column(writes, |write| write.slug().as_str())))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_no_key_update()
        .load(connection)
        .await?;
    let by_slug = rows.into_iter().filter_map(|row| Some((Slug::parse(&row.slug).ok()?, row)));
    let stored = by_slug.map(|(slug, row)| {
        let stand_ins = Placeholders { slug: &slug, status: ProjectStatus::Offline, at };
        let stored = row.into_record().parse_with(&stand_ins)?;
        Ok((slug, stored))
    });
    stored.collect()
}

async fn update(connection: &mut AsyncPgConnection, updated: &[&Project]) -> Result<(), PgError> {
    const UPDATE: &str = "
        UPDATE projects AS p
        SET name = u.name, hub_url = u.hub_url, mesh_namespace = u.mesh_namespace,
            tags = u.tags::json, heartbeat_interval_ms = u.interval_ms,
            allow_fanout = u.allow_fanout::json, updated_at = u.updated_at,
            auto_registered = u.auto_registered
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
            AS u (id, name, hub_url, mesh_namespace, tags, interval_ms, allow_fanout, updated_at,
                  auto_registered)
        WHERE p.id = u.id";
    if updated.is_empty() {
        return Ok(());
    }
    diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(updated, |p| p.id.0))
        .bind::<Array<Text>, _>(column(updated, |p| p.name.as_str()))
        .bind::<Array<Text>, _>(column(updated, |p| p.hub_url.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(updated, |p| {
            p.mesh_namespace.as_ref().map(AsRef::as_ref)
        }))
        .bind::<Array<Text>, _>(json_column(updated, |p| json(&p.tags))?)
        .bind::<Array<Nullable<BigInt>>, _>(column(updated, |p| p.heartbeat_interval.map(millis)))
        .bind::<Array<Text>, _>(json_column(updated, |p| json(&p.allow_fanout))?)
        .bind::<Array<Timestamptz>, _>(column(updated, |p| p.updated_at))
        .bind::<Array<Bool>, _>(column(updated, |p| p.auto_registered))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the columns that a registration does not set, for rows that did not parse completely.
async fn repair(connection: &mut AsyncPgConnection, repaired: &[&Project]) -> Result<(), PgError> {
    const UPDATE: &str = "
        UPDATE projects AS p
        SET status = m.status::project_status, reports = m.reports::json,
            last_heartbeat_at = m.heard_at, last_heartbeat_source = m.heard_by,
            created_at = m.created_at
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS m (id, status, reports, heard_at, heard_by, created_at)
        WHERE p.id = m.id";
    if repaired.is_empty() {
        return Ok(());
    }
    diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(repaired, |p| p.id.0))
        .bind::<Array<Text>, _>(column(repaired, |p| p.status.as_str()))
        .bind::<Array<Nullable<Text>>, _>(json_column(repaired, |p| reports_text(&p.reports))?)
        .bind::<Array<Nullable<Timestamptz>>, _>(column(repaired, |p| p.last_heartbeat_at))
        .bind::<Array<Nullable<Text>>, _>(column(repaired, |p| {
            p.last_heartbeat_source.map(Source::as_str)
        }))
        .bind::<Array<Timestamptz>, _>(column(repaired, |p| p.created_at))
        .execute(connection)
        .await?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

fn json_column<'a, T, C>(
    items: &'a [T],
    of: impl Fn(&'a T) -> serde_json::Result<C>,
) -> Result<Vec<C>, PgError> {
    items.iter().map(of).collect::<Result<_, _>>().map_err(PgError::failed)
}

fn millis(interval: HeartbeatInterval) -> i64 {
    i64::try_from(interval.get().as_millis()).unwrap_or(i64::MAX)
}
