//! The windows and runs in which samples are stored.

use super::*;

/// Sends a sample, lets seconds pass, and stores what may be stored.
async fn step(world: &World, value: f64, seconds: u64) {
    world.send("a", "x", value);
    world.clock.advance(Duration::from_secs(seconds));
    world.series.flush().await.unwrap();
}

/// Returns the minute, the samples and the largest value of each stored run.
fn runs(world: &World, start: time::OffsetDateTime) -> Vec<(i64, u64, f64)> {
    let of = |run: SeriesRun| {
        let minute = (run.run.window_at - start).whole_minutes();
        (minute, run.run.samples, run.run.numbers.unwrap().max)
    };
    world.stored().into_iter().map(of).collect()
}

fn start(world: &World) -> time::OffsetDateTime {
    Resolution::default().window_of(world.clock.utc())
}

#[tokio::test]
async fn a_value_that_never_pauses_is_stored_up_to_the_window_before() {
    let world = World::new().await;
    for _ in 0..600 {
        // The next window has a sample before the flush.
        world.clock.advance(Duration::from_secs(1));
        world.send("a", "x", 7.0);
        world.series.flush().await.unwrap();
        let stored = world.stored().into_iter().map(|run| run.run.until_at).max();
        let lag = world.clock.utc() - stored.unwrap_or(start(&world));
        assert!(lag <= time::Duration::seconds(60), "{lag}");
    }
    assert_eq!(world.stored().len(), 2);
}

#[tokio::test]
async fn a_window_in_which_a_repeated_value_changes_is_one_run() {
    let world = World::new().await;
    let begin = start(&world);
    for (value, seconds) in [(1.0, 60), (1.0, 60), (1.0, 60), (1.0, 20), (1.0, 20), (4.0, 60)] {
        step(&world, value, seconds).await;
    }
    assert_eq!(runs(&world, begin), [(0, 1, 1.0), (1, 2, 1.0), (3, 3, 4.0)]);
    let window = world.stored().remove(2).run;
    assert_eq!(window.numbers.unwrap().sum, 6.0);
    assert_eq!(window.observed_at, begin + time::Duration::microseconds(180_123_456));
}

#[tokio::test]
async fn a_late_value_in_a_stored_window_becomes_a_run_of_its_own() {
    let world = World::new().await;
    let begin = start(&world);
    for _ in 0..3 {
        step(&world, 1.0, 60).await;
    }
    let observed_at = Some(begin + time::Duration::seconds(130));
    let late = SampleBatch { observed_at, ..batch(&[("x", 4.0)]) };
    world.series.record("a", &late).unwrap();
    world.series.flush().await.unwrap();
    assert_eq!(runs(&world, begin), [(0, 1, 1.0), (1, 2, 1.0), (2, 1, 4.0)]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_an_hour_neither_loses_nor_moves_samples() {
    let world = World::new().await;
    let mut expected = Vec::new();
    let begin = start(&world);
    for place in 0..50_u32 {
        if place == 25 {
            world.clock.shift_utc(time::Duration::hours(-1));
        }
        let minute = (start(&world) - begin).whole_minutes();
        expected.push((minute, 1, f64::from(place)));
        step(&world, f64::from(place), 60).await;
    }
    expected.sort_unstable_by_key(|(minute, ..)| *minute);
    assert_eq!(runs(&world, begin), expected);
}

#[tokio::test]
async fn a_time_that_occurs_twice_keeps_the_windows_with_more_samples() {
    let world = World::new().await;
    let begin = start(&world);
    for minute in 0..30 {
        step(&world, f64::from(minute), 30).await;
        step(&world, f64::from(minute), 30).await;
    }
    let before = runs(&world, begin);
    assert_eq!(before.len(), 30);
    world.clock.shift_utc(time::Duration::minutes(-20));
    for _ in 0..30 {
        step(&world, 100.0, 60).await;
    }
    let after = runs(&world, begin);
    assert_eq!(after[..30], before);
    assert_eq!(after[30..], [(30, 10, 100.0)], "a time that is new");
}

#[tokio::test]
async fn a_replica_that_missed_samples_does_not_replace_what_the_other_has_of_the_window() {
    let world = World::new().await;
    let begin = start(&world);
    let other = series_of(&world.service, &world.clock, Arc::clone(&world.store));
    let both = async |value: f64| {
        other.record("a", &batch(&[("x", value)])).unwrap();
        step(&world, value, 60).await;
        other.flush().await.unwrap();
    };
    both(5.0).await;
    both(5.0).await;
    world.send("a", "x", 1.0);
    other.note_gap();
    for _ in 0..5 {
        both(0.0).await;
    }
    assert!(runs(&world, begin).contains(&(2, 2, 1.0)), "{:?}", runs(&world, begin));
}
