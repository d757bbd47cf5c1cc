//! Rules of listening periods: `checkpoint`, `listening_periods` and `load`.

use std::sync::Arc;

use federation_domain::{Checkpoint, LISTENING_RETENTION, ListeningPeriod, Source, Store};
use time::Duration;

use super::samples::{moment, period};

async fn listen(store: &dyn Store, listening_periods: &[ListeningPeriod]) {
    let listening_periods = listening_periods.to_vec();
    store.checkpoint(&Checkpoint { listening_periods, ..Checkpoint::default() }).await.unwrap();
}

/// Returns all periods of NATS.
async fn nats(store: &dyn Store) -> Vec<ListeningPeriod> {
    store.listening_periods(Source::Nats, moment(-1_000_000)).await.unwrap()
}

fn periods(ends: &[(i64, i64)]) -> Vec<ListeningPeriod> {
    ends.iter().map(|&(from, until)| period(Source::Nats, from, until)).collect()
}

/// Periods in the order in which they are stored, and the joined result.
type Case = (&'static [(i64, i64)], &'static [(i64, i64)]);

const CASES: [Case; 14] = [
    (&[(0, 10), (0, 10)], &[(0, 10)]),
    (&[(0, 10), (5, 20)], &[(0, 20)]),
    (&[(5, 20), (0, 10)], &[(0, 20)]),
    (&[(0, 10), (10, 20)], &[(0, 20)]),
    (&[(10, 20), (0, 10)], &[(0, 20)]),
    (&[(0, 10), (11, 20)], &[(0, 10), (11, 20)]),
    (&[(11, 20), (0, 10)], &[(0, 10), (11, 20)]),
    (&[(0, 10), (3, 5)], &[(0, 10)]),
    (&[(3, 5), (0, 10)], &[(0, 10)]),
    (&[(0, 5), (0, 10), (2, 10)], &[(0, 10)]),
    (&[(20, 30), (0, 10), (8, 21)], &[(0, 30)]),
    (&[(0, 1), (4, 5), (8, 9), (12, 13), (5, 8)], &[(0, 1), (4, 9), (12, 13)]),
    (&[(0, 1), (4, 5), (8, 9), (12, 13), (1, 20)], &[(0, 20)]),
    (&[(7, 7), (5, 5), (5, 6), (6, 6)], &[(5, 6), (7, 7)]),
];

/// Periods are joined across separate calls and within a single one.
pub async fn periods_that_overlap_or_touch_are_joined(store: &Arc<dyn Store>) {
    let mut expected = Vec::new();
    for (n, (given, together)) in (0..).zip(CASES) {
        for (place, in_one_call) in [(n * 1_000, false), (n * 1_000 + 500, true)] {
            let moved = |ends: &[(i64, i64)]| {
                periods(&ends.iter().map(|end| (place + end.0, place + end.1)).collect::<Vec<_>>())
            };
            let given = moved(given);
            for call in given.chunks(if in_one_call { given.len() } else { 1 }) {
                listen(store.as_ref(), call).await;
            }
            expected.extend(moved(together));
            assert_eq!(nats(store.as_ref()).await, expected, "{given:?}, at once: {in_one_call}");
        }
    }
    let almost = Duration::microseconds(1);
    let last = *expected.last().expect("a period");
    let next = ListeningPeriod { from: last.until + almost, until: last.until + almost, ..last };
    listen(store.as_ref(), &[next]).await;
    expected.push(next);
    assert_eq!(nats(store.as_ref()).await, expected, "a gap of a microsecond separates periods");
}

/// Pseudo-random periods cover together what each of them covers.
pub async fn periods_are_joined_in_any_order(store: &Arc<dyn Store>) {
    // Two places for each second, so that neighbours without a common moment stay apart.
    let mut covered = [false; 2 * 500];
    let mut thrown: usize = 17;
    for call in 0..50 {
        let mut ends = Vec::new();
        for _ in 0..2 {
            thrown = (thrown * 7_919 + 104_729) % 1_000_003;
            let (from, until) = (thrown % 480, thrown % 480 + thrown % 7);
            covered[2 * from..=2 * until].fill(true);
            ends.push((i64::try_from(from).unwrap(), i64::try_from(until).unwrap()));
        }
        listen(store.as_ref(), &periods(&ends)).await;
        assert_eq!(nats(store.as_ref()).await, periods(&runs(&covered)), "after call {call}");
    }
    assert!(runs(&covered).len() > 10, "some periods are separate");
}

