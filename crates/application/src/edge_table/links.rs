//! The edges in memory.

use std::collections::HashMap;

use federation_domain::{
    EdgeClaim, EdgeDetails, EdgeKey, EdgeKind, EdgeSource, Reading, Slug, Strength, UnitedClaims,
};
use petgraph::Direction;
use petgraph::stable_graph::{EdgeIndex, EdgeReference, NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef as _, IntoEdgeReferences as _};
use time::OffsetDateTime;

/// The claim of a source about an edge, and the listened time at its newest observation. It does not
/// name the edge, which its place in the graph does.
#[derive(Debug)]
pub(crate) struct LiveClaim {
    pub(crate) strength: Strength,
    pub(crate) details: Option<EdgeDetails>,
    pub(crate) first_seen_at: OffsetDateTime,
    /// Time of the newest declaration or observation, which may be newer than the stored one.
    pub(crate) last_seen_at: OffsetDateTime,
    /// Time of observation in the store.
    pub(crate) stored_at: OffsetDateTime,
    /// Reading of the listening clock of the bus at the newest observation.
    pub(crate) heard: Reading,
    pub(crate) stale: bool,
}

/// An edge: the claims about it, by [`EdgeSource::index`].
#[derive(Debug)]
pub(crate) struct Link {
    kind: EdgeKind,
    claims: [Option<Box<LiveClaim>>; EdgeSource::ALL.len()],
    /// The union of all claims. Searches visit every edge, so it is kept beside the claims.
    united: Option<(Strength, bool)>,
    /// Time of the newest observation. The union is valid for projects registered by then.
    observed_at: Option<OffsetDateTime>,
}

impl Link {
    fn new(kind: EdgeKind) -> Self {
        Self { kind, claims: Default::default(), united: None, observed_at: None }
    }

    pub(crate) fn kind(&self) -> &EdgeKind {
        &self.kind
    }

    fn claims(&self) -> impl Iterator<Item = (EdgeSource, &LiveClaim)> {
        let claims = EdgeSource::ALL.into_iter().zip(&self.claims);
        claims.filter_map(|(source, claim)| Some((source, claim.as_deref()?)))
    }

    /// Returns the claims that are valid for a project registered at `created_at`.
    fn valid(&self, created_at: OffsetDateTime) -> impl Iterator<Item = (EdgeSource, &LiveClaim)> {
        let claims = self.claims();
        claims.filter(move |(source, live)| source.is_valid(live.last_seen_at, created_at))
    }

    /// Returns the sources of the claims that are valid for a project registered at `created_at`.
    pub(crate) fn sources(&self, created_at: OffsetDateTime) -> impl Iterator<Item = EdgeSource> {
        self.valid(created_at).map(|(source, _)| source)
    }

    /// Returns the strength of the union of the valid claims, and whether it is stale.
    pub(crate) fn strength(&self, created_at: OffsetDateTime) -> Option<(Strength, bool)> {
        if self.observed_at.is_none_or(|observed_at| observed_at >= created_at) {
            self.united
        } else {
            strength_of(self.valid(created_at))
        }
    }

    /// Updates what was derived from the claims.
    fn unite(&mut self) {
        let observed = self.claims[EdgeSource::Observed.index()].as_ref();
        self.observed_at = observed.map(|live| live.last_seen_at);
        self.united = strength_of(self.claims());
    }

    fn is_empty(&self) -> bool {
        self.claims.iter().all(Option::is_none)
    }
}

fn strength_of<'a>(
    claims: impl Iterator<Item = (EdgeSource, &'a LiveClaim)>,
) -> Option<(Strength, bool)> {
    UnitedClaims::strength_of(claims.map(|(source, live)| (source, live.strength, live.stale)))
}

/// A claim and the edge that it is about.
#[derive(Clone, Copy)]
pub(crate) struct ClaimOfEdge<'a> {
    edge: Edge<'a>,
    pub(crate) source: EdgeSource,
    pub(crate) live: &'a LiveClaim,
}

impl ClaimOfEdge<'_> {
    pub(crate) fn key(&self) -> Option<EdgeKey> {
        self.edge.key()
    }

    /// Returns the project that is used.
    pub(crate) fn to(&self) -> &Slug {
        self.edge.to
    }

    pub(crate) fn claim(&self) -> Option<EdgeClaim> {
        Some(EdgeClaim {
            key: self.key()?,
            source: self.source,
            strength: self.live.strength,
            details: self.live.details.clone(),
            first_seen_at: self.live.first_seen_at,
            last_seen_at: self.live.last_seen_at,
            stale: self.live.stale,
        })
    }
}

/// An edge with its ends.
#[derive(Clone, Copy)]
pub(crate) struct Edge<'a> {
    from: &'a Slug,
    to: &'a Slug,
    link: &'a Link,
}

impl<'a> Edge<'a> {
    /// Returns the identity of the edge. The table holds no edge from a project to itself.
    pub(crate) fn key(self) -> Option<EdgeKey> {
        EdgeKey::new(self.from.clone(), self.to.clone(), self.link.kind.clone()).ok()
    }

