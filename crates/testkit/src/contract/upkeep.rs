//! Rules of `UptimeStore`.

use std::sync::Arc;

use federation_domain::{
    Actor, DayStep, HeardDay, Precondition, ProjectStatus, Revision, RollUpProgress, RollUpStep,
    Slug, Source, StatusStep, Store, TimeByStatus, UptimeDay, UptimeDays, day_of,
};
use time::Date;

use super::samples::{moment, register, transition};
use crate::log::entries_after;

const DAY: i64 = 24 * 60 * 60;

fn slug(name: &str) -> Slug {
    Slug::parse(name).expect("a valid slug")
}

/// Returns a day after that of [`moment`].
fn day(number: i64) -> Date {
    day_of(moment(number * DAY))
}

fn uptime_day(number: i64, online_us: i64) -> UptimeDay {
    UptimeDay {
        day: day(number),
        spent: TimeByStatus { online_us, degraded_us: 2, offline_us: 3, unobserved_us: 4 },
        opens: None,
        closes: Some(ProjectStatus::Degraded),
        first: Revision(5),
        last: Revision(7),
    }
}

fn progress(revision: i64, until: i64) -> RollUpProgress {
    let (revision, until_revision) = (Revision(revision), Revision(revision - 1));
    RollUpProgress { revision, until: Some(day(until)), until_revision }
}

/// A second replica that makes the same step changes nothing.
pub async fn each_step_of_a_roll_up_takes_effect_once(store: &Arc<dyn Store>) {
    let begun = RollUpProgress::default();
    assert_eq!(store.roll_up_progress().await.unwrap(), begun);
    let first = RollUpStep {
        progress: progress(7, 2),
        days: vec![(slug("a"), uptime_day(0, 1)), (slug("b"), uptime_day(0, 9))],
        heard: Vec::new(),
    };
    assert!(store.store_roll_up(&begun, &first).await.unwrap());
    let other = RollUpStep { days: vec![(slug("a"), uptime_day(0, 77))], ..first.clone() };
    assert!(!store.store_roll_up(&begun, &other).await.unwrap(), "the progress was another one");
    let expected =
        UptimeDays { progress: progress(7, 2), days: vec![uptime_day(0, 1)], heard: Vec::new() };
    assert_eq!(store.uptime_days(&slug("a"), Source::Nats, day(0)).await.unwrap(), expected);
    assert!(store.store_roll_up(&progress(7, 2), &other).await.unwrap());
    let days = store.uptime_days(&slug("a"), Source::Nats, day(0)).await.unwrap().days;
    assert_eq!(days, [uptime_day(0, 77)], "a repeated day replaces the former");
}

/// Days of other projects and other sources are not among them.
pub async fn days_are_read_newest_first(store: &Arc<dyn Store>) {
    let heard = |number, source| HeardDay { day: day(number), source, heard_us: number };
    let step = RollUpStep {
        progress: progress(7, 3),
        days: vec![
            (slug("a"), uptime_day(0, 1)),
            (slug("a"), uptime_day(2, 1)),
            (slug("a"), uptime_day(1, 1)),
            (slug("b"), uptime_day(1, 1)),
        ],
        heard: vec![heard(0, Source::Nats), heard(2, Source::Nats), heard(1, Source::Http)],
    };
    store.store_roll_up(&RollUpProgress::default(), &step).await.unwrap();
    let found = store.uptime_days(&slug("a"), Source::Nats, day(1)).await.unwrap();
    assert_eq!(found.days, [uptime_day(2, 1), uptime_day(1, 1)]);
    assert_eq!(found.heard, [heard(2, Source::Nats)]);
    let keys = [(slug("b"), day(1)), (slug("a"), day(9)), (slug("a"), day(0))];
    let mut found = store.find_days(&keys).await.unwrap();
    found.sort_by_key(|(slug, _)| slug.clone());
    assert_eq!(found, [(slug("a"), uptime_day(0, 1)), (slug("b"), uptime_day(1, 1))]);
    assert_eq!(store.drop_uptime(day(1), 10).await.unwrap(), 1);
    assert_eq!(store.drop_uptime(day(3), 2).await.unwrap(), 2, "at most two at once");
    assert_eq!(store.drop_uptime(day(3), 2).await.unwrap(), 1);
    let found = store.uptime_days(&slug("a"), Source::Nats, day(0)).await.unwrap();
    assert!(found.days.is_empty() && found.heard.is_empty(), "{found:?}");
}

