//! Creating projects and changing their metadata.

use std::collections::{HashMap, HashSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Cause, Change, ChangeKind, HeartbeatInterval, Origin, Project, ProjectStatus, Registered,
    Registering, Registration, Slug, Source, StoreError,
};
use time::OffsetDateTime;

use crate::change_log::{ChangeLog, Entry, column};
use crate::commit::reports_text;
use crate::error::Fault;
use crate::row::{ProjectRow, as_kept};
use crate::schema::projects;

/// Registers all, in their order. The caller has begun a transaction.
pub(crate) async fn register(
    connection: &mut AsyncPgConnection,
    registrations: &[Registering],
    by: Origin,
    at: OffsetDateTime,
) -> Result<Vec<Registered>, Fault> {
    let at = as_kept(at);
    let mut log = ChangeLog::lock(connection).await?;
    let created = insert_missing(connection, registrations, at).await?;
    let rows = lock_rows(connection, registrations, at).await?;
    let mut batch =
        Batch { rows, created, updated: HashSet::new(), mended: HashSet::new(), by, at };
    let registered = registrations
        .iter()
        .map(|registering| batch.register(registering, &mut log))
        .collect::<Result<Vec<_>, Fault>>()?;
    update(connection, &batch.projects(&batch.updated)).await?;
    mend(connection, &batch.projects(&batch.mended)).await?;
    log.write(connection).await?;
    Ok(registered)
}

/// The rows of the batch, as the registrations so far left them.
struct Batch {
    rows: HashMap<Slug, Row>,
    created: HashSet<String>,
    updated: HashSet<Slug>,
    mended: HashSet<Slug>,
    by: Origin,
    at: OffsetDateTime,
}

struct Row {
    project: Project,
    /// Whether all of it could be read.
    is_whole: bool,
    /// Whether so much could be read that there is a project for whoever reads; else the project
    /// has stand-ins.
    is_readable: bool,
}

impl Batch {
    fn register(
        &mut self,
        registering: &Registering,
        log: &mut ChangeLog,
    ) -> Result<Registered, Fault> {
        let slug = registering.slug();
        let is_new = self.created.contains(slug.as_str());
        let known = self.rows.get(slug).filter(|row| row.is_readable && !is_new);
        let stored = known.map(|row| &row.project);
        if !registering.may_meet(stored) {
            return Err(registering.refusal(stored).into());
        }
        let Some(Row { mut project, is_whole, .. }) = self.rows.remove(slug) else {
            return Err(removed_meanwhile());
        };
        let change = if self.created.remove(slug.as_str()) {
            Some(self.note(log, ChangeKind::Registered, &project))
        // What was registered elsewhere meanwhile stays, and so does what does not parse.
        } else if self.by == Origin::Heartbeat || (is_whole && registering.is_met_by(&project)) {
            None
        } else {
            registering.apply_to(&mut project);
            project.updated_at = self.at;
            self.updated.insert(slug.clone());
            if !is_whole {
                self.mended.insert(slug.clone());
            }
            Some(self.note(log, ChangeKind::Updated, &project))
        };
        let row = Row { project: project.clone(), is_whole: true, is_readable: true };
        self.rows.insert(slug.clone(), row);
        Ok(Registered { project, change })
    }

    fn note(&self, log: &mut ChangeLog, kind: ChangeKind, project: &Project) -> Change {
        let status = Some(project.status);
        log.note(Entry {
            slug: &project.slug,
            kind,
            from: if kind == ChangeKind::Registered { None } else { status },
            to: status,
            at: self.at,
            cause: Cause::Registered { by: self.by },
        })
    }

    fn projects(&self, slugs: &HashSet<Slug>) -> Vec<&Project> {
        slugs.iter().filter_map(|slug| self.rows.get(slug)).map(|row| &row.project).collect()
    }
}

/// Only a program that does not take the lock of the log can do that; the next try creates it.
fn removed_meanwhile() -> Fault {
    StoreError::Unavailable("another program removed the project meanwhile".into()).into()
}

