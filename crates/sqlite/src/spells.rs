//! Spells of listening.

use diesel::prelude::*;
use diesel::sql_types::Text;
use federation_domain::{Listened, SPELLS_KEPT, Source};
use time::OffsetDateTime;

use crate::error::Fault;
use crate::schema::listening_spells;
use crate::timestamp::{text_of, time_of};

/// Takes out the spells that one meets: of those that begin before it the last, and those that
/// begin within it. No two stored spells meet, so no other one reaches it.
const TAKE_MET: &str = "
    DELETE FROM listening_spells
    WHERE source = ?1 AND heard_until >= ?2 AND heard_from <= ?3
      AND heard_from >= coalesce(
          (SELECT max(heard_from) FROM listening_spells
           WHERE source = ?1 AND heard_from < ?2), ?2)
    RETURNING heard_from, heard_until";

/// A row of `listening_spells`, without its source. The order of the texts is the order of the
/// times.
#[derive(Queryable, QueryableByName)]
struct Spell {
    #[diesel(sql_type = Text)]
    heard_from: String,
    #[diesel(sql_type = Text)]
    heard_until: String,
}

impl Spell {
    /// None where a time does not parse, which no checkpoint writes.
    fn of(self, source: Source) -> Option<Listened> {
        let (from, until) = (time_of(&self.heard_from).ok()?, time_of(&self.heard_until).ok()?);
        Some(Listened { source, from, until })
    }

    fn joined(self, other: Self) -> Self {
        Self {
            heard_from: self.heard_from.min(other.heard_from),
            heard_until: self.heard_until.max(other.heard_until),
        }
    }
}

/// Joins a spell with those that it meets, and forgets what ended too long before it. The caller
/// has begun an immediate transaction.
pub(crate) fn join(connection: &mut SqliteConnection, spell: &Listened) -> Result<(), Fault> {
    let source = spell.source.as_str();
    let new = Spell {
        heard_from: text_of(spell.from).map_err(Fault::failed)?,
        heard_until: text_of(spell.until).map_err(Fault::failed)?,
    };
    let met: Vec<Spell> = diesel::sql_query(TAKE_MET)
        .bind::<Text, _>(source)
        .bind::<Text, _>(&new.heard_from)
        .bind::<Text, _>(&new.heard_until)
        .load(connection)?;
    let joined = met.into_iter().fold(new, Spell::joined);
    diesel::insert_into(listening_spells::table)
        .values((
            listening_spells::source.eq(source),
            listening_spells::heard_from.eq(joined.heard_from),
            listening_spells::heard_until.eq(joined.heard_until),
        ))
        .execute(connection)?;
    forget(connection, spell)
}

fn forget(connection: &mut SqliteConnection, newest: &Listened) -> Result<(), Fault> {
    let forgotten = text_of(newest.until - SPELLS_KEPT).map_err(Fault::failed)?;
    // Who ended before it began before it: this is what the key finds.
    let ended = listening_spells::table
        .filter(listening_spells::source.eq(newest.source.as_str()))
        .filter(listening_spells::heard_from.lt(&forgotten))
        .filter(listening_spells::heard_until.lt(&forgotten));
    diesel::delete(ended).execute(connection)?;
    Ok(())
}

/// The spells of a source that end after a moment, in their order.
pub(crate) fn since(
    connection: &mut SqliteConnection,
    source: Source,
    since: OffsetDateTime,
) -> Result<Vec<Listened>, Fault> {
    // Of those that begin no later than the moment, the last alone may end after it.
    const SELECT: &str = "
        SELECT heard_from, heard_until FROM listening_spells
        WHERE source = ?1 AND heard_until > ?2
          AND heard_from >= coalesce(
              (SELECT max(heard_from) FROM listening_spells
               WHERE source = ?1 AND heard_from <= ?2), ?2)
        ORDER BY heard_from";
    let rows: Vec<Spell> = diesel::sql_query(SELECT)
        .bind::<Text, _>(source.as_str())
        .bind::<Text, _>(text_of(since).map_err(Fault::failed)?)
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|row| row.of(source)).collect())
}

/// Of each source the spell that ends last.
pub(crate) fn last_of_each(connection: &mut SqliteConnection) -> QueryResult<Vec<Listened>> {
    let mut last = Vec::new();
    for source in Source::ALL {
        let row: Option<Spell> = listening_spells::table
            .filter(listening_spells::source.eq(source.as_str()))
            .order(listening_spells::heard_from.desc())
            .select((listening_spells::heard_from, listening_spells::heard_until))
            .first(connection)
            .optional()?;
        last.extend(row.and_then(|row| row.of(source)));
    }
    Ok(last)
}
