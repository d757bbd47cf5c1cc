//! Looks at each replica again and again, and holds what it says against the truth.

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

/// The time between two looks at a replica that serves.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while it does not: its return is to be noticed.
const LOOK_OUT_EVERY: Duration = Duration::from_millis(50);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// A source whose newest proof is older than this does not prove its hearing: four ticks.
const PROVES_WITHIN_SECONDS: f64 = 1.0;
/// A task that is so much late shows a machine that is too busy to judge anybody.
const TOO_LATE: Duration = Duration::from_millis(150);

/// Watches one replica.
pub(crate) struct ReplicaMonitor {
    world: Arc<World>,
    number: usize,
    /// When it was last asked in vain.
    in_vain: Moment,
    /// When it last said that all is well, and what it said at the last look.
    well: Moment,
    last: Option<(Up, Moment, Condition)>,
    offline: BTreeSet<String>,
}

impl ReplicaMonitor {
    pub(crate) fn new(world: Arc<World>, number: usize) -> Self {
        let (start, offline) = (Moment::default(), BTreeSet::new());
        Self { world, number, in_vain: start, well: start, last: None, offline }
    }

    /// Watches on and on.
    pub(crate) async fn watch(mut self) {
        loop {
            self.look().await;
            let serves = self.world.truth.lock().is_serving(self.number);
            sleep(if serves { LOOK_EVERY } else { LOOK_OUT_EVERY }).await;
        }
    }

    async fn look(&mut self) {
        let world = Arc::clone(&self.world);
        let replica = &world.replicas[self.number];
        self.look_at_process(replica).await;
        let Some(up) = replica.up() else {
            self.in_vain = world.clock.now();
            return;
        };
        let asked = world.clock.now();
        let seen = self.ask(&up, asked).await;
        // An answer that a fault got in the way of says nothing of one moment.
        if !replica.is_still(&up) {
            return;
        }
        match seen {
            Ok((observation, condition)) => self.judge(up, &observation, condition),
            Err(error) => {
                self.in_vain = asked;
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
                eprintln!("replica {number} does not start again: {error:#}");
            }
        }
        if let Some(bytes) = replica.up().and_then(|up| peak_memory_bytes(up.pid)) {
            let mut report = self.world.report.lock();
            report.peak_memory_bytes = report.peak_memory_bytes.max(bytes);
            report.add(process::memory(number, bytes, now));
        }
    }

    /// The list of projects, then what the replica says of itself.
    async fn ask(&self, up: &Up, asked: Moment) -> anyhow::Result<(Observation, Condition)> {
        let get = async |path| {
            let answer = http::request(up.address, ("GET", path), "", PATIENCE).await?;
            anyhow::ensure!(answer.status == 200, "{path} answers {}", answer.status);
            Ok(answer.body)
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
            truth.serves(self.number, up.since.max(self.in_vain), now);
        }
        self.take_word(&mut truth, up, now, condition);
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
                report.worst_lateness = report.worst_lateness.max(seen.asked.since(due));
            }
        }
    }

    /// Believes a replica that says that it cannot hear or write, for as long as it may.
    fn take_word(&mut self, truth: &mut Truth, up: Up, now: Moment, condition: Condition) {
        let before = self.last.replace((up, now, condition)).filter(|(before, ..)| *before == up);
        let since = before.map_or(now, |(_, at, _)| at);
        let deafer = before.is_some_and(|(.., old)| condition.deaf_seconds > old.deaf_seconds);
        let proves = condition.heard_ago_seconds.is_some_and(|ago| ago < PROVES_WITHIN_SECONDS);
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
        // Whether it serves is part of what is asked here, so that is no excuse.
        let unharmed = self.world.truth.lock().untouched_since(self.number);
        let up = self.world.replicas[self.number].up().map(|up| up.since);
        let unharmed = unharmed.zip(up).map(|(unharmed, up)| unharmed.max(up));
        let late = process::recovery(self.number, unharmed, self.well, now, says);
        self.world.report.lock().add(late);
    }
}

/// Notes when the machine is too busy: then nothing is late because of the service.
pub(crate) async fn watch_machine(world: Arc<World>) {
    loop {
        let begun = world.clock.now();
        sleep(LOOK_OUT_EVERY).await;
        let now = world.clock.now();
        if now.since(begun) > LOOK_OUT_EVERY + TOO_LATE {
            world.truth.lock().disturbances.note(Part::Machine, begun, now);
        }
    }
}