/// Makes a project online and offline again, one second after the other, this many times.
async fn flip(store: &dyn Store, slug: &Slug, from: i64, times: i64) {
    for second in from..from + times {
        let project = store.find(std::slice::from_ref(slug)).await.unwrap().remove(0);
        let to = match project.status {
            ProjectStatus::Offline => ProjectStatus::Online,
            _ => ProjectStatus::Offline,
        };
        store.commit(&[transition(&project, to, moment(second))]).await.unwrap();
    }
}

/// They have the statuses of the log.
pub async fn steps_are_read_newest_first_between_two_revisions(store: &Arc<dyn Store>) {
    use ProjectStatus::{Offline, Online};
    register(store.as_ref(), "a").await;
    register(store.as_ref(), "b").await;
    flip(store.as_ref(), &slug("a"), 1, 2).await;
    let step = |revision, at, from, to| DayStep {
        revision: Revision(revision),
        at: moment(at),
        step: StatusStep { from, to },
    };
    let all = [
        step(4, 2, Some(Online), Some(Offline)),
        step(3, 1, Some(Offline), Some(Online)),
        step(1, 0, None, Some(Offline)),
    ];
    let read = async |after, through, limit| {
        store.steps(&slug("a"), Revision(after), Revision(through), limit).await.unwrap()
    };
    assert_eq!(read(0, i64::MAX, 10).await, all);
    assert_eq!(read(1, 3, 10).await, all[1..2]);
    assert_eq!(read(0, 9, 2).await, all[..2]);
}

fn revisions(entries: &[federation_domain::LogEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.revision().0).collect()
}

/// The log is complete from the oldest revision on, and earlier entries are the newest of projects.
pub async fn old_entries_are_dropped_except_the_newest_of_each_project(store: &Arc<dyn Store>) {
    register(store.as_ref(), "quiet").await;
    register(store.as_ref(), "busy").await;
    register(store.as_ref(), "gone").await;
    flip(store.as_ref(), &slug("busy"), 1, 4).await;
    let gone = slug("gone");
    store.remove(&gone, &Precondition::Always, &Actor::API, moment(5)).await.unwrap();
    flip(store.as_ref(), &slug("busy"), 6, 2).await;
    let newest = Revision(i64::MAX);
    let first = store.drop_entries(moment(3), newest, 3).await.unwrap();
    assert_eq!((first.entries, first.has_more), (2, true), "quiet is kept");
    let second = store.drop_entries(moment(3), newest, 100).await.unwrap();
    assert_eq!((second.entries, second.has_more), (2, false), "{second:?}");
    assert_eq!(second.oldest_at, Some(moment(3)));
    let part = store.changes_after(Revision(5), 10).await.unwrap();
    assert_eq!(part.oldest, Revision(6));
    assert!(part.is_complete_after(Revision(5)) && !part.is_complete_after(Revision(4)));
    let third = store.drop_entries(moment(100), newest, 100).await.unwrap();
    assert_eq!(third.entries, 4, "the newest entry of the log stays, and gone is gone");
    let log = entries_after(store.as_ref(), Revision(0), 100).await;
    assert_eq!(revisions(&log), [1, 10]);
    flip(store.as_ref(), &slug("busy"), 9, 1).await;
    assert_eq!(store.load().await.unwrap().revision, Revision(11), "no revision is used twice");
}

/// An entry that is not rolled up yet is kept.
pub async fn no_entry_after_the_given_one_is_dropped(store: &Arc<dyn Store>) {
    register(store.as_ref(), "a").await;
    flip(store.as_ref(), &slug("a"), 1, 4).await;
    let dropped = store.drop_entries(moment(100), Revision(2), 100).await.unwrap();
    assert_eq!(dropped.entries, 2);
    let log = entries_after(store.as_ref(), Revision(0), 100).await;
    assert_eq!(revisions(&log), [3, 4, 5]);
    // Another project registers, is kept at the end of the log, and is dropped once it has a newer entry.
    register(store.as_ref(), "b").await;
    store.drop_entries(moment(100), Revision(5), 100).await.unwrap();
    flip(store.as_ref(), &slug("a"), 9, 2).await;
    store.drop_entries(moment(100), Revision(7), 100).await.unwrap();
    let log = entries_after(store.as_ref(), Revision(0), 100).await;
    assert_eq!(revisions(&log), [6, 8]);
}
