//! Polls each replica and checks its statements against the model.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Moment;
use crate::http;
use crate::invariants::{alive, catalog, dead, process};
use crate::replica::{Replica, Up, peak_memory_bytes};
use crate::seen::{self, Condition, Observation, Status};
use crate::truth::{Fall, Part, Truth};
use crate::world::World;

/// Interval of polling a replica that serves.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Interval of polling a replica that does not serve, short enough to notice its return in time.
const RETURN_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Deadline for a response.
const DEADLINE: Duration = Duration::from_secs(1);
/// Age of the newest proof above which a source does not prove that it hears: four ticks.
const MAX_PROOF_AGE_SECONDS: f64 = 1.0;
/// Delay of a timer that shows that the machine is too busy to judge the service.
const MAX_TIMER_DELAY: Duration = Duration::from_millis(150);

/// Polls one replica.
pub(crate) struct ReplicaMonitor {
    world: Arc<World>,
    number: usize,
    /// Time of the last request without a response.
    last_failed: Moment,
    /// Time of the last response that reports a healthy replica.
    well: Moment,
    /// The last response that reports its condition.
    last: Option<(Up, Moment, Condition)>,
    offline: BTreeSet<String>,
}

impl ReplicaMonitor {
    pub(crate) fn new(world: Arc<World>, number: usize) -> Self {
        let (start, offline) = (Moment::default(), BTreeSet::new());
        Self { world, number, last_failed: start, well: start, last: None, offline }
    }

    /// Polls the replica until cancelled.
    pub(crate) async fn run(mut self) {
        loop {
            self.look().await;
            let serves = self.world.truth.lock().is_serving(self.number);
            sleep(if serves { POLL_INTERVAL } else { RETURN_POLL_INTERVAL }).await;
        }
    }

    async fn look(&mut self) {
        let world = Arc::clone(&self.world);
        let replica = &world.replicas[self.number];
        self.look_at_process(replica).await;
        let Some(up) = replica.up() else {
            self.last_failed = world.clock.now();
            return;
        };
        let asked = world.clock.now();
        let seen = self.ask(&up, asked).await;
        // A response that overlaps with a fault does not describe a single moment.
        if !replica.is_still(&up) {
            return;
        }
        match seen {
            Ok((observation, condition)) => self.judge(up, &observation, condition),
            Err(error) => {
                self.last_failed = asked;
                self.not_well(&format!("{error:#}"));
            }
        }
    }

    async fn look_at_process(&mut self, replica: &Replica) {
        let (now, number) = (self.world.clock.now(), self.number);
        if let Some(status) = replica.ended_by_itself() {
            self.world.report.lock().add([process::ended_by_itself(number, status, now)]);
            replica.goes_down();
            self.world.truth.lock().falls_silent(number, Fall::Killed, now);
            if let Err(error) = replica.start(&self.world.clock).await {
                eprintln!("replica {number} cannot be restarted: {error:#}");
            }
        }
        if let Some(bytes) = replica.up().and_then(|up| peak_memory_bytes(up.pid)) {
            let mut report = self.world.report.lock();
            report.peak_memory_bytes = report.peak_memory_bytes.max(bytes);
            report.add(process::memory(number, bytes, now));
        }
    }

    /// Requests the list of projects and the metrics.
    async fn ask(&self, up: &Up, asked: Moment) -> anyhow::Result<(Observation, Condition)> {
        let get = async |path| {
            let response = http::request(up.address, ("GET", path), "", DEADLINE).await?;
            anyhow::ensure!(response.status == 200, "{path} responded with {}", response.status);
            Ok(response.body)
        };
        let projects = seen::projects(&get("/api/fed/projects").await?)?;
        let answered = self.world.clock.now();
        let observation = Observation { replica: self.number, asked, answered, projects };
        Ok((observation, Condition::parse(&get("/metrics").await?)))
    }

    fn judge(&mut self, up: Up, seen: &Observation, condition: Condition) {
        let world = Arc::clone(&self.world);
        let now = world.clock.now();
        let mut truth = world.truth.lock();
        if !truth.is_serving(self.number) {
            truth.serves(self.number, up.since.max(self.last_failed), now);
        }
        self.note_condition(&mut truth, up, now, condition);
        let mut report = world.report.lock();
        report.looks += 1;
        report.add(alive::shown(&truth, seen));
        report.add(dead::overdue(&truth, seen));
        report.add(catalog::shown(&truth, seen));
        for slug in truth.slugs() {
            let status = seen.projects.get(slug).map(|shown| shown.status);
            if status != Some(Status::Offline) {
                self.offline.remove(slug);
            } else if self.offline.insert(slug.to_owned())
                && let Some(due) = dead::due(&truth, slug, self.number)
            {
                report.offline_reports += 1;
                report.worst_lateness = report.worst_lateness.max(seen.asked.since(due.at));
            }
        }
    }

    /// Records that a replica reports that it cannot hear or write, as long as it is allowed to.
    fn note_condition(&mut self, truth: &mut Truth, up: Up, now: Moment, condition: Condition) {
        let before = self.last.replace((up, now, condition)).filter(|(before, ..)| *before == up);
        let since = before.map_or(now, |(_, at, _)| at);
        let deafer = before.is_some_and(|(.., old)| condition.deaf_seconds > old.deaf_seconds);
        let proves = condition.heard_ago_seconds.is_some_and(|ago| ago < MAX_PROOF_AGE_SECONDS);
        let hears = condition.on_the_bus && proves && !deafer;
        if !hears {
            truth.disturbances.note(Part::Deaf(self.number), since, now);
        }
        if !condition.store_up {
            truth.disturbances.note(Part::Waiting(self.number), since, now);
        }
        if hears && condition.store_up {
            self.well = now;
        } else {
            let unharmed = truth.unharmed_since(self.number);
            let says = format!("{condition:?}");
            let late = process::recovery(self.number, unharmed, self.well, now, &says);
            self.world.report.lock().add(late);
        }
    }

    fn not_well(&self, says: &str) {
        let now = self.world.clock.now();
        // A replica that does not serve is not excused, because this checks that it serves.
        let unharmed = self.world.truth.lock().untouched_since(self.number);
        let up = self.world.replicas[self.number].up().map(|up| up.since);
        let unharmed = unharmed.zip(up).map(|(unharmed, up)| unharmed.max(up));
        let late = process::recovery(self.number, unharmed, self.well, now, says);
        self.world.report.lock().add(late);
    }
}

/// Records when the machine is too busy, so that delays are not attributed to the service.
pub(crate) async fn watch_machine(world: Arc<World>) {
    loop {
        let begun = world.clock.now();
        sleep(RETURN_POLL_INTERVAL).await;
        let now = world.clock.now();
        if now.since(begun) > RETURN_POLL_INTERVAL + MAX_TIMER_DELAY {
            world.truth.lock().disturbances.note(Part::Machine, begun, now);
        }
    }
}
