//! How a project's time was spent, as far as somebody watched.

use time::OffsetDateTime;

use crate::change::Change;
use crate::ports::Listened;
use crate::project::ProjectStatus;

/// The shares of a span of time, each from 0 to 1; together they are 1, but for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// How much of it the project was online.
    pub online: f64,
    /// How much of it the project was degraded.
    pub degraded: f64,
    /// How much of it the project was offline.
    pub offline: f64,
    /// How much of it nobody listened: what the project did then is not known.
    pub unobserved: f64,
}

impl Shares {
    fn of(&mut self, status: ProjectStatus) -> &mut f64 {
        match status {
            ProjectStatus::Online => &mut self.online,
            ProjectStatus::Degraded => &mut self.degraded,
            ProjectStatus::Offline => &mut self.offline,
        }
    }
}

/// How a project spent the time from `from` to `until`.
///
/// `changes` are all its changes from `from` on, newest first; `status` is its status at `until`.
/// `spells` are those in which its source listened. Time outside of them is unobserved. All zero
/// for a span without length.
#[must_use]
pub fn shares(
    (from, until): (OffsetDateTime, OffsetDateTime),
    status: ProjectStatus,
    changes: &[Change],
    spells: &[Listened],
) -> Shares {
    let mut shares = Shares::default();
    let whole = (until - from).as_seconds_f64();
    if whole <= 0.0 {
        return shares;
    }
    let mut observed = 0.0;
    let (mut later, mut status) = (until, status);
    let changed = changes.iter().filter(|change| change.from != change.to || change.from.is_none());
    for change in changed {
        let earlier = change.at.clamp(from, later);
        let seconds = heard_within(earlier, later, spells);
        *shares.of(status) += seconds / whole;
        observed += seconds;
        (later, status) = (earlier, change.from.unwrap_or(status));
    }
    let seconds = heard_within(from, later, spells);
    *shares.of(status) += seconds / whole;
    shares.unobserved = (1.0 - (observed + seconds) / whole).max(0.0);
    shares
}

/// How many seconds between two moments lie within spells, which do not overlap.
fn heard_within(from: OffsetDateTime, until: OffsetDateTime, spells: &[Listened]) -> f64 {
    let overlaps = spells.iter().map(|spell| spell.until.min(until) - spell.from.max(from));
    overlaps.map(|overlap| overlap.as_seconds_f64().max(0.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Cause, ChangeKind, Revision};
    use crate::{Slug, Source};
    use ProjectStatus::{Degraded, Offline, Online};
    use proptest::prelude::*;
    use time::Duration;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn spell(from: i64, until: i64) -> Listened {
        Listened { source: Source::Nats, from: at(from), until: at(until) }
    }

    fn change(seconds: i64, from: ProjectStatus, to: ProjectStatus) -> Change {
        Change {
            revision: Revision(seconds),
            slug: Slug::parse("a").unwrap(),
            kind: ChangeKind::StatusChanged,
            from: Some(from),
            to: Some(to),
            at: at(seconds),
            cause: Cause::Operator,
        }
    }

    #[track_caller]
    fn assert_shares(found: Shares, wanted: [f64; 4]) {
        let found = [found.online, found.degraded, found.offline, found.unobserved];
        let near = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near, "{found:?} is not {wanted:?}");
    }

    #[test]
    fn each_status_has_the_time_until_the_next() {
        let changes = [change(70, Degraded, Offline), change(40, Online, Degraded)];
        let found = shares((at(0), at(100)), Offline, &changes, &[spell(-10, 200)]);
        assert_shares(found, [0.4, 0.3, 0.3, 0.0]);
    }

    #[test]
    fn time_that_nobody_observed_is_neither() {
        let changes = [change(50, Online, Offline)];
        let spells = [spell(0, 30), spell(60, 90)];
        let found = shares((at(0), at(100)), Offline, &changes, &spells);
        assert_shares(found, [0.3, 0.0, 0.3, 0.4]);
    }

    #[test]
    fn an_update_changes_no_status() {
        let update = Change { kind: ChangeKind::Updated, ..change(50, Online, Online) };
        let found = shares((at(0), at(100)), Online, &[update], &[spell(0, 100)]);
        assert_shares(found, [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_span_without_length_has_no_shares() {
        assert_eq!(shares((at(5), at(5)), Online, &[], &[]), Shares::default());
    }

    proptest! {
        #[test]
        fn the_shares_add_up(
            times in prop::collection::btree_set(0_i64..100, 0..10),
            gaps in prop::collection::vec((1_i64..20, 1_i64..20), 0..6),
        ) {
            let mut status = Online;
            let mut changes = Vec::new();
            for (index, &seconds) in times.iter().enumerate() {
                let next = ProjectStatus::ALL[index % 3];
                changes.push(change(seconds, status, next));
                status = next;
            }
            changes.reverse();
            let mut from = 0;
            let spells: Vec<_> = gaps.into_iter().map(|(gap, length)| {
                let spell = spell(from + gap, from + gap + length);
                from += gap + length;
                spell
            }).collect();
            let found = shares((at(0), at(100)), status, &changes, &spells);
            let sum = found.online + found.degraded + found.offline + found.unobserved;
            prop_assert!((sum - 1.0).abs() < 1e-9, "{found:?}");
        }
    }
}
