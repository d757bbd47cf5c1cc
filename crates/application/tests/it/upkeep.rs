//! Roll-up of uptime, and retention of the log.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{Upkeep, Uptime, WatchEvent, WatchFrom};
use federation_domain::{
    Actor, CatalogStore, Cause, ChangeLogStore, Checkpoint, CheckpointStore, Clock,
    ListeningPeriod, LogPosition, Origin, ProjectStatus, Reports, Revision, Shares, Source,
    Transition, UptimeStore, day_of,
};
use federation_testkit::{FakeStore, ManualClock};
use time::OffsetDateTime;

use crate::world::{Setting, World, registration, slug};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Number of days over which the status of the project changed every hour.
const BUSY_DAYS: u32 = 6;

/// Creates a service whose project changed every hour for six days, of which each sixth hour was not
/// observed. It then was online for two days.
async fn busy() -> World {
    let (store, clock) = (Arc::<FakeStore>::default(), Arc::<ManualClock>::default());
    let begun = clock.utc();
    let one = [registration("a").into()];
    let mut project = store.register(&one, Origin::Api, begun).await.unwrap().remove(0).project;
    for hour in 1..=BUSY_DAYS * 24 {
        let at = begun + HOUR * hour;
        let to = ProjectStatus::ALL[[0, 1, 0, 2][hour as usize % 4]];
        let found = Transition {
            project: project.id,
            slug: project.slug.clone(),
            from: project.status,
            to,
            reports: Reports::default(),
            last_heartbeat_at: None,
            last_heartbeat_source: None,
            at,
            cause: Cause::Operator,
            actor: Actor::SERVICE,
        };
        if found.from != found.to {
            store.commit(&[found]).await.unwrap();
            project.status = to;
        }
        if hour % 6 == 1 {
            let period = ListeningPeriod { source: Source::Nats, from: at, until: at + HOUR * 5 };
            let heard = Checkpoint { listening_periods: vec![period], ..Checkpoint::default() };
            store.checkpoint(&heard).await.unwrap();
        }
    }
    let quiet = begun + DAY * BUSY_DAYS;
    let period = ListeningPeriod { source: Source::Nats, from: quiet, until: quiet + HOUR * 40 };
    let heard = Checkpoint { listening_periods: vec![period], ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    clock.advance(DAY * (BUSY_DAYS + 2));
    World::on(store, clock, Setting::default()).await
}

async fn run(upkeep: &Upkeep) {
    let mut batches = 0;
    while upkeep.step().await.unwrap() {
        batches += 1;
        assert!(batches < 1_000, "the upkeep never ends");
    }
}

async fn uptime(world: &World) -> Vec<Uptime> {
    world.service.catalog.history(&slug("a"), None, 1).await.unwrap().uptime
}

#[track_caller]
fn assert_same(found: Shares, expected: Shares) {
    let difference = [
        found.online - expected.online,
        found.degraded - expected.degraded,
        found.offline - expected.offline,
        found.unobserved - expected.unobserved,
    ];
    assert!(difference.iter().all(|one| one.abs() < 1e-9), "{found:?} is not {expected:?}");
}

#[tokio::test]
async fn a_roll_up_does_not_change_the_uptime() {
    let world = busy().await;
    let direct = uptime(&world).await;
    run(&world.service.upkeep(DAY * 90)).await;
    let progress = world.store.roll_up_progress().await.unwrap();
    assert_eq!(progress.until, Some(day_of(world.clock.utc())));
    assert!(world.service.metrics.encode().unwrap().contains("uptime_days_rolled_up_total 7"));
    for (found, expected) in uptime(&world).await.into_iter().zip(direct) {
        assert_eq!((found.window, found.from), (expected.window, expected.from));
        assert_same(found.shares.unwrap(), expected.shares.unwrap());
    }
}

#[tokio::test]
async fn the_uptime_survives_the_entries_of_the_log() {
    let world = busy().await;
    run(&world.service.upkeep(DAY * 90)).await;
    let before = uptime(&world).await;
    let log = world.store.changes_after(Revision(0), 1_000).await.unwrap().entries.len();
    run(&world.service.upkeep(HOUR)).await;
    let left = world.store.changes_after(Revision(0), 1_000).await.unwrap().entries.len();
    assert_eq!(left, 1, "the newest entry of the project");
    let dropped = format!("change_log_entries_dropped_total {}", log - 1);
    assert!(world.service.metrics.encode().unwrap().contains(&dropped), "{dropped}");
    let after = uptime(&world).await;
    assert_eq!(after[0], before[0], "nothing changed in the last 24 hours");
    // The registration was at noon, and the changes of that day are gone.
    assert_eq!(after[2].from.time(), time::Time::MIDNIGHT);
    assert_eq!(
        after[2].from - before[2].from,
        time::Duration::hours(12) - time::Duration::nanoseconds(123_456_000)
    );
    let Shares { online, degraded, offline, unobserved } = after[2].shares.unwrap();
    assert!((online + degraded + offline + unobserved - 1.0).abs() < 1e-9);
    assert!(online > 0.1 && degraded > 0.05 && offline > 0.05 && unobserved > 0.1, "{after:?}");
    assert_eq!(world.service.catalog.history(&slug("a"), None, 50).await.unwrap().changes.len(), 1);
}

#[tokio::test]
async fn two_replicas_roll_up_and_drop_each_entry_once() {
    let world = busy().await;
    let store = Arc::new(world.store.sharing());
    let other = World::on(store, Arc::clone(&world.clock), Setting::default()).await;
    let upkeeps = [world.service.upkeep(DAY * 4), other.service.upkeep(DAY * 4)];
    for _ in 0..20 {
        for upkeep in &upkeeps {
            upkeep.step().await.unwrap();
        }
    }
    let rolled = |world: &World| {
        let metrics = world.service.metrics.encode().unwrap();
        let line =
            metrics.lines().find(|line| line.starts_with("federation_uptime_days_rolled_up_total"));
        line.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(rolled(&world) + rolled(&other), 7);
    let part = world.store.changes_after(Revision(0), 1_000).await.unwrap();
    let oldest = part.entries[0].entry().unwrap();
    assert!(oldest.at() >= world.clock.utc() - DAY * 4, "{oldest:?}");
    assert_eq!(part.oldest, oldest.revision());
}

#[tokio::test]
async fn a_watcher_whose_entries_were_dropped_is_told() {
    let world = busy().await;
    let newest = world.service.changes.newest();
    run(&world.service.upkeep(HOUR)).await;
    let world = world.restarted().await;
    let from = WatchFrom::After(LogPosition { revision: Revision(3), ..newest });
    let mut watcher = world.service.changes.watch(from).await.unwrap();
    assert!(matches!(watcher.next().await.unwrap(), WatchEvent::StartedOver(at) if at == newest));
}

#[tokio::test]
async fn today_is_not_rolled_up_until_ten_minutes_after_midnight() {
    let world = World::with(&["a"]).await;
    let upkeep = world.service.upkeep(DAY);
    let until = async |minutes: i64| {
        let midnight = OffsetDateTime::UNIX_EPOCH.replace_date(day_of(world.clock.utc())) + DAY;
        let now = midnight + time::Duration::minutes(minutes);
        world.clock.advance((now - world.clock.utc()).try_into().unwrap());
        run(&upkeep).await;
        world.store.roll_up_progress().await.unwrap().until.unwrap().day()
    };
    assert_eq!(until(9).await, 24, "it is the 25th since nine minutes");
    assert_eq!(until(11).await, 26);
}
