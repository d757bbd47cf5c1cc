//! The decision about writes to edges, shared by all stores.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::{
    EdgeAction, EdgeAge, EdgeChangeKind, EdgeClaim, EdgeDetails, EdgeKey, EdgeKind, EdgeSource,
    EdgeWrite, NewEdgeChange, Strength,
};
use crate::time_precision::to_micros;
use crate::values::Slug;

/// Maximum number of edges that start at one project.
pub const MAX_EDGES_PER_PROJECT: usize = 200;

/// Outcome of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeResult {
    /// The claim is stored.
    Stored {
        /// The claim as it is stored.
        claim: EdgeClaim,
        /// The source did not claim the edge before.
        is_new: bool,
    },
    /// Nothing changed. Holds the stored claim, if there is one.
    Kept(Option<EdgeClaim>),
    /// The claim was removed. Holds the former claim.
    Removed(EdgeClaim),
    /// The write was rejected.
    Rejected(EdgeRejection),
}

/// Reason why a write was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeRejection {
    /// The project already has [`MAX_EDGES_PER_PROJECT`] edges.
    TooMany,
    /// The precondition does not hold. Holds the stored claim, if there is one.
    PreconditionFailed(Option<EdgeClaim>),
}

/// Effect of writes on the stored claims.
#[derive(Debug, Default)]
pub struct EdgePlan {
    /// Claims to insert or to replace.
    pub upserts: Vec<EdgeClaim>,
    /// Claims to delete.
    pub removals: Vec<(EdgeKey, EdgeSource)>,
    /// Changes to log, in order.
    pub changes: Vec<NewEdgeChange>,
    /// Outcome of each write, in order.
    pub results: Vec<EdgeResult>,
}

impl EdgePlan {
    /// Decides what the writes do, each against the claims as left by the earlier ones. `stored`
    /// has all claims of every project at which an edge of a write starts.
    ///
    /// If `all_or_none`, a rejected write leaves nothing to apply.
    #[must_use]
    pub fn decide(
        stored: impl IntoIterator<Item = EdgeClaim>,
        writes: &[EdgeWrite],
        all_or_none: bool,
    ) -> Self {
        let mut claims = Claims::of(stored);
        let before = if all_or_none { claims.claims.clone() } else { BTreeMap::new() };
        let mut changes = Vec::new();
        let results: Vec<_> =
            writes.iter().map(|write| claims.apply(write, &mut changes)).collect();
        let is_rejected = |result: &EdgeResult| matches!(result, EdgeResult::Rejected(_));
        if all_or_none && results.iter().any(is_rejected) {
            let kept = |(write, result): (&EdgeWrite, EdgeResult)| match result {
                rejected @ EdgeResult::Rejected(_) => rejected,
                _ => EdgeResult::Kept(before.get(&(write.key.clone(), write.source)).cloned()),
            };
            let results = writes.iter().zip(results).map(kept).collect();
            return Self { results, ..Self::default() };
        }
        let (upserts, removals) = claims.difference();
        Self { upserts, removals, changes, results }
    }

    /// Returns `true` if there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removals.is_empty()
    }
}

type ClaimKey = (EdgeKey, EdgeSource);

/// The claims of the projects concerned, as left by the writes so far.
struct Claims {
    claims: BTreeMap<ClaimKey, EdgeClaim>,
    stored: BTreeSet<ClaimKey>,
    touched: BTreeSet<ClaimKey>,
    /// Targets of the edges of each project, with the number of claims of each.
    edges: BTreeMap<Slug, BTreeMap<(Slug, EdgeKind), usize>>,
}

impl Claims {
    fn of(stored: impl IntoIterator<Item = EdgeClaim>) -> Self {
        let (claims, edges) = (BTreeMap::new(), BTreeMap::new());
        let mut all = Self { claims, stored: BTreeSet::new(), touched: BTreeSet::new(), edges };
        stored.into_iter().for_each(|claim| all.put(claim));
        all.stored = std::mem::take(&mut all.touched);
        all
    }

    fn put(&mut self, claim: EdgeClaim) {
        let key = (claim.key.clone(), claim.source);
        let edge = (claim.key.to().clone(), claim.key.kind().clone());
        let of_project = self.edges.entry(claim.key.from().clone()).or_default();
        self.touched.insert(key.clone());
        if self.claims.insert(key, claim).is_none() {
            *of_project.entry(edge).or_default() += 1;
        }
    }

    fn remove(&mut self, key: &ClaimKey) {
        self.touched.insert(key.clone());
        if self.claims.remove(key).is_none() {
            return;
        }
        let edge = (key.0.to().clone(), key.0.kind().clone());
        if let Some(of_project) = self.edges.get_mut(key.0.from())
            && let Some(count) = of_project.get_mut(&edge)
        {
            *count -= 1;
            if *count == 0 {
                of_project.remove(&edge);
            }
        }
    }