    fn claims(self) -> impl Iterator<Item = ClaimOfEdge<'a>> {
        let claims = self.link.claims();
        claims.map(move |(source, live)| ClaimOfEdge { edge: self, source, live })
    }

    /// Returns the claims that are valid for a project registered at `created_at`.
    pub(crate) fn valid(self, created_at: OffsetDateTime) -> impl Iterator<Item = ClaimOfEdge<'a>> {
        let claims = self.link.valid(created_at);
        claims.map(move |(source, live)| ClaimOfEdge { edge: self, source, live })
    }
}

/// All edges, with the projects that they connect.
#[derive(Default)]
pub(crate) struct Links {
    pub(crate) graph: StableDiGraph<Slug, Link>,
    nodes: HashMap<Slug, NodeIndex, foldhash::fast::RandomState>,
    /// Number that grows with each change of the nodes.
    nodes_generation: u64,
}

impl Links {
    /// Replaces everything.
    pub(crate) fn replace(&mut self, links: Self) {
        let nodes_generation = self.nodes_generation + links.nodes_generation + 1;
        *self = Self { nodes_generation, ..links };
    }

    pub(crate) fn nodes_generation(&self) -> u64 {
        self.nodes_generation
    }

    pub(crate) fn edge_count(&self) -> usize {
        self.graph.edge_count()
    }

    pub(crate) fn node(&self, slug: &Slug) -> Option<NodeIndex> {
        self.nodes.get(slug).copied()
    }

    pub(crate) fn slug(&self, node: NodeIndex) -> &Slug {
        &self.graph[node]
    }

    /// Returns an edge with its ends.
    pub(crate) fn edge<'a>(&'a self, edge: EdgeReference<'a, Link>) -> Edge<'a> {
        let (from, to) = (self.slug(edge.source()), self.slug(edge.target()));
        Edge { from, to, link: edge.weight() }
    }

    pub(crate) fn claim(&self, key: &EdgeKey, source: EdgeSource) -> Option<&LiveClaim> {
        let link = self.graph.edge_weight(self.index(key)?)?;
        link.claims[source.index()].as_deref()
    }

    /// Changes a claim, if it exists.
    pub(crate) fn update<T>(
        &mut self,
        key: &EdgeKey,
        source: EdgeSource,
        change: impl FnOnce(&mut LiveClaim) -> T,
    ) -> Option<T> {
        let edge = self.index(key)?;
        let link = self.graph.edge_weight_mut(edge)?;
        let changed = link.claims[source.index()].as_deref_mut().map(change);
        link.unite();
        changed
    }

    fn index(&self, key: &EdgeKey) -> Option<EdgeIndex> {
        let (from, to) = (self.node(key.from())?, self.node(key.to())?);
        let mut between = self.graph.edges_connecting(from, to);
        between.find(|edge| edge.weight().kind == *key.kind()).map(|edge| edge.id())
    }

    /// Adds or replaces a claim as it is stored. A newer observation in memory stays.
    pub(crate) fn put(&mut self, claim: EdgeClaim, heard: Reading) {
        let EdgeClaim { key, source, strength, details, first_seen_at, last_seen_at, stale } =
            claim;
        let edge = self.index(&key).unwrap_or_else(|| {
            let (from, to) = (self.node_of(key.from()), self.node_of(key.to()));
            self.graph.add_edge(from, to, Link::new(key.kind().clone()))
        });
        let Some(link) = self.graph.edge_weight_mut(edge) else { return };
        let slot = &mut link.claims[source.index()];
        let stored_at = last_seen_at;
        let (last_seen_at, heard) = match slot {
            Some(known) if known.last_seen_at > last_seen_at => {
                (known.last_seen_at, known.heard.max(heard))
            }
            _ => (last_seen_at, heard),
        };
        let live =
            LiveClaim { strength, details, first_seen_at, last_seen_at, stored_at, heard, stale };
        *slot = Some(Box::new(live));
        link.unite();
    }

    /// Removes a claim. The edge goes with its last claim, and a node with its last edge.
    pub(crate) fn remove(&mut self, key: &EdgeKey, source: EdgeSource) {
        let Some(edge) = self.index(key) else { return };
        let Some(link) = self.graph.edge_weight_mut(edge) else { return };
        link.claims[source.index()] = None;
        if !link.is_empty() {
            link.unite();
            return;
        }
        self.graph.remove_edge(edge);
        self.drop_unused(key.from());
        self.drop_unused(key.to());
    }

    /// Replaces all claims about edges that start at a project.
    pub(crate) fn replace_from(
        &mut self,
        from: &Slug,
        claims: impl IntoIterator<Item = (EdgeClaim, Reading)>,
    ) {
        let held = self.claims_from(from);
        let mut left: Vec<_> =
            held.filter_map(|claim| Some((claim.key()?, claim.source))).collect();
        for (claim, heard) in claims {
            left.retain(|(key, source)| *key != claim.key || *source != claim.source);
            self.put(claim, heard);
        }
        left.iter().for_each(|(key, source)| self.remove(key, *source));
    }

