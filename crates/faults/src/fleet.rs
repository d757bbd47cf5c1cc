//! The projects: they beat, die, come back, and say now and then that they are not well.

mod beat;
mod flood;
mod garbage;
mod project;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::truth::Source;
use crate::world::World;

pub(crate) use flood::flood;
pub(crate) use garbage::garbage;
use project::Project;

/// How many projects there are beside the flooder.
const PROJECTS: usize = 30;
/// Each so-manieth speaks over HTTP, the others over NATS.
const HTTP_EVERY: usize = 3;
/// Each so-manieth never dies.
const IMMORTAL_EVERY: usize = 4;
/// The project that floods the bus at times; it never dies.
const FLOODER: &str = "flooder";

/// The names of all projects, and how they speak.
fn projects() -> impl Iterator<Item = (String, Source)> {
    let all = (0..PROJECTS).map(|n| {
        if n % HTTP_EVERY == 0 {
            (format!("http-{n}"), Source::Http)
        } else {
            (format!("nats-{n}"), Source::Nats)
        }
    });
    all.chain([(FLOODER.to_owned(), Source::Nats)])
}

/// The static list that each replica registers when it starts.
pub(crate) fn projects_file() -> String {
    let mut file = String::from("projects:\n");
    for (slug, _) in projects() {
        // Writing to a text cannot fail.
        let _ = writeln!(
            file,
            "  - {{slug: {slug}, name: {slug}, hub_url: \"http://localhost:1\", mesh_namespace: hub.{slug}}}"
        );
    }
    file
}

/// Makes the projects known to the truth, and brings them to life.
pub(crate) fn start(world: &Arc<World>, tasks: &mut tokio::task::JoinSet<()>) {
    for (n, (slug, source)) in projects().enumerate() {
        world.truth.lock().add(&slug, source);
        let mortal = slug != FLOODER && n % IMMORTAL_EVERY != 0;
        let rng = world.chance(n as u64 + 1);
        let project = Project::new(Arc::clone(world), slug, source, mortal, rng);
        let over = world.over.clone();
        tasks.spawn(async move {
            over.run_until_cancelled_owned(project.live()).await;
        });
    }
}