    /// Returns `true` if the project has no room for this edge.
    fn is_full_for(&self, key: &EdgeKey) -> bool {
        self.edges.get(key.from()).is_some_and(|edges| {
            edges.len() >= MAX_EDGES_PER_PROJECT
                && !edges.contains_key(&(key.to().clone(), key.kind().clone()))
        })
    }

    fn apply(&mut self, write: &EdgeWrite, changes: &mut Vec<NewEdgeChange>) -> EdgeResult {
        let at = to_micros(write.at);
        let key = (write.key.clone(), write.source);
        let stored = self.claims.get(&key).cloned();
        match &write.action {
            EdgeAction::Declare { strength, details } => {
                self.declare(write, stored, (*strength, details.as_ref()), at, changes)
            }
            EdgeAction::Withdraw => {
                let Some(stored) = stored else { return EdgeResult::Kept(None) };
                if !write.only_if.holds(Some(&stored)) {
                    return precondition_failed(Some(stored));
                }
                self.remove(&key);
                changes.push(NewEdgeChange::of(&stored, EdgeChangeKind::Withdrawn, at));
                EdgeResult::Removed(stored)
            }
            EdgeAction::Age { seen_at, age } => match stored {
                Some(stored) if stored.last_seen_at <= to_micros(*seen_at) => {
                    self.grow_older(&key, stored, *age, at, changes)
                }
                stored => EdgeResult::Kept(stored),
            },
        }
    }

    fn declare(
        &mut self,
        write: &EdgeWrite,
        stored: Option<EdgeClaim>,
        (strength, details): (Strength, Option<&EdgeDetails>),
        at: OffsetDateTime,
        changes: &mut Vec<NewEdgeChange>,
    ) -> EdgeResult {
        let is_observed = write.source == EdgeSource::Observed;
        let claim = EdgeClaim {
            key: write.key.clone(),
            source: write.source,
            strength,
            details: details.cloned(),
            first_seen_at: stored.as_ref().map_or(at, |stored| stored.first_seen_at),
            last_seen_at: at,
            stale: false,
        };
        if let Some(stored) = &stored {
            let is_old = is_observed && at <= stored.last_seen_at && !stored.stale;
            let is_same = !stored.stale && says_the_same(stored, &claim);
            // A repeated write succeeds, because the response to the first one may have been lost.
            if is_old || (is_same && !is_observed) {
                return EdgeResult::Kept(Some(stored.clone()));
            }
            if is_same {
                self.put(claim.clone());
                return EdgeResult::Stored { claim, is_new: false };
            }
        }
        if !write.only_if.holds(stored.as_ref()) {
            return precondition_failed(stored);
        }
        if stored.is_none() && self.is_full_for(&write.key) {
            return EdgeResult::Rejected(EdgeRejection::TooMany);
        }
        changes.push(NewEdgeChange::of(&claim, EdgeChangeKind::Declared, at));
        self.put(claim.clone());
        EdgeResult::Stored { claim, is_new: stored.is_none() }
    }

    fn grow_older(
        &mut self,
        key: &ClaimKey,
        stored: EdgeClaim,
        age: EdgeAge,
        at: OffsetDateTime,
        changes: &mut Vec<NewEdgeChange>,
    ) -> EdgeResult {
        match age {
            EdgeAge::Stale if !stored.stale => {
                let claim = EdgeClaim { stale: true, ..stored };
                changes.push(NewEdgeChange::of(&claim, EdgeChangeKind::Stale, at));
                self.put(claim.clone());
                EdgeResult::Stored { claim, is_new: false }
            }
            EdgeAge::Expired => {
                self.remove(key);
                changes.push(NewEdgeChange::of(&stored, EdgeChangeKind::Expired, at));
                EdgeResult::Removed(stored)
            }
            EdgeAge::Fresh | EdgeAge::Stale => EdgeResult::Kept(Some(stored)),
        }
    }

    fn difference(self) -> (Vec<EdgeClaim>, Vec<ClaimKey>) {
        let Self { mut claims, stored, touched, .. } = self;
        let (mut upserts, mut removals) = (Vec::new(), Vec::new());
        for key in touched {
            match claims.remove(&key) {
                Some(claim) => upserts.push(claim),
                None if stored.contains(&key) => removals.push(key),
                None => {}
            }
        }
        (upserts, removals)
    }
}

fn says_the_same(stored: &EdgeClaim, claim: &EdgeClaim) -> bool {
    stored.strength == claim.strength && stored.details == claim.details
}

fn precondition_failed(stored: Option<EdgeClaim>) -> EdgeResult {
    EdgeResult::Rejected(EdgeRejection::PreconditionFailed(stored))
}

#[cfg(test)]
mod tests;
