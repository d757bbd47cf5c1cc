//! Rolled-up uptime.

use diesel::prelude::*;
use federation_domain::{
    DayStep, HeardDay, PROJECT, ProjectStatus, Revision, RollUpProgress, RollUpStep, Slug, Source,
    StoreError, TimeByStatus, UptimeDay, UptimeDays,
};
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::error::SqliteError;
use crate::schema::{changes, heard_days, roll_up, uptime_days};
use crate::timestamp::time_of;

const THE_ROW: i64 = 1;

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// Formats a day, so that texts sort like days.
pub(crate) fn text_of_day(day: Date) -> Result<String, SqliteError> {
    day.format(DAY).map_err(SqliteError::failed)
}

fn day_of(text: &str, table: &'static str) -> Result<Date, SqliteError> {
    let corrupt = |error: time::error::Parse| StoreError::Corrupt {
        table,
        column: "day",
        row: 0,
        source: error.into(),
    };
    Ok(Date::parse(text, DAY).map_err(corrupt)?)
}

/// Reads the progress of the roll-up.
pub(crate) fn progress(connection: &mut SqliteConnection) -> Result<RollUpProgress, SqliteError> {
    let columns = (roll_up::revision, roll_up::until, roll_up::until_revision);
    let (revision, until, until_revision): (i64, Option<String>, i64) =
        roll_up::table.find(THE_ROW).select(columns).get_result(connection)?;
    let until = until.map(|day| day_of(&day, "roll_up")).transpose()?;
    let (revision, until_revision) = (Revision(revision), Revision(until_revision));
    Ok(RollUpProgress { revision, until, until_revision })
}

/// Stores a step, unless another process made one. The caller has begun an immediate transaction.
pub(crate) fn store(
    connection: &mut SqliteConnection,
    known: &RollUpProgress,
    step: &RollUpStep,
) -> Result<bool, SqliteError> {
    if progress(connection)? != *known {
        return Ok(false);
    }
    let RollUpProgress { revision, until, until_revision } = step.progress;
    diesel::update(roll_up::table.find(THE_ROW))
        .set((
            roll_up::revision.eq(revision.0),
            roll_up::until.eq(until.map(text_of_day).transpose()?),
            roll_up::until_revision.eq(until_revision.0),
        ))
        .execute(connection)?;
    for (slug, day) in &step.days {
        store_day(connection, slug, day)?;
    }
    for one in &step.heard {
        diesel::replace_into(heard_days::table)
            .values((
                heard_days::source.eq(one.source.as_str()),
                heard_days::day.eq(text_of_day(one.day)?),
                heard_days::heard_us.eq(one.heard_us),
            ))
            .execute(connection)?;
    }
    Ok(true)
}

fn store_day(
    connection: &mut SqliteConnection,
    slug: &Slug,
    one: &UptimeDay,
) -> Result<(), SqliteError> {
    diesel::replace_into(uptime_days::table)
        .values((
            uptime_days::slug.eq(slug.as_str()),
            uptime_days::day.eq(text_of_day(one.day)?),
            uptime_days::online_us.eq(one.spent.online_us),
            uptime_days::degraded_us.eq(one.spent.degraded_us),
            uptime_days::offline_us.eq(one.spent.offline_us),
            uptime_days::unobserved_us.eq(one.spent.unobserved_us),
            uptime_days::opens.eq(one.opens.map(ProjectStatus::as_str)),
            uptime_days::closes.eq(one.closes.map(ProjectStatus::as_str)),
            uptime_days::first_revision.eq(one.first.0),
            uptime_days::last_revision.eq(one.last.0),
        ))
        .execute(connection)?;
    Ok(())
}

/// A row of `uptime_days`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = uptime_days, check_for_backend(diesel::sqlite::Sqlite))]
struct DayRow {
    day: String,
    online_us: i64,
    degraded_us: i64,
    offline_us: i64,
    unobserved_us: i64,
    opens: Option<String>,
    closes: Option<String>,
    first_revision: i64,
    last_revision: i64,
}

impl DayRow {
    fn read(self) -> Result<UptimeDay, SqliteError> {
        let Self { online_us, degraded_us, offline_us, unobserved_us, .. } = self;
        Ok(UptimeDay {
            day: day_of(&self.day, "uptime_days")?,
            spent: TimeByStatus { online_us, degraded_us, offline_us, unobserved_us },
            opens: status(self.opens.as_deref()),
            closes: status(self.closes.as_deref()),
            first: Revision(self.first_revision),
            last: Revision(self.last_revision),
        })
    }
}

fn status(name: Option<&str>) -> Option<ProjectStatus> {
    name.and_then(|name| ProjectStatus::parse(name).ok())
}

/// Finds days of projects.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    keys: &[(Slug, Date)],
) -> Result<Vec<(Slug, UptimeDay)>, SqliteError> {
    let mut found = Vec::new();
    for (slug, day) in keys {
        let row: Option<DayRow> = uptime_days::table
            .find((slug.as_str(), text_of_day(*day)?))
            .select(DayRow::as_select())
            .first(connection)
            .optional()?;
        if let Some(row) = row {
            found.push((slug.clone(), row.read()?));
        }
    }
    Ok(found)
}

/// Reads the days of a project and the listening times of a source since a day, newest first.
pub(crate) fn days(
    connection: &mut SqliteConnection,
    slug: &Slug,
    source: Source,
    since: Date,
) -> Result<UptimeDays, SqliteError> {
    let since = text_of_day(since)?;
    // The progress first: days beyond it are ignored, and missing ones would count as quiet.
    let progress = progress(connection)?;
    let days: Vec<DayRow> = uptime_days::table
        .filter(uptime_days::slug.eq(slug.as_str()))
        .filter(uptime_days::day.ge(&since))
        .order(uptime_days::day.desc())
        .select(DayRow::as_select())
        .load(connection)?;
    let heard: Vec<(String, i64)> = heard_days::table
        .filter(heard_days::source.eq(source.as_str()))
        .filter(heard_days::day.ge(&since))
        .order(heard_days::day.desc())
        .select((heard_days::day, heard_days::heard_us))
        .load(connection)?;
    let of_source = |(day, heard_us): (String, i64)| {
        Ok(HeardDay { day: day_of(&day, "heard_days")?, source, heard_us })
    };
    Ok(UptimeDays {
        progress,
        days: days.into_iter().map(DayRow::read).collect::<Result<_, SqliteError>>()?,
        heard: heard.into_iter().map(of_source).collect::<Result<_, SqliteError>>()?,
    })
}

/// Reads the changes of a project after one revision and through another, newest first.
pub(crate) fn steps(
    connection: &mut SqliteConnection,
    slug: &Slug,
    (after, through): (Revision, Revision),
    limit: usize,
) -> Result<Vec<DayStep>, SqliteError> {
    let rows: Vec<(i64, String, String)> = changes::table
        .filter(changes::entity.eq(PROJECT))
        .filter(changes::key.eq(slug.as_str()))
        .filter(changes::revision.gt(after.0))
        .filter(changes::revision.le(through.0))
        .order(changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((changes::revision, changes::at, changes::payload))
        .load(connection)?;
    let step = |(revision, at, payload): (i64, String, String)| {
        // A time that does not parse has no place in a day.
        let (at, step) = (time_of(&at).ok()?, serde_json::from_str(&payload).ok()?);
        Some(DayStep { revision: Revision(revision), at, step })
    };
    Ok(rows.into_iter().filter_map(step).collect())
}
