//! Root causes: which project that is down is the cause for which others.

use std::collections::{HashMap, VecDeque};

use super::components::components;
use super::{IncidentFacts, IncidentId, IncidentRule, LiveIncidents, ProjectFacts};
use crate::values::Slug;

/// The cause of one project that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribution<'a> {
    pub(super) project: &'a Slug,
    pub(super) facts: &'a ProjectFacts,
    pub(super) origin: Origin<'a>,
    /// The next project towards the root; `None` for a root.
    pub(super) via: Option<&'a Slug>,
}

/// End of a chain of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin<'a> {
    /// The root.
    Root(&'a Slug),
    /// A member whose cause has recovered so recently that it may recover too.
    Pending(IncidentId),
}

/// Finds the cause of each project that is down.
///
/// P can be affected by Q if it depends on Q, Q is at least as bad, and Q went down before P or
/// `window` after it. Such pairs are the edges of a graph, together with the causes that open incidents
/// already name. A component of this graph that no edge leaves is a root, and in a cycle the project
/// that went down first is.
pub(super) fn attribute<'a>(
    facts: &'a IncidentFacts,
    live: &'a LiveIncidents,
    rule: &IncidentRule,
) -> Vec<Attribution<'a>> {
    let graph = CauseGraph::new(facts, live, rule);
    let (roots, mut found) = graph.roots();
    graph.keep_known(&roots, &mut found);
    graph.spread(&roots, &mut found);
    let attributed = graph.nodes.iter().zip(&found).enumerate();
    let attributed = attributed.filter_map(|(place, ((project, facts), found))| {
        let found = found.as_ref()?;
        let (root, _) = graph.nodes[found.root];
        let origin = graph.pending[found.root].map_or(Origin::Root(root), Origin::Pending);
        let via = found.via.map(|via| graph.nodes[via].0).or_else(|| graph.pending_via(place));
        Some(Attribution { project, facts, origin, via })
    });
    attributed.collect()
}

#[derive(Debug, Clone, Copy)]
struct Found {
    root: usize,
    via: Option<usize>,
}

struct CauseGraph<'a> {
    live: &'a LiveIncidents,
    /// Projects that are down, in the order in which they went down.
    nodes: Vec<(&'a Slug, &'a ProjectFacts)>,
    edges: Vec<Vec<usize>>,
    reversed: Vec<Vec<usize>>,
    /// Incident of each member whose cause has recovered recently.
    pending: Vec<Option<IncidentId>>,
}

impl<'a> CauseGraph<'a> {
    fn new(facts: &'a IncidentFacts, live: &'a LiveIncidents, rule: &IncidentRule) -> Self {
        let mut nodes: Vec<_> =
            facts.projects.iter().filter(|(_, project)| project.is_down()).collect();
        nodes.sort_unstable_by_key(|(slug, project)| (project.spell.down_since, *slug));
        let places: HashMap<&Slug, usize> =
            nodes.iter().enumerate().map(|(place, (slug, _))| (*slug, place)).collect();
        let count = nodes.len();
        let (edges, pending) = (vec![Vec::new(); count], vec![None; count]);
        let reversed = edges.clone();
        let mut graph = Self { live, nodes, edges, reversed, pending };
        for place in 0..count {
            graph.connect(place, &places, facts, rule);
        }
        graph
    }

    /// Adds the edges from a project to its possible causes.
    fn connect(
        &mut self,
        place: usize,
        places: &HashMap<&Slug, usize>,
        facts: &IncidentFacts,
        rule: &IncidentRule,
    ) {
        let (slug, project) = self.nodes[place];
        let used = facts.dependencies.get(slug).map_or(&[][..], Vec::as_slice);
        let mut causes: Vec<usize> = used
            .iter()
            .filter_map(|used| places.get(used).copied())
            .filter(|cause| *cause != place && self.explains(*cause, place, rule))
            .collect();
        if let Some((id, member)) = self.live.membership(slug)
            && let Some(via) = &member.via
        {
            match places.get(via) {
                Some(&known) => causes.push(known),
                None if causes.is_empty() => {
                    let is_recent = facts.projects.get(via).is_some_and(|cause| {
                        !facts.is_known_for(project, cause.spell.since, rule.window)
                    });
                    self.pending[place] = is_recent.then_some(id);
                }
                None => {}
            }
        }
        causes.sort_unstable();
        causes.dedup();
        causes.iter().for_each(|cause| self.reversed[*cause].push(place));
        self.edges[place] = causes;
    }

