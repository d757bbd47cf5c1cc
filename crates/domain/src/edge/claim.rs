//! Claims that an edge exists, and their union.

use time::OffsetDateTime;

use super::{EdgeDetails, EdgeKey, EdgeSource, Strength};

/// The claim of one source that an edge exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeClaim {
    /// The edge.
    pub key: EdgeKey,
    /// The source that claims it.
    pub source: EdgeSource,
    /// Strength according to the source.
    pub strength: Strength,
    /// Details according to the source.
    pub details: Option<EdgeDetails>,
    /// Time of the first declaration or observation.
    pub first_seen_at: OffsetDateTime,
    /// Time of the newest declaration or observation. The stored time of an observation may be an
    /// hour older than the newest one.
    pub last_seen_at: OffsetDateTime,
    /// The edge was observed, but not for [`STALE_AFTER`](super::STALE_AFTER) of listened time.
    pub stale: bool,
}

/// The union of the claims of an edge, as readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitedClaims {
    /// Strength according to the claim that ranks highest: a declaration over the API, then the
    /// projects file, then an observation.
    pub strength: Strength,
    /// Details of the claim that ranks highest among those that have details.
    pub details: Option<EdgeDetails>,
    /// Sources that claim the edge.
    pub sources: Vec<EdgeSource>,
    /// Time of the first claim.
    pub first_seen_at: OffsetDateTime,
    /// Time of the newest claim.
    pub last_seen_at: OffsetDateTime,
    /// Every claim is stale.
    pub stale: bool,
}

impl UnitedClaims {
    /// Returns the strength of the union, and whether it is stale, without building the union. Each
    /// claim is given by its source, its strength and whether it is stale.
    #[must_use]
    pub fn strength_of(
        claims: impl IntoIterator<Item = (EdgeSource, Strength, bool)>,
    ) -> Option<(Strength, bool)> {
        let (mut highest, mut all_are_stale) = (None, true);
        for (source, strength, stale) in claims {
            if highest.is_none_or(|(rank, _)| source.rank() > rank) {
                highest = Some((source.rank(), strength));
            }
            all_are_stale &= stale;
        }
        highest.map(|(_, strength)| (strength, all_are_stale))
    }

    /// Unites claims of the same edge. Returns `None` if there are none.
    #[must_use]
    pub fn of<'a>(claims: impl IntoIterator<Item = &'a EdgeClaim>) -> Option<Self> {
        let mut claims: Vec<_> = claims.into_iter().collect();
        claims.sort_unstable_by_key(|claim| std::cmp::Reverse(claim.source.rank()));
        let first = *claims.first()?;
        let mut sources: Vec<_> = claims.iter().map(|claim| claim.source).collect();
        sources.sort_unstable();
        let times = |of: fn(&EdgeClaim) -> OffsetDateTime| claims.iter().map(move |one| of(one));
        Some(Self {
            strength: first.strength,
            details: claims.iter().find_map(|claim| claim.details.clone()),
            sources,
            first_seen_at: times(|one| one.first_seen_at).min().unwrap_or(first.first_seen_at),
            last_seen_at: times(|one| one.last_seen_at).max().unwrap_or(first.last_seen_at),
            stale: claims.iter().all(|claim| claim.stale),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds)
    }

    fn claim(source: EdgeSource, strength: f64, seen: (i64, i64), stale: bool) -> EdgeClaim {
        EdgeClaim {
            key: EdgeKey::parse("a/b/api").unwrap(),
            source,
            strength: Strength::new(strength).unwrap(),
            details: None,
            first_seen_at: at(seen.0),
            last_seen_at: at(seen.1),
            stale,
        }
    }

    fn parts(claim: &EdgeClaim) -> (EdgeSource, Strength, bool) {
        (claim.source, claim.strength, claim.stale)
    }

    #[test]
    fn the_union_has_the_strength_of_the_claim_that_ranks_highest() {
        let observed = claim(EdgeSource::Observed, 0.9, (5, 70), true);
        let file = claim(EdgeSource::File, 0.2, (10, 10), false);
        let api = claim(EdgeSource::Api, 0.7, (20, 30), false);
        let strength = |claims: &[&EdgeClaim]| {
            UnitedClaims::of(claims.iter().copied()).map(|union| union.strength.get())
        };
        assert_eq!(strength(&[&observed, &file, &api]), Some(0.7));
        assert_eq!(strength(&[&file, &observed]), Some(0.2));
        assert_eq!(strength(&[&observed]), Some(0.9));
        assert_eq!(strength(&[]), None);
        let both = UnitedClaims::strength_of([&observed, &file].map(parts)).unwrap();
        assert_eq!(both, (file.strength, false));
        assert_eq!(UnitedClaims::strength_of([parts(&observed)]), Some((observed.strength, true)));
        assert_eq!(UnitedClaims::strength_of([]), None);
    }

    #[test]
    fn the_union_covers_the_time_of_all_claims_and_is_stale_if_all_are() {
        let observed = claim(EdgeSource::Observed, 0.9, (5, 70), true);
        let file = claim(EdgeSource::File, 0.2, (10, 10), false);
        let union = UnitedClaims::of([&observed, &file]).unwrap();
        assert_eq!((union.first_seen_at, union.last_seen_at), (at(5), at(70)));
        assert_eq!(
            (union.sources, union.stale),
            (vec![EdgeSource::File, EdgeSource::Observed], false)
        );
        assert!(UnitedClaims::of([&observed]).unwrap().stale);
    }

    #[test]
    fn details_come_from_the_highest_claim_that_has_any() {
        let details = EdgeDetails::from_json(r#"{"path":"/v1"}"#).unwrap();
        let observed = EdgeClaim {
            details: Some(details.clone()),
            ..claim(EdgeSource::Observed, 0.9, (5, 70), false)
        };
        let api = claim(EdgeSource::Api, 0.7, (20, 30), false);
        assert_eq!(UnitedClaims::of([&api, &observed]).unwrap().details, Some(details));
    }
}
