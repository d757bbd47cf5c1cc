//! Spells of listening: `checkpoint`, `spells` and what `load` tells of them.

use std::sync::Arc;

use federation_domain::{CatalogStore, Checkpoint, Listened, SPELLS_KEPT, Source};
use time::Duration;

use super::samples::{moment, spell};

async fn listen(store: &dyn CatalogStore, listened: &[Listened]) {
    let listened = listened.to_vec();
    store.checkpoint(&Checkpoint { listened, ..Checkpoint::default() }).await.unwrap();
}

/// All spells of NATS.
async fn nats(store: &dyn CatalogStore) -> Vec<Listened> {
    store.spells(Source::Nats, moment(-1_000_000)).await.unwrap()
}

fn spells(ends: &[(i64, i64)]) -> Vec<Listened> {
    ends.iter().map(|&(from, until)| spell(Source::Nats, from, until)).collect()
}

/// The spells in the order in which they come, and what they are together.
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

/// One call after the other, and in one call.
pub async fn spells_that_overlap_or_touch_are_one(store: &Arc<dyn CatalogStore>) {
    let mut expected = Vec::new();
    for (n, (given, together)) in (0..).zip(CASES) {
        for (place, in_one_call) in [(n * 1_000, false), (n * 1_000 + 500, true)] {
            let moved = |ends: &[(i64, i64)]| {
                spells(&ends.iter().map(|end| (place + end.0, place + end.1)).collect::<Vec<_>>())
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
    let last = *expected.last().expect("a spell");
    let next = Listened { from: last.until + almost, until: last.until + almost, ..last };
    listen(store.as_ref(), &[next]).await;
    expected.push(next);
    assert_eq!(nats(store.as_ref()).await, expected, "a microsecond apart is apart");
}

/// A hundred spells, as if thrown: together they cover what each of them covers.
pub async fn spells_are_joined_in_whatever_order_they_come(store: &Arc<dyn CatalogStore>) {
    // Two places for each second, so that neighbours without a common moment stay apart.
    let mut covered = [false; 2 * 500];
    let mut thrown: usize = 17;
    for call in 0..50 {
        let mut listened = Vec::new();
        for _ in 0..2 {
            thrown = (thrown * 7_919 + 104_729) % 1_000_003;
            let (from, until) = (thrown % 480, thrown % 480 + thrown % 7);
            covered[2 * from..=2 * until].fill(true);
            listened.push((i64::try_from(from).unwrap(), i64::try_from(until).unwrap()));
        }
        listen(store.as_ref(), &spells(&listened)).await;
        assert_eq!(nats(store.as_ref()).await, spells(&runs(&covered)), "after call {call}");
    }
    assert!(runs(&covered).len() > 10, "some of them are apart");
}

/// The first and last second of each run of places that are covered.
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

/// Though they be of the same time.
pub async fn each_source_has_spells_of_its_own(store: &Arc<dyn CatalogStore>) {
    let (nats, http) = (spell(Source::Nats, 0, 10), spell(Source::Http, 5, 15));
    listen(store.as_ref(), &[nats, http]).await;
    listen(store.as_ref(), &[spell(Source::Http, 20, 30)]).await;
    assert_eq!(store.spells(Source::Nats, moment(0)).await.unwrap(), [nats]);
    let expected = [http, spell(Source::Http, 20, 30)];
    assert_eq!(store.spells(Source::Http, moment(0)).await.unwrap(), expected);
}

/// Whole, also where they began before the moment; one that ends in it does not end after it.
pub async fn spells_are_found_by_their_end(store: &Arc<dyn CatalogStore>) {
    assert_eq!(nats(store.as_ref()).await, []);
    let all = spells(&[(0, 10), (20, 30), (40, 50)]);
    listen(store.as_ref(), &all).await;
    for (since, expected) in
        [(-5, 0), (0, 0), (9, 0), (10, 1), (15, 1), (20, 1), (29, 1), (30, 2), (49, 2), (50, 3)]
    {
        let found = store.spells(Source::Nats, moment(since)).await.unwrap();
        assert_eq!(found, all[expected..], "since {since}");
    }
}

/// None is lost: neighbours become one spell, whoever comes first.
pub async fn replicas_that_note_spells_at_once_join_them_all(store: &Arc<dyn CatalogStore>) {
    const REPLICAS: i64 = 8;
    let replica = |n: i64| {
        let store = Arc::clone(store);
        async move {
            for round in 0..30 {
                let from = round * REPLICAS + n;
                let http = spell(Source::Http, 10 * n, 10 * n + round % 10);
                listen(store.as_ref(), &[spell(Source::Nats, from, from + 1), http]).await;
            }
        }
    };
    let replicas: Vec<_> = (0..REPLICAS).map(|n| tokio::spawn(replica(n))).collect();
    for replica in replicas {
        replica.await.unwrap();
    }
    assert_eq!(nats(store.as_ref()).await, spells(&[(0, 30 * REPLICAS)]));
    let http: Vec<_> = (0..REPLICAS).map(|n| spell(Source::Http, 10 * n, 10 * n + 9)).collect();
    assert_eq!(store.spells(Source::Http, moment(-1)).await.unwrap(), http);
}

/// Each source by its own newest spell, so that its last one stays.
pub async fn a_spell_is_forgotten_once_it_ended_long_before_the_newest(
    store: &Arc<dyn CatalogStore>,
) {
    let http = spell(Source::Http, 0, 10);
    let all = spells(&[(-100, 0), (5, 10), (15, 40)]);
    listen(store.as_ref(), &all).await;
    listen(store.as_ref(), &[http]).await;
    let until = moment(10) + SPELLS_KEPT;
    let newest = Listened { source: Source::Nats, from: until, until };
    listen(store.as_ref(), &[newest]).await;
    assert_eq!(nats(store.as_ref()).await, [all[1], all[2], newest], "long enough, and no longer");
    let newest = Listened { until: until + Duration::microseconds(1), ..newest };
    listen(store.as_ref(), &[newest]).await;
    assert_eq!(nats(store.as_ref()).await, [all[2], newest]);
    assert_eq!(store.spells(Source::Http, moment(0)).await.unwrap(), [http]);
}

/// Whatever was noted last.
pub async fn a_snapshot_has_of_each_source_the_spell_that_ends_last(store: &Arc<dyn CatalogStore>) {
    listen(store.as_ref(), &[spell(Source::Nats, 50, 60), spell(Source::Http, 0, 5)]).await;
    for (noted, last) in [
        (spell(Source::Nats, 0, 10), spell(Source::Nats, 50, 60)),
        (spell(Source::Nats, 40, 55), spell(Source::Nats, 40, 60)),
        (spell(Source::Nats, 60, 70), spell(Source::Nats, 40, 70)),
        (spell(Source::Nats, 80, 80), spell(Source::Nats, 80, 80)),
    ] {
        listen(store.as_ref(), &[noted]).await;
        let mut listened = store.load().await.unwrap().listened;
        listened.sort_unstable_by_key(|spell| spell.source);
        assert_eq!(listened, [last, spell(Source::Http, 0, 5)]);
    }
}