    fn explains(&self, cause: usize, effect: usize, rule: &IncidentRule) -> bool {
        let ((cause_slug, cause), (effect_slug, effect)) = (self.nodes[cause], self.nodes[effect]);
        let is_silenced =
            |slug, facts: &ProjectFacts| self.live.is_silenced(slug, facts.spell.down_since);
        cause.spell.status >= effect.spell.status
            && cause.spell.down_since <= effect.spell.since + rule.window
            // A cause that was resolved by hand explains no later outage.
            && (!is_silenced(cause_slug, cause) || is_silenced(effect_slug, effect))
    }

    /// Returns the roots in the order of preference, and what is found for them.
    fn roots(&self) -> (Vec<usize>, Vec<Option<Found>>) {
        let component = components(&self.edges, &self.reversed);
        let count = component.iter().max().map_or(0, |max| max + 1);
        let mut is_left = vec![false; count];
        for (place, causes) in self.edges.iter().enumerate() {
            if causes.iter().any(|cause| component[*cause] != component[place]) {
                is_left[component[place]] = true;
            }
        }
        let (mut roots, mut found) = (Vec::new(), vec![None; self.nodes.len()]);
        for place in 0..self.nodes.len() {
            // The nodes are in the order in which they went down.
            if !std::mem::replace(&mut is_left[component[place]], true) {
                roots.push(place);
                found[place] = Some(Found { root: place, via: None });
            }
        }
        // Roots of known incidents come first.
        roots.sort_by_key(|root| (self.incident_of(*root).map_or(i64::MAX, |id| id.0), *root));
        (roots, found)
    }

    /// Returns the open incident that the node is the root of or is pending in.
    fn incident_of(&self, place: usize) -> Option<IncidentId> {
        let (slug, _) = self.nodes[place];
        let id = self.pending[place].or_else(|| self.live.open_of(slug))?;
        let is_root = self.live.get(id)?.incident.root.as_ref() == Some(slug);
        (is_root || self.pending[place].is_some()).then_some(id)
    }

    /// Keeps the members of each incident that its root still explains.
    fn keep_known(&self, roots: &[usize], found: &mut [Option<Found>]) {
        for &root in roots {
            let Some(id) = self.incident_of(root) else { continue };
            let mut queue = VecDeque::from([root]);
            while let Some(cause) = queue.pop_front() {
                let (cause_slug, _) = self.nodes[cause];
                for &effect in &self.reversed[cause] {
                    let (slug, _) = self.nodes[effect];
                    let is_known = self.live.membership(slug).is_some_and(|(of, member)| {
                        of == id && member.via.as_ref() == Some(cause_slug)
                    });
                    if is_known && found[effect].is_none() {
                        found[effect] = Some(Found { root, via: Some(cause) });
                        queue.push_back(effect);
                    }
                }
            }
        }
    }

    /// Attributes all other projects to the nearest root.
    fn spread(&self, roots: &[usize], found: &mut [Option<Found>]) {
        let has_cause = |place: &usize| found[*place].is_some_and(|found| found.via.is_some());
        let kept = (0..found.len()).filter(has_cause);
        let mut queue: VecDeque<usize> = roots.iter().copied().chain(kept).collect();
        while let Some(cause) = queue.pop_front() {
            let Some(Found { root, .. }) = found[cause] else { continue };
            for &effect in &self.reversed[cause] {
                if found[effect].is_none() {
                    found[effect] = Some(Found { root, via: Some(cause) });
                    queue.push_back(effect);
                }
            }
        }
    }

    /// Returns the recovered cause of a member that may recover too.
    fn pending_via(&self, place: usize) -> Option<&'a Slug> {
        self.pending[place]?;
        self.live.membership(self.nodes[place].0)?.1.via.as_ref()
    }
}
