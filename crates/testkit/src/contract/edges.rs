//! Rules of edges: `write_edges`, `load_edges` and `edges_from`.

use std::sync::Arc;

use federation_domain::{
    Actor, EdgeAge, EdgeClaim, EdgeDetails, EdgeKey, EdgeKind, EdgeRejection, EdgeResult,
    EdgeSource, EdgeWrite, LogEntry, MAX_EDGES_PER_PROJECT, Revision, Slug, Store, Strength,
    WrittenEdges,
};

use super::samples::{moment, register};
use crate::entries_after;

fn key(text: &str) -> EdgeKey {
    EdgeKey::parse(text).unwrap()
}

fn declare(edge: &str, source: EdgeSource, strength: f64, seconds: i64) -> EdgeWrite {
    EdgeWrite::declare(key(edge), source, Strength::new(strength).unwrap(), None, moment(seconds))
}

async fn write(store: &dyn Store, writes: &[EdgeWrite]) -> WrittenEdges {
    store.write_edges(writes, false, &Actor::API).await.unwrap()
}

/// Returns all claims in the order of their keys.
async fn all(store: &dyn Store) -> Vec<EdgeClaim> {
    let mut claims = Vec::new();
    store.load_edges(&mut |claim| claims.push(claim)).await.unwrap();
    claims.sort_unstable_by(|a, b| (&a.key, a.source).cmp(&(&b.key, b.source)));
    claims
}

/// Returns the edges in the log as `kind key`.
async fn logged(store: &dyn Store) -> Vec<String> {
    let entries = entries_after(store, Revision(0), 10_000).await;
    let edges = entries.iter().filter(|entry| entry.entity() == "edge");
    edges.map(|entry| format!("{} {}", entry.kind(), entry.key())).collect()
}

