//! A graph of 100,000 edges over 20,000 projects, on SQLite.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{EdgeSelection, GraphQuery, GroupBy, ObservedEdge, ReachDirection};
use federation_domain::{Actor, EdgeKey, EdgeKind, EdgeSource, EdgeWrite, Slug, Stores, Strength};
use federation_sqlite::SqliteStore;

use crate::world::{World, service, slug};
use crate::{cost, p99_ms, seconds, show};

const PROJECTS: usize = 20_000;
const EDGES: usize = 100_000;

/// Number of edges written in one call.
const BATCH: usize = 10_000;

/// Number of observations of known edges.
const OBSERVATIONS: usize = 200_000;

/// First argument of a process that only loads a store, and number of such processes.
pub(crate) const LOAD: &str = "load";
const LOADS: usize = 5;

pub(crate) async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder, "with.db").await;
    let world = World::on(store, PROJECTS).await;
    let keys = keys();
    declare(&world, &keys).await;
    queries(&world, "all offline");
    world.hear_all(PROJECTS).await;
    queries(&world, "all online");
    change(&world).await;
    observe(&world, &keys).await;
    let without = sqlite(&folder, "without.db").await;
    drop(World::on(without, PROJECTS).await);
    let [with, without] = ["with.db", "without.db"].map(|name| load_apart(&folder, name));
    show("graph: start adds", with.0 - without.0, "s", "≤ 0.5");
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = (with.1 - without.1) / EDGES as f64;
    show("graph: memory per edge", each, "bytes", "≤ 300");
}

/// Loads a store in a process of its own, whose memory nothing else has used, and returns the seconds and
/// the bytes that this takes: the medians of several.
fn load_apart(folder: &tempfile::TempDir, name: &str) -> (f64, f64) {
    let rounds = (0..LOADS).map(|_| {
        let program = std::env::current_exe().unwrap();
        let arguments = [LOAD.into(), folder.path().join(name).into_os_string()];
        let answer = std::process::Command::new(program).args(arguments).output().unwrap();
        let answer = String::from_utf8(answer.stdout).unwrap();
        let (seconds, bytes) = answer.trim().split_once(' ').unwrap();
        (seconds.parse::<f64>().unwrap(), bytes.parse::<f64>().unwrap())
    });
    let (mut seconds, mut bytes): (Vec<f64>, Vec<f64>) = rounds.unzip();
    seconds.sort_unstable_by(f64::total_cmp);
    bytes.sort_unstable_by(f64::total_cmp);
    (seconds[LOADS / 2], bytes[LOADS / 2])
}

/// Loads a store, and prints the seconds and the bytes that this takes.
pub(crate) async fn load(file: &str) {
    let store = SqliteStore::connect(&format!("sqlite:{file}")).unwrap();
    let (began, before) = (crate::now(), memory());
    let service = service(Stores::of(Arc::new(store)), &Arc::default());
    service.load().await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    // Memory that was needed to load is returned to the system after a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("{seconds} {}", memory() - before);
    drop(service);
}

async fn sqlite(folder: &tempfile::TempDir, name: &str) -> Stores {
    let url = format!("sqlite:{}", folder.path().join(name).display());
    let store = SqliteStore::connect(&url).unwrap();
    store.migrate().await.unwrap();
    Stores::of(Arc::new(store))
}

fn memory() -> i64 {
    i64::try_from(cost().memory_bytes).unwrap()
}

/// Returns edges whose ends are drawn at random. Low numbers are drawn more often, so that some projects
/// are used by many.
fn keys() -> Vec<EdgeKey> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut keys = std::collections::BTreeSet::new();
    while keys.len() < EDGES {
        let from = Slug::parse(&slug(random.usize(1..=PROJECTS))).unwrap();
        let limit = random.usize(1..=PROJECTS);
        let to = Slug::parse(&slug(random.usize(1..=limit))).unwrap();
        keys.extend(EdgeKey::new(from, to, EdgeKind::Api));
    }
    keys.into_iter().collect()
}

async fn declare(world: &World, keys: &[EdgeKey]) {
    let graph = &world.service.graph;
    for batch in keys.chunks(BATCH) {
        let writes = batch.iter().map(|key| {
            let (source, strength) = (EdgeSource::Observed, Strength::default());
            EdgeWrite::declare(key.clone(), source, strength, None, graph.now())
        });
        graph.write(writes.collect(), false, Actor::NATS).await.unwrap();
    }
}

/// Measures queries. A project that is not online takes longer, because it has to be judged.
fn queries(world: &World, state: &str) {
    let graph = &world.service.graph;
    let most_used = graph.summary().unwrap().most_used[0].0.clone();
    let selection = EdgeSelection::default();
    let timed = |run: &dyn Fn()| {
        let times = (0..200).map(|_| Duration::from_secs_f64(seconds(run))).collect();
        p99_ms(times)
    };
    let impact = timed(&|| {
        drop(graph.reach(&most_used, ReachDirection::Dependents, &selection, 1_000).unwrap());
    });
    let what = format!("graph: impact of the most used project, {state}, p99");
    show(&what, impact, "ms", "≤ 10");
    let query = GraphQuery::default();
    let grouped = timed(&|| drop(graph.grouped(&query, GroupBy::Tag, 5_000).unwrap()));
    let what = format!("graph: whole graph in 50 groups, not cached, {state}, p99");
    show(&what, grouped, "ms", "");
}

/// Measures the time from an edge change until the graph has it.
async fn change(world: &World) {
    let graph = &world.service.graph;
    let key = EdgeKey::parse(&format!("{}/{}/queue", slug(1), slug(2))).unwrap();
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = crate::now();
        let at = graph.now();
        let declare =
            EdgeWrite::declare(key.clone(), EdgeSource::Api, Strength::default(), None, at);
        graph.write_one(declare, Actor::API).await.unwrap();
        let claims = graph.claims(Some(key.from()), None, None, 1_000).unwrap();
        assert!(claims.iter().any(|claim| claim.key == key));
        times.push(began.elapsed());
        graph
            .write_one(EdgeWrite::withdraw(key.clone(), EdgeSource::Api, at), Actor::API)
            .await
            .unwrap();
    }
    show("graph: an edge change is visible, p99", p99_ms(times), "ms", "≤ 50");
}

/// Measures the CPU time of observations of known edges, which write nothing.
async fn observe(world: &World, keys: &[EdgeKey]) {
    let (observer, mut keeper) = world.service.edge_keeper();
    let entries = world.service.changes.newest();
    let before = cost().cpu;
    for batch in keys.iter().cycle().take(OBSERVATIONS).collect::<Vec<_>>().chunks(1_000) {
        for key in batch {
            let edge = ObservedEdge {
                to: key.to().clone(),
                kind: EdgeKind::Api,
                strength: Strength::default(),
                details: None,
            };
            observer.observe(key.from().clone(), vec![edge]);
        }
        keeper.step().await.unwrap();
    }
    let cpu = cost().cpu - before;
    assert_eq!(world.service.changes.newest(), entries, "an observation was logged");
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let cores = cpu.as_secs_f64() / (OBSERVATIONS as f64 / 10_000.0);
    show("graph: 10,000 observations of known edges per second", cores, "cores", "≤ 0.2");
}
