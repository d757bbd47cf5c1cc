//! Status changes that wait for the store: in order, and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use federation_domain::{ProjectId, Transition};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Beyond so many waiting transitions, those of one project are merged into one: its first status
/// and its last stay true, what lay between is lost to the log. So the queue never holds more
/// than this, or two for each project, whichever is more: some hundred MB at worst, if each bears
/// the longest reasons.
const MERGE_BEYOND: usize = 20_000;

/// A transition that waits, with its number in the order of finding.
pub(crate) struct Queued {
    pub(crate) ticket: u64,
    pub(crate) transition: Transition,
}

/// The transitions that wait, oldest first.
#[derive(Default)]
pub(crate) struct TransitionQueue {
    tickets: AtomicU64,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    transitions: VecDeque<Queued>,
    merge_beyond: Option<usize>,
    /// How many were taken out and not decided on yet.
    taken: usize,
}

impl TransitionQueue {
    /// The number for the next transition. Drawn, and noted, before the push: whoever finds the
    /// queue empty then still sees that something of the project is under way.
    pub(crate) fn draw_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn push(&self, queued: Queued) {
        let mut waiting = self.waiting.lock();
        waiting.transitions.push_back(queued);
        let limit = waiting.merge_beyond.unwrap_or(MERGE_BEYOND);
        if waiting.transitions.len() > limit {
            merge(&mut waiting.transitions);
            // With more projects than the limit, merging on each push would cost their number
            // each time: the next merge comes when the queue has doubled.
            waiting.merge_beyond = Some(MERGE_BEYOND.max(2 * waiting.transitions.len()));
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Takes out at most `most` of the oldest, until they are decided on or put back.
    pub(crate) fn take(&self, most: usize) -> Vec<Queued> {
        let mut waiting = self.waiting.lock();
        let count = waiting.transitions.len().min(most);
        waiting.taken = count;
        let taken = waiting.transitions.drain(..count).collect();
        if waiting.transitions.is_empty() {
            waiting.merge_beyond = None;
            waiting.transitions.shrink_to(1_024);
        }
        taken
    }

    /// Notes that what was taken was decided on.
    pub(crate) fn decided(&self) {
        self.waiting.lock().taken = 0;
    }

    /// Puts back what was taken but could not be stored, in front of what came meanwhile.
    pub(crate) fn put_back(&self, taken: Vec<Queued>) {
        self.waiting.lock().taken = 0;
        self.restore(taken);
    }

    /// Takes out what waits of one project, in its order.
    pub(crate) fn withdraw(&self, project: ProjectId) -> Vec<Queued> {
        let mut waiting = self.waiting.lock();
        let all = std::mem::take(&mut waiting.transitions);
        let (withdrawn, others): (VecDeque<_>, VecDeque<_>) =
            all.into_iter().partition(|queued| queued.transition.project == project);
        waiting.transitions = others;
        Vec::from(withdrawn)
    }

    /// Returns what was withdrawn. It comes first; that is the order of its own project.
    pub(crate) fn restore(&self, withdrawn: Vec<Queued>) {
        let mut waiting = self.waiting.lock();
        for queued in withdrawn.into_iter().rev() {
            waiting.transitions.push_front(queued);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// How many wait, those that were taken and not decided on included.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.transitions.len() + waiting.taken
    }

    /// Waits until something was pushed since the last call.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

/// Merges the transitions of each project into one, at the place of its first.
fn merge(transitions: &mut VecDeque<Queued>) {
    let mut place: HashMap<ProjectId, usize> = HashMap::new();
    let mut merged: VecDeque<Queued> = VecDeque::new();
    for next in transitions.drain(..) {
        match place.get(&next.transition.project) {
            Some(&at) => {
                let from = merged[at].transition.from;
                merged[at] = Queued {
                    ticket: next.ticket,
                    transition: Transition { from, ..next.transition },
                };
            }
            None => {
                place.insert(next.transition.project, merged.len());
                merged.push_back(next);
            }
        }
    }
    *transitions = merged;
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::{Cause, ProjectStatus, Reports, Slug};
    use time::OffsetDateTime;

    fn queued(project: i64, from: ProjectStatus, to: ProjectStatus) -> Queued {
        let transition = Transition {
            project: ProjectId(project),
            slug: Slug::parse("a").unwrap(),
            from,
            to,
            reports: Reports::default(),
            last_heartbeat_at: None,
            last_heartbeat_source: None,
            at: OffsetDateTime::UNIX_EPOCH,
            cause: Cause::Operator,
        };
        Queued { ticket: 0, transition }
    }

    #[test]
    fn what_was_put_back_comes_first_again() {
        let queue = TransitionQueue::default();
        for project in 0..3 {
            queue.push(queued(project, ProjectStatus::Online, ProjectStatus::Offline));
        }
        let taken = queue.take(2);
        queue.push(queued(3, ProjectStatus::Online, ProjectStatus::Offline));
        queue.put_back(taken);
        let ids: Vec<_> = queue.take(10).iter().map(|queued| queued.transition.project.0).collect();
        assert_eq!(ids, [0, 1, 2, 3]);
    }

    #[test]
    fn a_full_queue_keeps_the_first_and_the_last_status_of_each_project() {
        let queue = TransitionQueue::default();
        for _ in 0..MERGE_BEYOND {
            queue.push(queued(1, ProjectStatus::Online, ProjectStatus::Offline));
        }
        queue.push(queued(1, ProjectStatus::Offline, ProjectStatus::Degraded));
        let merged = queue.take(10);
        assert_eq!(merged.len(), 1);
        let transition = &merged[0].transition;
        assert_eq!(
            (transition.from, transition.to),
            (ProjectStatus::Online, ProjectStatus::Degraded)
        );
    }
}