/// All columns are read as they were written.
pub async fn a_declared_edge_is_kept_with_every_field(store: &Arc<dyn Store>) {
    let details = EdgeDetails::from_json(r#"{"path":"/v1/ä","a\u0000b":[1,null]}"#).unwrap();
    let kind = EdgeKind::parse("build-step").unwrap();
    let edge = EdgeKey::new("docs".parse().unwrap(), "veria".parse().unwrap(), kind).unwrap();
    let strength = Strength::new(0.1).unwrap();
    let write_it = EdgeWrite::declare(
        edge.clone(),
        EdgeSource::Api,
        strength,
        Some(details.clone()),
        moment(1),
    );
    let written = write(store.as_ref(), &[write_it]).await;
    let claim = EdgeClaim {
        key: edge,
        source: EdgeSource::Api,
        strength,
        details: Some(details),
        first_seen_at: moment(1),
        last_seen_at: moment(1),
        stale: false,
    };
    assert_eq!(written.results, [EdgeResult::Stored { claim: claim.clone(), is_new: true }]);
    assert_eq!(all(store.as_ref()).await, [claim]);
}

/// Each change is an entry of the log with its actor, written with the claim.
pub async fn changes_of_edges_are_logged(store: &Arc<dyn Store>) {
    register(store.as_ref(), "docs").await;
    let actor = Actor::parse("key-1");
    let declared = [declare("docs/veria/api", EdgeSource::Api, 0.5, 1)];
    let written = store.write_edges(&declared, true, &actor).await.unwrap();
    assert_eq!(written.entries.iter().map(LogEntry::revision).collect::<Vec<_>>(), [Revision(2)]);
    assert_eq!(entries_after(store.as_ref(), Revision(1), 10).await, written.entries);
    let entry = &written.entries[0];
    assert_eq!((entry.entity(), entry.key(), entry.kind()), ("edge", "docs/veria/api", "declared"));
    assert_eq!((entry.actor(), entry.at()), (&actor, moment(1)));
    let LogEntry::Opaque(entry) = entry else { panic!("{entry:?}") };
    assert_eq!(
        entry.payload,
        r#"{"from":"docs","to":"veria","kind":"api","source":"api","strength":0.5}"#
    );
    write(
        store.as_ref(),
        &[EdgeWrite::withdraw(key("docs/veria/api"), EdgeSource::Api, moment(2))],
    )
    .await;
    assert_eq!(
        logged(store.as_ref()).await,
        ["declared docs/veria/api", "withdrawn docs/veria/api"]
    );
    assert_eq!(all(store.as_ref()).await, []);
}

/// A repeated declaration changes nothing, and another one replaces the claim of its source only.
pub async fn a_declaration_replaces_the_claim_of_its_source(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    write(store, &EdgeSource::ALL.map(|source| declare("a/b/api", source, 0.5, 1))).await;
    let before = all(store).await;
    let again = write(store, &[declare("a/b/api", EdgeSource::File, 0.5, 2)]).await;
    assert!(again.entries.is_empty());
    assert_eq!(all(store).await, before);
    write(store, &[declare("a/b/api", EdgeSource::File, 0.75, 3)]).await;
    let strengths: Vec<_> = all(store).await.iter().map(|claim| claim.strength.get()).collect();
    assert_eq!(strengths, [0.75, 0.5, 0.5]);
    let file = &all(store).await[0];
    assert_eq!((file.first_seen_at, file.last_seen_at), (moment(1), moment(3)));
}

/// The time of an observation moves forward without an entry in the log.
pub async fn a_repeated_observation_is_not_logged(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    for seconds in [1, 9, 5] {
        write(store, &[declare("a/b/api", EdgeSource::Observed, 0.5, seconds)]).await;
    }
    let claims = all(store).await;
    assert_eq!((claims[0].first_seen_at, claims[0].last_seen_at), (moment(1), moment(9)));
    assert_eq!(logged(store).await, ["declared a/b/api"]);
}

/// An observation ages only if no newer one is stored.
pub async fn an_observation_grows_stale_and_expires(store: &Arc<dyn Store>) {
    let store = store.as_ref();
    write(store, &[declare("a/b/api", EdgeSource::Observed, 0.5, 5)]).await;
    let age = |age, seen| [EdgeWrite::age(key("a/b/api"), age, moment(seen), moment(100))];
    write(store, &age(EdgeAge::Expired, 4)).await;
    assert!(!all(store).await[0].stale);
    write(store, &age(EdgeAge::Stale, 5)).await;
    assert!(all(store).await[0].stale);
    write(store, &age(EdgeAge::Expired, 5)).await;
    assert_eq!(all(store).await, []);
    assert_eq!(logged(store).await, ["declared a/b/api", "stale a/b/api", "expired a/b/api"]);
}

/// One rejected write of an atomic call leaves everything unchanged; otherwise the others apply.
pub async fn a_call_is_applied_whole_or_not_at_all_if_asked(store: &Arc<dyn Store>) {
    let full: Vec<_> = (0..MAX_EDGES_PER_PROJECT)
        .map(|number| declare(&format!("a/b{number}/api"), EdgeSource::File, 0.5, 1))
        .collect();
    assert_eq!(write(store.as_ref(), &full).await.entries.len(), MAX_EDGES_PER_PROJECT);
    let two =
        [declare("c/d/api", EdgeSource::Api, 0.5, 2), declare("a/x/api", EdgeSource::Api, 0.5, 2)];
    let written = store.write_edges(&two, true, &Actor::API).await.unwrap();
    assert_eq!(
        written.results,
        [EdgeResult::Kept(None), EdgeResult::Rejected(EdgeRejection::TooMany)]
    );
    assert!(written.entries.is_empty());
    assert_eq!(all(store.as_ref()).await.len(), MAX_EDGES_PER_PROJECT);
    let written = write(store.as_ref(), &two).await;
    assert!(matches!(written.results[0], EdgeResult::Stored { .. }));
    assert_eq!(all(store.as_ref()).await.len(), MAX_EDGES_PER_PROJECT + 1);
}

/// Edges are read by the project at which they start. Registration does not matter.
pub async fn edges_are_found_by_their_start(store: &Arc<dyn Store>) {
    let edges = ["a/b/api", "a/c/queue", "b/a/api", "c/a/api"];
    let writes = edges.map(|edge| declare(edge, EdgeSource::Api, 0.5, 1));
    write(store.as_ref(), &writes).await;
    let slugs: Vec<Slug> = ["c", "a", "a", "x"].iter().map(|slug| slug.parse().unwrap()).collect();
    let found = store.edges_from(&slugs).await.unwrap();
    let mut keys: Vec<_> = found.iter().map(|claim| claim.key.to_string()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a/b/api", "a/c/queue", "c/a/api"]);
    assert_eq!(store.edges_from(&[]).await.unwrap(), []);
}

/// Claims outlive the project at which their edges start.
pub async fn removing_a_project_keeps_its_claims(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    write(store.as_ref(), &[declare("a/b/api", EdgeSource::File, 0.5, 1)]).await;
    let only_if = federation_domain::Precondition::Always;
    store.remove(&project.slug, &only_if, &Actor::API, moment(2)).await.unwrap();
    assert_eq!(all(store.as_ref()).await.len(), 1);
}

/// Concurrent replicas lose no write, and revisions have no gaps.
pub async fn concurrent_writers_lose_no_edge(store: &Arc<dyn Store>) {
    const REPLICAS: usize = 8;
    const EDGES: usize = 20;
    let replica = |number: usize| {
        let store = Arc::clone(store);
        async move {
            for edge in 0..EDGES {
                let edge = format!("a/b{number}-{edge}/api");
                write(store.as_ref(), &[declare(&edge, EdgeSource::Observed, 0.5, 1)]).await;
            }
        }
    };
    let replicas: Vec<_> = (0..REPLICAS).map(|number| tokio::spawn(replica(number))).collect();
    for replica in replicas {
        replica.await.unwrap();
    }
    assert_eq!(all(store.as_ref()).await.len(), REPLICAS * EDGES);
    let entries = entries_after(store.as_ref(), Revision(0), 10_000).await;
    let revisions: Vec<_> = entries.iter().map(|entry| entry.revision().0).collect();
    let expected: Vec<_> = (1..=i64::try_from(REPLICAS * EDGES).unwrap()).collect();
    assert_eq!(revisions, expected);
}

/// A large batch takes one call.
pub async fn one_call_writes_a_thousand_edges(store: &Arc<dyn Store>) {
    let edge = |number: usize| format!("a{}/b{}/api", number / 100, number % 100);
    let writes: Vec<_> =
        (0..1_000).map(|number| declare(&edge(number), EdgeSource::File, 0.5, 1)).collect();
    assert_eq!(write(store.as_ref(), &writes).await.entries.len(), 1_000);
    let gone: Vec<_> = (0..1_000)
        .map(|number| EdgeWrite::withdraw(key(&edge(number)), EdgeSource::File, moment(2)))
        .collect();
    assert_eq!(write(store.as_ref(), &gone).await.entries.len(), 1_000);
    assert_eq!(all(store.as_ref()).await, []);
}
