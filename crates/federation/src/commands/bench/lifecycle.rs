//! Registering and removing simulated projects: as many at once as the connections allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::progress;
use super::target::Target;
use crate::output::plain;

/// How many requests are on their way at once. More does not help: the store takes one writer.
const AT_ONCE: usize = 32;

pub(super) const COLLECTION: &str = "/api/fed/projects";

/// The path of a project.
pub(super) fn path(slug: &str) -> String {
    format!("{COLLECTION}/{slug}")
}

/// Registers all of these.
///
/// # Errors
/// What the service said to the first that it refused.
pub(super) async fn register(target: &Target, bodies: Vec<String>) -> anyhow::Result<()> {
    let requests = bodies.iter().map(|body| target.request("POST", COLLECTION, Some(body)));
    let requests = requests.collect();
    drop(bodies);
    send_all(target, "registering", requests, |status| matches!(status, 200 | 201)).await
}

/// Removes all of these; who is gone already is fine.
///
/// # Errors
/// What the service said to the first that it refused.
pub(super) async fn remove(target: &Target, slugs: &[String]) -> anyhow::Result<()> {
    let requests = slugs.iter().map(|slug| target.request("DELETE", &path(slug), None)).collect();
    send_all(target, "removing", requests, |status| matches!(status, 200 | 204 | 404)).await
}

/// Makes sure that the service knows a project.
///
/// # Errors
/// When it does not; then with what to do about that.
pub(super) async fn must_know(
    connection: &mut Connection,
    target: &Target,
    slug: &str,
) -> anyhow::Result<()> {
    match connection.ask(&target.request("GET", &path(slug), None)).await? {
        (200, _) => Ok(()),
        (404, _) => bail!(
            "the service does not know the simulated project {slug}; register them first, with \
             `federation bench heartbeats --register --projects N`"
        ),
        (status, body) => bail!("{}", refusal(status, &body)),
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
    for _ in 0..AT_ONCE.min(requests.len()) {
        let (requests, next, bar) = (Arc::clone(&requests), Arc::clone(&next), bar.clone());
        let mut connection = Connection::open(target).await?;
        workers.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (status, body) = connection.ask(request).await?;
                if !is_fine(status) {
                    bail!("{}", refusal(status, &body));
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

/// What the service said, for people.
pub(super) fn refusal(status: u16, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match body["detail"].as_str() {
        Some(detail) => format!("the service answered with status {status}: {}", plain(detail)),
        None => format!("the service answered with status {status}"),
    }
}