/// Creates what is not there and may be created, in the order given, and says which. What another program creates in
/// the same moment is left to it.
async fn insert_missing(
    connection: &mut AsyncPgConnection,
    registrations: &[Registering],
    at: OffsetDateTime,
) -> Result<HashSet<String>, Fault> {
    // Those that are there are left out by the query and not by the conflict: a conflict would use
    // up an id.
    const INSERT: &str = "
        INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, tags, created_at,
                              updated_at, heartbeat_interval_ms, allow_fanout)
        SELECT slug, name, hub_url, mesh_namespace, 'offline', tags::json, $8, $8, interval_ms,
               coalesce(allow_fanout, '[]')::json
        FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
            AS r (slug, name, hub_url, mesh_namespace, tags, interval_ms, allow_fanout, position)
        WHERE NOT EXISTS (SELECT FROM projects AS p WHERE p.slug = r.slug)
        ORDER BY position
        ON CONFLICT (slug) DO NOTHING
        RETURNING slug";
    let mut seen = HashSet::new();
    let firsts: Vec<&Registration> = registrations
        .iter()
        .filter_map(Registering::creates)
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
        .load(connection)
        .await?;
    Ok(created.into_iter().map(|created| created.slug).collect())
}

#[derive(QueryableByName)]
struct Created {
    #[diesel(sql_type = Text)]
    slug: String,
}

async fn lock_rows(
    connection: &mut AsyncPgConnection,
    registrations: &[Registering],
    at: OffsetDateTime,
) -> Result<HashMap<Slug, Row>, Fault> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::slug.eq_any(column(registrations, |r| r.slug().as_str())))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .for_no_key_update()
        .load(connection)
        .await?;
    let by_slug = rows.into_iter().filter_map(|row| Some((Slug::parse(&row.slug).ok()?, row)));
    by_slug.map(|(slug, row)| Ok((slug.clone(), row_of(row, &slug, at)?))).collect()
}

fn row_of(row: ProjectRow, slug: &Slug, at: OffsetDateTime) -> Result<Row, Fault> {
    match row.clone().parse() {
        Ok(parsed) => Ok(Row {
            project: parsed.project,
            is_whole: parsed.ignored.is_empty(),
            is_readable: true,
        }),
        Err(_) => {
            let row = row.with_stand_ins(slug, ProjectStatus::Offline, at);
            Ok(Row { project: row.parse()?.project, is_whole: false, is_readable: false })
        }
    }
}

async fn update(connection: &mut AsyncPgConnection, updated: &[&Project]) -> Result<(), Fault> {
    const UPDATE: &str = "
        UPDATE projects AS p
        SET name = u.name, hub_url = u.hub_url, mesh_namespace = u.mesh_namespace,
            tags = u.tags::json, heartbeat_interval_ms = u.interval_ms,
            allow_fanout = u.allow_fanout::json, updated_at = u.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
            AS u (id, name, hub_url, mesh_namespace, tags, interval_ms, allow_fanout, updated_at)
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
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes what a registration does not replace, for rows that could not be read in full.
async fn mend(connection: &mut AsyncPgConnection, mended: &[&Project]) -> Result<(), Fault> {
    const UPDATE: &str = "
        UPDATE projects AS p
        SET status = m.status::project_status, reports = m.reports::json,
            last_heartbeat_at = m.heard_at, last_heartbeat_source = m.heard_by,
            created_at = m.created_at
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS m (id, status, reports, heard_at, heard_by, created_at)
        WHERE p.id = m.id";
    if mended.is_empty() {
        return Ok(());
    }
    diesel::sql_query(UPDATE)
        .bind::<Array<BigInt>, _>(column(mended, |p| p.id.0))
        .bind::<Array<Text>, _>(column(mended, |p| p.status.as_str()))
        .bind::<Array<Nullable<Text>>, _>(json_column(mended, |p| reports_text(&p.reports))?)
        .bind::<Array<Nullable<Timestamptz>>, _>(column(mended, |p| p.last_heartbeat_at))
        .bind::<Array<Nullable<Text>>, _>(column(mended, |p| {
            p.last_heartbeat_source.map(Source::as_str)
        }))
        .bind::<Array<Timestamptz>, _>(column(mended, |p| p.created_at))
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
) -> Result<Vec<C>, Fault> {
    items.iter().map(of).collect::<Result<_, _>>().map_err(Fault::failed)
}

fn millis(interval: HeartbeatInterval) -> i64 {
    i64::try_from(interval.get().as_millis()).unwrap_or(i64::MAX)
}
