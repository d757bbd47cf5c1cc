//! Queue of status changes for the store, ordered and bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use federation_domain::{ProjectId, Transition};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Maximum number of queued transitions per project. Enough for the log of an outage, and few
/// enough that a project that flips with every heartbeat does not delay the others.
const PER_PROJECT: usize = 16;

/// Queue length from which each project may queue only one transition. The queue thus never holds
/// more than this plus two per project.
const CROWDED: usize = 20_000;

/// A queued transition. Tickets grow in the order in which transitions were found.
pub(crate) struct Queued {
    pub(crate) ticket: u64,
    pub(crate) transition: Transition,
}

/// Queued transitions, oldest first.
#[derive(Default)]
pub(crate) struct TransitionQueue {
    tickets: AtomicU64,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    transitions: VecDeque<Queued>,
    /// Number of transitions by project, including those taken.
    by_project: HashMap<ProjectId, usize>,
    /// Number of transitions taken and not decided yet.
    taken: usize,
}

impl Waiting {
    fn forget(&mut self, project: ProjectId, count: usize) {
        if let Some(waiting) = self.by_project.get_mut(&project) {
            *waiting = waiting.saturating_sub(count);
            if *waiting == 0 {
                self.by_project.remove(&project);
            }
        }
    }
}

impl TransitionQueue {
    /// Draws the ticket of the next transition. The entry must record it before the push, so that a
    /// reader that finds the queue empty still sees that a transition is on its way.
    pub(crate) fn draw_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns `true` if the project may queue another transition now. If not, its newest status
    /// goes to the store once earlier transitions are decided. Changes in between are not logged.
    pub(crate) fn has_room_for(&self, project: ProjectId) -> bool {
        let waiting = self.waiting.lock();
        let crowded = waiting.transitions.len() >= CROWDED;
        let most = if crowded { 1 } else { PER_PROJECT };
        waiting.by_project.get(&project).is_none_or(|&count| count < most)
    }

    pub(crate) fn push(&self, queued: Queued) {
        let mut waiting = self.waiting.lock();
        *waiting.by_project.entry(queued.transition.project).or_default() += 1;
        waiting.transitions.push_back(queued);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Takes at most `most` of the oldest transitions. They stay counted until they are
    /// [`decided`](Self::decided) or [put back](Self::put_back).
    pub(crate) fn take(&self, most: usize) -> Vec<Queued> {
        let mut waiting = self.waiting.lock();
        let count = waiting.transitions.len().min(most);
        waiting.taken += count;
        let taken = waiting.transitions.drain(..count).collect();
        if waiting.transitions.is_empty() {
            waiting.transitions.shrink_to(1_024);
        }
        taken
    }

    /// Records that the store has decided on these of the transitions taken.
    pub(crate) fn decided<'a>(&self, decided: impl IntoIterator<Item = &'a Queued>) {
        let mut waiting = self.waiting.lock();
        for queued in decided {
            waiting.taken = waiting.taken.saturating_sub(1);
            waiting.forget(queued.transition.project, 1);
        }
    }

    /// Puts transitions that could not be stored back at the front.
    pub(crate) fn put_back(&self, taken: Vec<Queued>) {
        let mut waiting = self.waiting.lock();
        waiting.taken = waiting.taken.saturating_sub(taken.len());
        for queued in taken.into_iter().rev() {
            waiting.transitions.push_front(queued);
        }
    }

    /// Removes the queued transitions of these projects, in order for each project. This scans the
    /// whole queue, so call it once for many projects.
    pub(crate) fn withdraw(
        &self,
        projects: &HashSet<ProjectId>,
    ) -> HashMap<ProjectId, Vec<Queued>> {
        let mut withdrawn: HashMap<ProjectId, Vec<Queued>> = HashMap::new();
        let mut waiting = self.waiting.lock();
        if !projects.iter().any(|project| waiting.by_project.contains_key(project)) {
            return withdrawn;
        }
        for queued in std::mem::take(&mut waiting.transitions) {
            let project = queued.transition.project;
            if projects.contains(&project) {
                withdrawn.entry(project).or_default().push(queued);
            } else {
                waiting.transitions.push_back(queued);
            }
        }
        for (project, queued) in &withdrawn {
            waiting.forget(*project, queued.len());
        }
        withdrawn
    }

    /// Puts withdrawn transitions back at the front, which keeps the order of their project.
    pub(crate) fn restore(&self, withdrawn: Vec<Queued>) {
        let mut waiting = self.waiting.lock();
        for queued in withdrawn.into_iter().rev() {
            *waiting.by_project.entry(queued.transition.project).or_default() += 1;
            waiting.transitions.push_front(queued);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Number of transitions that are queued, or taken and not decided yet.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.transitions.len() + waiting.taken
    }

    /// Waits until something was pushed since the last call.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::{Actor, Cause, ProjectStatus, Reports, Slug};
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
            actor: Actor::API,
        };
        Queued { ticket: 0, transition }
    }

    #[test]
    fn transitions_put_back_come_first() {
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
    fn one_project_cannot_fill_the_queue() {
        let queue = TransitionQueue::default();
        for _ in 0..PER_PROJECT {
            assert!(queue.has_room_for(ProjectId(1)));
            queue.push(queued(1, ProjectStatus::Online, ProjectStatus::Offline));
        }
        assert!(!queue.has_room_for(ProjectId(1)));
        assert!(queue.has_room_for(ProjectId(2)));
        let taken = queue.take(PER_PROJECT);
        assert!(!queue.has_room_for(ProjectId(1)), "they are not decided yet");
        queue.decided(&taken);
        assert!(queue.has_room_for(ProjectId(1)));
    }

    #[test]
    fn a_crowded_queue_has_room_for_one_transition_per_project() {
        let queue = TransitionQueue::default();
        for project in 0..i64::try_from(CROWDED).unwrap() {
            queue.push(queued(project, ProjectStatus::Online, ProjectStatus::Offline));
        }
        assert!(!queue.has_room_for(ProjectId(7)));
        assert!(queue.has_room_for(ProjectId(-1)));
        assert_eq!(queue.withdraw(&HashSet::from([ProjectId(7)])).len(), 1);
        assert!(queue.has_room_for(ProjectId(7)));
    }
}
