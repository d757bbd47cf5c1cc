//! The end of a run: without faults, all replicas must agree and stop cleanly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::actions;
use crate::faults;
use crate::http;
use crate::invariants::agreement::{self, Statement};
use crate::invariants::process::RECOVERS_WITHIN;
use crate::invariants::{
    OFFLINE_AFTER, Violation, actions as asked, alive, catalog, dead, log, process,
};
use crate::roster;
use crate::seen::{self, Shown, Status};
use crate::store::{self, Stored};
use crate::truth::SETTLE;
use crate::world::World;

/// Deadline for all replicas to agree: they recover, then they detect the dead projects. Many
/// disturbances before that extend the threshold.
const AGREE_WITHIN: Duration = RECOVERS_WITHIN
    .saturating_add(SETTLE)
    .saturating_add(OFFLINE_AFTER.saturating_mul(10))
    .saturating_add(dead::ALLOWANCE);
/// Deadline for a response.
const DEADLINE: Duration = Duration::from_secs(5);
/// Interval of polling.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Ends the run.
///
/// # Errors
/// Fails if the runner itself fails.
pub(crate) async fn finish(world: &World, mut tasks: JoinSet<()>) -> anyhow::Result<()> {
    eprintln!("{}: all faults have ended; waiting until all replicas agree", world.clock.now());
    let disagreements = until_all_agree(world).await;
    world.report.lock().add(disagreements);
    world.over.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task of the runner failed")?;
    }
    for replica in 0..world.replicas.len() {
        faults::terminate(world, replica).await?;
    }
    let stored = store::read(&world.store_url, &world.clock).await?;
    judge(world, &stored);
    judge_logs(world)
}

/// Returns the disagreements that remain at the deadline.
async fn until_all_agree(world: &World) -> Vec<Violation> {
    let begun = world.clock.now();
    loop {
        sleep(POLL_INTERVAL).await;
        let found = disagreements(world).await;
        if found.is_empty() || world.clock.now().since(begun) > AGREE_WITHIN {
            return found;
        }
    }
}

/// Compares the statements of the replicas, the log and the store.
async fn disagreements(world: &World) -> Vec<Violation> {
    let now = world.clock.now();
    let mut statements = Vec::new();
    let mut found = Vec::new();
    for replica in &world.replicas {
        let name = format!("replica {}", replica.number);
        match ask(replica.address()).await {
            Ok(shown) => {
                found.extend(agreement::unknown(&name, &shown, now));
                let statuses = shown.into_iter().map(|(slug, shown)| (slug, shown.status));
                statements.push((name, statuses.collect()));
            }
            Err(error) => found.push(agreement::silent(&name, &error, now)),
        }
    }
    match store::read(&world.store_url, &world.clock).await {
        Ok(stored) => statements.extend(statements_of(stored)),
        Err(error) => found.push(agreement::silent("the store", &error, now)),
    }
    found.extend(agreement::differences(&statements, now));
    found.extend(actions::in_progress(world).await);
    found
}

async fn ask(address: Option<std::net::SocketAddr>) -> anyhow::Result<BTreeMap<String, Shown>> {
    let address = address.context("the replica has no address")?;
    let response = http::request(address, ("GET", "/api/fed/projects"), "", DEADLINE).await?;
    seen::projects(&response.body)
}

fn statements_of(stored: Stored) -> [Statement; 2] {
    let logged: BTreeMap<String, Status> = log::last_statuses(&stored.log);
    [("the log".to_owned(), logged), ("the store".to_owned(), stored.statuses)]
}

/// Checks the contents of the store against the model and for consistency.
fn judge(world: &World, stored: &Stored) {
    let now = world.clock.now();
    let slugs: BTreeSet<String> = stored.statuses.keys().cloned().collect();
    let truth = world.truth.lock();
    let mut report = world.report.lock();
    report.changes = stored.log.len();
    let asks = world.asks.lock();
    report.asks = asks.len();
    report.add(asked::violations(&asks, roster::allows_actions, now));
    report.add(log::inconsistencies(&stored.log));
    report.add(alive::logged(&truth, &stored.log));
    report.add(catalog::stored(&truth, &slugs, now));
}

/// Looks for panics in the logs of all processes.
fn judge_logs(world: &World) -> anyhow::Result<()> {
    let now = world.clock.now();
    for file in std::fs::read_dir(&world.folder).context("cannot read the directory of the logs")? {
        let path = file.context("cannot read the directory of the logs")?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let text = std::fs::read_to_string(&path).context("cannot read a log")?;
            world.report.lock().add(process::panics(&path.display().to_string(), &text, now));
        }
    }
    Ok(())
}