    /// Returns all claims about edges that start at a project.
    pub(crate) fn claims_from(&self, from: &Slug) -> impl Iterator<Item = ClaimOfEdge<'_>> {
        let edges =
            self.node(from).map(|node| self.graph.edges_directed(node, Direction::Outgoing));
        edges.into_iter().flatten().flat_map(|edge| self.edge(edge).claims())
    }

    /// Returns all claims.
    pub(crate) fn claims(&self) -> impl Iterator<Item = ClaimOfEdge<'_>> {
        self.graph.edge_references().flat_map(|edge| self.edge(edge).claims())
    }

    fn node_of(&mut self, slug: &Slug) -> NodeIndex {
        if let Some(node) = self.node(slug) {
            return node;
        }
        let node = self.graph.add_node(slug.clone());
        self.nodes.insert(slug.clone(), node);
        self.nodes_generation += 1;
        node
    }

    fn drop_unused(&mut self, slug: &Slug) {
        let Some(node) = self.node(slug) else { return };
        if self.graph.neighbors_undirected(node).next().is_none() {
            self.graph.remove_node(node);
            self.nodes.remove(slug);
            self.nodes_generation += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn claim(edge: &str, source: EdgeSource, seconds: i64) -> EdgeClaim {
        let at = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        EdgeClaim {
            key: EdgeKey::parse(edge).unwrap(),
            source,
            strength: Strength::default(),
            details: None,
            first_seen_at: at,
            last_seen_at: at,
            stale: false,
        }
    }

    #[test]
    fn an_edge_goes_with_its_last_claim_and_a_node_with_its_last_edge() {
        let mut links = Links::default();
        for source in [EdgeSource::File, EdgeSource::Api] {
            links.put(claim("a/b/api", source, 1), Reading(0));
        }
        links.put(claim("a/b/queue", EdgeSource::Api, 1), Reading(0));
        assert_eq!((links.graph.node_count(), links.graph.edge_count()), (2, 2));
        links.remove(&EdgeKey::parse("a/b/api").unwrap(), EdgeSource::File);
        assert_eq!(links.graph.edge_count(), 2);
        links.remove(&EdgeKey::parse("a/b/api").unwrap(), EdgeSource::Api);
        links.remove(&EdgeKey::parse("a/b/queue").unwrap(), EdgeSource::Api);
        assert_eq!((links.graph.node_count(), links.nodes.len()), (0, 0));
    }

    #[test]
    fn a_newer_observation_in_memory_survives_the_stored_one() {
        let mut links = Links::default();
        links.put(claim("a/b/api", EdgeSource::Observed, 9), Reading(9));
        links.put(claim("a/b/api", EdgeSource::Observed, 5), Reading(5));
        let key = EdgeKey::parse("a/b/api").unwrap();
        let live = links.claim(&key, EdgeSource::Observed).unwrap();
        assert_eq!(
            (live.last_seen_at, live.heard),
            (claim("a/b/api", EdgeSource::Observed, 9).last_seen_at, Reading(9))
        );
        assert!(live.stored_at < live.last_seen_at);
    }

    #[test]
    fn replacing_the_claims_of_a_project_leaves_those_of_others() {
        let mut links = Links::default();
        for edge in ["a/b/api", "a/c/api", "b/c/api"] {
            links.put(claim(edge, EdgeSource::Api, 1), Reading(0));
        }
        let new = claim("a/d/api", EdgeSource::File, 1);
        let kept = claim("a/c/api", EdgeSource::Api, 1);
        let from = Slug::parse("a").unwrap();
        links.replace_from(&from, [(new, Reading(0)), (kept, Reading(0))]);
        let mut keys: Vec<_> =
            links.claims().map(|claim| claim.key().unwrap().to_string()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["a/c/api", "a/d/api", "b/c/api"]);
    }

    proptest! {
        #[test]
        fn the_links_hold_exactly_the_claims_put_and_not_removed(
            steps in prop::collection::vec((0_usize..5, 0_usize..5, 0_usize..3, any::<bool>()), 0..60),
        ) {
            let names = ["a", "b", "c", "d", "e"];
            let mut links = Links::default();
            let mut model = BTreeSet::new();
            for (from, to, source, is_put) in steps {
                let source = EdgeSource::ALL[source];
                let Ok(key) = EdgeKey::parse(&format!("{}/{}/api", names[from], names[to])) else {
                    continue;
                };
                if is_put {
                    links.put(claim(&key.to_string(), source, 1), Reading(0));
                    model.insert((key, source));
                } else {
                    links.remove(&key, source);
                    model.remove(&(key, source));
                }
            }
            let held: BTreeSet<_> =
                links.claims().map(|claim| (claim.key().unwrap(), claim.source)).collect();
            let ends = |key: &EdgeKey| [key.from().clone(), key.to().clone()];
            let nodes: BTreeSet<_> = model.iter().flat_map(|(key, _)| ends(key)).collect();
            prop_assert_eq!(links.nodes.keys().cloned().collect::<BTreeSet<_>>(), nodes);
            prop_assert_eq!(held, model);
        }
    }
}
