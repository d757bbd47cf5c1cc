//! The graph of groups of projects.

use std::collections::{BTreeMap, HashMap};

use federation_domain::{Project, ProjectStatus, Strength};
use petgraph::visit::{EdgeRef, IntoEdgeReferences, NodeIndexable};

use super::Graph;
use super::queries::GraphError;
use super::view::GraphQuery;
use crate::edge_table::Links;
use crate::query::ProjectQuery;

/// Property by which projects are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The first tag.
    Tag,
    /// The mesh namespace.
    MeshNamespace,
}

impl GroupBy {
    /// All properties.
    pub const ALL: [Self; 2] = [Self::Tag, Self::MeshNamespace];

    /// Returns the name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::MeshNamespace => "mesh_namespace",
        }
    }

    fn key(self, project: &Project) -> GroupKey {
        let value = match self {
            Self::Tag => project.tags.iter().next(),
            Self::MeshNamespace => project.mesh_namespace.as_ref().map(AsRef::as_ref),
        };
        value.map_or(GroupKey::Without, |value| GroupKey::Named(value.to_owned()))
    }
}

/// Identity of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// Projects with this value.
    Named(String),
    /// Projects without a value.
    Without,
    /// Projects that are not registered.
    Unresolved,
}

/// A group of projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupNode {
    /// Its identity.
    pub key: GroupKey,
    /// Number of projects.
    pub projects: usize,
    /// Number of projects whose status is known, in the order of [`ProjectStatus::ALL`].
    pub by_status: [usize; ProjectStatus::ALL.len()],
    /// Number of edges between projects of the group.
    pub edges_within: usize,
}

impl GroupNode {
    fn new(key: GroupKey) -> Self {
        Self { key, projects: 0, by_status: [0; ProjectStatus::ALL.len()], edges_within: 0 }
    }

    /// Returns the number of projects whose status is not known.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.projects - self.by_status.iter().sum::<usize>()
    }
}

/// The edges from projects of one group to projects of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEdge {
    /// Place of the group that uses the other one.
    pub from: usize,
    /// Place of the group that is used.
    pub to: usize,
    /// Number of edges.
    pub edges: usize,
    /// Strength of the strongest edge.
    pub strength: Strength,
    /// All of these edges are stale.
    pub stale: bool,
}

/// The graph of groups. A project belongs to one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedGraph {
    /// Property by which projects are grouped.
    pub by: GroupBy,
    /// Groups in order of their identity.
    pub nodes: Vec<GroupNode>,
    /// Edges between groups, in order of the groups.
    pub edges: Vec<GroupEdge>,
}

/// Groups in the order in which they were found.
#[derive(Default)]
struct Groups {
    places: HashMap<GroupKey, usize>,
    nodes: Vec<GroupNode>,
}

impl Groups {
    fn place(&mut self, key: GroupKey) -> usize {
        let nodes = &mut self.nodes;
        *self.places.entry(key).or_insert_with_key(|key| {
            nodes.push(GroupNode::new(key.clone()));
            nodes.len() - 1
        })
    }
}

impl Graph {
    /// Returns the groups of the projects that the query selects, and the edges between them. The
    /// neighbourhood of the query is ignored.
    ///
    /// # Errors
    /// Returns [`GraphError::TooLarge`] if there are more than `max_nodes` groups, or
    /// [`GraphError::NotLoaded`].
    pub fn grouped(
        &self,
        query: &GraphQuery,
        by: GroupBy,
        max_nodes: usize,
    ) -> Result<GroupedGraph, GraphError> {
        let links = self.0.table.read();
        let (mut groups, members) = self.group_projects(&links, query, by, max_nodes)?;
        let scene = self.scene(&links, &query.edges);
        let mut edges: BTreeMap<(usize, usize), GroupEdge> = BTreeMap::new();
        let mut unresolved = std::collections::HashSet::new();
        for edge in links.graph.edge_references() {
            let Some(from) = members[edge.source().index()] else { continue };
            let Some((strength, stale)) = scene.seen(edge) else { continue };
            let to = match members[edge.target().index()] {
                Some(to) => to,
                // The filter does not select it.
                None if scene.project(edge.target()).is_some() => continue,
                None => {
                    let place = groups.place(GroupKey::Unresolved);
                    groups.nodes[place].projects += usize::from(unresolved.insert(edge.target()));
                    place
                }
            };
            if from == to {
                groups.nodes[from].edges_within += 1;
                continue;
            }
            let new = GroupEdge { from, to, edges: 0, strength, stale: true };
            let known = edges.entry((from, to)).or_insert(new);
            known.edges += 1;
            known.stale &= stale;
            if strength > known.strength {
                known.strength = strength;
            }
        }
        Ok(sorted(by, groups.nodes, edges.into_values()))
    }

    /// Returns the groups and, by index of the node, the place of the group of each selected project.
    fn group_projects(
        &self,
        links: &Links,
        query: &GraphQuery,
        by: GroupBy,
        max_nodes: usize,
    ) -> Result<(Groups, Vec<Option<usize>>), GraphError> {
        let query = ProjectQuery { filter: query.projects.clone(), ..ProjectQuery::default() };
        let mut groups = Groups::default();
        let mut members = vec![None; links.graph.node_bound()];
        self.0.catalog.list_all(&query, &mut |project, status_known| {
            if groups.nodes.len() > max_nodes {
                return;
            }
            let place = groups.place(by.key(project));
            let group = &mut groups.nodes[place];
            group.projects += 1;
            if status_known {
                group.by_status[project.status as usize] += 1;
            }
            if let Some(node) = links.node(&project.slug) {
                members[node.index()] = Some(place);
            }
        })?;
        if groups.nodes.len() > max_nodes {
            return Err(GraphError::TooLarge { max_nodes });
        }
        Ok((groups, members))
    }
}

/// Sorts groups by their identity, and edges by their groups.
fn sorted(
    by: GroupBy,
    nodes: Vec<GroupNode>,
    edges: impl Iterator<Item = GroupEdge>,
) -> GroupedGraph {
    let mut nodes: Vec<(usize, GroupNode)> = nodes.into_iter().enumerate().collect();
    nodes.sort_unstable_by(|(_, a), (_, b)| a.key.cmp(&b.key));
    let mut places = vec![0; nodes.len()];
    for (new, (old, _)) in nodes.iter().enumerate() {
        places[*old] = new;
    }
    let mut edges: Vec<GroupEdge> = edges
        .map(|edge| GroupEdge { from: places[edge.from], to: places[edge.to], ..edge })
        .collect();
    edges.sort_unstable_by_key(|edge| (edge.from, edge.to));
    GroupedGraph { by, nodes: nodes.into_iter().map(|(_, node)| node).collect(), edges }
}
