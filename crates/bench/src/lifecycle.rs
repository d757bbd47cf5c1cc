//! Registers and removes simulated projects, many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::progress;
use crate::target::Target;
use crate::text::printable;

/// Number of requests in flight. More would not help, because the store has one writer.
const IN_FLIGHT: usize = 32;

pub(crate) const COLLECTION: &str = "/api/fed/projects";

/// Returns the path of a project.
pub(crate) fn path(slug: &str) -> String {
    format!("{COLLECTION}/{slug}")
}

/// Registers projects.
///
/// # Errors
/// Fails with the response to the first request that the service rejects.
pub(crate) async fn register(target: &Target, bodies: Vec<String>) -> anyhow::Result<()> {
    let requests = bodies.iter().map(|body| target.request("POST", COLLECTION, Some(body)));
    let requests = requests.collect();
    drop(bodies);
    send_all(target, "registering", requests, |status| matches!(status, 200 | 201)).await
}

/// Removes projects. A project that does not exist is not an error.
///
/// # Errors
/// Fails with the response to the first request that the service rejects.
pub(crate) async fn remove(target: &Target, slugs: &[String]) -> anyhow::Result<()> {
    let requests = slugs.iter().map(|slug| target.request("DELETE", &path(slug), None)).collect();
    send_all(target, "removing", requests, |status| matches!(status, 200 | 204 | 404)).await
}

/// Checks that a simulated project is registered.
///
/// # Errors
/// Fails if it is not.
pub(crate) async fn must_know(
    connection: &mut Connection,
    target: &Target,
    slug: &str,
) -> anyhow::Result<()> {
    match connection.ask(&target.request("GET", &path(slug), None)).await? {
        (200, _) => Ok(()),
        (404, _) => bail!(
            "the simulated project {slug} is not registered; run `federation bench heartbeats \
             --register --projects N` first"
        ),
        (status, body) => bail!("{}", problem(status, &body)),
    }
}

async fn send_all(
    target: &Target,
    what: &'static str,
    requests: Vec<Vec<u8>>,
    is_fine: impl Fn(u16) -> bool + Copy + Send + 'static,
) -> anyhow::Result<()> {
    let bar = progress::bar(what, requests.len() as u64);
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..IN_FLIGHT.min(requests.len()) {
        let (requests, next, bar) = (Arc::clone(&requests), Arc::clone(&next), bar.clone());
        let mut connection = Connection::open(target).await?;
        workers.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (status, body) = connection.ask(request).await?;
                if !is_fine(status) {
                    bail!("{}", problem(status, &body));
                }
                bar.inc(1);
            }
            Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done?.with_context(|| format!("{what} simulated projects"))?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Describes a response that reports a failure.
pub(crate) fn problem(status: u16, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match body["detail"].as_str() {
        Some(detail) => {
            format!("the service responded with status {status}: {}", printable(detail))
        }
        None => format!("the service responded with status {status}"),
    }
}