/// Returns the first and last second of each run of covered seconds.
fn runs(covered: &[bool]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    let mut before = false;
    for (place, &covered) in (0..).zip(covered) {
        match runs.last_mut() {
            Some(run) if covered && before => run.1 = place / 2,
            _ if covered => runs.push((place / 2, place / 2)),
            _ => {}
        }
        before = covered;
    }
    runs
}

/// Periods of different sources are not joined even if they overlap.
pub async fn each_source_has_periods_of_its_own(store: &Arc<dyn Store>) {
    let (nats, http) = (period(Source::Nats, 0, 10), period(Source::Http, 5, 15));
    listen(store.as_ref(), &[nats, http]).await;
    listen(store.as_ref(), &[period(Source::Http, 20, 30)]).await;
    assert_eq!(store.listening_periods(Source::Nats, moment(0)).await.unwrap(), [nats]);
    let expected = [http, period(Source::Http, 20, 30)];
    assert_eq!(store.listening_periods(Source::Http, moment(0)).await.unwrap(), expected);
}

/// Checks that a period that began before the given time is returned whole, and that one that ends
/// exactly at that time is not returned.
pub async fn periods_are_found_by_their_end(store: &Arc<dyn Store>) {
    assert_eq!(nats(store.as_ref()).await, []);
    let all = periods(&[(0, 10), (20, 30), (40, 50)]);
    listen(store.as_ref(), &all).await;
    for (since, expected) in
        [(-5, 0), (0, 0), (9, 0), (10, 1), (15, 1), (20, 1), (29, 1), (30, 2), (49, 2), (50, 3)]
    {
        let found = store.listening_periods(Source::Nats, moment(since)).await.unwrap();
        assert_eq!(found, all[expected..], "since {since}");
    }
}

/// No period is lost, and neighbours are joined in any order.
pub async fn concurrent_replicas_join_all_periods(store: &Arc<dyn Store>) {
    const REPLICAS: i64 = 8;
    let replica = |n: i64| {
        let store = Arc::clone(store);
        async move {
            for round in 0..30 {
                let from = round * REPLICAS + n;
                let http = period(Source::Http, 10 * n, 10 * n + round % 10);
                listen(store.as_ref(), &[period(Source::Nats, from, from + 1), http]).await;
            }
        }
    };
    let replicas: Vec<_> = (0..REPLICAS).map(|n| tokio::spawn(replica(n))).collect();
    for replica in replicas {
        replica.await.unwrap();
    }
    assert_eq!(nats(store.as_ref()).await, periods(&[(0, 30 * REPLICAS)]));
    let http: Vec<_> = (0..REPLICAS).map(|n| period(Source::Http, 10 * n, 10 * n + 9)).collect();
    assert_eq!(store.listening_periods(Source::Http, moment(-1)).await.unwrap(), http);
}

/// The retention is relative to the newest period of the source, so the latest one always stays.
pub async fn a_period_expires_after_the_retention(store: &Arc<dyn Store>) {
    let http = period(Source::Http, 0, 10);
    let all = periods(&[(-100, 0), (5, 10), (15, 40)]);
    listen(store.as_ref(), &all).await;
    listen(store.as_ref(), &[http]).await;
    let until = moment(10) + LISTENING_RETENTION;
    let newest = ListeningPeriod { source: Source::Nats, from: until, until };
    listen(store.as_ref(), &[newest]).await;
    assert_eq!(nats(store.as_ref()).await, [all[1], all[2], newest], "exactly the retention");
    let newest = ListeningPeriod { until: until + Duration::microseconds(1), ..newest };
    listen(store.as_ref(), &[newest]).await;
    assert_eq!(nats(store.as_ref()).await, [all[2], newest]);
    assert_eq!(store.listening_periods(Source::Http, moment(0)).await.unwrap(), [http]);
}
