//! The simulated projects at work: they send heartbeats, die, come back and report degraded health.

mod beat;
mod flood;
mod garbage;
mod project;
mod refused;
mod writers;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::roster;
use crate::world::World;

pub(crate) use flood::flood;
pub(crate) use garbage::garbage;
use project::Project;
pub(crate) use refused::report_refused;
pub(crate) use writers::write_at_once;

/// Adds the projects to the model and spawns a task for each.
pub(crate) fn start(world: &Arc<World>, tasks: &mut JoinSet<()>) {
    for (n, participant) in roster::participants().enumerate() {
        world.truth.lock().add(&participant.slug, participant.source);
        let rng = world.chance(n as u64 + 1);
        let project = Project::new(Arc::clone(world), participant, rng);
        let over = world.over.clone();
        tasks.spawn(async move {
            over.run_until_cancelled_owned(project.live()).await;
        });
    }
}
